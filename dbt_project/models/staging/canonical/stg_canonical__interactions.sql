with

current_rows as (
    select * from {{ current_records('canonical', 'interactions') }}
),

typed as (
    select
        nullif(trim(interaction_id), '') as interaction_id,
        nullif(trim(customer_id), '') as customer_id,
        cast(occurred_at as timestamp) as occurred_at,
        nullif(trim(channel), '') as channel,
        nullif(trim(direction), '') as direction,
        nullif(trim(interaction_type), '') as interaction_type,
        nullif(trim(subject), '') as subject,
        nullif(trim(case_id), '') as case_id,
        nullif(trim(campaign_id), '') as campaign_id,
        cast(duration_seconds as decimal(18, 4)) as duration_seconds,
        nullif(trim(agent_id), '') as agent_id,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    interaction_id,
    customer_id,
    occurred_at,
    channel,
    direction,
    interaction_type,
    subject,
    case_id,
    campaign_id,
    duration_seconds,
    agent_id,
    source_metadata,
    _file_name,
    _row_number
from typed
