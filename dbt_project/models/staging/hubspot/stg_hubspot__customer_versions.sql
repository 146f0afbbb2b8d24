with

versions as (
    {% for object in ['companies', 'contacts'] -%}
        select
            '{{ object }}' as source_object,
            {% for column, value in hubspot_customer_columns(object).items() -%}
                {{ value }} as {{ column }},
            {% endfor -%}
            {{ version_columns() }}
        from {{ record_versions('hubspot', object) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

organisations as (
    select * from {{ ref('stg_hubspot__customers') }}
    where customer_type = 'organisation'
)

-- A contact without a company name has that of its company, by the name it has today.
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
    coalesce(versions.company_name, organisations.company_name) as company_name,
    versions.email,
    versions.phone,
    versions.birth_date,
    versions.gender,
    versions.street,
    versions.city,
    versions.region,
    versions.postal_code,
    {{ country_code('versions.country') }} as country_code,
    versions._file_name,
    versions._row_number
from versions
left join organisations on versions.organisation_id = organisations.customer_id
