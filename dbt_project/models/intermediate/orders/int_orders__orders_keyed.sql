with

orders as (
    select * from {{ ref('int_orders__orders_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where ordered_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['orders.source_system', 'orders.order_id']) }} as order_key,
    orders.source_system,
    orders.order_id,
    identity.customer_key,
    orders.ordered_at,
    coalesce(orders.order_status, 'placed') as order_status,
    coalesce(orders.order_status, 'placed') != 'cancelled'
    -- What another system exports too would count twice.
    and coalesce(
        strpos({{ setting('repeated_order_systems') }}, ',' || orders.source_system || ','), 0
    ) = 0 as is_sale,
    orders.channel,
    orders.currency_code,
    orders.campaign_id,
    orders.net_revenue,
    orders.discount_amount,
    orders.tax_amount,
    orders.shipping_amount,
    coalesce(orders.refund_amount, 0) as refund_amount,
    orders.promised_at,
    orders.delivered_at
from orders
-- An anonymous sale has no customer and keeps its row.
left join identity
    on
        orders.source_system = identity.source_system
        and orders.customer_id = identity.source_record_id
