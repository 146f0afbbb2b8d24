with

events as (
    select * from {{ ref('int_loyalty__loyalty_events_keyed') }}
),

settings as (
    select loyalty_point_value
    from {{ source('settings', 'company') }}
),

-- An account is what the programme keeps points on: one record, however many a customer has.
balances as (
    select
        *,
        {{ surrogate_key(['source_system', 'customer_id']) }} as account_key,
        sum(coalesce(points, 0)) over account as points_balance,
        last_value(tier ignore nulls) over account as tier_in_force
    from events
    window account as (
        partition by source_system, customer_id
        order by occurred_at, loyalty_event_id
        rows between unbounded preceding and current row
    )
)

select
    balances.loyalty_event_key,
    balances.source_system,
    balances.loyalty_event_id,
    balances.account_key,
    balances.customer_key,
    balances.occurred_at,
    balances.event_type,
    balances.points,
    cast(case when balances.points > 0 then balances.points else 0 end as bigint) as points_in,
    cast(case when balances.points < 0 then -balances.points else 0 end as bigint) as points_out,
    cast(balances.points_balance as bigint) as points_balance,
    cast(balances.points_balance * settings.loyalty_point_value as decimal(18, 4))
        as liability_amount,
    balances.tier_in_force as tier,
    balances.order_id
from balances
cross join settings
