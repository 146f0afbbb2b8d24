with

lines as (
    select * from {{ ref('int_orders__order_lines_costed') }}
),

orders as (
    select
        order_key,
        customer_key,
        ordered_at,
        is_sale,
        currency_code
    from {{ ref('int_orders__orders_keyed') }}
)

select
    lines.order_key,
    lines.source_system,
    lines.order_id,
    lines.line_number,
    lines.product_key,
    orders.customer_key,
    orders.ordered_at,
    orders.is_sale,
    lines.product_category,
    lines.quantity,
    lines.unit_price,
    lines.list_price,
    lines.net_revenue,
    lines.margin_amount,
    orders.currency_code
from lines
inner join orders on lines.order_key = orders.order_key
