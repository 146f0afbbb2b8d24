with

deleted as (
    select id as ticket_id
    from {{ current_records('zendesk', 'tickets') }}
    where lower(status) = 'deleted'
),

staff as (
    select id as user_id
    from {{ current_records('zendesk', 'users') }}
    where lower(role) != 'end-user'
),

merged as (
    select * from {{ zendesk_merged_tickets() }}
),

changes as (
    select
        id as event_id,
        ticket_id,
        cast(created_at as timestamp) as occurred_at,
        updater_id as actor_id,
        unnest({{ json_list('child_events') }}) as change,
        unnest(range(1, len({{ json_list('child_events') }}) + 1)) as position,
        _file_name,
        _row_number
    from {{ current_records('zendesk', 'ticket_events') }}
),

-- The incremental export names the field as a key of its own ({"status": "open"}), audits say
-- {"field_name": "status", "value": "open"}.
named as (
    select
        *,
        coalesce(
            json_extract_string(change, '$.field_name'),
            case
                when json_exists(change, '$.status') then 'status'
                when json_exists(change, '$.priority') then 'priority'
                when json_exists(change, '$.assignee_id') then 'assignee_id'
                when json_exists(change, '$.group_id') then 'group_id'
            end
        ) as field_name
    from changes
    where
        coalesce(
            json_extract_string(change, '$.event_type'), json_extract_string(change, '$.type')
        ) in ('Create', 'Change')
),

field_changes as (
    select
        coalesce(json_extract_string(change, '$.id'), event_id || '-' || position) as event_id,
        ticket_id,
        occurred_at,
        case field_name
            when 'assignee_id' then 'owner'
            when 'group_id' then 'owner'
            else field_name
        end as event_type,
        json_extract_string(change, '$.previous_value') as previous_value,
        coalesce(
            json_extract_string(change, '$.value'),
            json_extract_string(change, '$.' || field_name)
        ) as new_value,
        actor_id,
        _file_name,
        _row_number
    from named
    where field_name in ('status', 'priority', 'assignee_id', 'group_id')
),

replies as (
    select
        'comment-' || comments.comment_id as event_id,
        comments.ticket_id,
        comments.created_at as occurred_at,
        'reply' as event_type,
        cast(null as varchar) as previous_value,
        case when comments.is_public then 'public' else 'internal' end as new_value,
        comments.author_id as actor_id,
        comments._file_name,
        comments._row_number
    from {{ zendesk_comments() }} as comments
),

events as (
    select * from field_changes
    union all
    select * from replies
),

translated as (
    select
        * exclude (previous_value, new_value),
        case
            when event_type = 'status' and previous_value = 'hold' then 'pending'
            else previous_value
        end as from_value,
        case when event_type = 'status' and new_value = 'hold' then 'pending' else new_value end
            as to_value
    from events
)

select
    translated.event_id as case_event_id,
    coalesce(merged.target_id, translated.ticket_id) as case_id,
    translated.occurred_at,
    translated.event_type,
    translated.from_value,
    translated.to_value,
    case
        when translated.actor_id is null or translated.actor_id = '-1' then 'system'
        when staff.user_id is not null then 'agent'
        else 'customer'
    end as actor_type,
    cast(null as varchar) as source_metadata,
    translated._file_name,
    translated._row_number
from translated
left join merged on translated.ticket_id = merged.loser_id
left join staff on translated.actor_id = staff.user_id
where
    -- What happened to a deleted ticket goes with it.
    translated.ticket_id not in (select deleted.ticket_id from deleted)
    -- Between pending and hold the entity's status stays the same.
    and not (
        translated.event_type = 'status'
        and translated.from_value is not distinct from translated.to_value
    )
    -- The status of a merged ticket says nothing about the one it lives on in.
    and not (merged.target_id is not null and translated.event_type != 'reply')
