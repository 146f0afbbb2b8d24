{#
    Text for people out of (condition, sentence) pairs: the sentences whose condition holds, in this
    order, with a space between them.
#}
{% macro sentences(pairs) -%}
    trim(
        {%- for condition, sentence in pairs %}
        case when {{ condition }} then {{ sentence }} || ' ' else '' end
        {%- if not loop.last %} ||{% endif %}
        {%- endfor %}
    )
{%- endmacro %}


{# A number without decimals, as text. #}
{% macro whole(value) -%}
    cast(cast(round({{ value }}) as bigint) as varchar)
{%- endmacro %}


{# An amount of money with two decimals, as text. #}
{% macro money(amount) -%}
    cast(cast({{ amount }} as decimal(18, 2)) as varchar)
{%- endmacro %}


{# A value of a KPI as text, in its unit; reads the columns kpi and measure. #}
{% macro kpi_text(value) -%}
    case
        when measure = 'rate'
            then cast(cast(100 * {{ value }} as decimal(9, 1)) as varchar) || ' %'
        when measure = 'nps' then cast(cast({{ value }} as decimal(9, 1)) as varchar) || ' points'
        when measure = 'per_head' then cast(cast({{ value }} as decimal(9, 4)) as varchar)
        when kpi in ('count_orders', 'new_customers') then {{ whole(value) }}
        else {{ money(value) }}
    end
{%- endmacro %}
