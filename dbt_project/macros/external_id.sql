{#
    An id that the company gave a customer itself, as the pair that joins records: one that already
    names its system stays, another one is the company's own.
#}
{% macro external_id(column) -%}
    case
        when {{ column }} like '%:%' then trim({{ column }})
        else 'external:' || nullif(trim({{ column }}), '')
    end
{%- endmacro %}
