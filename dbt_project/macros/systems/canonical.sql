{# What a row of the customers template says of the customer, now or in an earlier version. #}
{% macro canonical_customer_columns() -%}
    {{ trimmed([
        'customer_id', 'customer_type', 'first_name', 'last_name', 'full_name', 'company_name',
        'email', 'phone', 'gender', 'street', 'city', 'region', 'postal_code', 'country_code',
        'preferred_channel'
    ]) }},
    cast(birth_date as date) as birth_date
{%- endmacro %}
