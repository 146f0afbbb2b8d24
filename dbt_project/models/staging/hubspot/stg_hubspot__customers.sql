with

contacts as (
    select *
    from {{ current_records('hubspot', 'contacts', with_first_export=true, with_deleted=true) }}
),

companies as (
    select *
    from {{ current_records('hubspot', 'companies', with_first_export=true, with_deleted=true) }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

company_records as (
    select
        'companies' as source_object,
        'company:' || trim(record_id) as customer_id,
        'organisation' as customer_type,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        nullif(trim(company_name), '') as company_name,
        cast(null as varchar) as email,
        nullif(trim(phone_number), '') as phone,
        cast(null as date) as birth_date,
        cast(null as varchar) as gender,
        nullif(trim(street_address), '') as street,
        nullif(trim(city), '') as city,
        nullif(trim(state_region), '') as region,
        nullif(trim(postal_code), '') as postal_code,
        nullif(trim(country_region), '') as country,
        cast(null as varchar) as acquisition_channel,
        cast(null as varchar) as organisation_id,
        -- Some portals write the name of the company above; it stays in source_metadata.
        case
            when regexp_matches(trim(parent_company), '^[0-9]+$')
                then 'company:' || trim(parent_company)
        end as parent_organisation_id,
        cast(null as varchar) as external_ids,
        cast(create_date as timestamp) as created_at,
        cast(last_modified_date as timestamp) as updated_at,
        first_exported_at,
        _is_deleted,
        {{ metadata_with([
            'company_domain_name', 'industry', 'number_of_employees', 'annual_revenue',
            'parent_company'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from companies
),

contact_records as (
    select
        'contacts' as source_object,
        trim(record_id) as customer_id,
        'person' as customer_type,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(company_name), '') as company_name,
        nullif(trim(email), '') as email,
        -- The mobile phone is the person's own; the other is often that of the office.
        coalesce(nullif(trim(mobile_phone_number), ''), nullif(trim(phone_number), '')) as phone,
        cast(date_of_birth as date) as birth_date,
        lower(nullif(trim(gender), '')) as gender,
        nullif(trim(street_address), '') as street,
        nullif(trim(city), '') as city,
        nullif(trim(state_region), '') as region,
        nullif(trim(postal_code), '') as postal_code,
        nullif(trim(country_region), '') as country,
        nullif(trim(original_traffic_source), '') as acquisition_channel,
        'company:' || {{ first_of('associated_company_ids') }} as organisation_id,
        cast(null as varchar) as parent_organisation_id,
        external_ids,
        cast(create_date as timestamp) as created_at,
        cast(last_modified_date as timestamp) as updated_at,
        first_exported_at,
        _is_deleted,
        {{ metadata_with([
            'contact_owner', 'lead_status', 'lifecycle_stage', 'last_activity_date', 'job_title',
            'associated_company_ids', 'preferred_language', 'legal_basis', 'last_nps_survey_date',
            'last_nps_survey_rating'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from contacts
),

records as (
    select * from company_records
    union all
    select * from contact_records
),

-- What was merged into a customer is named by it, so that identity joins the two.
other_ids as (
    select
        target_id,
        string_agg('hubspot:' || record_id, ';' order by record_id) as external_ids
    from redirects
    where source_object in ('contacts', 'companies')
    group by target_id
)

select
    records.source_object,
    records.customer_id,
    records.customer_type,
    records.first_name,
    records.last_name,
    coalesce(records.company_name, employers.company_name) as company_name,
    records.email,
    records.phone,
    records.birth_date,
    records.gender,
    records.street,
    records.city,
    records.region,
    records.postal_code,
    {{ country_code('records.country') }} as country_code,
    records.acquisition_channel,
    coalesce(merged_employers.target_id, records.organisation_id) as organisation_id,
    coalesce(merged_parents.target_id, records.parent_organisation_id) as parent_organisation_id,
    nullif(concat_ws(';', nullif(trim(records.external_ids), ''), other_ids.external_ids), '')
        as external_ids,
    records.created_at,
    -- A merged record says what held before the merge, whenever that was; the survivor speaks.
    case
        when survivors.target_id is not null then records.created_at
        else records.updated_at
    end as updated_at,
    records.first_exported_at,
    records.source_metadata,
    records._file_name,
    records._row_number
from records
left join redirects as survivors on records.customer_id = survivors.record_id
left join redirects as merged_employers on records.organisation_id = merged_employers.record_id
left join redirects as merged_parents on records.parent_organisation_id = merged_parents.record_id
left join company_records as employers
    on coalesce(merged_employers.target_id, records.organisation_id) = employers.customer_id
left join other_ids on records.customer_id = other_ids.target_id
-- A record that is gone because it was merged keeps its row: its id still means a customer.
where {{ is_not_deleted('records._is_deleted') }} or survivors.target_id is not null
