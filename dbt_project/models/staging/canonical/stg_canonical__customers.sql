with

current_rows as (
    select * from {{ current_records('canonical', 'customers', with_first_export=true) }}
),

typed as (
    select
        nullif(trim(customer_id), '') as customer_id,
        nullif(trim(customer_type), '') as customer_type,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(full_name), '') as full_name,
        nullif(trim(company_name), '') as company_name,
        nullif(trim(email), '') as email,
        nullif(trim(phone), '') as phone,
        cast(birth_date as date) as birth_date,
        nullif(trim(gender), '') as gender,
        nullif(trim(street), '') as street,
        nullif(trim(city), '') as city,
        nullif(trim(region), '') as region,
        nullif(trim(postal_code), '') as postal_code,
        nullif(trim(country_code), '') as country_code,
        nullif(trim(preferred_channel), '') as preferred_channel,
        nullif(trim(acquisition_channel), '') as acquisition_channel,
        nullif(trim(acquisition_campaign_id), '') as acquisition_campaign_id,
        nullif(trim(referred_by_customer_id), '') as referred_by_customer_id,
        nullif(trim(organisation_id), '') as organisation_id,
        nullif(trim(parent_organisation_id), '') as parent_organisation_id,
        nullif(trim(national_id), '') as national_id,
        nullif(trim(loyalty_number), '') as loyalty_number,
        -- A record that was merged away points at the one that stayed.
        nullif(
            concat_ws(
                ';',
                nullif(trim(external_ids), ''),
                'canonical:' || nullif(trim(merged_into_customer_id), '')
            ),
            ''
        ) as external_ids,
        cast(created_at as timestamp) as created_at,
        cast(updated_at as timestamp) as updated_at,
        first_exported_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    customer_id,
    customer_type,
    first_name,
    last_name,
    full_name,
    company_name,
    email,
    phone,
    birth_date,
    gender,
    street,
    city,
    region,
    postal_code,
    country_code,
    preferred_channel,
    acquisition_channel,
    acquisition_campaign_id,
    referred_by_customer_id,
    organisation_id,
    parent_organisation_id,
    national_id,
    loyalty_number,
    external_ids,
    created_at,
    updated_at,
    first_exported_at,
    source_metadata,
    _file_name,
    _row_number
from typed
