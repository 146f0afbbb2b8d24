with

exported as (
    select * from {{ current_records('shopify', 'customers') }}
),

guest_orders as (
    select * from {{ shopify_orders() }}
    where order_customer_id like 'guest:%'
),

first_exports as (
    select
        customer_id,
        min(_exported_at) as first_exported_at
    from {{ source('raw', 'shopify__customers') }}
    group by customer_id
    union all
    select
        'guest:' || name as customer_id,
        min(_exported_at) as first_exported_at
    from {{ source('raw', 'shopify__orders') }}
    group by name
)

select
    exported.customer_id,
    'customers' as source_object,
    'person' as customer_type,
    {{ shopify_customer_columns('exported') }},
    cast(exported.created_at as timestamp) as created_at,
    cast(exported.updated_at as timestamp) as updated_at,
    first_exports.first_exported_at,
    {{ metadata_with(
        ['total_spent', 'total_orders', 'note', 'tags', 'tax_exempt'], relation='exported'
    ) }} as source_metadata,
    exported._file_name,
    exported._row_number
from exported
inner join first_exports on exported.customer_id = first_exports.customer_id
union all
-- A checkout without an account makes a record of its own each time; identity joins them.
select
    guest_orders.order_customer_id as customer_id,
    'orders' as source_object,
    'person' as customer_type,
    cast(null as varchar) as first_name,
    cast(null as varchar) as last_name,
    guest_orders.order_name as full_name,
    nullif(trim(coalesce(guest_orders.billing_company, guest_orders.shipping_company)), '')
        as company_name,
    guest_orders.order_email as email,
    guest_orders.order_phone as phone,
    nullif(trim(coalesce(guest_orders.billing_street, guest_orders.shipping_street)), '') as street,
    nullif(trim(coalesce(guest_orders.billing_city, guest_orders.shipping_city)), '') as city,
    nullif(trim(coalesce(guest_orders.billing_province, guest_orders.shipping_province)), '')
        as region,
    nullif(ltrim(trim(coalesce(guest_orders.billing_zip, guest_orders.shipping_zip)), ''''), '')
        as postal_code,
    nullif(trim(coalesce(guest_orders.billing_country, guest_orders.shipping_country)), '')
        as country_code,
    cast(guest_orders.created_at as timestamp) as created_at,
    cast(null as timestamp) as updated_at,
    first_exports.first_exported_at,
    cast(null as varchar) as source_metadata,
    guest_orders._file_name,
    guest_orders._row_number
from guest_orders
inner join first_exports on guest_orders.order_customer_id = first_exports.customer_id
