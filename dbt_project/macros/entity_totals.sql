{#
    Rows and sums of one entity per system, one row per measure, as the reconciliation compares them.
    Decimals are added exactly, so that equal tables give equal totals.
#}
{% macro entity_totals(relation, entity, measures) -%}
    select
        source_system,
        '{{ entity }}' as entity,
        'rows' as measure,
        cast(count(*) as decimal(28, 4)) as value
    from {{ relation }}
    group by source_system
    {%- for measure in measures %}
    union all
    select
        source_system,
        '{{ entity }}' as entity,
        '{{ measure }}' as measure,
        cast(coalesce(sum(cast({{ measure }} as decimal(18, 4))), 0) as decimal(28, 4)) as value
    from {{ relation }}
    group by source_system
    {%- endfor %}
{%- endmacro %}
