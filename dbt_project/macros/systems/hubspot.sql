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
    UTC, from the portal's own zone and notation (2024-03-15 14:30, or 3/15/2024 2:30 PM). The zone is
    that of the contract; `is_day_first` tells the second notation from 15/3/2024. What cannot be read
    is NULL, and the gate stops.
#}
{% macro hubspot_time(value, object, is_day_first) -%}
    {%- set contract = source_contract('hubspot', object) -%}
    {%- set local -%}
        case
            when {{ is_day_first }}
                then try_strptime(
                    {{ value }}, ['%d/%m/%Y %I:%M %p', '%d/%m/%Y %H:%M', '%d/%m/%Y']
                )
            when {{ value }} like '%/%'
                then try_strptime(
                    {{ value }}, ['%m/%d/%Y %I:%M %p', '%m/%d/%Y %H:%M', '%m/%d/%Y']
                )
            else try_cast({{ value }} as timestamp)
        end
    {%- endset -%}
    {%- if contract.timezone -%}
    timezone('UTC', timezone('{{ contract.timezone }}', {{ local }}))
    {%- else -%}
    {{ local }}
    {%- endif -%}
{%- endmacro %}


{#
    Whether the day comes before the month: as the contract says, else as a value of the same file
    shows whose first number is no month.
#}
{% macro hubspot_is_day_first(value, object) -%}
    {%- set contract = source_contract('hubspot', object) -%}
    {%- if contract.date_order -%}
    {{ value }} like '%/%' and {{ 'true' if contract.date_order == 'dmy' else 'false' }}
    {%- else -%}
    {{ value }} like '%/%'
    and coalesce(
        bool_or(try_cast(split_part({{ value }}, '/', 1) as integer) > 12)
            over (partition by _content_hash),
        false
    )
    {%- endif -%}
{%- endmacro %}
