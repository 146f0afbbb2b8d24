{{ config(materialized='incremental') }}
with

typed as (
    select
        {{ loyalty_member_columns() }},
        {{ version_columns() }}
    from {{ record_versions('loyalty', 'members') }}
)

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
    email,
    phone,
    birth_date,
    gender,
    street,
    city,
    region,
    postal_code,
    country_code,
    _file_name,
    _row_number
from typed
