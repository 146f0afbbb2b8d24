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

comments as (
    select * from {{ zendesk_comments() }}
),

messages as (
    select
        'comment-' || comment_id as interaction_id,
        ticket_id,
        author_id,
        created_at as occurred_at,
        channel,
        _file_name,
        _row_number
    from comments
    where is_public -- internal notes reach no customer
    union all
    -- Every ticket begins with a message, also where comments were not exported.
    select
        'ticket-' || id as interaction_id,
        id as ticket_id,
        requester_id as author_id,
        cast(created_at as timestamp) as occurred_at,
        {{ zendesk_channel('via') }} as channel,
        _file_name,
        _row_number
    from tickets
    where id not in (select comments.ticket_id from comments)
)

select
    messages.interaction_id,
    case when asking_staff.user_id is null then tickets.requester_id end as customer_id,
    messages.occurred_at,
    -- An agent answers where the customer asked, whatever the answer was written in; what no
    -- customer can use (rules, merges) says nothing either. Tickets without a channel came over
    -- the form.
    case
        when
            writing_staff.user_id is null
            and messages.channel in ('email', 'phone', 'chat', 'social', 'web')
            then messages.channel
        else coalesce({{ zendesk_channel('tickets.via') }}, messages.channel, 'web')
    end as channel,
    case when writing_staff.user_id is null then 'inbound' else 'outbound' end as direction,
    case
        when coalesce({{ zendesk_channel('tickets.via') }}, messages.channel) = 'phone' then 'call'
        else 'message'
    end as interaction_type,
    nullif(trim(tickets.subject), '') as subject,
    coalesce(merged.target_id, messages.ticket_id) as case_id,
    case when writing_staff.user_id is not null then messages.author_id end as agent_id,
    cast(null as varchar) as source_metadata,
    messages._file_name,
    messages._row_number
from messages
left join tickets on messages.ticket_id = tickets.id
left join merged on messages.ticket_id = merged.loser_id
left join staff as asking_staff on tickets.requester_id = asking_staff.user_id
left join staff as writing_staff on messages.author_id = writing_staff.user_id
-- What was said about a deleted ticket goes with it.
where messages.ticket_id not in (select deleted.ticket_id from deleted)
