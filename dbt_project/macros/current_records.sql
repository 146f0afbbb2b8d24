{#
    The current rows of an exported object: per key the row that was exported last.

    Total order: export time, then the object's own change time (its watermark), then file hash
    and row, so that the result does not depend on the order in which the files arrived.
    Key, watermark and deleted flag come from the export contract through the generated sources file.

    Most keys occur once. Only the others are ranked: sorting 8.5 M whole order lines for the rare
    repeated one cost 14 CPU s, finding the repeated keys first 9 (plain copy: 8).

    A record that its system has deleted leaves here: by a flag on its newest row, or because the
    newest full export is without it. Its rows stay in raw; `with_deleted` keeps the newest, with
    `_is_deleted` on it.

    A model that is brought up to date instead of made anew (staged_records.sql) reads only the
    records that its new files name, but these from all files.

    `with_first_export` adds the time of the first export that held the key. `key` replaces the
    contract's key by expressions, where one record has several spellings of its key.
#}
{% macro current_records(
    system, object, with_first_export=false, key=none, with_deleted=false
) -%}
    {%- set exported = source('raw', system ~ '__' ~ object) -%}
    {%- set contract = source_contract(system, object) -%}
    {%- set parts = key or contract.key | default([], true) -%}
    {%- set key = parts | join(', ') -%}
    {%- set repeated_key = 'key_' ~ range(1, parts | length + 1) | join(', key_') -%}
    {%- set added = new_files(system ~ '__' ~ object) -%}
    {%- set relation = exported if added is none else 'touched_rows' -%}
    {%- if not key -%}
    (
        select * from {{ exported }}
        {%- if not with_deleted %} where {{ is_not_deleted('_is_deleted') }}{% endif %}
    )
    {%- else -%}
    (
        with

        {% if added is not none -%}
        touched_rows as (
            {{ rows_of_touched_records(exported, added) }}
        ),

        {% endif -%}
        repeated as (
            select
                {% for part in parts -%}
                {{ part }} as key_{{ loop.index }}{{ ',' if not loop.last }}
                {% endfor -%}
            from {{ relation }}
            group by {{ key }}
            having count(*) > 1
        ),

        ranked as (
            select
                *,
                {% if with_first_export -%}
                min(_exported_at) over (partition by {{ key }}) as first_exported_at,
                {% endif -%}
                row_number() over (
                    partition by {{ key }}
                    order by
                        _exported_at desc,
                        {% if contract.watermark -%}
                        try_cast({{ contract.watermark }} as timestamp) desc nulls last,
                        {% endif -%}
                        _content_hash desc,
                        _row_number desc
                ) as _rank
            from {{ relation }}
            where ({{ key }}) in (select ({{ repeated_key }}) from repeated)
        )

        select
            *
            {%- if with_first_export %},
            _exported_at as first_exported_at
            {%- endif %}
        from {{ relation }}
        where
            {% if not with_deleted -%} {{ is_not_deleted('_is_deleted') }} and {% endif -%}
            ({{ key }}) not in (select ({{ repeated_key }}) from repeated)
        union all
        select * exclude (_rank)
        from ranked
        where _rank = 1 {%- if not with_deleted %} and {{ is_not_deleted('_is_deleted') }}{% endif %}
    )
    {%- endif -%}
{%- endmacro %}


{# Rows that the source has deleted stay in raw and leave staging. #}
{% macro is_not_deleted(column='is_deleted') -%}
    not coalesce(try_cast({{ column }} as boolean), false)
{%- endmacro %}


{#
    What the generated sources file says of one object: key, watermark, mode. A unit test, which
    knows no graph, gets nothing unless it overrides this: every row of its fixture is then current.
#}
{% macro source_contract(system, object) -%}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for node in graph.get('sources', {}).values() if node.name == system ~ '__' ~ object -%}
            {%- do found.update(node.meta) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
