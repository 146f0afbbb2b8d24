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

typed_accounts as (
    select
        'accounts' as source_object,
        {{ salesforce_id('id') }} as customer_id,
        coalesce(cast(is_person_account as boolean), false) as is_person,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(name), '') as account_name,
        nullif(trim(person_email), '') as email,
        coalesce(
            nullif(trim(person_mobile_phone), ''),
            nullif(trim(person_home_phone), ''),
            nullif(trim(phone), '')
        ) as phone,
        cast(person_birthdate as date) as birth_date,
        coalesce(nullif(trim(person_mailing_street), ''), nullif(trim(billing_street), ''))
            as street,
        coalesce(nullif(trim(person_mailing_city), ''), nullif(trim(billing_city), '')) as city,
        coalesce(nullif(trim(person_mailing_state), ''), nullif(trim(billing_state), '')) as region,
        coalesce(
            nullif(trim(person_mailing_postal_code), ''), nullif(trim(billing_postal_code), '')
        )
            as postal_code,
        coalesce(
            nullif(trim(person_mailing_country_code), ''),
            nullif(trim(person_mailing_country), ''),
            nullif(trim(billing_country_code), ''),
            nullif(trim(billing_country), '')
        ) as country,
        coalesce(nullif(trim(person_lead_source), ''), nullif(trim(account_source), ''))
            as acquisition_channel,
        {{ salesforce_id('parent_id') }} as parent_id,
        external_ids,
        created_date,
        last_modified_date,
        system_modstamp,
        _is_deleted,
        master_record_id,
        first_exported_at,
        {{ metadata_with([
            'type', 'record_type_id', 'account_number', 'website', 'industry', 'annual_revenue',
            'number_of_employees', 'ownership', 'rating', 'currency_iso_code', 'owner_id'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from accounts
),

account_records as (
    select
        source_object,
        customer_id,
        case when is_person then 'person' else 'organisation' end as customer_type,
        first_name,
        last_name,
        case when is_person then account_name end as full_name,
        case when not is_person then account_name end as company_name,
        email,
        phone,
        birth_date,
        street,
        city,
        region,
        postal_code,
        country,
        acquisition_channel,
        cast(null as varchar) as account_id,
        parent_id,
        external_ids,
        created_date,
        last_modified_date,
        system_modstamp,
        _is_deleted,
        master_record_id,
        first_exported_at,
        source_metadata,
        _file_name,
        _row_number
    from typed_accounts
),

contact_records as (
    select
        'contacts' as source_object,
        {{ salesforce_id('id') }} as customer_id,
        'person' as customer_type,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(name), '') as full_name,
        cast(null as varchar) as company_name,
        nullif(trim(email), '') as email,
        -- The mobile phone is the person's own; the business phone is often that of the office.
        coalesce(
            nullif(trim(mobile_phone), ''),
            nullif(trim(phone), ''),
            nullif(trim(home_phone), ''),
            nullif(trim(other_phone), '')
        ) as phone,
        cast(birthdate as date) as birth_date,
        nullif(trim(mailing_street), '') as street,
        nullif(trim(mailing_city), '') as city,
        nullif(trim(mailing_state), '') as region,
        nullif(trim(mailing_postal_code), '') as postal_code,
        coalesce(nullif(trim(mailing_country_code), ''), nullif(trim(mailing_country), ''))
            as country,
        nullif(trim(lead_source), '') as acquisition_channel,
        {{ salesforce_id('account_id') }} as account_id,
        cast(null as varchar) as parent_id,
        external_ids,
        created_date,
        last_modified_date,
        system_modstamp,
        _is_deleted,
        master_record_id,
        first_exported_at,
        {{ metadata_with([
            'salutation', 'title', 'department', 'reports_to_id', 'owner_id', 'email_bounced_reason',
            'email_bounced_date', 'individual_id'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from contacts
),

lead_records as (
    select
        'leads' as source_object,
        {{ salesforce_id('id') }} as customer_id,
        'person' as customer_type,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(name), '') as full_name,
        nullif(trim(company), '') as company_name,
        nullif(trim(email), '') as email,
        coalesce(nullif(trim(mobile_phone), ''), nullif(trim(phone), '')) as phone,
        cast(null as date) as birth_date,
        nullif(trim(street), '') as street,
        nullif(trim(city), '') as city,
        nullif(trim(state), '') as region,
        nullif(trim(postal_code), '') as postal_code,
        coalesce(nullif(trim(country_code), ''), nullif(trim(country), '')) as country,
        nullif(trim(lead_source), '') as acquisition_channel,
        cast(null as varchar) as account_id,
        cast(null as varchar) as parent_id,
        cast(null as varchar) as external_ids,
        created_date,
        last_modified_date,
        system_modstamp,
        _is_deleted,
        master_record_id,
        first_exported_at,
        {{ metadata_with([
            'salutation', 'title', 'status', 'industry', 'rating', 'annual_revenue',
            'number_of_employees', 'owner_id', 'is_converted', 'converted_date'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from leads
),

records as (
    select * from account_records
    union all
    select * from contact_records
    union all
    select * from lead_records
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
