with

lines as (
    select * from {{ ref('int_orders__order_lines_unioned') }}
),

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
),

subscription_products as (
    select
        products.source_system,
        products.product_id,
        coalesce(products.product_name, products.product_id) as plan_name
    from {{ ref('int_products__products_unioned') }} as products
    inner join {{ source('settings', 'subscription_categories') }} as categories
        on lower(trim(products.category)) = lower(trim(categories.category))
)

select
    orders.order_key,
    {{ surrogate_key(['lines.source_system', 'lines.product_id']) }} as plan_key,
    max(products.plan_name) as plan_name,
    max(orders.customer_key) as customer_key,
    max(cast(orders.ordered_at as date)) as paid_on,
    cast(sum(lines.net_revenue) as decimal(18, 4)) as amount
from lines
-- The other lines are no contract.
inner join subscription_products as products
    on
        lines.source_system = products.source_system
        and lines.product_id = products.product_id
inner join orders
    on
        lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
where orders.is_sale and orders.customer_key is not null
group by
    orders.order_key,
    lines.source_system,
    lines.product_id
