with

tickets as (
    select * from {{ current_records('zendesk', 'tickets') }}
    where lower(status) != 'deleted'
),

staff as (
    select id as user_id
    from {{ current_records('zendesk', 'users') }}
    where lower(role) != 'end-user'
),

metrics as (
    select * from {{ current_records('zendesk', 'ticket_metrics') }}
),

merged as (
    select * from {{ zendesk_merged_tickets() }}
),

fields as (
    select
        id as field_id,
        lower(trim(title)) as title
    from {{ current_records('zendesk', 'ticket_fields') }}
),

-- The API writes ids and values; ticket_fields says what the ids are.
listed_values as (
    select
        id as ticket_id,
        unnest({{ json_list('custom_fields') }}) as field
    from tickets
),

-- CSV exports have a column per field, named Category [list] or Order number [txt].
cells as (
    select
        id as ticket_id,
        unnest(map_entries(from_json(source_metadata, '"map(varchar, varchar)"'))) as cell
    from tickets
    where regexp_matches(source_metadata, ' \[[a-z]+\]":')
),

field_values as (
    select
        listed_values.ticket_id,
        fields.title,
        json_extract_string(listed_values.field, '$.value') as value
    from listed_values
    inner join fields on json_extract_string(listed_values.field, '$.id') = fields.field_id
    union all
    select
        ticket_id,
        lower(trim(regexp_replace(cell['key'], ' \[[a-z]+\]$', ''))) as title,
        nullif(nullif(trim(cell['value']), ''), '-') as value
    from cells
    where regexp_matches(cell['key'], ' \[[a-z]+\]$')
),

-- What the company calls its ticket fields says what their values mean; of two fields of one
-- meaning the one with the smaller title counts.
titled_values as (
    select
        ticket_id,
        title,
        value,
        case
            when title in ('category', 'topic', 'subject area') then 'category'
            when title in ('reason', 'root cause', 'cause') then 'reason'
            when title in ('order', 'order id', 'order number', 'order name') then 'order_id'
            when title in ('complaint', 'is complaint') then 'is_complaint'
        end as meaning
    from field_values
),

meanings as (
    select
        ticket_id,
        min_by(value, title) filter (where meaning = 'category') as category,
        min_by(value, title) filter (where meaning = 'reason') as reason,
        min_by(value, title) filter (where meaning = 'order_id') as order_id,
        min_by(value, title) filter (where meaning = 'is_complaint') as is_complaint
    from titled_values
    where value is not null
    group by ticket_id
),

-- The first public answer of an agent, for tickets whose metrics were not exported.
first_answers as (
    select
        comments.ticket_id,
        min(comments.created_at) as answered_at
    from {{ zendesk_comments() }} as comments
    inner join tickets on comments.ticket_id = tickets.id
    where
        comments.is_public
        and comments.author_id in (select staff.user_id from staff)
        and comments.created_at > cast(tickets.created_at as timestamp)
    group by comments.ticket_id
),

measured as (
    select
        tickets.id as ticket_id,
        try_cast(
            coalesce(
                {{ json_text('metrics.reply_time_in_minutes', '$.calendar') }},
                {{ json_text('tickets.metric_set', '$.reply_time_in_minutes.calendar') }},
                tickets.reply_minutes
            ) as bigint
        ) as reply_minutes,
        coalesce(
            metrics.solved_at,
            {{ json_text('tickets.metric_set', '$.solved_at') }},
            tickets.solved_at
        ) as solved_at,
        coalesce(
            metrics.reopens,
            {{ json_text('tickets.metric_set', '$.reopens') }},
            tickets.reopens
        ) as reopens
    from tickets
    left join metrics on tickets.id = metrics.ticket_id
)

-- A ticket that was merged into another one lives on there, with its comments and ratings.
select
    tickets.id as case_id,
    -- What staff ask for themselves has no customer.
    case when staff.user_id is null then tickets.requester_id end as customer_id,
    meanings.order_id,
    cast(tickets.created_at as timestamp) as opened_at,
    coalesce(
        cast(tickets.created_at as timestamp) + to_minutes(measured.reply_minutes),
        first_answers.answered_at
    ) as first_response_at,
    cast(measured.solved_at as timestamp) as resolved_at,
    -- Tickets that wait for a third party have a status of their own, which no other system has.
    case
        when lower(tickets.status) in ('hold', 'on-hold', 'on hold') then 'pending'
        else lower(tickets.status)
    end as status,
    lower(tickets.priority) as priority,
    coalesce(meanings.category, lower(tickets.type)) as category,
    meanings.reason,
    {{ zendesk_channel('tickets.via') }} as channel,
    nullif(trim(tickets.subject), '') as subject,
    -- A field of that name decides; without one a tag does.
    coalesce(
        try_cast(meanings.is_complaint as boolean),
        json_contains(try_cast(tickets.tags as json), '"complaint"'),
        list_contains(string_split(tickets.tags, ' '), 'complaint'), -- CSV exports
        false
    ) as is_complaint,
    cast(tickets.updated_at as timestamp) as updated_at,
    cast(measured.reopens as bigint) as count_reopens,
    {{ metadata_with(
        ['external_id', 'type', 'organization_id', 'group_id', 'assignee_id'],
        lists=['tags', 'custom_fields', 'merged_ticket_ids'],
        relation='tickets'
    ) }} as source_metadata,
    tickets._file_name,
    tickets._row_number
from tickets
left join measured on tickets.id = measured.ticket_id
left join meanings on tickets.id = meanings.ticket_id
left join first_answers on tickets.id = first_answers.ticket_id
left join staff on tickets.requester_id = staff.user_id
left join merged on tickets.id = merged.loser_id
where merged.loser_id is null
