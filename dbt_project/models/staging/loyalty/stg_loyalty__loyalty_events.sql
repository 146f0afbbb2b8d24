with

members as (
    select * from {{ current_records('loyalty', 'members') }}
),

ledger as (
    select
        *,
        lower(trim(entry_type)) as type_name
    from {{ current_records('loyalty', 'ledger') }}
),

tiers as (
    select
        * replace (trim(tier) as tier),
        cast(changed_at as timestamp) as valid_from
    from {{ current_records('loyalty', 'tiers') }}
),

bookings as (
    select
        entry_id as loyalty_event_id,
        member_id,
        cast(booked_at as timestamp) as occurred_at,
        case
            when type_name in ('earn', 'accrual', 'bonus', 'purchase') then 'earn'
            when type_name in ('burn', 'redeem', 'redemption', 'spend') then 'burn'
            when type_name in ('expire', 'expired', 'expiry', 'expiration') then 'expire'
            when type_name in ('adjust', 'adjustment', 'correction', 'reversal') then 'adjust'
            else type_name
        end as event_type,
        cast(points as bigint) as points,
        nullif(trim(order_id), '') as order_id,
        {{ metadata_with(['reason', 'entry_type']) }} as source_metadata,
        _file_name,
        _row_number
    from ledger
),

signed as (
    select
        * exclude (points),
        -- Programmes that write no sign mean points taken.
        case when event_type in ('burn', 'expire') then -abs(points) else points end as points
    from bookings
),

memberships as (
    select
        'join-' || member_id as loyalty_event_id,
        member_id,
        cast(joined_at as timestamp) as occurred_at,
        'join' as event_type,
        cast(null as varchar) as order_id,
        cast(null as varchar) as source_metadata,
        _file_name,
        _row_number,
        cast(null as bigint) as points
    from members
    where joined_at is not null
    union all
    select
        'leave-' || member_id as loyalty_event_id,
        member_id,
        cast(left_at as timestamp) as occurred_at,
        'leave' as event_type,
        cast(null as varchar) as order_id,
        cast(null as varchar) as source_metadata,
        _file_name,
        _row_number,
        cast(null as bigint) as points
    from members
    where left_at is not null
),

tier_changes as (
    select
        'tier-' || member_id || '-' || strftime(valid_from, '%Y%m%dT%H%M%S') as loyalty_event_id,
        member_id,
        valid_from as occurred_at,
        'tier_change' as event_type,
        cast(null as varchar) as order_id,
        {{ metadata_with(['reason']) }} as source_metadata,
        _file_name,
        _row_number,
        cast(null as bigint) as points
    from tiers
),

events as (
    select * from signed
    union all by name
    select * from memberships
    union all by name
    select * from tier_changes
)

select
    events.loyalty_event_id,
    events.member_id as customer_id,
    events.occurred_at,
    events.event_type,
    events.points,
    tiers.tier,
    events.order_id,
    events.source_metadata,
    events._file_name,
    events._row_number
from events
-- The tier in force at the event; none before the first one.
asof left join tiers
    on events.member_id = tiers.member_id and events.occurred_at >= tiers.valid_from
