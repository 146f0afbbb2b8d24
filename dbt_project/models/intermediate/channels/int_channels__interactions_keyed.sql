{{ config(materialized='view') }}

with

interactions as (
    select * from {{ ref('int_channels__interactions_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where occurred_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['interactions.source_system', 'interactions.interaction_id']) }}
        as interaction_key,
    interactions.source_system,
    identity.customer_key,
    interactions.interaction_id,
    interactions.customer_id,
    interactions.occurred_at,
    interactions.channel,
    interactions.direction,
    interactions.interaction_type,
    interactions.subject,
    interactions.case_id,
    interactions.campaign_id,
    interactions.duration_seconds,
    interactions.agent_id,
    interactions._file_name,
    interactions._row_number
from interactions
-- Somebody unknown keeps the row.
left join identity
    on
        interactions.source_system = identity.source_system
        and interactions.customer_id = identity.source_record_id
