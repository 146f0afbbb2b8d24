with

versions as (
    select * from {{ record_versions('shopify', 'customers') }}
),

typed as (
    select
        versions.customer_id,
        'customers' as source_object,
        'person' as customer_type,
        {{ shopify_customer_columns('versions') }},
        {{ version_columns() }}
    from versions
)

-- Accounts only: a guest's record is the order, and stays as it was.
select
    customer_id,
    source_object,
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
    street,
    city,
    region,
    postal_code,
    country_code,
    _file_name,
    _row_number
from typed
