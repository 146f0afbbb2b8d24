with

current_rows as (
    select * from {{ current_records('canonical', 'campaigns') }}
),

typed as (
    select
        nullif(trim(campaign_id), '') as campaign_id,
        nullif(trim(campaign_name), '') as campaign_name,
        nullif(trim(channel), '') as channel,
        nullif(trim(objective), '') as objective,
        cast(start_date as date) as start_date,
        cast(end_date as date) as end_date,
        cast(budget_amount as decimal(18, 4)) as budget_amount,
        cast(actual_cost as decimal(18, 4)) as actual_cost,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    campaign_id,
    campaign_name,
    channel,
    objective,
    start_date,
    end_date,
    budget_amount,
    actual_cost,
    source_metadata,
    _file_name,
    _row_number
from typed
