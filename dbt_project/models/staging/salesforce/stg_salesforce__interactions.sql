with

tasks as (
    select * from {{ salesforce_records('tasks') }}
),

events as (
    select * from {{ salesforce_records('events') }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

-- A task is a contact with a customer when it is done and a call or a message; the others are
-- things to do.
typed_tasks as (
    select
        id,
        who_id,
        what_id,
        account_id,
        owner_id,
        cast(coalesce(completed_date_time, activity_date, created_date) as timestamp)
            as occurred_at,
        case
            when call_type is not null then 'phone'
            when lower(task_subtype) in ('call', 'email', 'listemail', 'linkedin')
                then {{ contact_channel('task_subtype') }}
            else {{ contact_channel('type') }}
        end as channel,
        case
            when lower(call_type) in ('inbound', 'outbound') then lower(call_type)
            -- Mails that come in are messages of a case, not tasks.
            when lower(task_subtype) in ('email', 'listemail') then 'outbound'
        end as direction,
        coalesce(nullif(trim(type), ''), nullif(trim(task_subtype), '')) as kind,
        subject,
        cast(call_duration_in_seconds as decimal(18, 4)) as duration_seconds,
        {{ metadata_with(['status', 'priority', 'call_disposition', 'what_id']) }}
            as source_metadata,
        _file_name,
        _row_number
    from tasks
    where cast(is_closed as boolean)
),

-- The copies that invited people get are the same meeting.
typed_events as (
    select
        id,
        who_id,
        what_id,
        account_id,
        owner_id,
        cast(
            coalesce(start_date_time, activity_date_time, activity_date, created_date) as timestamp
        )
            as occurred_at,
        case
            when regexp_matches(lower(concat_ws(' ', type, subject)), 'call|phone') then 'phone'
            else 'face_to_face'
        end as channel,
        cast(null as varchar) as direction,
        coalesce(nullif(trim(type), ''), 'meeting') as kind, -- what a calendar holds
        subject,
        cast(cast(duration_in_minutes as decimal(18, 4)) * 60 as decimal(18, 4))
            as duration_seconds,
        {{ metadata_with(['location', 'what_id']) }} as source_metadata,
        _file_name,
        _row_number
    from events
    where not coalesce(cast(is_child as boolean), false)
),

contacts_made as (
    select * from typed_tasks
    where channel in ('phone', 'email', 'chat', 'social', 'face_to_face', 'web')
    union all
    select * from typed_events
),

related as (
    select
        {{ salesforce_id('id') }} as interaction_id,
        {{ salesforce_id('who_id') }} as who_id,
        {{ salesforce_id('what_id') }} as what_id,
        -- The first three characters of an id name its object: 001 is an account.
        coalesce(
            {{ salesforce_id('account_id') }},
            case when what_id like '001%' then {{ salesforce_id('what_id') }} end
        ) as account_id,
        occurred_at,
        channel,
        direction,
        lower(kind) as interaction_type,
        nullif(trim(subject), '') as subject,
        duration_seconds,
        {{ salesforce_id('owner_id') }} as agent_id,
        source_metadata,
        _file_name,
        _row_number
    from contacts_made
)

select
    related.interaction_id,
    coalesce(
        people.target_id, related.who_id, accounts.target_id, related.account_id
    ) as customer_id,
    related.occurred_at,
    related.channel,
    related.direction,
    related.interaction_type,
    related.subject,
    case when related.what_id like '500%' then coalesce(merged_cases.target_id, related.what_id) end
        as case_id,
    case when related.what_id like '701%' then related.what_id end as campaign_id,
    related.duration_seconds,
    related.agent_id,
    related.source_metadata,
    related._file_name,
    related._row_number
from related
left join redirects as people on related.who_id = people.record_id
left join redirects as accounts on related.account_id = accounts.record_id
left join redirects as merged_cases on related.what_id = merged_cases.record_id
