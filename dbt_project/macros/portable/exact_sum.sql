{#
    The sum of doubles to twelve decimals, whatever the order of the rows: a sum of doubles itself
    depends on it in the last digits, and equal files in another order must publish equal bytes.
#}
{% macro exact_sum(number) -%}
    cast(sum(cast({{ number }} as decimal(38, 12))) as double)
{%- endmacro %}
