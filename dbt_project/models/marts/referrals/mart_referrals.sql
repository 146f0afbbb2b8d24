{%- set cuts = ['nps_category', 'value_tier', 'segment_name'] -%}
with

referrals as (
    select * from {{ ref('fct_referrals') }}
    where referrer_customer_key is not null and not is_self_referral
),

by_customer as (
    select
        referrer_customer_key as customer_key,
        count(*) as count_invitations,
        count(*) filter (where is_converted) as count_conversions,
        sum(referred_net_revenue) as referred_net_revenue,
        sum(cast(referred_predicted_value_365d as decimal(18, 4))) as referred_predicted_value
    from referrals
    group by referrer_customer_key
),

-- Everybody who could recommend us: who has bought.
customers as (
    select
        segments.customer_key,
        segments.value_tier,
        segments.segment_name,
        satisfaction.nps_category,
        coalesce(by_customer.count_invitations, 0) as count_invitations, -- most invite nobody
        coalesce(by_customer.count_conversions, 0) as count_conversions,
        coalesce(by_customer.referred_net_revenue, 0) as referred_net_revenue,
        coalesce(by_customer.referred_predicted_value, 0) as referred_predicted_value
    from {{ ref('mart_customer_segments') }} as segments
    left join by_customer on segments.customer_key = by_customer.customer_key
    left join {{ ref('mart_customer_satisfaction') }} as satisfaction
        on segments.customer_key = satisfaction.customer_key
    where
        (segments.frequency > 0 or by_customer.customer_key is not null)
        -- Where no referral is exported, nobody knows who recommends.
        and (select count(*) from referrals) > 0
),

counted as (
    select
        {{ cut_columns(dict(zip(cuts, cuts))) }},
        count(*) as count_customers,
        count(*) filter (where count_invitations > 0) as count_advocates,
        count(*) filter (where count_conversions > 0) as count_successful_advocates,
        coalesce(sum(count_invitations), 0) as count_invitations, -- of nobody it is none
        coalesce(sum(count_conversions), 0) as count_conversions,
        sum(referred_net_revenue) as referred_net_revenue,
        sum(referred_predicted_value) as referred_predicted_value
    from customers
    group by
        {{ grouping_cuts('', [], cuts) }}
    -- The empty set has a row even when there is nobody.
    having count(*) > 0
),

by_channel as (
    select
        'channel' as dimension_name,
        coalesce(channel, '(unknown)') as dimension_value, -- not every invitation names one
        cast(null as bigint) as count_customers,
        count(distinct referrer_customer_key) as count_advocates,
        count(distinct case when is_converted then referrer_customer_key end)
            as count_successful_advocates,
        count(*) as count_invitations,
        count(*) filter (where is_converted) as count_conversions,
        sum(referred_net_revenue) as referred_net_revenue,
        sum(cast(referred_predicted_value_365d as decimal(18, 4))) as referred_predicted_value
    from referrals
    group by channel
),

depths as (
    select max(chain_depth) as longest_chain from referrals
),

cells as (
    select * from counted
    union all
    select * from by_channel
)

select
    cells.dimension_name,
    cells.dimension_value,
    cells.count_customers,
    cells.count_advocates,
    cast(cells.count_advocates as double) / cells.count_customers as advocate_rate,
    cast({{ wilson_bound('cells.count_advocates', 'cells.count_customers', 'low') }} as double)
        as advocate_rate_low,
    cast({{ wilson_bound('cells.count_advocates', 'cells.count_customers', 'high') }} as double)
        as advocate_rate_high,
    cells.count_successful_advocates,
    cast(cells.count_invitations as bigint) as count_invitations,
    cast(cells.count_conversions as bigint) as count_conversions,
    cast(cells.count_conversions as double) / nullif(cells.count_invitations, 0)
        as conversion_rate,
    case
        when cells.count_invitations > 0
            then cast(
                {{ wilson_bound('cells.count_conversions', 'cells.count_invitations', 'low') }}
                as double
            )
    end as conversion_rate_low,
    case
        when cells.count_invitations > 0
            then cast(
                {{ wilson_bound('cells.count_conversions', 'cells.count_invitations', 'high') }}
                as double
            )
    end as conversion_rate_high,
    cast(cells.count_invitations as double) / cells.count_customers as invitations_per_customer,
    -- Invitations per customer times conversion: customers that a customer brings.
    cast(cells.count_conversions as double) / cells.count_customers as viral_coefficient,
    cast(coalesce(cells.referred_net_revenue, 0) as decimal(18, 4)) as referred_net_revenue,
    cast(coalesce(cells.referred_predicted_value, 0) as double) as referred_predicted_value_365d,
    case when cells.dimension_name = 'all' then cast(depths.longest_chain as bigint) end
        as longest_chain
from cells
cross join depths
