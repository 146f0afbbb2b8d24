with

settings as (
    select
        as_of_date,
        satisfied_from
    from {{ source('settings', 'company') }}
),

feedback as (
    select
        *,
        -- Later answers win; ids break ties so that the result is the same in every run.
        row_number() over (
            partition by customer_key
            order by responded_at desc nulls last, source_system, response_id
        ) as recency
    from {{ ref('fct_feedback') }}
    where customer_key is not null
),

overall as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by responded_at desc nulls last, source_system, response_id
        ) as overall_recency
    from feedback
    where overall_0_100 is not null and {{ is_about_satisfaction('survey_type') }}
),

changes as (
    select
        customer_key,
        count(*) as count_overall,
        max(case when overall_recency = 1 then overall_0_100 end) as last_satisfaction,
        max(case when overall_recency = 2 then overall_0_100 end) as previous_satisfaction,
        cast(sum(cast(overall_0_100 as decimal(18, 9))) as double) / count(*) as mean_satisfaction,
        min(overall_0_100) as lowest_satisfaction
    from overall
    group by customer_key
),

latest as (
    select
        customer_key,
        count(*) as count_feedback,
        max(responded_at) as last_feedback_at,
        max_by(overall_score, -recency) filter (where survey_type = 'nps') as last_nps_score,
        max_by(overall_score, -recency) filter (where survey_type = 'ces') as last_effort_score,
        max_by(satisfaction_index, -recency) filter (where satisfaction_index is not null)
            as last_satisfaction_index,
        max_by(touchpoint, -recency) as last_touchpoint,
        max_by(polarity, -recency) filter (where polarity is not null) as last_polarity,
        max_by(topics, -recency) filter (where topics is not null) as last_topics,
        count(*) filter (where polarity = 'positive') as count_positive_comments,
        count(*) filter (where polarity = 'negative') as count_negative_comments
    from feedback
    group by customer_key
)

select
    latest.customer_key,
    latest.count_feedback,
    latest.last_feedback_at,
    cast(settings.as_of_date - cast(latest.last_feedback_at as date) as bigint)
        as days_since_last_feedback,
    latest.last_touchpoint,
    changes.last_satisfaction,
    changes.previous_satisfaction,
    changes.last_satisfaction - changes.previous_satisfaction as satisfaction_change,
    case
        when changes.last_satisfaction > changes.previous_satisfaction then 'up'
        when changes.last_satisfaction < changes.previous_satisfaction then 'down'
        when changes.previous_satisfaction is not null then 'same'
    end as satisfaction_trend,
    changes.mean_satisfaction,
    changes.lowest_satisfaction,
    changes.last_satisfaction >= settings.satisfied_from as is_satisfied,
    latest.last_nps_score,
    case
        when latest.last_nps_score >= 9 then 'promoter'
        when latest.last_nps_score >= 7 then 'passive'
        when latest.last_nps_score is not null then 'detractor'
    end as nps_category,
    latest.last_effort_score,
    latest.last_satisfaction_index,
    latest.last_polarity,
    latest.last_topics,
    latest.count_positive_comments,
    latest.count_negative_comments
from latest
cross join settings
left join changes on latest.customer_key = changes.customer_key
