{#
    Rows and sums of a system's objects, counted straight from raw.

    The reconciliation holds these against what arrives in the entities. The current rows are found
    by another way than current_records() does, with a group by over the keys that occur more than
    once, so that a fault there shows as a difference.

    `objects` maps an object to {entity, sums: {measure: raw column}}, and where it is not the
    contract that says so, `key` (expressions) and `deleted` (an expression). What several objects
    bring to one entity is added up. An object that brings a second entity (a won deal is an
    opportunity and an order) is counted by a second call.

    A model that is brought up to date instead of made anew (incremental, `unique_key` entity and
    measure) adds to its totals what the records named by new files count for now, and takes away
    what they counted for before.
#}
{% macro control_totals(system, objects) -%}
{%- set entities = objects.values() | map(attribute='entity') | list -%}
{%- set is_shared = entities | unique | list | length < entities | length -%}
{%- set counted_entities = [] -%}
{% if is_shared -%}
select
    entity,
    measure,
    cast(sum(value) as decimal(28, 4)) as value
from (
{%- endif -%}
{%- for object, spec in objects.items() %}
{%- set relation = source('raw', system ~ '__' ~ object) -%}
{%- set contract = source_contract(system, object) -%}
{%- set parts = spec.key or contract.key | default([], true) -%}
{%- set key = parts | join(', ') -%}
{%- set repeated_key = 'key_' ~ range(1, parts | length + 1) | join(', key_') -%}
{%- set added = new_files(system ~ '__' ~ object) if key else none -%}
{%- set sums = spec.get('sums', {}) -%}
{%- set counted -%}
    struct_pack(
        _is_deleted := {{ spec.deleted or '_is_deleted' }}
        {%- for measure, column in sums.items() %},
        {{ measure }} := cast({{ column }} as decimal(18, 4))
        {%- endfor %}
    )
{%- endset -%}
{%- set newest -%}
    max_by(
        {{ counted }},
        {{ newness(contract) }}
    )
{%- endset -%}
{% if not loop.first %}
union all
{% endif %}
(
    with

    {% if added is not none -%}
    versions as (
        select
            {{ newest }} as counted_now,
            {{ newest }} filter (where not {{ is_of_files(added) }}) as counted_before
        from ({{ rows_of_touched_records(relation, added) }})
        group by {{ key }}
    ),

    current_rows as (
        select
            counted_now as counted,
            1 as weight
        from versions
        union all
        select
            counted_before as counted,
            -1 as weight
        from versions
        where counted_before is not null
    ),

    {% else -%}
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
    current_rows as (
        select
            {{ counted }} as counted,
            1 as weight
        from {{ relation }}
        {% if key -%} where ({{ key }}) not in (select ({{ repeated_key }}) from repeated) {%- endif %}
        {% if key -%}
        union all
        select
            {{ newest }} as counted,
            1 as weight
        from {{ relation }}
        where ({{ key }}) in (select ({{ repeated_key }}) from repeated)
        group by {{ key }}
        {%- endif %}
    ),

    {% endif -%}
    totals as (
        select
            sum(weight) as count_rows
            {%- for measure in sums %},
            sum(weight * counted.{{ measure }}) as {{ measure }}
            {%- endfor %}
        from current_rows
        where {{ is_not_deleted('counted._is_deleted') }}
    )
    {% for measure, total in [('rows', 'count_rows')] + zip(sums, sums) | list %}
    {% if not loop.first -%} union all {%- endif %}
    select
        '{{ spec.entity }}' as entity,
        '{{ measure }}' as measure,
        cast(
            coalesce({{ total }}, 0)
            {{- '' if added is none or spec.entity in counted_entities
                else ' + ' ~ kept_total(spec.entity, measure) }}
            as decimal(28, 4)
        ) as value
    from totals
    {%- endfor %}
    {%- do counted_entities.append(spec.entity) %}
)
{%- endfor %}
{%- if is_shared %}
)
group by entity, measure
{%- endif %}
{%- endmacro %}


{# What the newest of the rows of one key is the greatest in: a total order. #}
{% macro newness(contract) -%}
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
{%- endmacro %}


{# What the model at hand held of a total before this run. #}
{% macro kept_total(entity, measure) -%}
    (select value from {{ this }} where entity = '{{ entity }}' and measure = '{{ measure }}')
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
                {{ newness(contract) }}
            ) as newest
        from {{ source('raw', system ~ '__' ~ object) }}
        group by {{ key }}
    )
    where {{ is_not_deleted('newest._is_deleted') }}
{%- endmacro %}
