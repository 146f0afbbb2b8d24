{{ config(materialized='view') }}

with

cases as (
    select * from {{ ref('int_service__cases_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where opened_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['cases.source_system', 'cases.case_id']) }} as case_key,
    cases.source_system,
    identity.customer_key,
    case
        when cases.order_id is not null
            then {{ surrogate_key(['cases.source_system', 'cases.order_id']) }}
    end as order_key,
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
    cases._file_name,
    cases._row_number
from cases
-- Somebody unknown keeps the row.
left join identity
    on
        cases.source_system = identity.source_system
        and cases.customer_id = identity.source_record_id
