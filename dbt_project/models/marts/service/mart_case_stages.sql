with

phases as (
    select * from {{ ref('int_service__case_phases') }}
),

cases as (
    select * from {{ ref('fct_cases') }}
),

timed as (
    select
        *,
        {{ seconds_between('entered_at', 'left_at') }} as calendar_seconds,
        open_seconds_at_leaving - open_seconds_at_entry as business_seconds
    from phases
),

stages as (
    select
        case_key,
        stage_number,
        stage,
        min(entered_at) as first_entered_at,
        max(entered_at) as last_entered_at,
        max(left_at) as last_left_at,
        count(*) filter (where is_entry) as count_entries,
        sum(calendar_seconds) as calendar_seconds,
        sum(business_seconds) as business_seconds,
        bool_or(is_current) as is_current,
        bool_or(entered_at is null) as is_time_unknown
    from timed
    group by case_key, stage_number, stage
)

select
    cases.case_key,
    stages.stage_number,
    stages.stage,
    cases.source_system,
    cases.case_id,
    cases.customer_key,
    cases.opened_at,
    cases.is_complaint,
    stages.first_entered_at,
    stages.last_entered_at,
    stages.last_left_at,
    stages.count_entries,
    stages.count_entries - 1 as count_reentries,
    cast(stages.calendar_seconds / 60.0 as double) as calendar_minutes,
    cast(stages.business_seconds / 60.0 as double) as business_minutes,
    stages.is_current,
    stages.is_time_unknown,
    cases.has_history
from stages
inner join cases on stages.case_key = cases.case_key
