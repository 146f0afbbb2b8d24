with

accounts as (
    select * from {{ salesforce_records('accounts', with_first_export=true, with_deleted=true) }}
),

contacts as (
    select * from {{ salesforce_records('contacts', with_first_export=true, with_deleted=true) }}
),

leads as (
    select * from {{ salesforce_records('leads', with_first_export=true, with_deleted=true) }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

-- The account of a contact, named; its own redirects followed.
employers as (
    select
        {{ salesforce_id('accounts.id') }} as account_id,
        coalesce(redirects.target_id, {{ salesforce_id('accounts.id') }}) as organisation_id,
        nullif(trim(accounts.name), '') as company_name,
        coalesce(cast(accounts.is_person_account as boolean), false) as is_person
    from accounts
    left join redirects on {{ salesforce_id('accounts.id') }} = redirects.record_id
),

records as (
    {% for object in ['accounts', 'contacts', 'leads'] -%}
        select
            '{{ object }}' as source_object,
            {% for column, value in salesforce_customer_columns(object).items() -%}
                {{ value }} as {{ column }},
            {% endfor -%}
            created_date,
            last_modified_date,
            system_modstamp,
            master_record_id,
            first_exported_at,
            _is_deleted,
            _file_name,
            _row_number
        from {{ object }}
        {% if not loop.last %}union all{% endif %}
    {% endfor -%}
),

-- What stands for a customer is named by it, so that identity joins the two.
other_ids as (
    select
        target_id,
        string_agg('salesforce:' || record_id, ';' order by record_id) as external_ids
    from redirects
    where source_object in ('accounts', 'contacts', 'leads')
    group by target_id
)

select
    records.source_object,
    records.customer_id,
    records.customer_type,
    records.first_name,
    records.last_name,
    records.full_name,
    coalesce(
        records.company_name,
        case when not employers.is_person then employers.company_name end
    ) as company_name,
    records.email,
    records.phone,
    records.birth_date,
    records.street,
    records.city,
    records.region,
    records.postal_code,
    {{ country_code('records.country') }} as country_code,
    records.acquisition_channel,
    case when not employers.is_person then employers.organisation_id end as organisation_id,
    coalesce(parents.organisation_id, records.parent_id) as parent_organisation_id,
    records.website,
    records.industry,
    records.count_employees,
    nullif(concat_ws(';', nullif(trim(records.external_ids), ''), other_ids.external_ids), '')
        as external_ids,
    cast(records.created_date as timestamp) as created_at,
    -- A merged record says what held before the merge, whenever that was; the survivor speaks.
    case
        when records.master_record_id is not null then cast(records.created_date as timestamp)
        else cast(coalesce(records.last_modified_date, records.system_modstamp) as timestamp)
    end as updated_at,
    records.first_exported_at,
    records.source_metadata,
    records._file_name,
    records._row_number
from records
left join employers on records.account_id = employers.account_id
left join employers as parents on records.parent_id = parents.account_id
left join other_ids on records.customer_id = other_ids.target_id
-- A record in the recycle bin is gone, unless it is there because it was merged: then its id still
-- means a customer.
where {{ is_not_deleted('records._is_deleted') }} or records.master_record_id is not null
