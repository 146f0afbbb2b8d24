with

sends as (
    select * from {{ current_records('marketing', 'sends') }}
    where sent_at is not null -- the control group was sent nothing
),

campaigns as (
    select * from {{ current_records('marketing', 'campaigns') }}
)

select
    'send-' || sends.campaign_id || '-' || sends.recipient_id as interaction_id,
    sends.recipient_id as customer_id,
    cast(sends.sent_at as timestamp) as occurred_at,
    -- A send of an unknown kind is taken for an e-mail, which nearly all are.
    lower(coalesce(sends.channel, campaigns.channel, 'email')) as channel,
    'outbound' as direction,
    'campaign_message' as interaction_type,
    nullif(trim(campaigns.campaign_name), '') as subject,
    sends.campaign_id,
    cast(null as varchar) as source_metadata,
    sends._file_name,
    sends._row_number
from sends
left join campaigns on sends.campaign_id = campaigns.campaign_id
