{# The control totals of all enabled systems, one row per system, entity and measure. #}
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
