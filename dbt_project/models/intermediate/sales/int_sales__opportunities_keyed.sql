{{ config(materialized='view') }}

with

opportunities as (
    select * from {{ ref('int_sales__opportunities_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where created_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['opportunities.source_system', 'opportunities.opportunity_id']) }}
        as opportunity_key,
    opportunities.source_system,
    identity.customer_key,
    opportunities.opportunity_id,
    opportunities.customer_id,
    opportunities.opportunity_name,
    opportunities.stage,
    opportunities.amount,
    opportunities.currency_code,
    opportunities.probability,
    opportunities.created_at,
    opportunities.closed_at,
    opportunities.is_won,
    opportunities.campaign_id,
    opportunities._file_name,
    opportunities._row_number
from opportunities
-- Somebody unknown keeps the row.
left join identity
    on
        opportunities.source_system = identity.source_system
        and opportunities.customer_id = identity.source_record_id
