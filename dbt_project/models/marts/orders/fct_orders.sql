with

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
),

line_totals as (
    select
        order_key,
        count(*) as count_lines,
        sum(quantity) as units,
        sum(margin_amount) as margin_amount
    from {{ ref('fct_order_lines') }}
    group by order_key
),

-- The category that most of the order's money went to; the name decides between equals.
main_categories as (
    select
        order_key,
        product_category as main_category
    from (
        select
            order_key,
            product_category,
            row_number() over (
                partition by order_key order by sum(net_revenue) desc, product_category
            ) as category_rank
        from {{ ref('fct_order_lines') }}
        where product_category is not null
        group by order_key, product_category
    ) as ranked
    where category_rank = 1
),

-- Only sales take part in the customer's sequence; a cancelled order is not a purchase.
sequences as (
    select
        order_key,
        row_number() over (
            partition by customer_key order by ordered_at, order_key
        ) as order_sequence_number,
        lag(ordered_at) over (
            partition by customer_key order by ordered_at, order_key
        ) as previous_ordered_at
    from orders
    where is_sale and customer_key is not null
)

select
    orders.order_key,
    orders.source_system,
    orders.order_id,
    orders.customer_key,
    orders.ordered_at,
    orders.order_status,
    orders.is_sale,
    orders.channel,
    main_categories.main_category,
    orders.campaign_id,
    orders.currency_code,
    orders.net_revenue,
    orders.discount_amount,
    orders.tax_amount,
    orders.shipping_amount,
    cast(orders.refund_amount as decimal(18, 4)) as refund_amount,
    -- Before refunds. An order without lines earns the company's margin rate on its header.
    cast(
        coalesce(
            line_totals.margin_amount,
            orders.net_revenue * cast({{ setting('margin_rate') }} as decimal(9, 4))
        ) as decimal(18, 4)
    ) as margin_amount,
    cast(coalesce(line_totals.count_lines, 0) as bigint) as count_lines,
    cast(coalesce(line_totals.units, 0) as decimal(18, 4)) as units,
    sequences.order_sequence_number,
    cast(cast(orders.ordered_at as date) - cast(sequences.previous_ordered_at as date) as bigint)
        as days_since_previous_order,
    orders.promised_at,
    orders.delivered_at,
    cast(cast(orders.delivered_at as date) - cast(orders.promised_at as date) as bigint)
        as delivery_delay_days
from orders
left join line_totals on orders.order_key = line_totals.order_key
left join main_categories on orders.order_key = main_categories.order_key
left join sequences on orders.order_key = sequences.order_key
