select
    order_id || '-' || payment_sequential as payment_id,
    order_id,
    payment_type as payment_method,
    cast(payment_value as decimal(18, 4)) as amount,
    cast(payment_installments as bigint) as installments,
    source_metadata,
    _file_name,
    _row_number
from {{ current_records('olist', 'order_payments') }}
