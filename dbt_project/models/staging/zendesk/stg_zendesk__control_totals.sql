with

tickets as (
    {{ newest_rows('zendesk', 'tickets', [
        'status', 'requester_id', 'merged_ticket_ids', 'satisfaction_rating'
    ]) }}
),

users as (
    {{ newest_rows('zendesk', 'users', ['role', 'active']) }}
),

ratings as (
    {{ newest_rows('zendesk', 'satisfaction_ratings', ['ticket_id', 'requester_id', 'score']) }}
),

live_tickets as (
    select * from tickets
    where status <> 'deleted'
),

losers as (
    select string_agg(merged_ticket_ids, ' ') as ids
    from tickets
),

end_users as (
    select count(*) as count_rows
    from users
    where
        coalesce(role, 'end-user') ilike 'end-user' -- agents and admins are explained
        and (
            coalesce(active, 'true') ilike 'true'
            or id in (select live_tickets.requester_id from live_tickets)
            or id in (select ratings.requester_id from ratings)
        )
),

cases as (
    -- Merged tickets are explained: they live on in another one.
    select count(*) as count_rows
    from live_tickets
    cross join losers
    where coalesce(not regexp_matches(losers.ids, '[^0-9]' || live_tickets.id || '[^0-9]'), true)
),

scores as (
    select ratings.score
    from ratings
    left join tickets on ratings.ticket_id = tickets.id
    where coalesce(tickets.status, '') <> 'deleted'
    union all
    select json_extract_string(satisfaction_rating, '$.score') as score
    from live_tickets
    where
        json_extract_string(satisfaction_rating, '$.score') <> 'unoffered'
        and id not in (select ratings.ticket_id from ratings)
)

select
    'customers' as entity,
    'rows' as measure,
    cast(count_rows as decimal(28, 4)) as value
from end_users
union all
select
    'cases' as entity,
    'rows' as measure,
    cast(count_rows as decimal(28, 4)) as value
from cases
union all
select
    'survey_responses' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from scores
union all
select
    'survey_responses' as entity,
    'score' as measure,
    cast(count(*) filter (where starts_with(score, 'good')) as decimal(28, 4)) as value
from scores
