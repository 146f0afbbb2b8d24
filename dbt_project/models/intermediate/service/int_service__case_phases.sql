with

cases as (
    select
        case_key,
        source_system,
        case_id,
        {{ lookup_value('channel') }} as channel,
        {{ lookup_value('status') }} as status,
        opened_at,
        resolved_at,
        closed_at
    from {{ ref('int_service__cases_keyed') }}
),

events as (
    select
        case_key,
        case_event_id,
        source_system,
        {{ lookup_value('event_type') }} as event_type,
        {{ lookup_value('to_value') }} as value,
        {{ is_public_reply() }} and {{ lookup_value('actor_type') }} = 'agent' as is_answer,
        occurred_at
    from {{ ref('int_service__case_events_keyed') }}
),

-- A case that goes on after the as-of day: what its status says is of then.
continued as (
    select
        source_system,
        case_id
    from {{ ref('int_service__case_events_unioned') }}
    where occurred_at >= {{ as_of_end() }}
    group by source_system, case_id
),

schedules as (
    select * from {{ source('settings', 'service_schedules') }}
),

mapping as (
    select * from {{ ref('case_stage_mapping') }}
),

stages as (
    select * from {{ ref('case_stages') }}
),

-- The first schedule that fits the case; the last of company.yml fits all.
scheduled as (
    select
        cases.*,
        schedules.schedule_name
    from cases
    inner join schedules
        on
            (schedules.source_system is null or cases.source_system = schedules.source_system)
            and (
                schedules.channel is null
                or cases.channel = {{ lookup_value('schedules.channel') }}
            )
    qualify row_number() over (
        partition by cases.case_key
        order by schedules.schedule_number, schedules.source_system, schedules.channel
    ) = 1
),

-- Each status once, however many events carry it: a log may know thousands.
named_values as (
    select
        source_system,
        event_type,
        value
    from (
        select
            source_system,
            event_type,
            value
        from events
        union all
        select
            source_system,
            'status' as event_type,
            status as value
        from cases
    ) as said
    group by source_system, event_type, value
),

mapped_values as (
    select
        named_values.*,
        mapping.stage,
        mapping.is_waiting_for_customer
    from named_values
    inner join mapping
        on
            named_values.event_type = mapping.event_type
            and (mapping.source_system = '*' or named_values.source_system = mapping.source_system)
            and (mapping.value = '*' or named_values.value = mapping.value)
    -- A line for the system wins over one for all, a value over any value.
    qualify row_number() over (
        partition by named_values.source_system, named_values.event_type, named_values.value
        order by mapping.source_system = '*', mapping.value = '*'
    ) = 1
),

looked_up as (
    select
        events.case_key,
        events.case_event_id,
        events.event_type,
        events.occurred_at,
        mapped_values.stage,
        mapped_values.is_waiting_for_customer
    from events
    left join mapped_values
        on
            events.source_system = mapped_values.source_system
            and events.event_type = mapped_values.event_type
            and (
                events.value = mapped_values.value
                or (events.value is null and mapped_values.value is null)
            )
),

histories as (
    select
        looked_up.case_key,
        count(looked_up.stage) as count_changes,
        count(*) filter (where stages.is_resolved) as count_resolved,
        count(*) filter (where looked_up.event_type = 'status' and looked_up.stage is null)
            as count_unmapped_statuses
    from looked_up
    left join stages on looked_up.stage = stages.stage
    group by looked_up.case_key
),

-- What the history leaves out is taken from the case itself.
placed as (
    select
        case_key,
        '' as case_event_id,
        0 as source_rank,
        opened_at as occurred_at,
        'registered' as stage,
        false as is_waiting_for_customer,
        false as is_from_history,
        false as is_answer
    from cases
    union all
    select
        cases.case_key,
        '' as case_event_id,
        1 as source_rank,
        cases.resolved_at as occurred_at,
        'carried_out' as stage,
        false as is_waiting_for_customer,
        false as is_from_history,
        false as is_answer
    from cases
    left join histories on cases.case_key = histories.case_key
    -- A case without a history has reached nothing by it.
    where cases.resolved_at is not null and coalesce(histories.count_resolved, 0) = 0
    union all
    select
        cases.case_key,
        '' as case_event_id,
        1 as source_rank,
        cases.closed_at as occurred_at,
        'fed_back' as stage,
        false as is_waiting_for_customer,
        false as is_from_history,
        false as is_answer
    from cases
    left join histories on cases.case_key = histories.case_key
    where cases.closed_at is not null and coalesce(histories.count_changes, 0) = 0
    union all
    select
        case_key,
        case_event_id,
        1 as source_rank,
        occurred_at,
        stage,
        is_waiting_for_customer,
        true as is_from_history,
        false as is_answer
    from looked_up
    where stage is not null
    union all
    -- Who is answered when the solution is there has been told.
    select
        case_key,
        case_event_id,
        2 as source_rank,
        occurred_at,
        'fed_back' as stage,
        false as is_waiting_for_customer,
        -- Answers alone do not tell whether the case was reopened.
        false as is_from_history,
        true as is_answer
    from events
    where is_answer
),

-- Nothing happens to a case before it is opened, whatever the clock of the log says.
ordered as (
    select
        placed.case_key,
        scheduled.schedule_name,
        greatest(placed.occurred_at, scheduled.opened_at) as occurred_at,
        stages.stage_number,
        stages.is_resolved,
        placed.is_waiting_for_customer,
        placed.is_from_history,
        placed.is_answer,
        row_number() over (
            partition by placed.case_key
            order by
                greatest(placed.occurred_at, scheduled.opened_at),
                placed.source_rank,
                stages.stage_number,
                placed.is_waiting_for_customer,
                placed.case_event_id
        ) as change_number
    from placed
    inner join scheduled on placed.case_key = scheduled.case_key
    inner join stages on placed.stage = stages.stage
    -- Closed or solved in the future has not happened yet.
    where placed.occurred_at < {{ as_of_end() }}
),

