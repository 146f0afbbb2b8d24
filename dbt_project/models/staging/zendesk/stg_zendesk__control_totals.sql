with

tickets as (
    {{ newest_rows('zendesk', 'tickets', [
        'status', 'requester_id', 'merged_ticket_ids', 'satisfaction_rating', 'satisfaction_score'
    ]) }}
),

users as (
    {{ newest_rows('zendesk', 'users', ['role', 'active']) }}
),

ratings as (
    {{ newest_rows('zendesk', 'satisfaction_ratings', ['ticket_id', 'requester_id', 'score']) }}
),

organizations as (
    {{ newest_rows('zendesk', 'organizations', ['name']) }}
),

live_tickets as (
    select * from tickets
    where lower(status) <> 'deleted'
),

losers as (
    select string_agg(merged_ticket_ids, ' ') as ids
    from tickets
),

judged_users as (
    select
        coalesce(role, 'end-user') ilike 'end-user' as is_end_user, -- as in staging
        coalesce(active, 'true') ilike 'true'
        or id in (select live_tickets.requester_id from live_tickets)
        or id in (select ratings.requester_id from ratings) as is_needed
    from users
),

judged_tickets as (
    select
        lower(tickets.status) = 'deleted' as is_deleted,
        -- Nothing was merged: then this one was not.
        coalesce(regexp_matches(losers.ids, '[^0-9]' || tickets.id || '[^0-9]'), false) as is_merged
    from tickets
    cross join losers
),

counted as (
    select
        'customers' as entity,
        'rows' as measure,
        count(*) filter (where is_end_user and is_needed)
        + (select count(*) from organizations) as value
    from judged_users
    union all
    select
        'customers' as entity,
        'exported' as measure,
        count(*) + (select count(*) from organizations) as value
    from judged_users
    union all
    select
        'customers' as entity,
        'left out: agents and admins' as measure,
        count(*) filter (where not is_end_user) as value
    from judged_users
    union all
    select
        'customers' as entity,
        'left out: deleted or merged users without a ticket' as measure,
        count(*) filter (where is_end_user and not is_needed) as value
    from judged_users
    union all
    select
        'cases' as entity,
        'rows' as measure,
        count(*) filter (where not is_deleted and not is_merged) as value
    from judged_tickets
    union all
    select
        'cases' as entity,
        'exported' as measure,
        count(*) as value
    from judged_tickets
    union all
    select
        'cases' as entity,
        'left out: deleted tickets' as measure,
        count(*) filter (where is_deleted) as value
    from judged_tickets
    union all
    select
        'cases' as entity,
        'left out: tickets merged into another one' as measure,
        count(*) filter (where is_merged and not is_deleted) as value
    from judged_tickets
),

scores as (
    select ratings.score
    from ratings
    left join tickets on ratings.ticket_id = tickets.id
    where coalesce(lower(tickets.status), '') <> 'deleted'
    union all
    select {{ zendesk_score_of_ticket() }} as score
    from live_tickets
    where
        {{ zendesk_score_of_ticket() }} <> 'unoffered'
        and id not in (select ratings.ticket_id from ratings)
)

select
    entity,
    measure,
    cast(value as decimal(28, 4)) as value
from counted
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
    cast(count(*) filter (where starts_with(lower(score), 'good')) as decimal(28, 4)) as value
from scores
