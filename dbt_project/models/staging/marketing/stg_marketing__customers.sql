with

sends as (
    select * from {{ current_records('marketing', 'sends', with_first_export=true) }}
),

first_sends as (
    select
        recipient_id,
        min(first_exported_at) as first_exported_at
    from sends
    group by recipient_id
),

-- The newest send knows the recipient best.
recipients as (
    select * from sends
    qualify row_number() over (
        partition by recipient_id
        order by
            cast(coalesce(updated_at, sent_at) as timestamp) desc nulls last,
            _exported_at desc,
            campaign_id
    ) = 1
)

select
    recipients.recipient_id as customer_id,
    'sends' as source_object,
    'person' as customer_type,
    nullif(trim(recipients.first_name), '') as first_name,
    nullif(trim(recipients.last_name), '') as last_name,
    nullif(trim(recipients.email), '') as email,
    nullif(trim(recipients.phone), '') as phone,
    nullif(trim(recipients.external_ids), '') as external_ids,
    first_sends.first_exported_at,
    recipients.source_metadata,
    recipients._file_name,
    recipients._row_number
from recipients
inner join first_sends on recipients.recipient_id = first_sends.recipient_id