-- Every answer with the change it follows.
followed as (
    select
        *,
        sum(case when is_answer then 0 else 1 end) over (
            partition by case_key
            order by change_number
        ) as status_number
    from ordered
),

told as (
    select
        *,
        bool_or(is_resolved and not is_answer) over (partition by case_key, status_number)
            as is_after_solution
    from followed
),

-- Between one reopening and the next.
attempts as (
    select
        *,
        sum(case when is_resolved then 0 else 1 end) over (
            partition by case_key
            order by change_number
        ) as attempt_number
    from told
    where not is_answer or is_after_solution
),

-- Who has been told stays told, though the case is closed afterwards.
settled as (
    select
        case_key,
        schedule_name,
        occurred_at,
        change_number,
        is_resolved,
        is_waiting_for_customer,
        is_from_history,
        max(stage_number) over (
            partition by case_key, attempt_number
            order by change_number
        ) as furthest_number,
        stage_number
    from attempts
),

staged as (
    select
        settled.case_key,
        settled.schedule_name,
        settled.occurred_at,
        settled.change_number,
        settled.is_resolved,
        settled.is_waiting_for_customer,
        settled.is_from_history,
        stages.stage_number,
        stages.stage
    from settled
    inner join stages
        on
            case
                when settled.is_resolved then settled.furthest_number else settled.stage_number
            end = stages.stage_number
),

compared as (
    select
        *,
        lag(stage) over (partition by case_key order by change_number) as previous_stage,
        lag(is_resolved) over (partition by case_key order by change_number) as was_resolved,
        lag(is_waiting_for_customer) over (partition by case_key order by change_number)
            as was_waiting,
        bool_or(is_from_history) over (partition by case_key) as has_history
    from staged
),

phases as (
    select
        *,
        row_number() over (partition by case_key order by change_number) as phase_number,
        lead(occurred_at) over (partition by case_key order by change_number) as left_at
    from compared
    where
        previous_stage is null
        or stage != previous_stage
        or is_waiting_for_customer != was_waiting
),

-- Its status says that a case is over, and nobody wrote down when: its history, if it has one, does
-- not come to the end.
undated as (
    select
        phases.case_key,
        phases.schedule_name,
        phases.phase_number,
        stages.stage,
        stages.stage_number
    from phases
    inner join cases on phases.case_key = cases.case_key
    inner join mapped_values
        on
            cases.source_system = mapped_values.source_system
            and cases.status = mapped_values.value
            and mapped_values.event_type = 'status'
    inner join stages on mapped_values.stage = stages.stage and stages.is_resolved
    left join histories on phases.case_key = histories.case_key
    left join continued
        on cases.source_system = continued.source_system and cases.case_id = continued.case_id
    where
        cases.resolved_at is null
        and cases.closed_at is null
        and continued.case_id is null
        and phases.left_at is null
        -- A case without a history has reached nothing by it.
        and coalesce(histories.count_resolved, 0) = 0
),

-- What came last has no end; before a phase without a time the end is unknown.
all_phases as (
    select
        phases.case_key,
        phases.phase_number,
        phases.schedule_name,
        phases.stage,
        phases.stage_number,
        phases.is_resolved,
        phases.is_waiting_for_customer,
        -- The first phase has none before it.
        coalesce(phases.stage != phases.previous_stage, true) as is_entry,
        coalesce(phases.was_resolved, false) and not phases.is_resolved as is_reopening,
        phases.is_resolved and not coalesce(phases.was_resolved, false) as is_resolution,
        phases.left_at is null and undated.case_key is null as is_current,
        -- What leaves out the end may leave out more.
        phases.has_history and undated.case_key is null as has_history,
        phases.occurred_at as entered_at,
        phases.left_at
    from phases
    left join undated on phases.case_key = undated.case_key
    union all
    select
        case_key,
        phase_number + 1 as phase_number,
        schedule_name,
        stage,
        stage_number,
        true as is_resolved,
        false as is_waiting_for_customer,
        true as is_entry,
        false as is_reopening,
        true as is_resolution,
        true as is_current,
        false as has_history,
        cast(null as timestamp) as entered_at,
        cast(null as timestamp) as left_at
    from undated
)

select
    phases.case_key,
    cast(phases.phase_number as integer) as phase_number,
    phases.schedule_name,
    phases.stage,
    phases.stage_number,
    phases.is_resolved,
    phases.is_waiting_for_customer,
    phases.is_entry,
    phases.is_reopening,
    phases.is_resolution,
    phases.is_current,
    phases.has_history,
    -- A case without events has none that could not be mapped.
    cast(coalesce(histories.count_unmapped_statuses, 0) as integer) as count_unmapped_statuses,
    phases.entered_at,
    phases.left_at,
    cast({{ open_seconds('entered', 'phases.entered_at') }} as bigint) as open_seconds_at_entry,
    cast({{ open_seconds('departed', 'phases.left_at') }} as bigint) as open_seconds_at_leaving
from all_phases as phases
left join histories on phases.case_key = histories.case_key
{{ join_business_hours('entered', 'phases.schedule_name', 'phases.entered_at') }}
{{ join_business_hours('departed', 'phases.schedule_name', 'phases.left_at') }}
