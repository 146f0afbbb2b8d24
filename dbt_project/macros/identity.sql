{#
    What it takes for two records, given by the aliases of their rows, to be of one person. Used by
    every rule, so that one record pair is judged alike whatever identifier brought it together.
#}

{# Same given name, a nickname of it, an initial, or given and family name the other way round. #}
{% macro given_names_alike(a, b) -%}
    (
        {{ a }}.given_name = {{ b }}.given_name
        or {{ lists_meet(a ~ '.name_forms', b ~ '.name_forms') }}
        or (
            least(length({{ a }}.given_name), length({{ b }}.given_name)) = 1
            and left({{ a }}.given_name, 1) = left({{ b }}.given_name, 1)
        )
        or coalesce(
            {{ list_holds(a ~ '.name_forms', b ~ '.family_name') }}
            and {{ a }}.family_name = {{ b }}.given_name,
            false
        )
        or coalesce(
            {{ list_holds(b ~ '.name_forms', a ~ '.family_name') }}
            and {{ b }}.family_name = {{ a }}.given_name,
            false
        )
    )
{%- endmacro %}


{# Two given names that no misprint makes of each other; false where one is not known. #}
{% macro given_names_differ(a, b) -%}
    (
        {{ a }}.given_name is not null
        and {{ b }}.given_name is not null
        and not {{ given_names_alike(a, b) }}
        and {{ similarity(a ~ '.given_name', b ~ '.given_name') }} < 0.88
    )
{%- endmacro %}


{# Two family names that no misprint makes of each other; false where one is not known. #}
{% macro family_names_differ(a, b) -%}
    coalesce(
        {{ similarity(a ~ '.family_name', b ~ '.family_name') }} < 0.88
        and {{ a }}.family_name != {{ b }}.given_name,
        false
    )
{%- endmacro %}


{# Two names of `column` (an organisation, a city) that no misprint makes of each other, and of which
   none is the other with a word behind it: New York is New York City. #}
{% macro titles_differ(a, b, column) -%}
    coalesce(
        {{ similarity(a ~ '.' ~ column, b ~ '.' ~ column) }} < 0.88
        and not starts_with({{ a }}.{{ column }}, {{ b }}.{{ column }} || ' ')
        and not starts_with({{ b }}.{{ column }}, {{ a }}.{{ column }} || ' '),
        false
    )
{%- endmacro %}


{# Two birth dates that neither one misprint nor swapped day and month make of each other. #}
{% macro birth_dates_differ(a, b) -%}
    coalesce(
        {{ edit_distance('cast(' ~ a ~ '.birth_date as varchar)', 'cast(' ~ b ~ '.birth_date as varchar)') }} > 1
        and not (
            extract(year from {{ a }}.birth_date) = extract(year from {{ b }}.birth_date)
            and extract(month from {{ a }}.birth_date) = extract(day from {{ b }}.birth_date)
            and extract(day from {{ a }}.birth_date) = extract(month from {{ b }}.birth_date)
        ),
        false
    )
{%- endmacro %}


{# Two different ids of a kind of which a person has one only. #}
{% macro unique_ids_differ(a, b) -%}
    (
        {%- for kind in ['national_id', 'loyalty_number'] %}
        {% if not loop.first %}or {% endif -%}
        ({{ setting(kind ~ '_is_unique') }} and coalesce({{ a }}.{{ kind }} != {{ b }}.{{ kind }}, false))
        {%- endfor %}
    )
{%- endmacro %}
