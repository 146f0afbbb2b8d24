with

orders as (
    select
        customer_key,
        cast(ordered_at as date) as ordered_date,
        net_revenue - refund_amount as spend
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

settings as (
    select
        *,
        -- As a decimal: in doubles 7 % of 100 customers is a little more than 7, hence 8.
        cast(value_tier_core_share as decimal(9, 6)) as core_share
    from {{ source('settings', 'company') }}
),

buyers as (
    select
        orders.customer_key,
        max(orders.ordered_date) as last_order_date,
        cast(max(settings.as_of_date) - max(orders.ordered_date) as bigint) as recency_days,
        count(*) as frequency,
        sum(orders.spend) as monetary
    from orders
    cross join settings
    where
        settings.rfm_window_days is null
        or orders.ordered_date > settings.as_of_date - settings.rfm_window_days
    group by orders.customer_key
),

growth as (
    select
        orders.customer_key,
        sum(
            case when orders.ordered_date > settings.as_of_date - 365 then orders.spend else 0 end
        ) as spend_365d,
        sum(
            case
                when
                    orders.ordered_date <= settings.as_of_date - 365
                    and orders.ordered_date > settings.as_of_date - 730
                    then orders.spend
                else 0
            end
        ) as spend_previous_365d
    from orders
    cross join settings
    group by orders.customer_key
),

scored as (
    select
        *,
        {{ quintile_score('last_order_date') }} as recency_score,
        {{ quintile_score('frequency') }} as frequency_score,
        {{ quintile_score('monetary') }} as monetary_score
    from buyers
),

-- What came back was no margin: who sends everything back is not among the best.
margins as (
    select
        customer_key,
        margin_amount - refund_amount as margin_amount,
        predicted_value_365d,
        count_orders
    from {{ ref('mart_customer_ltv') }}
),

values_ranked as (
    select
        customer_key,
        margin_amount,
        predicted_value_365d,
        count_orders > 0 as is_buyer,
        rank() over (partition by count_orders > 0 order by margin_amount desc) as margin_rank,
        rank() over (
            partition by count_orders > 0 order by predicted_value_365d desc nulls last
        ) as predicted_rank,
        count(*) over (partition by count_orders > 0) as count_customers,
        sum(greatest(margin_amount, 0)) over () as total_margin,
        -- Margin of all customers strictly better than this one: equal customers get one share.
        sum(greatest(margin_amount, 0)) over (
            order by margin_amount desc range between unbounded preceding and current row
        ) - sum(greatest(margin_amount, 0)) over (partition by margin_amount) as margin_of_better
    from margins
)

select
    ranked.customer_key,
    ranked.is_buyer,
    scored.last_order_date,
    scored.recency_days,
    cast(coalesce(scored.frequency, 0) as bigint) as frequency,
    cast(coalesce(scored.monetary, 0) as decimal(18, 4)) as monetary,
    scored.recency_score,
    scored.frequency_score,
    scored.monetary_score,
    case
        when not ranked.is_buyer then 'Prospect'
        when scored.customer_key is null then 'Lost' -- bought only before the RFM window
        else {{ rfm_segment(
            'scored.recency_score', 'scored.frequency_score', 'scored.monetary_score'
        ) }}
    end as segment_name,
    cast(ranked.margin_amount as decimal(18, 4)) as margin_amount,
    cast(
        case
            when
                ranked.total_margin > 0
                then cast(ranked.margin_of_better as double) / cast(ranked.total_margin as double)
        end
        as double
    ) as margin_share_of_better,
    case
        when not ranked.is_buyer then 'prospect'
        when
            ranked.margin_amount > 0
            and ranked.margin_rank <= ceil(ranked.count_customers * settings.core_share)
            then 'core'
        when
            growth.spend_previous_365d > 0
            and growth.spend_365d
            >= growth.spend_previous_365d * (1 + settings.value_tier_growth_rate)
            then 'potential'
        when
            ranked.predicted_value_365d > 0
            and ranked.predicted_rank
            <= ceil(ranked.count_customers * settings.core_share)
            then 'potential'
        else 'ordinary'
    end as value_tier,
    case
        when not ranked.is_buyer then null
        when ranked.margin_amount <= 0 then 'C'
        when ranked.margin_of_better < 0.80 * ranked.total_margin then 'A'
        when ranked.margin_of_better < 0.95 * ranked.total_margin then 'B'
        else 'C'
    end as abc_class
from values_ranked as ranked
cross join settings
left join scored on ranked.customer_key = scored.customer_key
left join growth on ranked.customer_key = growth.customer_key
