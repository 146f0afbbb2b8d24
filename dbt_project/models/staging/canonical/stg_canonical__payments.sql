with

current_rows as (
    select * from {{ current_records('canonical', 'payments') }}
),

typed as (
    select
        nullif(trim(payment_id), '') as payment_id,
        nullif(trim(order_id), '') as order_id,
        nullif(trim(payment_method), '') as payment_method,
        cast(amount as decimal(18, 4)) as amount,
        cast(installments as bigint) as installments,
        cast(due_at as timestamp) as due_at,
        cast(paid_at as timestamp) as paid_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    payment_id,
    order_id,
    payment_method,
    amount,
    installments,
    due_at,
    paid_at,
    source_metadata,
    _file_name,
    _row_number
from typed
