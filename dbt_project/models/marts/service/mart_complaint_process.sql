{%- set cuts = {
    'channel': 'channel_group',
    'category': 'category_group',
    'kind': 'kind',
} -%}
with

cases as (
    {{ cases_grouped() }}
),

visits as (
    select * from {{ ref('mart_case_stages') }}
),

stages as (
    select * from {{ ref('case_stages') }}
),

furthest as (
    select
        case_key,
        max(stage_number) as furthest_stage_number
    from visits
    group by case_key
),

-- Every case under every stage that it reached or passed over, and the first it did not reach.
staged as (
    select
        stages.stage_number,
        stages.stage,
        stages.chinese_term,
        cases.opened_month,
        cases.channel_group,
        cases.category_group,
        cases.kind,
        furthest.furthest_stage_number >= stages.stage_number as is_reached,
        visits.calendar_minutes,
        visits.business_minutes,
        -- A stage passed over was not entered again, nor is the case in it.
        coalesce(visits.count_reentries, 0) > 0 as is_reentered,
        coalesce(visits.is_current, false) as is_current
    from cases
    inner join furthest on cases.case_key = furthest.case_key
    inner join stages on furthest.furthest_stage_number >= stages.stage_number - 1
    left join visits
        on cases.case_key = visits.case_key and stages.stage_number = visits.stage_number
),

counted as (
    select
        stage_number,
        stage,
        chinese_term,
        case when grouping(opened_month) = 0 then 'month' else 'all_time' end as period_type,
        opened_month as period_month,
        {{ cut_columns(cuts) }},
        count(*) as count_candidates,
        count(*) filter (where is_reached) as count_reached,
        count(*) filter (where is_reentered) as count_reentered,
        count(*) filter (where is_current) as count_current,
        {{ percentile('calendar_minutes', 0.5) }} as median_calendar_minutes,
        {{ percentile('calendar_minutes', 0.9) }} as p90_calendar_minutes,
        {{ percentile('business_minutes', 0.5) }} as median_business_minutes,
        {{ percentile('business_minutes', 0.9) }} as p90_business_minutes
    from staged
    group by
        {{ grouping_cuts(
            'stage_number, stage, chinese_term',
            ['opened_month'],
            cuts.values()
        ) }}
)

select
    period_type,
    period_month,
    dimension_name,
    dimension_value,
    stage_number,
    stage,
    chinese_term,
    count_candidates,
    count_reached,
    cast(count_reached as double) / count_candidates as reached_rate,
    {{ wilson_bound('count_reached', 'count_candidates', 'low') }} as reached_ci_low,
    {{ wilson_bound('count_reached', 'count_candidates', 'high') }} as reached_ci_high,
    count_reentered,
    count_current,
    cast(median_calendar_minutes as double) as median_calendar_minutes,
    cast(p90_calendar_minutes as double) as p90_calendar_minutes,
    cast(median_business_minutes as double) as median_business_minutes,
    cast(p90_business_minutes as double) as p90_business_minutes,
    count_candidates < {{ setting('small_sample_size') }} as is_small_sample
from counted
