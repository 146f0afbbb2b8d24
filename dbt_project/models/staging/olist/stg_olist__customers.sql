with

current_rows as (
    select * from {{ current_records('olist', 'customers', with_first_export=true) }}
)

-- Olist writes a new customer_id for every order; customer_unique_id is the person. The records
-- stay one per customer_id, as the file has them; the shared external id lets identity join them.
select
    customer_id,
    'olist_person:' || customer_unique_id as external_ids,
    nullif(trim(customer_city), '') as city,
    nullif(trim(customer_state), '') as region,
    nullif(trim(customer_zip_code_prefix), '') as postal_code,
    'BR' as country_code,
    first_exported_at,
    source_metadata,
    _file_name,
    _row_number
from current_rows
