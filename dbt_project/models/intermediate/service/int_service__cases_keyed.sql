{{ config(materialized='view') }}

with

cases as (
    select * from {{ ref('int_service__cases_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where opened_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
),

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
),

order_numbers as (
    select * from {{ ref('int_orders__order_numbers') }}
)

select
    {{ surrogate_key(['cases.source_system', 'cases.case_id']) }} as case_key,
    cases.source_system,
    identity.customer_key,
    -- An order of the case's own system, else the only one of that number.
    coalesce(orders.order_key, order_numbers.order_key) as order_key,
    cases.case_id,
    cases.customer_id,
    cases.order_id,
    cases.opened_at,
    cases.first_response_at,
    cases.resolved_at,
    cases.closed_at,
    cases.status,
    cases.priority,
    cases.category,
    cases.reason,
    cases.channel,
    cases.subject,
    cases.is_complaint,
    cases.is_promise_kept,
    cases._file_name,
    cases._row_number
from cases
-- Somebody unknown keeps the row.
left join identity
    on
        cases.source_system = identity.source_system
        and cases.customer_id = identity.source_record_id
left join orders
    on
        cases.source_system = orders.source_system
        and cases.order_id = orders.order_id
left join order_numbers on cases.order_id = order_numbers.order_id
