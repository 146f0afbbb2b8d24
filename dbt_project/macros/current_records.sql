{#
    The current rows of an exported object: per key the row that was exported last.

    Total order: export time, then the object's own change time (its watermark), then file hash
    and row, so that the result does not depend on the order in which the files arrived.
    Key, watermark and deleted flag come from the export contract through the generated sources file.
#}
{% macro current_records(system, object, with_first_export=false) -%}
    {%- set relation = source('raw', system ~ '__' ~ object) -%}
    {%- set contract = source_contract(system, object) -%}
    (
        select
            *
            {%- if with_first_export %},
            min(_exported_at) over (
                partition by {{ contract.key | join(', ') }}
            ) as first_exported_at
            {%- endif %}
        from {{ relation }}
        {%- if contract.key %}
        qualify row_number() over (
            partition by {{ contract.key | join(', ') }}
            order by
                _exported_at desc,
                {% if contract.watermark -%}
                try_cast({{ contract.watermark }} as timestamp) desc nulls last,
                {% endif -%}
                _content_hash desc,
                _row_number desc
        ) = 1
        {%- endif %}
    )
{%- endmacro %}


{# Rows that the source has deleted stay in raw and leave staging. #}
{% macro is_not_deleted(column='is_deleted') -%}
    not coalesce(try_cast({{ column }} as boolean), false)
{%- endmacro %}


{# What the generated sources file says of one object: key, watermark, mode. #}
{% macro source_contract(system, object) -%}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.name == system ~ '__' ~ object -%}
            {%- do found.update(node.meta) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
