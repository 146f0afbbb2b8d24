with

lines as (
    select * from {{ ref('int_orders__order_lines_unioned') }}
),

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
),

products as (
    select * from {{ ref('int_products__products_unioned') }}
)

select
    orders.order_key,
    lines.source_system,
    lines.order_id,
    lines.line_number,
    case
        when lines.product_id is not null
            then {{ surrogate_key(['lines.source_system', 'lines.product_id']) }}
    end as product_key,
    orders.customer_key,
    orders.ordered_at,
    orders.is_sale,
    products.category as product_category,
    lines.quantity,
    lines.unit_price,
    lines.list_price,
    lines.net_revenue,
    -- The cost at the time of the sale beats today's; without either, the company's margin rate.
    cast(
        case
            when coalesce(lines.unit_cost, products.unit_cost) is not null
                then
                    lines.net_revenue
                    - lines.quantity * coalesce(lines.unit_cost, products.unit_cost)
            else lines.net_revenue * cast({{ setting('margin_rate') }} as decimal(9, 4))
        end as decimal(18, 4)
    ) as margin_amount,
    orders.currency_code
from lines
inner join orders -- lines of orders after the as-of day go with their orders
    on
        lines.source_system = orders.source_system
        and lines.order_id = orders.order_id
left join products
    on
        lines.source_system = products.source_system
        and lines.product_id = products.product_id
