{{ config(materialized='view') }}

with

loyalty_events as (
    select * from {{ ref('int_loyalty__loyalty_events_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where occurred_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['loyalty_events.source_system', 'loyalty_events.loyalty_event_id']) }}
        as loyalty_event_key,
    loyalty_events.source_system,
    identity.customer_key,
    loyalty_events.loyalty_event_id,
    loyalty_events.customer_id,
    loyalty_events.occurred_at,
    loyalty_events.event_type,
    loyalty_events.points,
    loyalty_events.tier,
    loyalty_events.order_id,
    loyalty_events._file_name,
    loyalty_events._row_number
from loyalty_events
-- Somebody unknown keeps the row.
left join identity
    on
        loyalty_events.source_system = identity.source_system
        and loyalty_events.customer_id = identity.source_record_id
