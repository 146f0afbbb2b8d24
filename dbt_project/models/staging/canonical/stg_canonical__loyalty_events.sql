with

current_rows as (
    select * from {{ current_records('canonical', 'loyalty_events') }}
),

typed as (
    select
        nullif(trim(loyalty_event_id), '') as loyalty_event_id,
        nullif(trim(customer_id), '') as customer_id,
        cast(occurred_at as timestamp) as occurred_at,
        nullif(trim(event_type), '') as event_type,
        cast(points as bigint) as points,
        nullif(trim(tier), '') as tier,
        nullif(trim(order_id), '') as order_id,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    loyalty_event_id,
    customer_id,
    occurred_at,
    event_type,
    points,
    tier,
    order_id,
    source_metadata,
    _file_name,
    _row_number
from typed
