with

current_rows as (
    select * from {{ current_records('canonical', 'case_events') }}
),

typed as (
    select
        nullif(trim(case_event_id), '') as case_event_id,
        nullif(trim(case_id), '') as case_id,
        cast(occurred_at as timestamp) as occurred_at,
        nullif(trim(event_type), '') as event_type,
        nullif(trim(from_value), '') as from_value,
        nullif(trim(to_value), '') as to_value,
        nullif(trim(actor_type), '') as actor_type,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    case_event_id,
    case_id,
    occurred_at,
    event_type,
    from_value,
    to_value,
    actor_type,
    source_metadata,
    _file_name,
    _row_number
from typed
