{#
    How alike two texts are. DuckDB's own functions; on Spark they come with Splink's jar under
    the same names.
#}
{% macro similarity(a, b) -%} jaro_winkler_similarity({{ a }}, {{ b }}) {%- endmacro %}


{# Letters to insert, drop, replace or swap with the next one. #}
{% macro edit_distance(a, b) -%} damerau_levenshtein({{ a }}, {{ b }}) {%- endmacro %}


{# Whether two lists share an element. #}
{% macro lists_meet(a, b) -%} list_has_any({{ a }}, {{ b }}) {%- endmacro %}


{% macro list_holds(list, element) -%} list_contains({{ list }}, {{ element }}) {%- endmacro %}


{#
    A text in lower-case Latin letters and digits, words apart. Texts that are ASCII already, most of
    all, are spared the call of Python.
#}
{% macro latin_text(column) -%}
    nullif(
        case
            when regexp_matches({{ column }}, '^[ -~]*$')
                then trim(regexp_replace(lower({{ column }}), '[^a-z0-9]+', ' ', 'g'))
            else latin({{ column }})
        end,
        ''
    )
{%- endmacro %}
