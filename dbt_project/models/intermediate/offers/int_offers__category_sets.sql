with

orders as (
    select
        source_system,
        order_id,
        customer_key,
        cast(ordered_at as date) as order_date
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
),

-- One row per customer, day and category: lines of one category on one day are one purchase of it.
category_days as (
    select
        orders.customer_key,
        orders.order_date,
        products.category
    from {{ ref('int_orders__order_lines_unioned') }} as order_lines
    inner join orders -- lines of cancelled and of anonymous orders are nobody's purchase
        on
            order_lines.source_system = orders.source_system
            and order_lines.order_id = orders.order_id
    inner join {{ ref('int_products__products_unioned') }} as products -- without one: no category
        on
            order_lines.source_system = products.source_system
            and order_lines.product_id = products.product_id
    where products.category is not null
    group by orders.customer_key, orders.order_date, products.category
),

owned as (
    select
        customer_key,
        category,
        min(order_date) as first_date,
        max(order_date) as last_date,
        max(max(order_date)) over (partition by customer_key) as last_order_date,
        min(min(order_date)) over (partition by customer_key) as first_order_date
    from category_days
    group by customer_key, category
)

-- chr(31) is the unit separator of ASCII: no category has it in its name.
select
    customer_key,
    string_agg(category, chr(31) order by category) as categories_owned,
    string_agg(category, chr(31) order by category) filter (where first_date < last_order_date)
        as categories_before_last_order,
    string_agg(category, chr(31) order by category) filter (
        where last_date = last_order_date and first_order_date < last_order_date
    ) as categories_of_last_order
from owned
group by customer_key
