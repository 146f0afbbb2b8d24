with

objects as (
    {{ control_totals('loyalty', {
        'members': {'entity': 'customers'},
        'ledger': {'entity': 'loyalty_events'},
        'tiers': {'entity': 'tiers'},
        'referrals': {'entity': 'referrals'},
    }) }}
),

members as (
    {{ newest_rows('loyalty', 'members', ['joined_at', 'left_at']) }}
),

bookings as (
    {{ newest_rows('loyalty', 'ledger', ['entry_type', 'points']) }}
),

-- A member joins and may leave; changes of the tier are events too.
memberships as (
    select count(joined_at) + count(left_at) as count_rows
    from members
),

points as (
    select
        sum(
            case
                when regexp_matches(lower(entry_type), '^(burn|rede|spend|expir)')
                    then -abs(cast(points as decimal(18, 4)))
                else cast(points as decimal(18, 4))
            end
        ) as points
    from bookings
)

select * from objects
where entity in ('customers', 'referrals')
union all
select
    'loyalty_events' as entity,
    'rows' as measure,
    cast(sum(objects.value) + any_value(memberships.count_rows) as decimal(28, 4)) as value
from objects
cross join memberships
where objects.entity in ('loyalty_events', 'tiers')
union all
select
    'loyalty_events' as entity,
    'points' as measure,
    cast(coalesce(points, 0) as decimal(28, 4)) as value
from points
