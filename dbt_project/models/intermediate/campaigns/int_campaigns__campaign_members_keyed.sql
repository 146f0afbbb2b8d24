{{ config(materialized='view') }}

with

campaign_members as (
    select * from {{ ref('int_campaigns__campaign_members_unioned') }}
    -- A control member was sent nothing and has no time.
    where sent_at is null or sent_at < {{ setting('as_of_date') }} + interval 1 day
),

settings as (
    select as_of_date from {{ source('settings', 'company') }}
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    {{ surrogate_key(['campaign_members.source_system', 'campaign_members.campaign_id']) }}
        as campaign_key,
    campaign_members.source_system,
    identity.customer_key,
    campaign_members.campaign_id,
    campaign_members.customer_id,
    campaign_members.is_control,
    campaign_members.sent_at,
    case
        when campaign_members.responded_at < settings.as_of_date + interval 1 day
            then campaign_members.responded_at
    end as responded_at,
    -- A response of nobody knows when counts; one after the as-of day does not.
    case
        when
            campaign_members.responded_at is null
            or campaign_members.responded_at < settings.as_of_date + interval 1 day
            then campaign_members.response_type
    end as response_type,
    campaign_members._file_name,
    campaign_members._row_number
from campaign_members
cross join settings
-- Somebody unknown keeps the row.
left join identity
    on
        campaign_members.source_system = identity.source_system
        and campaign_members.customer_id = identity.source_record_id
