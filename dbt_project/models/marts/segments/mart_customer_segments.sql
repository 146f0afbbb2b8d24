with

settings as (
    select
        *,
        -- As a decimal: in doubles 7 % of 100 customers is a little more than 7, hence 8.
        cast(value_tier_core_share as decimal(9, 6)) as core_share
    from {{ source('settings', 'company') }}
),

-- Today's line of the history: scores, names and tiers have one definition.
today as (
    select history.*
    from {{ ref('mart_segment_history') }} as history
    inner join settings -- the month of the as-of day
        on history.history_month = cast(date_trunc('month', settings.as_of_date) as date)
),

behaviour as (
    select * from {{ ref('int_segments__customer_behaviour') }}
),

needs as (
    select
        customers.customer_key,
        customers.needs_segment,
        segments.needs_segment_description
    from {{ source('statistics', 'customer_needs') }} as customers
    inner join {{ source('statistics', 'needs_segments') }} as segments -- every one is described
        on customers.needs_segment = segments.needs_segment
),

cancelled as (
    select distinct customer_key -- an order per row
    from {{ ref('fct_orders') }}
    where not is_sale and customer_key is not null
),

values_ranked as (
    select
        customer_key,
        margin_amount - refund_amount as margin,
        predicted_value_365d,
        count_orders > 0 as is_buyer,
        rank() over (
            partition by count_orders > 0 order by predicted_value_365d desc nulls last
        ) as predicted_rank,
        count(*) over (partition by count_orders > 0) as count_customers,
        sum(greatest(margin_amount - refund_amount, 0)) over () as total_margin,
        -- Margin of all customers strictly better than this one: equal customers get one share.
        sum(greatest(margin_amount - refund_amount, 0))
            over (
                order by margin_amount - refund_amount desc
                range between unbounded preceding and current row
            )
        - sum(greatest(margin_amount - refund_amount, 0)) over (
            partition by margin_amount - refund_amount
        ) as margin_of_better
    from {{ ref('mart_customer_ltv') }}
),

profiles as (
    select
        profiles.customer_key,
        -- as staging reads an empty one
        coalesce(profiles.customer_type, 'person') as customer_type,
        profiles.gender,
        profiles.country_code,
        profiles.region,
        cast(
            extract(year from settings.as_of_date)
            - extract(year from profiles.birth_date) as bigint
        )
        - case
            when
                100 * extract(month from profiles.birth_date)
                + extract(day from profiles.birth_date)
                > 100 * extract(month from settings.as_of_date)
                + extract(day from settings.as_of_date)
                then 1
            else 0
        end as age_years
    from {{ ref('int_customers__profiles') }} as profiles
    cross join settings
),

-- The home market is the country of most customers; its name decides between equals.
home_country as (
    select country_code
    from profiles
    where country_code is not null
    group by country_code
    order by count(*) desc, country_code
    limit 1
),

region_revenues as (
    select
        profiles.region,
        sum(ltv.net_revenue) as net_revenue
    from profiles
    inner join home_country on profiles.country_code = home_country.country_code -- regions of home
    inner join {{ ref('mart_customer_ltv') }} as ltv on profiles.customer_key = ltv.customer_key
    where profiles.region is not null
    group by profiles.region
),

regions as (
    select
        region,
        -- Revenue of the regions before this one; the name decides between equals.
        sum(net_revenue) over (order by net_revenue desc, region) - net_revenue
        < 0.80 * sum(net_revenue) over () as is_core
    from region_revenues
)

select
    ranked.customer_key,
    ranked.is_buyer,
    today.last_order_date,
    today.recency_days,
    coalesce(today.frequency, 0) as frequency,
    cast(coalesce(today.monetary, 0) as decimal(18, 4)) as monetary,
    today.recency_score,
    today.frequency_score,
    today.monetary_score,
    case
        when today.segment_name is not null then today.segment_name
        when cancelled.customer_key is not null then 'Never Completed'
        else 'Prospect'
    end as segment_name,
    cast(ranked.margin as decimal(18, 4)) as margin_after_refunds,
    cast(
        case
            when ranked.total_margin > 0
                then cast(ranked.margin_of_better as double) / cast(ranked.total_margin as double)
        end
        as double
    ) as margin_share_of_better,
    case
        when not ranked.is_buyer then 'prospect'
        when
            today.value_tier = 'ordinary'
            and ranked.predicted_value_365d > 0
            and ranked.predicted_rank <= ceil(ranked.count_customers * settings.core_share)
            then 'potential'
        else today.value_tier
    end as value_tier,
    case
        when not ranked.is_buyer then null
        when today.value_tier = 'core' then 'margin'
        when today.value_tier = 'potential' then 'growth'
        when
            ranked.predicted_value_365d > 0
            and ranked.predicted_rank <= ceil(ranked.count_customers * settings.core_share)
            then 'predicted_value'
        else 'none'
    end as value_tier_reason,
    case
        when not ranked.is_buyer then null
        when ranked.margin <= 0 then 'C'
        when ranked.margin_of_better < 0.80 * ranked.total_margin then 'A'
        when ranked.margin_of_better < 0.95 * ranked.total_margin then 'B'
        else 'C'
    end as abc_class,
    profiles.country_code,
    profiles.region,
    case
        when profiles.country_code is null then null
        when profiles.country_code != home_country.country_code then 'abroad'
        when profiles.region is null then 'home'
        when regions.is_core then 'home_core'
        else 'home_other'
    end as market_class,
    case
        when profiles.age_years is null then null
        when profiles.age_years < 25 then 'under_25'
        when profiles.age_years < 35 then '25-34'
        when profiles.age_years < 45 then '35-44'
        when profiles.age_years < 55 then '45-54'
        when profiles.age_years < 65 then '55-64'
        else '65_and_over'
    end as age_band,
    profiles.gender,
    profiles.customer_type,
    behaviour.favourite_channel,
    behaviour.favourite_category,
    behaviour.favourite_daypart,
    case
        when behaviour.weekend_order_share > 0.5 then 'weekend'
        when behaviour.weekend_order_share is not null then 'weekday'
    end as favourite_day_type,
    case
        when behaviour.discounted_order_share = 0 then 'full_price'
        when behaviour.discounted_order_share >= 0.5 and behaviour.count_orders >= 2
            then 'discount_seeker'
        when behaviour.discounted_order_share > 0 then 'occasional'
    end as discount_affinity,
    coalesce(needs.needs_segment, 'Unknown') as needs_segment, -- there is no behaviour to cluster
    coalesce(needs.needs_segment_description, 'Has not bought yet.') as needs_segment_description
from values_ranked as ranked
cross join settings
left join home_country on true
inner join profiles on ranked.customer_key = profiles.customer_key -- every customer has a profile
left join today on ranked.customer_key = today.customer_key
left join cancelled on ranked.customer_key = cancelled.customer_key
left join behaviour on ranked.customer_key = behaviour.customer_key
left join needs on ranked.customer_key = needs.customer_key
left join regions on profiles.region = regions.region
