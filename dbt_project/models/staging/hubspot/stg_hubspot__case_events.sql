with

tickets as (
    select * from {{ current_records('hubspot', 'tickets') }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

-- Which columns there are depends on the portal's pipelines: one per stage that a ticket can enter.
others as (
    select
        ticket_id,
        from_json(source_metadata, '"map(varchar, varchar)"') as cells,
        _content_hash,
        _file_name,
        _row_number
    from tickets
    where source_metadata is not null
),

cells as (
    select
        ticket_id,
        unnest(map_keys(cells)) as label,
        unnest(map_values(cells)) as entered,
        _content_hash,
        _file_name,
        _row_number
    from others
),

-- The label of a clock, Date entered "New (Support Pipeline)", or the name that the API and
-- connectors have for it by the id of the stage: hs_date_entered_1, property_hs_v_2_date_entered_1.
clocks as (
    select
        ticket_id,
        regexp_extract(
            {{ words_of_label('label') }},
            -- Tools that the file went through turn the quotes into others.
            '(?i)^(?:propert(?:y|ies) )?(?:hs )?(v ?2 )?date entered ["“”‘’'']?(.+?)["“”‘’'']?$',
            ['version', 'stage_and_pipeline']
        ) as named,
        entered,
        {{ hubspot_is_day_first('entered', 'tickets') }} as is_day_first,
        _file_name,
        _row_number
    from cells
    where
        regexp_matches(
            {{ words_of_label('label') }},
            '(?i)^(propert(y|ies) )?(hs )?(v ?2 )?date entered '
        )
        and not regexp_matches(label, '(?i)current[ _]stage')
        and entered != ''
),

stages as (
    select
        ticket_id,
        named['stage_and_pipeline'] as stage_and_pipeline,
        {{ stage_name("named['stage_and_pipeline']") }} as stage,
        {{ hubspot_time('entered', 'tickets', 'is_day_first') }} as occurred_at,
        _file_name,
        _row_number
    from clocks
    -- Portals count a stage by an older and a newer clock; the newer one is kept.
    qualify row_number() over (
        partition by ticket_id, named['stage_and_pipeline'] order by named['version'] desc
    ) = 1
),

events as (
    select
        ticket_id,
        'entered:' || stage_and_pipeline as event_name,
        occurred_at,
        'status' as event_type,
        lag(stage) over (
            partition by ticket_id order by occurred_at, stage_and_pipeline
        ) as from_value,
        stage as to_value,
        cast(null as varchar) as actor_type,
        _file_name,
        _row_number
    from stages
    union all
    select
        ticket_id,
        'first_response' as event_name,
        cast(first_agent_response_date as timestamp) as occurred_at,
        'reply' as event_type,
        cast(null as varchar) as from_value,
        cast(null as varchar) as to_value,
        'agent' as actor_type,
        _file_name,
        _row_number
    from tickets
    where first_agent_response_date is not null
    union all
    select
        ticket_id,
        'reopened' as event_name,
        cast(ticket_reopen_date as timestamp) as occurred_at,
        'status' as event_type,
        cast(null as varchar) as from_value,
        'reopened' as to_value,
        cast(null as varchar) as actor_type,
        _file_name,
        _row_number
    from tickets
    where ticket_reopen_date is not null
)

select
    trim(events.ticket_id) || ':' || events.event_name as case_event_id,
    coalesce(replace(redirects.target_id, 'ticket:', ''), trim(events.ticket_id)) as case_id,
    events.occurred_at,
    events.event_type,
    events.from_value,
    events.to_value,
    events.actor_type,
    events._file_name,
    events._row_number
from events
left join redirects on 'ticket:' || trim(events.ticket_id) = redirects.record_id
