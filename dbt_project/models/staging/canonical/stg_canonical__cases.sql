with

current_rows as (
    select * from {{ current_records('canonical', 'cases') }}
),

typed as (
    select
        nullif(trim(case_id), '') as case_id,
        nullif(trim(customer_id), '') as customer_id,
        nullif(trim(order_id), '') as order_id,
        cast(opened_at as timestamp) as opened_at,
        cast(first_response_at as timestamp) as first_response_at,
        cast(resolved_at as timestamp) as resolved_at,
        cast(closed_at as timestamp) as closed_at,
        {{ case_status('status') }} as status,
        {{ case_priority('priority') }} as priority,
        nullif(trim(category), '') as category,
        nullif(trim(reason), '') as reason,
        nullif(trim(channel), '') as channel,
        nullif(trim(subject), '') as subject,
        cast(is_complaint as boolean) as is_complaint,
        cast(is_promise_kept as boolean) as is_promise_kept,
        cast(updated_at as timestamp) as updated_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    case_id,
    customer_id,
    order_id,
    opened_at,
    first_response_at,
    resolved_at,
    closed_at,
    status,
    priority,
    category,
    reason,
    channel,
    subject,
    is_complaint,
    is_promise_kept,
    updated_at,
    source_metadata,
    _file_name,
    _row_number
from typed
