with

events as (
    select
        *,
        cast(date_trunc('month', occurred_at) as date) as event_month
    from {{ ref('fct_loyalty_events') }}
),

settings as (
    select
        as_of_date,
        loyalty_point_value
    from {{ source('settings', 'company') }}
),

months as (
    select
        event_month as period_month,
        count(distinct account_key) as count_active_accounts,
        count(*) filter (where event_type = 'join') as count_joined,
        sum(points_in) filter (where event_type = 'earn') as points_earned,
        sum(points_out) filter (where event_type = 'burn') as points_burned,
        sum(points_out) filter (where event_type = 'expire') as points_expired,
        sum(points_in - points_out) filter (where event_type not in ('earn', 'burn', 'expire'))
            as points_adjusted,
        count(*) filter (where event_type = 'tier_change') as count_tier_changes,
        sum(points_in - points_out) as points_net
    from events
    group by event_month
),

first_events as (
    select
        account_key,
        min(event_month) as first_month
    from events
    group by account_key
),

new_accounts as (
    select
        first_month as period_month,
        count(*) as count_new_accounts
    from first_events
    group by first_month
),

running as (
    select
        months.*,
        sum(months.points_net) over (order by months.period_month) as points_outstanding,
        sum(coalesce(new_accounts.count_new_accounts, 0)) over (order by months.period_month)
            as count_accounts,
        sum(months.points_earned) over (order by months.period_month) as points_earned_to_date,
        sum(months.points_burned) over (order by months.period_month) as points_burned_to_date,
        sum(months.points_expired) over (order by months.period_month) as points_expired_to_date
    from months
    left join new_accounts on months.period_month = new_accounts.period_month
)

select
    running.period_month,
    running.period_month + interval 1 month <= settings.as_of_date + interval 1 day
        as is_complete,
    cast(running.count_accounts as bigint) as count_accounts,
    cast(running.count_joined as bigint) as count_joined,
    cast(running.count_active_accounts as bigint) as count_active_accounts,
    cast(running.count_active_accounts as double) / running.count_accounts as active_rate,
    cast(
        {{ wilson_bound('running.count_active_accounts', 'running.count_accounts', 'low') }}
        as double
    ) as active_rate_low,
    cast(
        {{ wilson_bound('running.count_active_accounts', 'running.count_accounts', 'high') }}
        as double
    ) as active_rate_high,
    cast(running.count_tier_changes as bigint) as count_tier_changes,
    cast(coalesce(running.points_earned, 0) as bigint) as points_earned, -- none this month
    cast(coalesce(running.points_burned, 0) as bigint) as points_burned,
    cast(coalesce(running.points_expired, 0) as bigint) as points_expired,
    cast(coalesce(running.points_adjusted, 0) as bigint) as points_adjusted,
    cast(running.points_outstanding as bigint) as points_outstanding,
    cast(running.points_outstanding * settings.loyalty_point_value as decimal(18, 4))
        as liability_amount,
    cast(coalesce(running.points_burned_to_date, 0) as double) -- none burned so far
    / nullif(running.points_earned_to_date, 0) as redemption_rate,
    cast(coalesce(running.points_expired_to_date, 0) as double)
    / nullif(running.points_earned_to_date, 0) as breakage_rate
from running
cross join settings
