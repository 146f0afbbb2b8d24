with

versions as (
    {% for object in ['accounts', 'contacts', 'leads'] -%}
        select
            '{{ object }}' as source_object,
            {% for column, value in salesforce_customer_columns(object).items() -%}
                {{ value }} as {{ column }},
            {% endfor -%}
            {{ version_columns() }}
        from {{ record_versions('salesforce', object, key=[salesforce_id('id')]) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

organisations as (
    select * from {{ ref('stg_salesforce__customers') }}
    where customer_type = 'organisation'
)

-- The company of a contact is the account of that version, by the name it has today.
select
    versions.source_object,
    versions.customer_id,
    versions.version_number,
    versions.exported_at,
    versions.changed_at,
    versions.is_deleted,
    versions.customer_type,
    versions.first_name,
    versions.last_name,
    versions.full_name,
    coalesce(versions.company_name, organisations.company_name) as company_name,
    versions.email,
    versions.phone,
    versions.birth_date,
    versions.street,
    versions.city,
    versions.region,
    versions.postal_code,
    {{ country_code('versions.country') }} as country_code,
    versions._file_name,
    versions._row_number
from versions
left join organisations on versions.account_id = organisations.customer_id
