with

current_rows as (
    select * from {{ current_records('canonical', 'orders') }}
),

typed as (
    select
        nullif(trim(order_id), '') as order_id,
        nullif(trim(customer_id), '') as customer_id,
        cast(ordered_at as timestamp) as ordered_at,
        nullif(trim(order_status), '') as order_status,
        nullif(trim(channel), '') as channel,
        nullif(trim(currency_code), '') as currency_code,
        cast(net_revenue as decimal(18, 4)) as net_revenue,
        cast(discount_amount as decimal(18, 4)) as discount_amount,
        cast(tax_amount as decimal(18, 4)) as tax_amount,
        cast(shipping_amount as decimal(18, 4)) as shipping_amount,
        cast(refund_amount as decimal(18, 4)) as refund_amount,
        cast(promised_at as timestamp) as promised_at,
        cast(delivered_at as timestamp) as delivered_at,
        nullif(trim(campaign_id), '') as campaign_id,
        cast(updated_at as timestamp) as updated_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    order_id,
    customer_id,
    ordered_at,
    order_status,
    channel,
    currency_code,
    net_revenue,
    discount_amount,
    tax_amount,
    shipping_amount,
    refund_amount,
    promised_at,
    delivered_at,
    campaign_id,
    updated_at,
    source_metadata,
    _file_name,
    _row_number
from typed
