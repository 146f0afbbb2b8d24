with

objects as (
    {{ control_totals('marketing', {
        'sends': {'entity': 'campaign_members'},
        'campaigns': {'entity': 'campaigns'},
    }) }}
),

spend as (
    select * from {{ source('raw', 'marketing__spend') }}
),

-- Days are restated: of a day, channel and campaign only the newest file counts, and of its rows
-- that are equal in everything one.
counted as (
    select distinct
        spend_date,
        lower(trim(channel)) as channel,
        trim(campaign_id) as campaign_id,
        amount,
        currency_code,
        impressions,
        clicks,
        updated_at,
        source_metadata
    from spend
    where not exists (
        select 1 from spend as newer
        where
            newer.spend_date = spend.spend_date
            and lower(trim(newer.channel)) = lower(trim(spend.channel))
            and trim(newer.campaign_id) is not distinct from trim(spend.campaign_id)
            and (newer._exported_at, newer._content_hash)
            > (spend._exported_at, spend._content_hash)
    )
)

select * from objects
union all
select
    'customers' as entity,
    'rows' as measure,
    cast(count(distinct recipient_id) as decimal(28, 4)) as value
from {{ source('raw', 'marketing__sends') }}
union all
select
    'costs' as entity,
    'rows' as measure,
    cast(
        count(distinct concat_ws('|', spend_date, channel, campaign_id)) as decimal(28, 4)
    ) as value
from counted
union all
select
    'costs' as entity,
    'amount' as measure,
    cast(coalesce(sum(cast(amount as decimal(18, 4))), 0) as decimal(28, 4)) as value
from counted
