with

customers as (
    select * from {{ consent_changes('shopify', 'customers', 'customer_id', {
        'accepts_email_marketing': 'email', 'accepts_sms_marketing': 'sms',
    }) }}
),

guest_orders as (
    select * from {{ shopify_orders() }}
    where order_customer_id like 'guest:%' and accepts_marketing is not null
)

select
    customer_id,
    channel,
    purpose,
    is_granted,
    recorded_at,
    cast(null as varchar) as source_metadata,
    _file_name,
    _row_number
from customers
union all
-- A guest decides at every checkout.
select
    order_customer_id as customer_id,
    'email' as channel,
    'marketing' as purpose,
    cast(accepts_marketing as boolean) as is_granted,
    cast(created_at as timestamp) as recorded_at,
    cast(null as varchar) as source_metadata,
    _file_name,
    _row_number
from guest_orders
