with

interactions as (
    select
        *,
        {{ days_after('occurred_at', 365) }} >= {{ as_of_end() }} as is_recent,
        {{ days_after('occurred_at', 365) }} < {{ as_of_end() }}
        and {{ days_after('occurred_at', 730) }} >= {{ as_of_end() }} as is_previous
    from {{ ref('fct_interactions') }}
    where customer_key is not null and channel is not null
),

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

counted as (
    select
        customer_key,
        channel,
        count(*) as count_interactions,
        count(*) filter (where direction = 'inbound') as count_inbound,
        count(*) filter (where is_recent) as count_last_365d,
        count(*) filter (where is_previous) as count_previous_365d,
        max(occurred_at) as last_contact_at,
        count(response_minutes) as count_answered,
        {{ percentile('response_minutes', 0.5) }} as median_response_minutes
    from interactions
    group by customer_key, channel
),

ranked as (
    select
        *,
        sum(count_interactions) over (partition by customer_key) as count_all,
        sum(count_last_365d) over (partition by customer_key) as count_all_last_365d,
        sum(count_previous_365d) over (partition by customer_key) as count_all_previous_365d,
        row_number() over (
            partition by customer_key
            order by count_last_365d desc, count_interactions desc, last_contact_at desc, channel
        ) as present_rank,
        row_number() over (
            partition by customer_key
            order by
                count_previous_365d desc,
                count_interactions desc,
                last_contact_at desc,
                channel
        ) as previous_rank
    from counted
),

compared as (
    select
        *,
        max(case when present_rank = 1 then channel end) over (partition by customer_key)
            as preferred_channel,
        max(case when previous_rank = 1 and count_previous_365d > 0 then channel end) over (
            partition by customer_key
        ) as previous_preferred_channel
    from ranked
)

select
    compared.customer_key,
    compared.channel,
    compared.count_interactions,
    compared.count_inbound,
    cast(compared.count_interactions as double) / compared.count_all as share,
    compared.count_last_365d,
    case
        when compared.count_all_last_365d > 0
            then cast(compared.count_last_365d as double) / compared.count_all_last_365d
    end as share_last_365d,
    compared.count_previous_365d,
    case
        when compared.count_all_previous_365d > 0
            then cast(compared.count_previous_365d as double) / compared.count_all_previous_365d
    end as share_previous_365d,
    case
        when compared.count_all_last_365d > 0 and compared.count_all_previous_365d > 0
            then
                cast(compared.count_last_365d as double) / compared.count_all_last_365d
                - cast(compared.count_previous_365d as double) / compared.count_all_previous_365d
    end as share_change,
    compared.channel = compared.preferred_channel as is_preferred,
    case
        when compared.count_all_previous_365d > 0
            then compared.channel = compared.previous_preferred_channel
    end as was_preferred,
    -- Without contacts in both years nothing can have shifted.
    case
        when compared.count_all_last_365d > 0 and compared.count_all_previous_365d > 0
            then compared.preferred_channel != compared.previous_preferred_channel
    end as has_shifted,
    profiles.preferred_channel as stated_preferred_channel,
    compared.last_contact_at,
    compared.count_answered,
    cast(compared.median_response_minutes as double) as median_response_minutes
from compared
left join profiles on compared.customer_key = profiles.customer_key
