with

cases as (
    select * from {{ salesforce_records('cases') }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

case_events as (
    select * from {{ ref('stg_salesforce__case_events') }}
),

interactions as (
    select * from {{ ref('stg_salesforce__interactions') }}
),

-- The last time the case was given a status that means solved or closed.
resolutions as (
    select
        case_id,
        max(occurred_at) as resolved_at
    from case_events
    where
        event_type = 'status' and {{ case_status('to_value') }} in ('solved', 'closed')
        and coalesce({{ case_status('from_value') }} not in ('solved', 'closed'), true)
    group by case_id
),

typed as (
    select
        {{ salesforce_id('id') }} as case_id,
        {{ salesforce_id('contact_id') }} as contact_id,
        {{ salesforce_id('account_id') }} as account_id,
        cast(created_date as timestamp) as opened_at,
        cast(closed_date as timestamp) as closed_at,
        {{ case_status('status', 'coalesce(cast(is_closed as boolean), closed_date is not null)') }}
            as status,
        {{ case_priority('priority') }} as priority,
        nullif(trim(type), '') as category,
        nullif(trim(reason), '') as reason,
        {{ contact_channel('origin') }} as channel,
        nullif(trim(subject), '') as subject,
        regexp_matches(
            lower(concat_ws(' ', type, reason, status)), 'complain|claim|beschwerde|reklamation|投诉'
        ) as is_complaint,
        cast(coalesce(last_modified_date, system_modstamp) as timestamp) as updated_at,
        {{ metadata_with([
            'case_number', 'status', 'parent_id', 'record_type_id', 'language', 'is_escalated',
            'owner_id'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from cases
),

-- Salesforce has no field for it: the first mail or call out to the customer that was logged.
first_responses as (
    select
        typed.case_id,
        min(interactions.occurred_at) as first_response_at
    from typed
    inner join interactions
        on typed.case_id = interactions.case_id and typed.opened_at <= interactions.occurred_at
    where interactions.direction = 'outbound'
    group by typed.case_id
)

select
    typed.case_id,
    -- The person concerned; the account where no person is named.
    coalesce(
        people.target_id, typed.contact_id, accounts.target_id, typed.account_id
    ) as customer_id,
    typed.opened_at,
    first_responses.first_response_at,
    case
        when typed.status in ('solved', 'closed')
            then coalesce(resolutions.resolved_at, typed.closed_at)
    end as resolved_at,
    typed.closed_at,
    typed.status,
    typed.priority,
    typed.category,
    typed.reason,
    typed.channel,
    typed.subject,
    typed.is_complaint,
    typed.updated_at,
    typed.source_metadata,
    typed._file_name,
    typed._row_number
from typed
left join redirects as people on typed.contact_id = people.record_id
left join redirects as accounts on typed.account_id = accounts.record_id
left join first_responses on typed.case_id = first_responses.case_id
left join resolutions on typed.case_id = resolutions.case_id
