{#
    The sum of doubles to twelve decimals, whatever the order of the rows: a sum of doubles itself
    depends on it in the last digits, and equal files in another order must publish equal bytes.
    Small numbers, such as logarithms, may keep more decimals.
#}
{% macro exact_sum(number, decimals=12) -%}
    cast(sum(cast({{ number }} as decimal(38, {{ decimals }}))) as double)
{%- endmacro %}
