{#- What is true or false of a case as a whole: the metric, what is so, of which cases it is known.
    Only what was solved once can be reopened. #}
{%- set outcomes = [
    (
        'reopened',
        'count_reopened > 0',
        'count_reopened > 0 or (count_reopened = 0 and is_resolved)',
    ),
    ('first_contact_resolution', 'is_first_contact_resolved', 'is_first_contact_resolved is not null'),
    ('own_verdict', 'is_promise_kept', 'is_promise_kept is not null'),
] %}
{%- set cuts = {
    'channel': 'channel_group',
    'category': 'category_group',
    'kind': 'kind',
    'source_system': 'source_system',
} -%}
with

cases as (
    {{ cases_grouped() }}
),

clocks as (
    select * from {{ ref('int_service__case_clocks') }}
),

-- Each clock under the priority that held when it stopped, in the month its case was opened.
measured as (
    select
        clocks.clock_name as metric,
        cases.opened_month,
        coalesce(clocks.priority, 'unknown') as priority_group,
        cases.channel_group,
        cases.category_group,
        cases.kind,
        cases.source_system,
        clocks.calendar_minutes,
        clocks.business_minutes,
        case clocks.outcome when 'met' then true when 'breached' then false end as is_met,
        clocks.is_running,
        clocks.is_overdue
    from clocks
    inner join cases on clocks.case_key = cases.case_key
    {%- for metric, is_met, is_counted in outcomes %}
        union all
        select
            '{{ metric }}' as metric,
            opened_month,
            coalesce({{ lookup_value('priority') }}, 'unknown') as priority_group,
            channel_group,
            category_group,
            kind,
            source_system,
            cast(null as double) as calendar_minutes,
            cast(null as double) as business_minutes,
            {{ is_met }} as is_met,
            false as is_running,
            false as is_overdue
        from cases
        where {{ is_counted }}
    {%- endfor %}
),

counted as (
    select
        metric,
        case when grouping(opened_month) = 0 then 'month' else 'all_time' end as period_type,
        opened_month as period_month,
        case when grouping(priority_group) = 0 then priority_group else 'all' end as priority,
        {{ cut_columns(cuts) }},
        count(*) as count_events,
        count(calendar_minutes) as count_stopped,
        count(*) filter (where is_met) as count_met,
        count(*) filter (where not is_met) as count_not_met,
        count(*) filter (where is_running) as count_running,
        count(*) filter (where is_overdue) as count_overdue,
        {{ percentile('calendar_minutes', 0.5) }} as median_calendar_minutes,
        {{ percentile('calendar_minutes', 0.9) }} as p90_calendar_minutes,
        {{ percentile('business_minutes', 0.5) }} as median_business_minutes,
        {{ percentile('business_minutes', 0.9) }} as p90_business_minutes
    from measured
    group by
        {{ grouping_cuts(
            'metric',
            ['opened_month', 'priority_group'],
            cuts.values()
        ) }}
)

select
    metric,
    period_type,
    period_month,
    priority,
    dimension_name,
    dimension_value,
    count_events,
    count_stopped,
    cast(median_calendar_minutes as double) as median_calendar_minutes,
    cast(p90_calendar_minutes as double) as p90_calendar_minutes,
    cast(median_business_minutes as double) as median_business_minutes,
    cast(p90_business_minutes as double) as p90_business_minutes,
    count_met,
    count_not_met,
    case
        when count_met + count_not_met > 0
            then cast(count_met as double) / (count_met + count_not_met)
    end as rate,
    case
        when count_met + count_not_met > 0
            then {{ wilson_bound('count_met', '(count_met + count_not_met)', 'low') }}
    end as ci_low,
    case
        when count_met + count_not_met > 0
            then {{ wilson_bound('count_met', '(count_met + count_not_met)', 'high') }}
    end as ci_high,
    count_running,
    count_overdue,
    count_events - count_met - count_not_met - count_running as count_not_judged,
    count_met + count_not_met < {{ setting('small_sample_size') }} as is_small_sample
from counted
