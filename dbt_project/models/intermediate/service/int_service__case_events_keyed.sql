{{ config(materialized='view') }}

with

case_events as (
    select * from {{ ref('int_service__case_events_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where occurred_at < {{ setting('as_of_date') }} + interval 1 day
)

select
    {{ surrogate_key(['case_events.source_system', 'case_events.case_id']) }} as case_key,
    case_events.source_system,
    case_events.case_event_id,
    case_events.case_id,
    case_events.occurred_at,
    case_events.event_type,
    case_events.from_value,
    case_events.to_value,
    case_events.actor_type,
    case_events._file_name,
    case_events._row_number
from case_events
