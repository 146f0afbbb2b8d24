{# What a cell of JSON holds under a path, as text; NULL when it holds anything else than JSON. #}
{% macro json_text(column, path) -%}
    json_extract_string(try_cast({{ column }} as json), '{{ path }}')
{%- endmacro %}


{# A cell that holds a JSON list as a list of its elements; NULL when it holds anything else. #}
{% macro json_list(column) -%}
    try_cast(try_cast({{ column }} as json) as json[])
{%- endmacro %}


{#
    What an entity has no column for: the columns the contract does not know, and those named here
    under their own names (`lists` are JSON lists). Empty ones are left out; NULL when none is left.
    `relation` is the alias of the table where the statement joins several.
#}
{% macro metadata_with(columns=[], lists=[], relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- set pairs = [] -%}
    {%- for column in columns -%}
        {%- do pairs.append("'" ~ column ~ "', " ~ prefix ~ column) -%}
    {%- endfor -%}
    {%- for column in lists -%}
        {%- set cell = prefix ~ column -%}
        {%- do pairs.append(
            "'" ~ column ~ "', coalesce(try_cast(" ~ cell ~ " as json), to_json(" ~ cell ~ "))"
        ) -%}
    {%- endfor -%}
    nullif(
        cast(
            json_merge_patch(
                '{}', coalesce({{ prefix }}source_metadata, '{}'), json_object({{ pairs | join(', ') }})
            ) as varchar
        ),
        '{}'
    )
{%- endmacro %}
