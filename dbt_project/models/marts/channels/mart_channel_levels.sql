with

interactions as (
    select
        *,
        cast(date_trunc('month', occurred_at) as date) as contact_month,
        -- Nothing said is a channel of its own.
        coalesce(channel, 'unknown') as channel_group
    from {{ ref('fct_interactions') }}
),

mix as (
    select * from {{ ref('mart_channel_mix') }}
),

counted as (
    select
        case when grouping(contact_month) = 0 then 'month' else 'all_time' end as period_type,
        contact_month as period_month,
        channel_group as channel,
        count(*) as count_interactions,
        count(distinct customer_key) as count_customers,
        count(*) filter (where direction = 'inbound') as count_inbound,
        count(*) filter (where is_answered) as count_answered,
        count(*) filter (where not is_answered) as count_unanswered,
        {{ percentile('response_minutes', 0.5) }} as median_response_minutes,
        {{ percentile('response_minutes', 0.9) }} as p90_response_minutes
    from interactions
    group by grouping sets ((channel_group, contact_month), (channel_group))
),

shared as (
    select
        *,
        cast(
            sum(count_interactions) over (partition by period_type, period_month) as bigint
        ) as count_all
    from counted
),

preferences as (
    select
        'all_time' as period_type,
        channel,
        count(*) filter (where is_preferred) as count_preferring,
        count(*) filter (where is_preferred and has_shifted) as count_shifted_to,
        count(*) filter (where was_preferred and has_shifted) as count_shifted_from
    from mix
    group by channel
)

select
    shared.period_type,
    shared.period_month,
    shared.channel,
    shared.count_interactions,
    shared.count_all,
    cast(shared.count_interactions as double) / shared.count_all as share,
    {{ wilson_bound('shared.count_interactions', 'shared.count_all', 'low') }} as share_ci_low,
    {{ wilson_bound('shared.count_interactions', 'shared.count_all', 'high') }} as share_ci_high,
    shared.count_customers,
    shared.count_inbound,
    shared.count_answered,
    shared.count_unanswered,
    case
        when shared.count_answered + shared.count_unanswered > 0
            then
                cast(shared.count_answered as double)
                / (shared.count_answered + shared.count_unanswered)
    end as answered_rate,
    case
        when shared.count_answered + shared.count_unanswered > 0
            then
                {{ wilson_bound(
                    'shared.count_answered',
                    '(shared.count_answered + shared.count_unanswered)',
                    'low'
                ) }}
    end as answered_ci_low,
    case
        when shared.count_answered + shared.count_unanswered > 0
            then
                {{ wilson_bound(
                    'shared.count_answered',
                    '(shared.count_answered + shared.count_unanswered)',
                    'high'
                ) }}
    end as answered_ci_high,
    cast(shared.median_response_minutes as double) as median_response_minutes,
    cast(shared.p90_response_minutes as double) as p90_response_minutes,
    preferences.count_preferring,
    preferences.count_shifted_to,
    preferences.count_shifted_from,
    shared.count_all < {{ setting('small_sample_size') }} as is_small_sample
from shared
left join preferences
    on shared.channel = preferences.channel and shared.period_type = preferences.period_type
