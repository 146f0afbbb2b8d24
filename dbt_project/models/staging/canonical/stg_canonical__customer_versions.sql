with

typed as (
    select
        {{ canonical_customer_columns() }},
        {{ version_columns() }}
    from {{ record_versions('canonical', 'customers') }}
)

select
    customer_id,
    version_number,
    exported_at,
    changed_at,
    is_deleted,
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
    _file_name,
    _row_number
from typed
