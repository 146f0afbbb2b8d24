{{ config(materialized='view') }}

with

consents as (
    select * from {{ ref('int_consents__consents_unioned') }}
    -- What lies after the day the marts speak of had not happened yet.
    where recorded_at < {{ setting('as_of_date') }} + interval 1 day
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    consents.source_system,
    identity.customer_key,
    consents.customer_id,
    consents.channel,
    consents.purpose,
    consents.is_granted,
    consents.recorded_at,
    consents._file_name,
    consents._row_number
from consents
-- Somebody unknown keeps the row.
left join identity
    on
        consents.source_system = identity.source_system
        and consents.customer_id = identity.source_record_id
