with

current_rows as (
    select * from {{ current_records('olist', 'orders') }}
),

items as (
    select
        order_id,
        sum(cast(price as decimal(18, 4))) as net_revenue,
        sum(cast(freight_value as decimal(18, 4))) as shipping_amount
    from {{ current_records('olist', 'order_items') }}
    group by order_id
)

select
    current_rows.order_id,
    current_rows.customer_id,
    cast(current_rows.order_purchase_timestamp as timestamp) as ordered_at,
    case current_rows.order_status
        when 'canceled' then 'cancelled'
        when 'unavailable' then 'cancelled' -- the seller could not supply; nothing was sold
        when 'created' then 'placed'
        when 'approved' then 'paid'
        when 'invoiced' then 'paid'
        when 'processing' then 'paid'
        else current_rows.order_status
    end as order_status,
    'marketplace' as channel,
    'BRL' as currency_code,
    -- Orders without items (cancelled before they were filled) are worth nothing, not unknown.
    cast(coalesce(items.net_revenue, 0) as decimal(18, 4)) as net_revenue,
    cast(coalesce(items.shipping_amount, 0) as decimal(18, 4)) as shipping_amount,
    cast(current_rows.order_estimated_delivery_date as timestamp) as promised_at,
    cast(current_rows.order_delivered_customer_date as timestamp) as delivered_at,
    current_rows.source_metadata,
    current_rows._file_name,
    current_rows._row_number
from current_rows
left join items on current_rows.order_id = items.order_id
