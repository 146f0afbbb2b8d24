with

current_rows as (
    select * from {{ current_records('canonical', 'customers', with_first_export=true) }}
),

typed as (
    select
        {{ canonical_customer_columns() }},
        {{ trimmed([
            'acquisition_channel', 'acquisition_campaign_id', 'referred_by_customer_id',
            'organisation_id', 'parent_organisation_id', 'website', 'industry', 'national_id',
            'loyalty_number'
        ]) }},
        cast(count_employees as bigint) as count_employees,
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
    website,
    industry,
    count_employees,
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
