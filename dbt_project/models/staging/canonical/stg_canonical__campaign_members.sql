with

current_rows as (
    select * from {{ current_records('canonical', 'campaign_members') }}
),

typed as (
    select
        nullif(trim(campaign_id), '') as campaign_id,
        nullif(trim(customer_id), '') as customer_id,
        cast(is_control as boolean) as is_control,
        cast(sent_at as timestamp) as sent_at,
        cast(responded_at as timestamp) as responded_at,
        nullif(trim(response_type), '') as response_type,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    campaign_id,
    customer_id,
    is_control,
    sent_at,
    responded_at,
    response_type,
    source_metadata,
    _file_name,
    _row_number
from typed
