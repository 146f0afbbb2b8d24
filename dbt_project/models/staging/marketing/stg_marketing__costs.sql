with

spend as (
    select * from {{ marketing_spend() }}
),

campaigns as (
    select * from {{ current_records('marketing', 'campaigns') }}
)

select
    concat_ws('|', cast(spend.spend_date as date), spend.channel_name, spend.campaign) as cost_id,
    -- Spend without a campaign, or on one that nobody described, wins customers.
    case
        when coalesce(lower(campaigns.objective), 'acquisition') = 'acquisition' then 'acquisition'
        else 'retention'
    end as cost_type,
    cast(spend.spend_date as date) as incurred_on,
    cast(spend.amount as decimal(18, 4)) as amount,
    spend.currency_code,
    spend.channel_name as channel,
    spend.campaign as campaign_id,
    nullif(
        cast(
            json_merge_patch(
                '{}', json_object('impressions', spend.impressions, 'clicks', spend.clicks)
            ) as varchar
        ),
        '{}'
    ) as source_metadata,
    spend._file_name,
    spend._row_number
from spend
left join campaigns on spend.campaign = campaigns.campaign_id
