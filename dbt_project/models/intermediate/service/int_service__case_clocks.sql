with

cases as (
    select * from {{ ref('int_service__cases_keyed') }}
),

events as (
    select
        case_key,
        case_event_id,
        occurred_at,
        {{ lookup_value('event_type') }} as event_type,
        {{ lookup_value('from_value') }} as from_value,
        {{ lookup_value('to_value') }} as to_value,
        {{ lookup_value('actor_type') }} as actor_type
    from {{ ref('int_service__case_events_keyed') }}
),

phases as (
    select * from {{ ref('int_service__case_phases') }}
),

targets as (
    select * from {{ source('settings', 'service_targets') }}
),

histories as (
    select
        case_key,
        max(schedule_name) as schedule_name,
        max(entered_at) filter (where is_resolution) as resolved_at,
        max(entered_at) filter (where is_reopening) as reopened_at,
        bool_or(is_resolved and is_current) as is_resolved,
        -- The case is over and nobody wrote down when.
        bool_or(is_current and entered_at is null) as is_over_at_unknown_time
    from phases
    group by case_key
),

-- What the customer and the agents said, and where that makes a solution or a new beginning.
turns as (
    select
        case_key,
        case_event_id,
        occurred_at,
        case when actor_type = 'customer' then 1 else 2 end as turn_rank,
        case when actor_type = 'customer' then 'question' else 'answer' end as turn
    from events
    where {{ is_public_reply() }} and actor_type in ('customer', 'agent')
    union all
    select
        case_key,
        cast(phase_number as varchar) as case_event_id,
        entered_at as occurred_at,
        case when is_reopening then 0 else 3 end as turn_rank,
        case when is_reopening then 'reopening' else 'resolution' end as turn
    from phases
    where (is_reopening or is_resolution) and entered_at is not null
),

numbered as (
    select
        *,
        row_number() over (
            partition by case_key
            order by occurred_at, turn_rank, case_event_id
        ) as turn_number
    from turns
),

conversations as (
    select
        *,
        lag(turn) over (partition by case_key order by turn_number) as previous_turn,
        sum(case turn when 'resolution' then 1 when 'reopening' then -1 else 0 end) over (
            partition by case_key
            order by turn_number
        ) as count_solutions,
        min(case when turn in ('answer', 'resolution') then occurred_at end) over (
            partition by case_key
            order by turn_number
            rows between 1 following and unbounded following
        ) as answered_at
    from numbered
),

first_answers as (
    select
        conversations.case_key,
        min(conversations.occurred_at) as answered_at
    from conversations
    inner join cases on conversations.case_key = cases.case_key
    where conversations.turn = 'answer' and conversations.occurred_at >= cases.opened_at
    group by conversations.case_key
),

-- Times of the case as exported, else as its history tells them; the future has not happened yet.
timed as (
    select
        cases.case_key,
        histories.schedule_name,
        cases.priority,
        cases.opened_at,
        coalesce(
            case
                when cases.first_response_at < {{ as_of_end() }}
                    then cases.first_response_at
            end,
            first_answers.answered_at
        ) as first_response_at,
        coalesce(
            case
                when
                    coalesce(cases.resolved_at, cases.closed_at)
                    < {{ as_of_end() }}
                    then coalesce(cases.resolved_at, cases.closed_at)
            end,
            histories.resolved_at
        ) as resolved_at,
        histories.reopened_at,
        histories.is_resolved,
        histories.is_over_at_unknown_time
    from cases
    inner join histories on cases.case_key = histories.case_key
    left join first_answers on cases.case_key = first_answers.case_key
),

-- A case that was reopened after its last solution is not solved.
settled as (
    select
        *,
        case
            when is_resolved or reopened_at is null or reopened_at < resolved_at then resolved_at
        end as final_resolved_at
    from timed
),

clocks as (
    select
        case_key,
        schedule_name,
        priority,
        'first_response' as clock_name,
        1 as clock_number,
        opened_at as started_at,
        first_response_at as stopped_at,
        -- Solved, and nobody wrote down the answer: the clock does not run, its end is unknown.
        first_response_at is null and final_resolved_at is null and not is_over_at_unknown_time
            as is_running
    from settled
    union all
    select
        conversations.case_key,
        settled.schedule_name,
        settled.priority,
        'next_response' as clock_name,
        row_number() over (
            partition by conversations.case_key
            order by conversations.turn_number
        ) as clock_number,
        conversations.occurred_at as started_at,
        conversations.answered_at as stopped_at,
        conversations.answered_at is null as is_running
    from conversations
    inner join settled on conversations.case_key = settled.case_key
    -- A question after an answer; before the first answer the first response is still due. What
    -- is said while the case is solved, such as thanks, waits for nothing.
    where
        conversations.turn = 'question'
        and conversations.previous_turn in ('answer', 'reopening')
        and conversations.count_solutions = 0
    union all
    select
        case_key,
        schedule_name,
        priority,
        'resolution' as clock_name,
        1 as clock_number,
        opened_at as started_at,
        final_resolved_at as stopped_at,
        final_resolved_at is null and not is_over_at_unknown_time as is_running
    from settled
),

ended as (
    select
        *,
        case
            when is_running then {{ as_of_end() }} else stopped_at
        end as ended_at
    from clocks
),

