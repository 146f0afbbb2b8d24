{#
    Rows and sums of a system's objects, counted straight from raw.

    The reconciliation holds these against what arrives in the entities. The current rows are found
    by another way than current_records() does, with a group by over the keys that occur more than
    once, so that a fault there shows as a difference.

    `objects` maps an object to {entity, sums: {measure: raw column}}, and where it is not the
    contract that says so, `key` (expressions) and `deleted` (an expression).
#}
{% macro control_totals(system, objects) -%}
{%- for object, spec in objects.items() %}
{%- set relation = source('raw', system ~ '__' ~ object) -%}
{%- set contract = source_contract(system, object) -%}
{%- set parts = spec.key or contract.key | default([], true) -%}
{%- set key = parts | join(', ') -%}
{%- set repeated_key = 'key_' ~ range(1, parts | length + 1) | join(', key_') -%}
{%- set deleted = spec.deleted or '_is_deleted' -%}
{%- set sums = spec.get('sums', {}) -%}
{% if not loop.first %}
union all
{% endif %}
(
    with

    {% if key -%}
    repeated as (
        select
            {% for part in parts -%}
            {{ part }} as key_{{ loop.index }}{{ ',' if not loop.last }}
            {% endfor -%}
        from {{ relation }}
        group by {{ key }}
        having count(*) > 1
    ),

    {% endif -%}
    single_rows as (
        select
            {{ deleted }} as _is_deleted
            {%- for measure, column in sums.items() %},
            cast({{ column }} as decimal(18, 4)) as {{ measure }}
            {%- endfor %}
        from {{ relation }}
        {% if key -%} where ({{ key }}) not in (select ({{ repeated_key }}) from repeated) {%- endif %}
        {% if key -%}
        union all
        select
            newest._is_deleted
            {%- for measure in sums %},
            newest.{{ measure }}
            {%- endfor %}
        from (
            select
                max_by(
                    struct_pack(
                        _is_deleted := {{ deleted }}
                        {%- for measure, column in sums.items() %},
                        {{ measure }} := cast({{ column }} as decimal(18, 4))
                        {%- endfor %}
                    ),
                    struct_pack(
                        exported_at := _exported_at,
                        {% if contract.watermark -%}
                        changed_at := coalesce(
                            try_cast({{ contract.watermark }} as timestamp), timestamp '0001-01-01'
                        ),
                        {% endif -%}
                        content_hash := _content_hash,
                        row_number := _row_number
                    )
                ) as newest
            from {{ relation }}
            where ({{ key }}) in (select ({{ repeated_key }}) from repeated)
            group by {{ key }}
        )
        {%- endif %}
    ),

    totals as (
        select
            count(*) as count_rows
            {%- for measure in sums %},
            sum({{ measure }}) as {{ measure }}
            {%- endfor %}
        from single_rows
        where {{ is_not_deleted('_is_deleted') }}
    )

    select
        '{{ spec.entity }}' as entity,
        'rows' as measure,
        cast(count_rows as decimal(28, 4)) as value
    from totals
    {%- for measure in sums %}
    union all
    select
        '{{ spec.entity }}' as entity,
        '{{ measure }}' as measure,
        cast(coalesce({{ measure }}, 0) as decimal(28, 4)) as value
    from totals
    {%- endfor %}
)
{%- endfor %}
{%- endmacro %}


{#
    The newest row of every key straight from raw, with the named columns, where a system's totals
    need more than counting: by a group over all rows, not as current_records() finds it.
#}
{% macro newest_rows(system, object, columns) -%}
    {%- set contract = source_contract(system, object) -%}
    {%- set key = contract.key | default(['id'], true) | join(', ') -%}
    select
        {{ key }}
        {%- for column in columns %},
        newest.{{ column }}
        {%- endfor %}
    from (
        select
            {{ key }},
            max_by(
                struct_pack(
                    _is_deleted := _is_deleted
                    {%- for column in columns %},
                    {{ column }} := {{ column }}
                    {%- endfor %}
                ),
                struct_pack(
                    exported_at := _exported_at,
                    {% if contract.watermark -%}
                    changed_at := coalesce(
                        try_cast({{ contract.watermark }} as timestamp), timestamp '0001-01-01'
                    ),
                    {% endif -%}
                    content_hash := _content_hash,
                    row_number := _row_number
                )
            ) as newest
        from {{ source('raw', system ~ '__' ~ object) }}
        group by {{ key }}
    )
    where {{ is_not_deleted('newest._is_deleted') }}
{%- endmacro %}
