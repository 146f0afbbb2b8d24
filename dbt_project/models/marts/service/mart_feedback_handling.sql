{%- set cuts = {
    'survey_type': 'survey_type',
    'channel': 'channel_group',
    'touchpoint': 'touchpoint',
    'tone': 'tone',
} -%}
with

feedback as (
    select
        *,
        cast(date_trunc('month', given_at) as date) as given_month,
        -- Nothing said is a group of its own.
        coalesce(channel, 'unknown') as channel_group,
        case is_unfavourable
            when true then 'unfavourable' when false then 'favourable' else 'unknown'
        end as tone,
        -- Judged once answered, or once the time for an answer is over.
        case
            when answered_at is not null then true
            when due_at <= {{ as_of_end() }} and is_answering_known then false
        end as is_answered,
        case
            when acted_at is not null then true
            when due_at <= {{ as_of_end() }} and is_acting_known then false
        end as is_acted_on,
        {{ seconds_between('given_at', 'answered_at') }} / 3600.0 as hours_to_answer
    from {{ ref('int_service__feedback') }}
),

counted as (
    select
        case when grouping(given_month) = 0 then 'month' else 'all_time' end as period_type,
        given_month as period_month,
        {{ cut_columns(cuts) }},
        count(*) as count_feedback,
        count(*) filter (where calls_for_answer) as count_calling,
        count(*) filter (where calls_for_answer and not is_answerable) as count_anonymous,
        count(*) filter (where calls_for_answer and is_answerable and is_answered)
            as count_answered,
        count(*) filter (where calls_for_answer and is_answerable and not is_answered)
            as count_unanswered,
        count(*) filter (
            where
            calls_for_answer and is_answerable and is_answered is null
            and due_at <= {{ as_of_end() }}
        ) as count_unknown,
        count(*) filter (where calls_for_answer and is_answerable and is_acted_on)
            as count_acted_on,
        count(*) filter (where calls_for_answer and is_answerable and not is_acted_on)
            as count_not_acted_on,
        {{ percentile('case when calls_for_answer then hours_to_answer end', 0.5) }}
            as median_hours_to_answer,
        {{ percentile('case when calls_for_answer then hours_to_answer end', 0.9) }}
            as p90_hours_to_answer
    from feedback
    group by
        {{ grouping_cuts(
            '',
            ['given_month'],
            cuts.values()
        ) }}
    -- The empty set has a row even when there is no feedback.
    having count(*) > 0
)

select
    period_type,
    period_month,
    dimension_name,
    dimension_value,
    count_feedback,
    count_calling,
    count_anonymous,
    count_answered,
    count_unanswered,
    count_calling - count_anonymous - count_answered - count_unanswered - count_unknown
        as count_waiting,
    count_unknown,
    case
        when count_answered + count_unanswered > 0
            then cast(count_answered as double) / (count_answered + count_unanswered)
    end as answered_rate,
    case
        when count_answered + count_unanswered > 0
            then {{ wilson_bound('count_answered', '(count_answered + count_unanswered)', 'low') }}
    end as answered_ci_low,
    case
        when count_answered + count_unanswered > 0
            then {{ wilson_bound('count_answered', '(count_answered + count_unanswered)', 'high') }}
    end as answered_ci_high,
    cast(median_hours_to_answer as double) as median_hours_to_answer,
    cast(p90_hours_to_answer as double) as p90_hours_to_answer,
    count_acted_on,
    count_not_acted_on,
    case
        when count_acted_on + count_not_acted_on > 0
            then cast(count_acted_on as double) / (count_acted_on + count_not_acted_on)
    end as acted_on_rate,
    case
        when count_acted_on + count_not_acted_on > 0
            then
                {{ wilson_bound(
                    'count_acted_on', '(count_acted_on + count_not_acted_on)', 'low'
                ) }}
    end as acted_on_ci_low,
    case
        when count_acted_on + count_not_acted_on > 0
            then
                {{ wilson_bound(
                    'count_acted_on', '(count_acted_on + count_not_acted_on)', 'high'
                ) }}
    end as acted_on_ci_high,
    count_answered + count_unanswered < {{ setting('small_sample_size') }} as is_small_sample
from counted
