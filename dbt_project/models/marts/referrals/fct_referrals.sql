with recursive

referrals as (
    select * from {{ ref('int_loyalty__referrals_keyed') }}
),

sales as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

-- What did not convert by the as-of day has not converted; nobody wins himself.
judged as (
    select
        referrals.*,
        coalesce(referrals.referrer_customer_key = referrals.referred_customer_key, false)
            as is_self_referral,
        coalesce(
            referrals.converted_at < {{ setting('as_of_date') }} + interval 1 day
            and referrals.referrer_customer_key != referrals.referred_customer_key,
            false
        ) as is_converted
    from referrals
),

-- A customer is won once: by the referral that converted first.
winning as (
    select
        referred_customer_key,
        referrer_customer_key,
        referral_key
    from (
        select
            referred_customer_key,
            referrer_customer_key,
            referral_key,
            row_number() over (
                partition by referred_customer_key order by converted_at, referral_key
            ) as conversion_rank
        from judged
        where is_converted
    ) as ranked
    where conversion_rank = 1
),

-- From those whom nobody won downwards. Who won each other in a circle hangs from no root and is
-- never visited.
chains as (
    select
        winning.referral_key,
        winning.referred_customer_key,
        winning.referrer_customer_key as root_customer_key,
        1 as chain_depth
    from winning
    left join winning as above
        on winning.referrer_customer_key = above.referred_customer_key
    where above.referral_key is null
    union all
    select
        winning.referral_key,
        winning.referred_customer_key,
        chains.root_customer_key,
        chains.chain_depth + 1 as chain_depth
    from chains
    inner join winning on chains.referred_customer_key = winning.referrer_customer_key
),

totals as (
    select
        customer_key,
        min(ordered_at) as first_ordered_at,
        count(*) as count_orders,
        sum(net_revenue - refund_amount) as net_revenue
    from sales
    group by customer_key
)

select
    judged.referral_key,
    judged.source_system,
    judged.referral_id,
    judged.referrer_customer_key,
    judged.referred_customer_key,
    judged.channel,
    judged.invited_at,
    case when judged.is_converted then judged.converted_at end as converted_at,
    judged.is_converted,
    judged.is_self_referral,
    winning.referral_key is not null as is_winning,
    case
        when judged.is_converted
            then cast(cast(judged.converted_at as date) - cast(judged.invited_at as date) as bigint)
    end as days_to_convert,
    chains.root_customer_key,
    cast(chains.chain_depth as bigint) as chain_depth,
    case when winning.referral_key is not null then totals.first_ordered_at end
        as referred_first_ordered_at,
    cast(
        case when winning.referral_key is not null then coalesce(totals.net_revenue, 0) end
        as decimal(18, 4)
    ) as referred_net_revenue,
    case when winning.referral_key is not null then ltv.predicted_value_365d end
        as referred_predicted_value_365d
from judged
left join winning on judged.referral_key = winning.referral_key
left join chains on judged.referral_key = chains.referral_key
left join totals on judged.referred_customer_key = totals.customer_key
left join {{ ref('mart_customer_ltv') }} as ltv on judged.referred_customer_key = ltv.customer_key
