with

current_rows as (
    select * from {{ current_records('canonical', 'costs') }}
),

typed as (
    select
        nullif(trim(cost_id), '') as cost_id,
        nullif(trim(cost_type), '') as cost_type,
        cast(incurred_on as date) as incurred_on,
        cast(amount as decimal(18, 4)) as amount,
        nullif(trim(currency_code), '') as currency_code,
        nullif(trim(channel), '') as channel,
        nullif(trim(campaign_id), '') as campaign_id,
        nullif(trim(customer_id), '') as customer_id,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    cost_id,
    cost_type,
    incurred_on,
    amount,
    currency_code,
    channel,
    campaign_id,
    customer_id,
    source_metadata,
    _file_name,
    _row_number
from typed
