with

cases as (
    select * from {{ ref('int_service__cases_keyed') }}
),

phases as (
    select * from {{ ref('int_service__case_phases') }}
),

clocks as (
    select * from {{ ref('int_service__case_clocks') }}
),

interactions as (
    select * from {{ ref('fct_interactions') }}
),

channels as (
    select * from {{ ref('int_channels__standard_names') }}
),

histories as (
    select
        case_key,
        max(schedule_name) as schedule_name,
        max(case when is_current then stage end) as stage,
        bool_or(has_history) as has_history,
        max(count_unmapped_statuses) as count_unmapped_statuses,
        count(*) filter (where is_reopening) as count_reopened
    from phases
    group by case_key
),

timed as (
    select
        case_key,
        max(stopped_at) filter (where clock_name = 'first_response') as first_response_at,
        max(stopped_at) filter (where clock_name = 'resolution') as resolved_at,
        max(calendar_minutes) filter (where clock_name = 'first_response')
            as first_response_calendar_minutes,
        max(business_minutes) filter (where clock_name = 'first_response')
            as first_response_business_minutes,
        {{ percentile("case when clock_name = 'next_response' then calendar_minutes end", 0.5) }}
            as next_response_calendar_minutes,
        {{ percentile("case when clock_name = 'next_response' then business_minutes end", 0.5) }}
            as next_response_business_minutes,
        count(*) filter (where clock_name = 'next_response') as count_next_responses,
        max(calendar_minutes) filter (where clock_name = 'resolution')
            as resolution_calendar_minutes,
        max(business_minutes) filter (where clock_name = 'resolution')
            as resolution_business_minutes,
        max(waiting_calendar_minutes) filter (where clock_name = 'resolution')
            as waiting_calendar_minutes,
        max(waiting_business_minutes) filter (where clock_name = 'resolution')
            as waiting_business_minutes,
        max(outcome) filter (where clock_name = 'first_response') as first_response_outcome,
        max(outcome) filter (where clock_name = 'resolution') as resolution_outcome,
        bool_or(clock_name = 'resolution' and not is_running) as is_resolved,
        bool_or(is_inconsistent) as has_inconsistent_times
    from clocks
    group by case_key
),

-- The next case of the same customer about the same thing; nothing said is a category, too.
followed as (
    select
        case_key,
        lead(opened_at) over (
            partition by customer_key, category
            order by opened_at, case_key
        ) as next_opened_at
    from cases
    where customer_key is not null
),

contacted as (
    select
        timed.case_key,
        min(interactions.occurred_at) as contacted_again_at
    from timed
    inner join interactions on timed.case_key = interactions.case_key
    where interactions.direction = 'inbound' and interactions.occurred_at > timed.resolved_at
    group by timed.case_key
),

observed as (
    select
        timed.case_key,
        {{ days_after('timed.resolved_at', setting('first_contact_days')) }} as observed_until,
        followed.next_opened_at,
        contacted.contacted_again_at
    from timed
    left join followed on timed.case_key = followed.case_key
    left join contacted on timed.case_key = contacted.case_key
)

select
    cases.case_key,
    cases.source_system,
    cases.case_id,
    cases.customer_key,
    cases.order_key,
    cases.opened_at,
    timed.first_response_at,
    timed.resolved_at,
    case when cases.closed_at < {{ as_of_end() }} then cases.closed_at end as closed_at,
    cases.status,
    histories.stage,
    cases.priority,
    cases.category,
    cases.reason,
    channels.standard_channel as channel,
    cases.is_complaint,
    cases.is_promise_kept,
    histories.schedule_name,
    timed.is_resolved,
    timed.first_response_calendar_minutes,
    timed.first_response_business_minutes,
    timed.count_next_responses,
    timed.next_response_calendar_minutes,
    timed.next_response_business_minutes,
    timed.resolution_calendar_minutes,
    timed.resolution_business_minutes,
    timed.waiting_calendar_minutes,
    timed.waiting_business_minutes,
    timed.first_response_outcome,
    timed.resolution_outcome,
    -- Without a history nobody knows whether the case was reopened.
    case when histories.has_history then histories.count_reopened end as count_reopened,
    -- Judged once the time for coming back is over, of customers who are known.
    case
        when
            timed.resolved_at is not null
            and cases.customer_key is not null
            and histories.has_history
            and observed.observed_until <= {{ as_of_end() }}
            then
                histories.count_reopened = 0
                -- Who has not come back has no time of it.
                and coalesce(observed.next_opened_at > observed.observed_until, true)
                and coalesce(observed.contacted_again_at > observed.observed_until, true)
    end as is_first_contact_resolved,
    histories.has_history,
    histories.count_unmapped_statuses,
    timed.has_inconsistent_times
from cases
inner join histories on cases.case_key = histories.case_key
inner join timed on cases.case_key = timed.case_key
inner join observed on cases.case_key = observed.case_key
left join channels
    on cases.source_system = channels.source_system and cases.channel = channels.channel
