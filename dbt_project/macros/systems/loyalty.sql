{# What a row of the members says of the customer, now or in an earlier version. #}
{% macro loyalty_member_columns() -%}
    member_id as customer_id,
    'members' as source_object,
    'person' as customer_type,
    {{ trimmed([
        'first_name', 'last_name', 'full_name', 'email', 'phone', 'street', 'city', 'region',
        'postal_code', 'country_code'
    ]) }},
    cast(birth_date as date) as birth_date,
    nullif(lower(trim(gender)), '') as gender
{%- endmacro %}
