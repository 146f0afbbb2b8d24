with

current_rows as (
    select * from {{ current_records('canonical', 'opportunities') }}
),

typed as (
    select
        nullif(trim(opportunity_id), '') as opportunity_id,
        nullif(trim(customer_id), '') as customer_id,
        nullif(trim(opportunity_name), '') as opportunity_name,
        nullif(trim(stage), '') as stage,
        cast(amount as decimal(18, 4)) as amount,
        nullif(trim(currency_code), '') as currency_code,
        cast(probability as decimal(18, 4)) as probability,
        cast(created_at as timestamp) as created_at,
        cast(closed_at as timestamp) as closed_at,
        cast(is_won as boolean) as is_won,
        nullif(trim(campaign_id), '') as campaign_id,
        cast(updated_at as timestamp) as updated_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    opportunity_id,
    customer_id,
    opportunity_name,
    stage,
    amount,
    currency_code,
    probability,
    created_at,
    closed_at,
    is_won,
    campaign_id,
    updated_at,
    source_metadata,
    _file_name,
    _row_number
from typed
