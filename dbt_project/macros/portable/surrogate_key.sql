{# A key of 32 hexadecimal digits from the parts that identify a row. NULL and '' stay apart. #}
{% macro surrogate_key(columns) -%}
    md5(
        {%- for column in columns -%}
        coalesce(cast({{ column }} as varchar), '_null_') {%- if not loop.last %} || '|' || {% endif -%}
        {%- endfor -%}
    )
{%- endmacro %}
