with

named as (
    select
        source_system,
        acquisition_channel as channel
    from {{ ref('int_customers__customers_unioned') }}
    union all
    select
        source_system,
        channel
    from {{ ref('int_costs__costs_unioned') }}
    where cost_type = 'acquisition'
    union all
    select
        source_system,
        channel
    from {{ ref('int_campaigns__campaigns_unioned') }}
),

mapping as (
    select * from {{ ref('acquisition_channel_mapping') }}
),

{{ standard_channel_names() }}
