with

sends as (
    select * from {{ current_records('marketing', 'sends') }}
),

responses as (
    select
        *,
        cast(responded_at as timestamp) as response_time,
        lower(trim(response_type)) as type_name
    from {{ current_records('marketing', 'responses') }}
),

-- The strongest response counts, the first of its kind; that a message arrived or bounced is none.
strongest as (
    select * from responses
    where type_name not in ('delivered', 'sent', 'bounced')
    qualify row_number() over (
        partition by campaign_id, recipient_id
        order by
            case type_name
                when 'purchased' then 1
                when 'called' then 2
                when 'replied' then 3
                when 'clicked' then 4
                when 'unsubscribed' then 5
                when 'complained' then 6
                when 'opened' then 7
                else 8
            end,
            response_time,
            type_name
    ) = 1
)

select
    sends.campaign_id,
    sends.recipient_id as customer_id,
    coalesce(cast(sends.is_control as boolean), false) as is_control, -- who is not held back is not
    cast(sends.sent_at as timestamp) as sent_at,
    strongest.response_time as responded_at,
    strongest.type_name as response_type,
    {{ metadata_with(['channel'], relation='sends') }} as source_metadata,
    sends._file_name,
    sends._row_number
from sends
left join strongest
    on
        sends.campaign_id = strongest.campaign_id
        and sends.recipient_id = strongest.recipient_id
