-- Members join at a purchase, and who buys more has more occasions to join: so those who joined are
-- compared with those who could have joined at a purchase in the same month and did not.
with

settings as (
    select
        as_of_date,
        programme_window_days
    from {{ source('settings', 'company') }}
),

sales as (
    select
        order_key,
        customer_key,
        ordered_at,
        cast(ordered_at as date) as purchase_date,
        net_revenue - refund_amount as spend
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
),

joins as (
    select
        customer_key,
        min(occurred_at) as joined_at
    from {{ ref('int_loyalty__loyalty_events_keyed') }}
    where customer_key is not null
    group by customer_key
),

-- Only where there is a programme at all.
days as (
    select
        sales.customer_key,
        sales.purchase_date,
        cast(joins.joined_at as date) as joined_on,
        count(*) as count_orders,
        sum(sales.spend) as spend
    from sales
    left join joins on sales.customer_key = joins.customer_key
    where exists (select 1 from {{ ref('int_loyalty__loyalty_events_keyed') }})
    group by sales.customer_key, sales.purchase_date, cast(joins.joined_at as date)
),

numbered as (
    select
        days.customer_key,
        days.purchase_date,
        days.joined_on,
        row_number() over (partition by days.customer_key order by days.purchase_date)
            as purchase_number,
        settings.as_of_date,
        settings.programme_window_days
    from days
    cross join settings
),

followed as (
    select
        numbered.customer_key,
        numbered.purchase_date,
        numbered.purchase_number,
        numbered.joined_on,
        numbered.programme_window_days,
        count(others.purchase_date) filter (
            where others.purchase_date > numbered.purchase_date
        ) as count_after,
        count(others.purchase_date) filter (
            where
            others.purchase_date > numbered.purchase_date
            and others.purchase_date < coalesce(numbered.joined_on, date '9999-12-31')
        ) as count_after_not_joined,
        coalesce(
            sum(others.spend) filter (where others.purchase_date > numbered.purchase_date), 0
        ) as spend_after, -- who bought nothing spent nothing
        count(others.purchase_date) filter (
            where
            others.purchase_date < numbered.purchase_date
            and others.purchase_date >= numbered.purchase_date - numbered.programme_window_days
        ) as count_before,
        coalesce(
            sum(others.spend) filter (
                where
                others.purchase_date < numbered.purchase_date
                and others.purchase_date >= numbered.purchase_date - numbered.programme_window_days
            ),
            0
        ) as spend_before,
        count(others.purchase_date) filter (
            where others.purchase_date < numbered.purchase_date - numbered.programme_window_days
        ) as count_long_before,
        coalesce(
            sum(others.spend) filter (
                where
                others.purchase_date < numbered.purchase_date - numbered.programme_window_days
            ),
            0
        ) as spend_long_before
    from numbered
    inner join days as others -- the purchase itself is always there
        on
            numbered.customer_key = others.customer_key
            and others.purchase_date
            >= numbered.purchase_date - 2 * numbered.programme_window_days
            and others.purchase_date <= numbered.purchase_date + numbered.programme_window_days
    -- Occasions of those who were not members yet, whose time afterwards is known.
    where
        coalesce(numbered.joined_on >= numbered.purchase_date, true)
        and numbered.purchase_date + numbered.programme_window_days <= numbered.as_of_date
    group by
        numbered.customer_key,
        numbered.purchase_date,
        numbered.purchase_number,
        numbered.joined_on,
        numbered.programme_window_days
)

select
    customer_key,
    purchase_date,
    cast(date_trunc('quarter', purchase_date) as date) as purchase_quarter,
    cast(least(purchase_number, 6) as bigint) as purchase_number,
    coalesce(joined_on = purchase_date, false) as is_joining,
    -- Who joined later within the window is followed until then only.
    coalesce(
        joined_on > purchase_date and joined_on <= purchase_date + programme_window_days, false
    ) as is_joining_later,
    cast(count_after as bigint) as count_after,
    cast(count_after_not_joined as bigint) as count_after_not_joined,
    cast(spend_after as double) as spend_after,
    cast(count_before as bigint) as count_before,
    cast(spend_before as double) as spend_before,
    cast(count_long_before as bigint) as count_long_before,
    cast(spend_long_before as double) as spend_long_before
from followed
