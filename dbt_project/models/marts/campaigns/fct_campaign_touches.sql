with

-- Many tools tell what came back without telling when; what is sent is not yet an answer.
members as (
    select
        *,
        case
            when response_type in ('unsubscribed', 'bounced', 'complained') then 'refusal'
            when
                responded_at is null
                and lower(trim(response_type)) in (
                    'no', 'none', 'false', 'sent', 'delivered', 'no response', 'no_response',
                    'not responded', 'no answer', 'no_answer', 'unknown'
                )
                then 'silence'
            when response_type is not null then 'response'
        end as response_kind
    from {{ ref('int_campaigns__campaign_members_keyed') }}
),

campaigns as (
    select * from {{ ref('int_campaigns__campaigns_unioned') }}
),

settings as (
    select
        as_of_date,
        campaign_window_days
    from {{ source('settings', 'company') }}
),

-- A control member is sent nothing: his window begins with the campaign's first dispatch.
dispatches as (
    select
        campaign_key,
        min(sent_at) as first_sent_at
    from members
    group by campaign_key
),

sales as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

-- Several records of one customer in one campaign are one member; any dispatch makes him treated.
touches as (
    select
        members.campaign_key,
        members.source_system,
        members.campaign_id,
        -- Who is not known as a customer stays a member of his own.
        coalesce(members.customer_key, members.source_system || ':' || members.customer_id)
            as member_key,
        max(members.customer_key) as customer_key,
        min(coalesce(cast(members.is_control as integer), 0)) = 1 as is_control,
        min(members.sent_at) as sent_at,
        min(members.responded_at) as responded_at,
        max(case when members.response_kind = 'refusal' then members.response_type end)
            as negative_response,
        max(case when members.response_kind = 'response' then members.response_type end)
            as positive_response
    from members
    group by
        members.campaign_key,
        members.source_system,
        members.campaign_id,
        coalesce(members.customer_key, members.source_system || ':' || members.customer_id)
),

windows as (
    select
        touches.*,
        coalesce(
            touches.sent_at, dispatches.first_sent_at, cast(campaigns.start_date as timestamp)
        ) as window_starts_at
    from touches
    left join dispatches on touches.campaign_key = dispatches.campaign_key
    left join campaigns
        on
            touches.source_system = campaigns.source_system
            and touches.campaign_id = campaigns.campaign_id
),

bought as (
    select
        windows.campaign_key,
        windows.member_key,
        count(*) as count_orders,
        min(sales.ordered_at) as first_ordered_at,
        sum(sales.net_revenue - sales.refund_amount) as net_revenue,
        sum(sales.margin_amount) as margin_amount
    from windows
    cross join settings
    inner join sales
        on
            windows.customer_key = sales.customer_key
            and windows.window_starts_at < sales.ordered_at
            and sales.ordered_at
            <= windows.window_starts_at + settings.campaign_window_days * interval 1 day
    group by windows.campaign_key, windows.member_key
)

select
    {{ surrogate_key(['windows.campaign_key', 'windows.member_key']) }} as campaign_touch_key,
    windows.campaign_key,
    windows.source_system,
    windows.campaign_id,
    windows.customer_key,
    windows.is_control,
    windows.sent_at,
    windows.responded_at,
    coalesce(windows.negative_response, windows.positive_response) as response_type,
    (windows.responded_at is not null or windows.positive_response is not null)
    and windows.negative_response is null as is_response,
    windows.window_starts_at,
    cast(windows.window_starts_at as date) + settings.campaign_window_days <= settings.as_of_date
        as is_window_over,
    coalesce(bought.count_orders, 0) > 0 as has_bought, -- no sale in the window
    cast(coalesce(bought.count_orders, 0) as bigint) as count_orders,
    bought.first_ordered_at,
    cast(coalesce(bought.net_revenue, 0) as decimal(18, 4)) as net_revenue,
    cast(coalesce(bought.margin_amount, 0) as decimal(18, 4)) as margin_amount
from windows
cross join settings
left join bought
    on
        windows.campaign_key = bought.campaign_key
        and windows.member_key = bought.member_key
