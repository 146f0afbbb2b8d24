with

interactions as (
    select
        *,
        case
            when case_id is not null then {{ surrogate_key(['source_system', 'case_id']) }}
        end as case_key
    from {{ ref('int_channels__interactions_keyed') }}
),

channels as (
    select * from {{ ref('int_channels__standard_names') }}
),

-- One conversation: the case, else the customer's messages on a channel that is answered later.
threaded as (
    select
        interactions.*,
        channels.standard_channel,
        case
            when interactions.case_key is not null then 'case:' || interactions.case_key
            when
                interactions.customer_key is not null
                and channels.standard_channel in ('email', 'social', 'web')
                then
                    'customer:' || interactions.customer_key || ':' || channels.standard_channel
        end as thread
    from interactions
    left join channels
        on
            interactions.source_system = channels.source_system
            and interactions.channel = channels.channel
),

ordered as (
    select
        interaction_key,
        thread,
        direction,
        occurred_at,
        lag(direction) over (partition by thread order by occurred_at, interaction_key)
            as previous_direction,
        min(case when direction = 'outbound' then occurred_at end) over (
            partition by thread
            order by occurred_at, interaction_key
            rows between 1 following and unbounded following
        ) as next_outbound_at
    from threaded
    where thread is not null
),

-- The first of the messages that wait together for an answer.
answered as (
    select
        interaction_key,
        case
            when next_outbound_at <= {{ days_after('occurred_at', setting('answer_days')) }}
                then next_outbound_at
        end as answered_at,
        {{ days_after('occurred_at', setting('answer_days')) }} as due_at
    from ordered
    where direction = 'inbound' and (previous_direction is null or previous_direction != 'inbound')
)

select
    threaded.interaction_key,
    threaded.source_system,
    threaded.interaction_id,
    threaded.customer_key,
    threaded.occurred_at,
    threaded.standard_channel as channel,
    threaded.channel as source_channel,
    threaded.direction,
    threaded.interaction_type,
    threaded.case_key,
    threaded.campaign_id,
    threaded.agent_id,
    cast(threaded.duration_seconds as double) as duration_seconds,
    answered.answered_at,
    cast({{ seconds_between('threaded.occurred_at', 'answered.answered_at') }} / 60.0 as double)
        as response_minutes,
    -- Whether it was answered is known once it was, or once the time for it is over.
    case
        when answered.answered_at is not null then true
        when answered.due_at <= {{ as_of_end() }} then false
    end as is_answered
from threaded
left join answered on threaded.interaction_key = answered.interaction_key
