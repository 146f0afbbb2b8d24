with

current_rows as (
    select * from {{ current_records('canonical', 'consents') }}
),

typed as (
    select
        nullif(trim(customer_id), '') as customer_id,
        nullif(trim(channel), '') as channel,
        nullif(trim(purpose), '') as purpose,
        cast(is_granted as boolean) as is_granted,
        cast(recorded_at as timestamp) as recorded_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    customer_id,
    channel,
    purpose,
    is_granted,
    recorded_at,
    source_metadata,
    _file_name,
    _row_number
from typed
