with

current_rows as (
    select * from {{ current_records('olist', 'customers', with_first_export=true) }}
),

-- The file says nothing of time; each record was written for one order, when that was placed.
ordered as (
    select
        customer_id,
        min(cast(order_purchase_timestamp as timestamp)) as ordered_at
    from {{ current_records('olist', 'orders') }}
    group by customer_id
)

-- Olist writes a new customer_id for every order; customer_unique_id is the person. The records
-- stay one per customer_id, as the file has them; the shared external id lets identity join them.
select
    current_rows.customer_id,
    'olist_person:' || current_rows.customer_unique_id as external_ids,
    nullif(trim(current_rows.customer_city), '') as city,
    nullif(trim(current_rows.customer_state), '') as region,
    nullif(trim(current_rows.customer_zip_code_prefix), '') as postal_code,
    'BR' as country_code,
    ordered.ordered_at as created_at,
    current_rows.first_exported_at,
    current_rows.source_metadata,
    current_rows._file_name,
    current_rows._row_number
from current_rows
left join ordered on current_rows.customer_id = ordered.customer_id
