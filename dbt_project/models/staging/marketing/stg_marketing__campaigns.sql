with

campaigns as (
    select * from {{ current_records('marketing', 'campaigns') }}
),

spend as (
    select
        campaign,
        sum(amount) as amount
    from {{ marketing_spend() }}
    where campaign is not null
    group by campaign
)

select
    campaigns.campaign_id,
    nullif(trim(campaigns.campaign_name), '') as campaign_name,
    lower(nullif(trim(campaigns.channel), '')) as channel,
    lower(nullif(trim(campaigns.objective), '')) as objective,
    cast(campaigns.start_date as date) as start_date,
    cast(campaigns.end_date as date) as end_date,
    cast(campaigns.budget as decimal(18, 4)) as budget_amount,
    -- What the campaign's own record says, else what was spent on it day by day.
    cast(
        coalesce(cast(campaigns.actual_cost as decimal(18, 4)), spend.amount) as decimal(18, 4)
    ) as actual_cost,
    campaigns.source_metadata,
    campaigns._file_name,
    campaigns._row_number
from campaigns
left join spend on campaigns.campaign_id = spend.campaign
