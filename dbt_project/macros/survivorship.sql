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


{#
    Every statement of an attribute in `records`, ranked: 1 is the one that survives in its group of
    `grain` columns. `records` is a relation or CTE with the columns of int_customers__records_ranked.
#}
{% macro ranked_statements(records, grain) -%}
    {%- set grain = grain | join(', ') -%}
    select
        *,
        row_number() over (
            partition by {{ grain }}, attribute
            order by
                is_complete desc, trust_rank, changed_at desc, count_same_value desc, record_number
        ) as statement_rank
    from (
        select
            *,
            count(*) over (partition by {{ grain }}, attribute, value) as count_same_value
        from (
            {%- for attribute in surviving_attributes() %}
            select
                {{ grain }},
                '{{ attribute.name }}' as attribute,
                record_number,
                {{ attribute.value }} as value,
                {{ attribute.is_complete }} as is_complete,
                trust_rank,
                changed_at
            from {{ records }}
            where {{ attribute.value }} is not null
            {%- if not loop.last %}
            union all
            {%- endif %}
            {%- endfor %}
        ) as statements
    ) as counted
{%- endmacro %}


{#
    The columns of the surviving attributes, one row per group of `grain` columns. `winners` names the
    record of every group and attribute, `records` holds the records of every group.
#}
{% macro surviving_records(winners, records, grain) -%}
    select
        {%- for column in grain %}
        winners.{{ column }},
        {%- endfor %}
        {{ surviving_columns(by_source=true) }}
    from (
        select
            {{ grain | join(', ') }}
            {%- for attribute in surviving_attributes() %},
            max(case when attribute = '{{ attribute.name }}' then record_number end)
                as {{ attribute.name }}_record_number
            {%- endfor %}
        from {{ winners }}
        group by {{ grain | join(', ') }}
    ) as winners
    {%- for attribute in surviving_attributes() %}
    left join {{ records }} as {{ attribute.name }}_source
        on
            winners.{{ attribute.name }}_record_number = {{ attribute.name }}_source.record_number
            {%- for column in grain %}
            and winners.{{ column }} = {{ attribute.name }}_source.{{ column }}
            {%- endfor %}
    {%- endfor %}
{%- endmacro %}


{# What a customer is called: the full name, else first and last name, else the company's. #}
{% macro customer_name(relation=none) -%}
    {%- set prefix = relation ~ '.' if relation else '' -%}
    coalesce(
        {{ prefix }}full_name,
        nullif(
            trim(coalesce({{ prefix }}first_name, '') || ' ' || coalesce({{ prefix }}last_name, '')),
            ''
        ),
        {{ prefix }}company_name
    )
{%- endmacro %}
