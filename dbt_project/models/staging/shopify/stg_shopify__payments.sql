with

orders as (
    select
        *,
        cast(outstanding_balance as decimal(18, 4)) as outstanding_amount,
        cancelled_at is not null or financial_status in ('voided', 'expired') as is_void
    from {{ shopify_orders() }}
),

-- The export says how much of an order is open, not in which instalments the rest came.
received as (
    select
        *,
        'paid-' || name as payment_id,
        cast(
            case
                when financial_status in ('paid', 'partially_refunded', 'refunded')
                    then total_stated - greatest(coalesce(outstanding_amount, 0), 0)
                when financial_status = 'partially_paid' then total_stated - outstanding_amount
            end as decimal(18, 4)
        ) as amount,
        cast(null as timestamp) as due_at,
        cast(paid_at as timestamp) as received_at
    from orders
),

open_amounts as (
    select
        *,
        'due-' || name as payment_id,
        cast(
            case
                when is_void then 0
                when financial_status in ('pending', 'authorized')
                    then coalesce(outstanding_amount, total_stated)
                else outstanding_amount
            end as decimal(18, 4)
        ) as amount,
        cast(next_payment_due_at as timestamp) as due_at,
        cast(null as timestamp) as received_at
    from orders
),

payments as (
    select * from received
    where amount > 0 -- what was not paid is no payment; free orders have none
    union all
    select * from open_amounts
    where amount > 0
)

select
    payment_id,
    name as order_id,
    case
        when payment_method ilike '%gift%' then 'voucher'
        when payment_method ilike '%cash%' or payment_method ilike '%cod%' then 'cash'
        when payment_method ilike '%bank%' or payment_method ilike '%transfer%' then 'transfer'
        when payment_method ilike '%shopify%payments%' or payment_method ilike '%card%' then 'card'
        else lower(payment_method)
    end as payment_method,
    amount,
    due_at,
    received_at as paid_at,
    cast(
        json_object('payment_method', payment_method, 'financial_status', financial_status)
        as varchar
    ) as source_metadata,
    _file_name,
    _row_number
from payments
