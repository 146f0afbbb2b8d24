with

orders as (
    select * from {{ shopify_orders() }}
)

select
    name as order_id,
    order_customer_id as customer_id,
    cast(created_at as timestamp) as ordered_at,
    case
        when cancelled_at is not null or financial_status in ('voided', 'expired') then 'cancelled'
        when financial_status = 'refunded' then 'returned'
        when fulfillment_status = 'fulfilled' then 'shipped'
        when financial_status in ('paid', 'partially_refunded') then 'paid'
        else 'placed'
    end as order_status,
    case
        when source = 'pos' then 'store'
        when source = 'shopify_draft_order' then 'draft_order'
        when source is null or source in ('web', 'iphone', 'android', 'checkout_next') then 'web'
        when regexp_full_match(source, '[0-9]+') then 'app'
        else source
    end as channel,
    currency as currency_code,
    net_revenue,
    discount_given as discount_amount,
    cast(tax_amount as decimal(18, 4)) as tax_amount,
    shipping_amount,
    refund_amount,
    {{ metadata_with([
        'id', 'financial_status', 'fulfillment_status', 'fulfilled_at', 'discount_code', 'shipping_method',
        'cancelled_at', 'is_tax_included', 'refunded_amount', 'total', 'tags',
    ]) }} as source_metadata,
    _file_name,
    _row_number
from orders
