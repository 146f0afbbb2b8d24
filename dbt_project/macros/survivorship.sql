{#
    What survives together when the records of one customer differ, in terms of a record: `columns`
    come from one and the same record, `value` tells two statements apart, `is_complete` says
    whether a statement is worth more than one that lacks something.

    A name is taken whole and so is an address: the street of one home and the city of another
    would be a place where nobody lives.
#}
{% macro surviving_attributes() -%}
    {{ return([
        {
            'name': 'customer_type', 'columns': ['customer_type'],
            'value': 'customer_type', 'is_complete': 'true',
        },
        {
            'name': 'name', 'columns': ['first_name', 'last_name', 'full_name'],
            'value': "nullif(lower(concat_ws(' ', first_name, last_name, full_name)), '')",
            'is_complete': '(full_name is not null or (first_name is not null and last_name is not null))',
        },
        {
            'name': 'company_name', 'columns': ['company_name'],
            'value': 'lower(company_name)', 'is_complete': 'true',
        },
        {
            'name': 'email', 'columns': ['email_normalised'],
            'value': 'email_normalised', 'is_complete': 'not is_email_distrusted',
        },
        {
            'name': 'phone', 'columns': ['phone_e164'],
            'value': 'phone_e164', 'is_complete': 'not is_phone_distrusted',
        },
        {
            'name': 'birth_date', 'columns': ['birth_date'],
            'value': 'cast(birth_date as varchar)', 'is_complete': 'true',
        },
        {
            'name': 'gender', 'columns': ['gender'],
            'value': 'lower(gender)', 'is_complete': 'true',
        },
        {
            'name': 'address',
            'columns': ['street', 'city', 'region', 'postal_code', 'country_code'],
            'value': "nullif(lower(concat_ws(', ', street, city, region, postal_code, country_code)), '')",
            'is_complete': 'street is not null',
        },
        {
            'name': 'preferred_channel', 'columns': ['preferred_channel'],
            'value': 'preferred_channel', 'is_complete': 'true',
        },
    ]) }}
{%- endmacro %}


{# The columns of all attributes, for a select; each from the join of its attribute where asked. #}
{% macro surviving_columns(by_source=false) -%}
    {%- set columns = [] -%}
    {%- for attribute in surviving_attributes() -%}
        {%- for column in attribute.columns -%}
            {%- do columns.append((attribute.name ~ '_source.' if by_source else '') ~ column) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ columns | join(',\n        ') }}
{%- endmacro %}
