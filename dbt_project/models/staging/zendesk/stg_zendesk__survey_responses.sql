with

all_tickets as (
    select * from {{ current_records('zendesk', 'tickets') }}
),

tickets as (
    select * from all_tickets
    where lower(status) != 'deleted'
),

deleted as (
    select id as ticket_id from all_tickets
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

exported as (
    select * from {{ current_records('zendesk', 'satisfaction_ratings') }}
),

ratings as (
    select
        id as response_id,
        ticket_id,
        requester_id,
        score,
        comment,
        created_at,
        updated_at,
        {{ metadata_with(['reason', 'assignee_id']) }} as source_metadata,
        _file_name,
        _row_number
    from exported
    union all
    -- Where ratings were not exported, the ticket holds its newest one. Every ticket that was never
    -- rated says "unoffered": nobody was asked.
    select
        coalesce(
            {{ json_text('satisfaction_rating', '$.id') }}, 'ticket-' || id
        ) as response_id,
        id as ticket_id,
        requester_id,
        {{ zendesk_score_of_ticket() }} as score,
        {{ json_text('satisfaction_rating', '$.comment') }} as comment,
        coalesce(
            {{ json_text('satisfaction_rating', '$.created_at') }}, updated_at, created_at
        ) as created_at,
        coalesce(
            {{ json_text('satisfaction_rating', '$.updated_at') }}, updated_at, created_at
        ) as updated_at,
        source_metadata,
        _file_name,
        _row_number
    from tickets
    where
        {{ zendesk_score_of_ticket() }} != 'unoffered'
        and id not in (select exported.ticket_id from exported)
),

-- The API knows good, bad and both with and without comment and reason.
judged as (
    select
        *,
        case
            when lower(score) like 'good%' then 1
            when lower(score) like 'bad%' then 0
        end as is_good
    from ratings
)

select
    judged.response_id,
    'overall' as dimension,
    case
        when staff.user_id is null then coalesce(judged.requester_id, tickets.requester_id)
    end as customer_id,
    coalesce(merged.target_id, judged.ticket_id) as case_id,
    'csat' as survey_type,
    -- An offered rating is an invitation: it has no score and enters no denominator.
    cast(judged.is_good as decimal(18, 4)) as score,
    cast(0 as decimal(18, 4)) as scale_min,
    cast(1 as decimal(18, 4)) as scale_max,
    nullif(trim(judged.comment), '') as comment,
    'email' as channel,
    cast(judged.created_at as timestamp) as invited_at,
    case when judged.is_good is not null then cast(judged.updated_at as timestamp) end
        as responded_at,
    judged.source_metadata,
    judged._file_name,
    judged._row_number
from judged
left join tickets on judged.ticket_id = tickets.id
left join merged on judged.ticket_id = merged.loser_id
left join staff on coalesce(judged.requester_id, tickets.requester_id) = staff.user_id
-- A rating goes with its ticket when that was deleted.
where judged.ticket_id not in (select deleted.ticket_id from deleted)
