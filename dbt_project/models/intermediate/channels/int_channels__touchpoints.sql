{{ config(materialized='view') }}

with

touchpoints as (
    select
        customer_key,
        first_created_at as occurred_at,
        'registration' as touchpoint_type,
        acquisition_channel as channel,
        customer_key as touchpoint_key
    from {{ ref('int_customers__profiles') }}
    union all
    select
        members.customer_key,
        members.sent_at as occurred_at,
        'campaign' as touchpoint_type,
        campaigns.channel,
        members.campaign_key as touchpoint_key
    from {{ ref('int_campaigns__campaign_members_keyed') }} as members
    left join {{ ref('int_campaigns__campaigns_unioned') }} as campaigns
        on
            members.source_system = campaigns.source_system
            and members.campaign_id = campaigns.campaign_id
    -- Who was held back was not contacted.
    where not coalesce(members.is_control, false)
    union all
    select
        members.customer_key,
        members.responded_at as occurred_at,
        'campaign_response' as touchpoint_type,
        campaigns.channel,
        members.campaign_key as touchpoint_key
    from {{ ref('int_campaigns__campaign_members_keyed') }} as members
    left join {{ ref('int_campaigns__campaigns_unioned') }} as campaigns
        on
            members.source_system = campaigns.source_system
            and members.campaign_id = campaigns.campaign_id
    -- Turning away is no interest.
    where members.response_type is null or members.response_type not in ('unsubscribed', 'bounced')
    union all
    select
        interactions.customer_key,
        interactions.occurred_at,
        case interactions.direction when 'inbound' then 'inquiry' else 'contact' end
            as touchpoint_type,
        channels.standard_channel as channel,
        interactions.interaction_key as touchpoint_key
    from {{ ref('int_channels__interactions_keyed') }} as interactions
    left join {{ ref('int_channels__standard_names') }} as channels
        on
            interactions.source_system = channels.source_system
            and interactions.channel = channels.channel
    union all
    select
        cases.customer_key,
        cases.opened_at as occurred_at,
        'case' as touchpoint_type,
        channels.standard_channel as channel,
        cases.case_key as touchpoint_key
    from {{ ref('int_service__cases_keyed') }} as cases
    left join {{ ref('int_channels__standard_names') }} as channels
        on cases.source_system = channels.source_system and cases.channel = channels.channel
    union all
    select
        customer_key,
        created_at as occurred_at,
        'opportunity' as touchpoint_type,
        cast(null as varchar) as channel,
        opportunity_key as touchpoint_key
    from {{ ref('int_sales__opportunities_keyed') }}
    union all
    select
        customer_key,
        ordered_at as occurred_at,
        'purchase' as touchpoint_type,
        channel,
        order_key as touchpoint_key
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale
    union all
    select
        customer_key,
        given_at as occurred_at,
        case when survey_type = 'nps' and score >= 9 then 'promotion' else 'feedback' end
            as touchpoint_type,
        channel,
        feedback_key as touchpoint_key
    from {{ ref('int_service__feedback') }}
    union all
    select
        referrer_customer_key as customer_key,
        invited_at as occurred_at,
        'referral' as touchpoint_type,
        channel,
        referral_key as touchpoint_key
    from {{ ref('int_loyalty__referrals_keyed') }}
)

select
    customer_key,
    occurred_at,
    touchpoint_type,
    channel,
    touchpoint_key
from touchpoints
where customer_key is not null and occurred_at < {{ as_of_end() }}
