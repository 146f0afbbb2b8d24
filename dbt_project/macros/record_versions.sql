{#
    Every row of the records that were exported more than once, oldest first: what current_records()
    takes the last one of. The order is the same, so version by version the record becomes what
    staging holds. Records exported once have no history and are left out.

    `_changed_at` is when the system says that it changed the record, `_is_flagged_deleted` whether the
    row itself says that it is deleted; `_is_deleted` also says so of every row before the newest full
    export.

    As current_records() it reads, where a model is brought up to date, only the records that new
    files name, but these from all files.
#}
{% macro record_versions(system, object, key=none) -%}
    {%- set contract = source_contract(system, object) -%}
    {%- set key = (key or contract.key | default(['_row_number'], true)) | join(', ') -%}
    {%- set exported = source('raw', system ~ '__' ~ object) -%}
    {%- set added = new_files(system ~ '__' ~ object) -%}
    {%- set relation = exported if added is none else 'touched_rows' -%}
    (
        {% if added is not none -%}
        with

        touched_rows as (
            {{ rows_of_touched_records(exported, added) }}
        )

        {% endif -%}
        select
            *,
            {% if contract.watermark -%}
            try_cast({{ contract.watermark }} as timestamp)
            {%- else -%}
            cast(null as timestamp)
            {%- endif %} as _changed_at,
            {% if contract.deleted_flag -%}
            coalesce(try_cast({{ contract.deleted_flag }} as boolean), false)
            {%- else -%}
            false
            {%- endif %} as _is_flagged_deleted,
            row_number() over (
                partition by {{ key }}
                order by
                    _exported_at,
                    {% if contract.watermark -%}
                    try_cast({{ contract.watermark }} as timestamp) nulls first,
                    {% endif -%}
                    _content_hash,
                    _row_number
            ) as _version_number
        from {{ relation }}
        where ({{ key }}) in (
            select ({{ key }}) from {{ relation }}
            group by {{ key }}
            having count(*) > 1
        )
    )
{%- endmacro %}


{# What a staging model of customer versions says of a row besides the customer's attributes. #}
{% macro version_columns() -%}
    _version_number as version_number,
    _exported_at as exported_at,
    _changed_at as changed_at,
    _is_flagged_deleted as is_deleted,
    _file_name,
    _row_number
{%- endmacro %}


{# Text columns without spaces around them, NULL when nothing is left, under their own names. #}
{% macro trimmed(columns, relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    {%- for column in columns -%}
        nullif(trim({{ prefix }}{{ column }}), '') as {{ column }}
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{# The first of several text columns that holds something. #}
{% macro first_stated(columns) -%}
    {%- set stated = [] -%}
    {%- for column in columns -%}
        {%- do stated.append("nullif(trim(" ~ column ~ "), '')") -%}
    {%- endfor -%}
    {{ stated[0] if stated | length == 1 else 'coalesce(' ~ stated | join(', ') ~ ')' }}
{%- endmacro %}
