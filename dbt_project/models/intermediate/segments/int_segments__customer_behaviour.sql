with

sales as (
    select
        *,
        cast(ordered_at as date) as order_date,
        -- An export of days without times has every order at midnight.
        ordered_at > cast(ordered_at as date) as has_time
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
),

-- What the clock and the calendar on the company's wall showed; a day without a time stays the day.
orders as (
    select
        *,
        case
            when has_time then {{ local_time('ordered_at', setting('time_zone')) }} else ordered_at
        end as ordered_at_local
    from sales
),

lines as (
    select
        orders.customer_key,
        products.category,
        order_lines.quantity,
        order_lines.net_revenue
    from {{ ref('int_orders__order_lines_unioned') }} as order_lines
    inner join orders -- lines of cancelled and of anonymous orders are nobody's behaviour
        on
            order_lines.source_system = orders.source_system
            and order_lines.order_id = orders.order_id
    left join {{ ref('int_products__products_unioned') }} as products
        on
            order_lines.source_system = products.source_system
            and order_lines.product_id = products.product_id
),

order_totals as (
    select
        customer_key,
        count(*) as count_orders,
        min(order_date) as first_order_date,
        sum(net_revenue) as net_revenue,
        sum(refund_amount) as refund_amount,
        count(discount_amount) as count_discount_known,
        count(*) filter (where discount_amount > 0) as count_discounted,
        count(*) filter (where has_time) as count_timed,
        count(*) filter (
            where has_time and extract(hour from ordered_at_local) between 6 and 11
        ) as count_morning,
        count(*) filter (
            where has_time and extract(hour from ordered_at_local) between 12 and 17
        ) as count_afternoon,
        count(*) filter (
            where has_time and extract(hour from ordered_at_local) >= 18
        ) as count_evening,
        count(*) filter (where has_time and extract(hour from ordered_at_local) < 6) as count_night,
        -- 1900-01-01 was a Monday.
        count(*) filter (
            where mod(cast(ordered_at_local as date) - date '1900-01-01', 7) >= 5
        ) as count_weekend
    from orders
    group by customer_key
),

channels as (
    select
        customer_key,
        channel,
        row_number() over (
            partition by customer_key order by count(*) desc, channel
        ) as channel_rank
    from orders
    where channel is not null
    group by customer_key, channel
),

categories as (
    select
        customer_key,
        category,
        sum(net_revenue) as net_revenue,
        row_number() over (
            partition by customer_key order by sum(net_revenue) desc, category
        ) as category_rank
    from lines
    where category is not null
    group by customer_key, category
),

category_totals as (
    select
        customer_key,
        count(*) as count_categories,
        max(case when category_rank = 1 then category end) as favourite_category,
        sum(case when category_rank = 1 then net_revenue else 0 end) as favourite_revenue,
        sum(net_revenue) as net_revenue
    from categories
    group by customer_key
),

category_prices as (
    select
        category,
        cast(sum(net_revenue) / nullif(sum(quantity), 0) as decimal(18, 4)) as mean_price
    from lines
    where category is not null
    group by category
),

-- What the customer paid over what the same units cost on average in their categories.
line_totals as (
    select
        lines.customer_key,
        sum(lines.quantity) as units,
        sum(case when category_prices.mean_price > 0 then lines.net_revenue end) as paid,
        sum(lines.quantity * category_prices.mean_price) as paid_on_average
    from lines
    left join category_prices on lines.category = category_prices.category
    group by lines.customer_key
),

cases as (
    select
        customer_key,
        count(*) as count_cases
    from {{ ref('int_service__cases_keyed') }}
    where customer_key is not null
    group by customer_key
)

select
    order_totals.customer_key,
    order_totals.count_orders,
    -- A young customer's rate is not yet known: the first year counts as a whole one.
    cast(order_totals.count_orders as double)
    / greatest(cast({{ setting('as_of_date') }} - order_totals.first_order_date as double) / 365, 1)
        as orders_per_year,
    cast(order_totals.net_revenue as double) / order_totals.count_orders as mean_order_revenue,
    cast(line_totals.units as double) / order_totals.count_orders as units_per_order,
    cast(line_totals.paid as double) / nullif(cast(line_totals.paid_on_average as double), 0)
        as price_level,
    cast(coalesce(category_totals.count_categories, 0) as bigint) as count_categories,
    category_totals.favourite_category,
    cast(category_totals.favourite_revenue as double)
    / nullif(cast(category_totals.net_revenue as double), 0) as favourite_category_share,
    channels.channel as favourite_channel,
    case
        when order_totals.count_timed = 0 then null
        when
            order_totals.count_morning >= order_totals.count_afternoon
            and order_totals.count_morning >= order_totals.count_evening
            and order_totals.count_morning >= order_totals.count_night
            then 'morning'
        when
            order_totals.count_afternoon >= order_totals.count_evening
            and order_totals.count_afternoon >= order_totals.count_night
            then 'afternoon'
        when order_totals.count_evening >= order_totals.count_night then 'evening'
        else 'night'
    end as favourite_daypart,
    cast(order_totals.count_evening + order_totals.count_night as double)
    / nullif(order_totals.count_timed, 0) as evening_order_share,
    cast(order_totals.count_weekend as double) / order_totals.count_orders as weekend_order_share,
    cast(order_totals.count_discounted as double) / nullif(order_totals.count_discount_known, 0)
        as discounted_order_share,
    cast(order_totals.refund_amount as double)
    / nullif(cast(order_totals.net_revenue as double), 0) as refund_rate,
    cast(coalesce(cases.count_cases, 0) as double) / order_totals.count_orders as cases_per_order
from order_totals
left join line_totals on order_totals.customer_key = line_totals.customer_key
left join category_totals on order_totals.customer_key = category_totals.customer_key
left join channels
    on order_totals.customer_key = channels.customer_key and channels.channel_rank = 1
left join cases on order_totals.customer_key = cases.customer_key
