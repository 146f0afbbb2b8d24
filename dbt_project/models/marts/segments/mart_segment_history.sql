with

settings as (
    select
        *,
        -- As a decimal: in doubles 7 % of 100 customers is a little more than 7, hence 8.
        cast(value_tier_core_share as decimal(9, 6)) as core_share,
        cast(
            date_trunc('month', as_of_date) - (segment_history_months - 1) * interval 1 month
            as date
        ) as first_month
    from {{ source('settings', 'company') }}
),

months as (
    select
        calendar.calendar_month,
        calendar.month_end_date
    from {{ ref('int_calendar__months') }} as calendar
    inner join settings on calendar.calendar_month >= settings.first_month -- the months to keep
),

orders as (
    select
        customer_key,
        cast(ordered_at as date) as order_date,
        net_revenue - refund_amount as spend,
        margin_amount - refund_amount as margin
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

-- Growth needs two whole years: against a truncated one everybody has grown.
first_sale as (
    select min(cast(ordered_at as date)) as first_order_date
    from {{ ref('fct_orders') }}
    where is_sale
),

-- What an order does to the totals of its customer, and on which days: it counts when it is placed,
-- moves into the year before a year later, out of that after another, and out of the RFM window.
events as (
    select
        customer_key,
        order_date as event_date,
        order_date,
        1 as frequency,
        spend as monetary,
        margin,
        spend as spend_365d,
        0 as spend_previous_365d
    from orders
    union all
    select
        customer_key,
        order_date + 365 as event_date,
        null as order_date,
        0 as frequency,
        0 as monetary,
        0 as margin,
        -spend as spend_365d,
        spend as spend_previous_365d
    from orders
    union all
    select
        customer_key,
        order_date + 730 as event_date,
        null as order_date,
        0 as frequency,
        0 as monetary,
        0 as margin,
        0 as spend_365d,
        -spend as spend_previous_365d
    from orders
    union all
    select
        orders.customer_key,
        orders.order_date + settings.rfm_window_days as event_date,
        null as order_date,
        -1 as frequency,
        -orders.spend as monetary,
        0 as margin,
        0 as spend_365d,
        0 as spend_previous_365d
    from orders
    inner join settings on settings.rfm_window_days is not null -- NULL: no order ever leaves
),

changes as (
    select
        events.customer_key,
        greatest(cast(date_trunc('month', events.event_date) as date), settings.first_month)
            as calendar_month,
        max(events.order_date) as last_order_date,
        sum(events.frequency) as frequency,
        sum(events.monetary) as monetary,
        sum(events.margin) as margin,
        sum(events.spend_365d) as spend_365d,
        sum(events.spend_previous_365d) as spend_previous_365d
    from events
    cross join settings
    where events.event_date <= settings.as_of_date
    group by
        events.customer_key,
        greatest(cast(date_trunc('month', events.event_date) as date), settings.first_month)
),

-- What holds from a month until the customer's next change: a fifth of the rows of every month.
states as (
    select
        customer_key,
        calendar_month as from_month,
        lead(calendar_month) over (partition by customer_key order by calendar_month)
            as until_month,
        max(last_order_date) over (partition by customer_key order by calendar_month)
            as last_order_date,
        sum(frequency) over (partition by customer_key order by calendar_month) as frequency,
        sum(monetary) over (partition by customer_key order by calendar_month) as monetary,
        sum(margin) over (partition by customer_key order by calendar_month) as margin,
        sum(spend_365d) over (partition by customer_key order by calendar_month) as spend_365d,
        sum(spend_previous_365d) over (partition by customer_key order by calendar_month)
            as spend_previous_365d
    from changes
),

customer_months as (
    select
        states.*,
        months.calendar_month,
        months.month_end_date
    from states
    inner join months
        on
            states.from_month <= months.calendar_month
            and (states.until_month is null or states.until_month > months.calendar_month)
),

-- Scores by borders and not by rank(): sorting every month cost four times as much.
borders as (
    select
        calendar_month,
        count(*) as count_buyers,
        max(last_order_date) as newest_order_date,
        {{ quintile_borders('last_order_date') }},
        {{ quintile_borders('frequency') }},
        {{ quintile_borders('monetary') }}
    from customer_months
    where frequency > 0
    group by calendar_month
),

ranked as (
    select
        *,
        rank() over (partition by calendar_month order by margin desc) as margin_rank,
        count(*) over (partition by calendar_month) as count_customers
    from customer_months
),

scored as (
    select
        ranked.*,
        case
            -- The newest day is the best there is, also where more than a fifth share it: of a
            -- company of contracts all who have just paid, who would be "at risk" with a 2.
            when
                ranked.frequency > 0
                and borders.count_buyers >= 5 -- fewer have no fifths
                and ranked.last_order_date = borders.newest_order_date
                then 5
            when ranked.frequency > 0
                then {{ quintile_score('ranked.last_order_date', 'borders.last_order_date') }}
        end as recency_score,
        case
            when ranked.frequency > 0
                then {{ quintile_score('ranked.frequency', 'borders.frequency') }}
        end as frequency_score,
        case
            when ranked.frequency > 0
                then {{ quintile_score('ranked.monetary', 'borders.monetary') }}
        end as monetary_score
    from ranked
    left join borders on ranked.calendar_month = borders.calendar_month
)

select
    scored.customer_key,
    scored.calendar_month as history_month,
    case when scored.frequency > 0 then scored.last_order_date end as last_order_date,
    case
        when scored.frequency > 0
            then cast(scored.month_end_date - scored.last_order_date as bigint)
    end as recency_days,
    cast(scored.frequency as bigint) as frequency,
    cast(scored.monetary as decimal(18, 4)) as monetary,
    scored.recency_score,
    scored.frequency_score,
    scored.monetary_score,
    case
        when scored.frequency = 0 then 'Lost' -- bought only before the RFM window
        else {{ rfm_segment(
            'scored.recency_score', 'scored.frequency_score', 'scored.monetary_score'
        ) }}
    end as segment_name,
    cast(scored.margin as decimal(18, 4)) as margin_after_refunds,
    case
        when
            scored.margin > 0
            and scored.margin_rank <= ceil(scored.count_customers * settings.core_share)
            then 'core'
        when
            first_sale.first_order_date <= scored.month_end_date - 729
            and scored.spend_previous_365d > 0
            and scored.spend_365d
            >= scored.spend_previous_365d * (1 + settings.value_tier_growth_rate)
            then 'potential'
        else 'ordinary'
    end as value_tier
from scored
cross join settings
cross join first_sale