priority_changes as (
    select
        case_key,
        {{ case_priority('from_value') }} as from_value,
        {{ case_priority('to_value') }} as to_value,
        occurred_at,
        lag(occurred_at) over (partition by case_key order by occurred_at, case_event_id)
            as previous_change_at,
        lead(occurred_at) over (partition by case_key order by occurred_at, case_event_id)
            as next_change_at
    from events
    where event_type = 'priority'
),

-- The priority of every moment: before the first change it is what was changed from. Open ends are
-- far days, not NULL: an engine hashes no join by "is null or later" and compares every pair.
priority_periods as (
    select
        case_key,
        to_value as priority,
        occurred_at as valid_from,
        coalesce(next_change_at, cast('9999-12-31' as timestamp)) as valid_to
    from priority_changes
    union all
    select
        case_key,
        from_value as priority,
        cast('0001-01-01' as timestamp) as valid_from,
        occurred_at as valid_to
    from priority_changes
    where previous_change_at is null
),

looked_up as (
    select
        ended.case_key,
        ended.clock_name,
        ended.clock_number,
        -- Without a change of priority it is the case's own.
        coalesce(priority_periods.priority, {{ lookup_value('ended.priority') }}) as priority,
        ended.started_at,
        ended.stopped_at,
        ended.ended_at,
        ended.is_running,
        {{ open_seconds('opened', 'ended.started_at') }} as open_seconds_at_start,
        {{ open_seconds('closed', 'ended.ended_at') }} as open_seconds_at_end
    from ended
    left join priority_periods
        on
            ended.case_key = priority_periods.case_key
            and ended.ended_at >= priority_periods.valid_from
            and ended.ended_at < priority_periods.valid_to
    {{ join_business_hours('opened', 'ended.schedule_name', 'ended.started_at') }}
    {{ join_business_hours('closed', 'ended.schedule_name', 'ended.ended_at') }}
),

-- While the customer is waited for, the promise to solve the case does not run.
waits as (
    select
        looked_up.case_key,
        looked_up.clock_name,
        sum(
            {{ seconds_between(
                'phases.entered_at',
                'least(coalesce(phases.left_at, looked_up.ended_at), looked_up.ended_at)'
            ) }}
        ) as calendar_seconds,
        sum(
            least(
                coalesce(phases.open_seconds_at_leaving, looked_up.open_seconds_at_end),
                looked_up.open_seconds_at_end
            ) - phases.open_seconds_at_entry
        ) as business_seconds
    from looked_up
    inner join phases
        on looked_up.case_key = phases.case_key and looked_up.ended_at > phases.entered_at
    where looked_up.clock_name = 'resolution' and phases.is_waiting_for_customer
    group by looked_up.case_key, looked_up.clock_name
),

measured as (
    select
        looked_up.*,
        -- A clock that stops before it starts was read wrongly: it has no time.
        looked_up.stopped_at < looked_up.started_at as is_inconsistent,
        case
            when looked_up.ended_at >= looked_up.started_at
                then {{ seconds_between('looked_up.started_at', 'looked_up.ended_at') }}
        end as calendar_seconds,
        case
            when looked_up.ended_at >= looked_up.started_at
                then looked_up.open_seconds_at_end - looked_up.open_seconds_at_start
        end as business_seconds,
        -- Most cases never wait, and the other clocks do not stop for it.
        coalesce(waits.calendar_seconds, 0) as waiting_calendar_seconds,
        coalesce(waits.business_seconds, 0) as waiting_business_seconds
    from looked_up
    left join waits
        on looked_up.case_key = waits.case_key and looked_up.clock_name = waits.clock_name
),

promised as (
    select
        measured.*,
        targets.clock_type,
        targets.target_minutes,
        case targets.clock_type
            when 'business' then measured.business_seconds - measured.waiting_business_seconds
            when 'calendar' then measured.calendar_seconds - measured.waiting_calendar_seconds
        end as counted_seconds
    from measured
    left join targets
        on
            measured.priority = {{ lookup_value('targets.priority') }}
            and measured.clock_name = targets.clock_name
)

select
    case_key,
    clock_name,
    cast(clock_number as integer) as clock_number,
    priority,
    started_at,
    stopped_at,
    is_running,
    -- A clock that was not stopped has no order to be wrong in.
    coalesce(is_inconsistent, false) as is_inconsistent,
    cast(case when not is_running then calendar_seconds / 60.0 end as double) as calendar_minutes,
    cast(case when not is_running then business_seconds / 60.0 end as double) as business_minutes,
    cast(waiting_calendar_seconds / 60.0 as double) as waiting_calendar_minutes,
    cast(waiting_business_seconds / 60.0 as double) as waiting_business_minutes,
    clock_type,
    target_minutes,
    cast(counted_seconds / 60.0 as double) as counted_minutes,
    case
        when target_minutes is null then 'no_target'
        when is_running then 'running'
        when counted_seconds is null then 'unknown'
        when counted_seconds <= 60 * target_minutes then 'met'
        else 'breached'
    end as outcome,
    -- Without a target, or without the time it has taken, nothing is overdue.
    is_running and coalesce(counted_seconds > 60 * target_minutes, false) as is_overdue
from promised
