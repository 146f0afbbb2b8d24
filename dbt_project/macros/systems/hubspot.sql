{# The first of several values that HubSpot joins with semicolons: the primary one. #}
{% macro first_of(column) -%}
    nullif(trim(split_part({{ column }}, ';', 1)), '')
{%- endmacro %}


{# The stage of a label such as "New (Support Pipeline)", without the pipeline it belongs to. #}
{% macro stage_name(label) -%}
    trim(regexp_replace({{ label }}, ' *[(][^()]*[)] *$', ''))
{%- endmacro %}


{#
    A time in a column that the contract does not list, which the reader therefore left as it was: in
    UTC, from the portal's own zone and notation (2024-03-15 14:30, or 3/15/2024 2:30 PM). Zone and
    order of day and month are those of the contract; what cannot be read is NULL, and the gate stops.
#}
{% macro hubspot_time(value, object) -%}
    {%- set contract = source_contract('hubspot', object) -%}
    {%- set day = '%d/%m/%Y' if contract.date_order == 'dmy' else '%m/%d/%Y' -%}
    {%- set local -%}
        coalesce(
            try_strptime({{ value }}, ['{{ day }} %I:%M %p', '{{ day }} %H:%M', '{{ day }}']),
            try_cast({{ value }} as timestamp)
        )
    {%- endset -%}
    {%- if contract.timezone -%}
    timezone('UTC', timezone('{{ contract.timezone }}', {{ local }}))
    {%- else -%}
    {{ local }}
    {%- endif -%}
{%- endmacro %}
