with

tickets as (
    select * from {{ current_records('hubspot', 'tickets') }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

typed as (
    select
        trim(ticket_id) as case_id,
        {{ first_of('associated_contact_ids') }} as contact_id,
        'company:' || {{ first_of('associated_company_ids') }} as company_id,
        cast(create_date as timestamp) as opened_at,
        cast(first_agent_response_date as timestamp) as first_response_at,
        cast(close_date as timestamp) as closed_at,
        {{ case_status(stage_name('ticket_status'), 'close_date is not null') }} as status,
        {{ case_priority('priority') }} as priority,
        nullif(trim(category), '') as category,
        {{ contact_channel('source') }} as channel,
        nullif(trim(ticket_name), '') as subject,
        regexp_matches(
            lower(concat_ws(' ', category, ticket_status, pipeline)),
            'complain|claim|beschwerde|reklamation|投诉'
        ) as is_complaint,
        cast(last_modified_date as timestamp) as updated_at,
        {{ metadata_with([
            'pipeline', 'ticket_status', 'ticket_owner', 'ticket_reopen_date', 'time_to_close',
            'first_contact_resolution', 'number_of_touches', 'associated_contact_ids',
            'associated_company_ids'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from tickets
)

select
    typed.case_id,
    -- The person concerned; the company where no person is named.
    coalesce(
        people.target_id, typed.contact_id, companies.target_id, typed.company_id
    ) as customer_id,
    typed.opened_at,
    typed.first_response_at,
    -- HubSpot knows one end only.
    typed.closed_at as resolved_at,
    typed.closed_at,
    typed.status,
    typed.priority,
    typed.category,
    typed.channel,
    typed.subject,
    typed.is_complaint,
    typed.updated_at,
    typed.source_metadata,
    typed._file_name,
    typed._row_number
from typed
left join redirects as people on typed.contact_id = people.record_id
left join redirects as companies on typed.company_id = companies.record_id
-- A ticket that was merged into another goes on there.
where 'ticket:' || typed.case_id not in (select redirects.record_id from redirects)
