with

records as (
    select * from {{ ref('int_identity__records') }}
),

customers as (
    select * from {{ ref('int_customers__customers_unioned') }}
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
),

profiles as (
    select * from {{ ref('int_customers__records_ranked') }}
),

mail_providers as (
    select * from {{ ref('mail_providers') }}
),

placeholders as (
    select distinct -- a value is a placeholder or not, whoever states it
        identifier_kind,
        identifier_value
    from {{ ref('int_identity__identifiers') }}
    where distrust_reason = 'placeholder'
),

-- Companies written alike are read once.
company_names as (
    select
        company_name,
        organisation_name(company_name).name as organisation_name
    from (
        select distinct company_name
        from customers
        where company_name is not null
    ) as spellings
),

stated as (
    select
        records.record_number,
        identity.customer_key,
        records.is_organisation,
        records.source_system,
        coalesce(records.organisation_name, company_names.organisation_name) as organisation_name,
        case
            when records.is_organisation then records.web_domain
            else {{ web_domain('records.email_normalised') }}
        end as domain,
        records.national_id as registration_id,
        records.family_name,
        records.street,
        records.city,
        records.postal_code,
        case
            when email_placeholders.identifier_value is null then records.email_normalised
        end as email,
        case when phone_placeholders.identifier_value is null then records.phone_e164 end as phone,
        employers.customer_key as organisation_customer_key,
        parents.customer_key as parent_customer_key,
        profiles.trust_rank,
        profiles.changed_at,
        customers.industry,
        customers.count_employees
    from records
    inner join customers
        on
            records.source_system = customers.source_system
            and records.source_record_id = customers.customer_id
    inner join identity on records.record_number = identity.record_number
    inner join profiles on records.record_number = profiles.record_number
    left join company_names on customers.company_name = company_names.company_name
    left join identity as employers
        on
            customers.source_system = employers.source_system
            and customers.organisation_id = employers.source_record_id
            and employers.is_organisation
    left join identity as parents
        on
            customers.source_system = parents.source_system
            and customers.parent_organisation_id = parents.source_record_id
            and parents.is_organisation
    left join placeholders as email_placeholders
        on
            email_placeholders.identifier_kind = 'email'
            and records.email_normalised = email_placeholders.identifier_value
    left join placeholders as phone_placeholders
        on
            phone_placeholders.identifier_kind = 'phone'
            and records.phone_e164 = phone_placeholders.identifier_value
)

select
    stated.record_number,
    stated.customer_key,
    stated.is_organisation,
    stated.source_system,
    stated.organisation_name,
    -- A provider's domain says nothing of whom somebody works for.
    case when mail_providers.domain is null then stated.domain end as domain,
    stated.registration_id,
    stated.family_name,
    stated.street,
    stated.city,
    stated.postal_code,
    stated.email,
    stated.phone,
    stated.organisation_customer_key,
    stated.parent_customer_key,
    stated.trust_rank,
    stated.changed_at,
    stated.industry,
    stated.count_employees
from stated
left join mail_providers on stated.domain = mail_providers.domain
