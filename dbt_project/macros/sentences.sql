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
