{#
    A value of company.yml as a scalar. Settings are data, not dbt variables: the compiled SQL stays
    the same.
#}
{% macro setting(name) -%}
    (select {{ name }} from {{ source('settings', 'company') }})
{%- endmacro %}
