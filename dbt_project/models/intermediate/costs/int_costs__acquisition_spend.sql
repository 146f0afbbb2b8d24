{{ config(materialized='view') }}

with

costs as (
    select
        source_system,
        cost_id,
        incurred_on,
        amount,
        channel,
        campaign_id
    from {{ ref('int_costs__costs_unioned') }}
    where cost_type = 'acquisition' and incurred_on <= {{ setting('as_of_date') }}
),

campaigns as (
    select
        source_system,
        campaign_id,
        channel
    from {{ ref('int_campaigns__campaigns_unioned') }}
),

names as (
    select * from {{ ref('int_channels__acquisition_names') }}
)

select
    costs.source_system,
    costs.cost_id,
    costs.incurred_on,
    names.standard_channel as channel,
    costs.campaign_id,
    costs.amount
from costs
left join campaigns
    on
        costs.source_system = campaigns.source_system
        and costs.campaign_id = campaigns.campaign_id
left join names
    on
        costs.source_system = names.source_system
        -- The campaign's channel stands in where the cost names none.
        and coalesce(costs.channel, campaigns.channel) = names.channel
