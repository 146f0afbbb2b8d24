{#
    The control totals of all enabled systems, one row per system, entity and measure: `rows` and sums
    that staging must have. Where staging leaves records out on purpose, `exported` counts them all
    and `left out: <reason>` those that are.
#}
{% macro union_control_totals() -%}
    {%- for system in var('systems') %}
    select
        '{{ system }}' as source_system,
        entity,
        measure,
        value
    from {{ ref('stg_' ~ system ~ '__control_totals') }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
