with

sends as (
    select * from {{ current_records('marketing', 'sends') }}
),

campaigns as (
    select * from {{ current_records('marketing', 'campaigns') }}
),

withdrawals as (
    select
        *,
        cast(responded_at as timestamp) as recorded_at
    from {{ current_records('marketing', 'responses') }}
    where lower(trim(response_type)) in ('unsubscribed', 'complained')
)

select
    withdrawals.recipient_id as customer_id,
    lower(coalesce(sends.channel, campaigns.channel, 'email')) as channel, -- as in interactions
    'marketing' as purpose,
    false as is_granted,
    withdrawals.recorded_at,
    cast(null as varchar) as source_metadata,
    withdrawals._file_name,
    withdrawals._row_number
from withdrawals
left join sends
    on
        withdrawals.campaign_id = sends.campaign_id
        and withdrawals.recipient_id = sends.recipient_id
left join campaigns on withdrawals.campaign_id = campaigns.campaign_id
-- Unsubscribing from two campaigns at once is one withdrawal.
qualify row_number() over (
    partition by
        withdrawals.recipient_id,
        coalesce(sends.channel, campaigns.channel),
        withdrawals.recorded_at
    order by withdrawals.campaign_id, withdrawals.response_type
) = 1
