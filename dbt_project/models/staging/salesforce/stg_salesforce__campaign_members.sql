with

members as (
    select * from {{ salesforce_records('campaign_members') }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

typed as (
    select
        {{ salesforce_id('id') }} as member_id,
        {{ salesforce_id('campaign_id') }} as campaign_id,
        -- A lead that was converted keeps its row and gains the contact.
        coalesce({{ salesforce_id('contact_id') }}, {{ salesforce_id('lead_id') }}) as record_id,
        coalesce(regexp_matches(lower(status), 'control|hold.?out|held back'), false) as is_control,
        coalesce(regexp_matches(lower(status), 'planned|not sent|queued'), false) as is_planned,
        cast(created_date as timestamp) as added_at,
        case
            when cast(has_responded as boolean)
                then coalesce(
                    cast(first_responded_date as timestamp), cast(system_modstamp as timestamp)
                )
        end as responded_at,
        lower(nullif(trim(status), '')) as status,
        source_metadata,
        _file_name,
        _row_number
    from members
),

-- Planned members and the control group were not contacted. The response is a day without a time:
-- on the day of the contact it came after it.
contacted as (
    select
        *,
        case when not is_control and not is_planned then added_at end as sent_at,
        case
            when
                cast(responded_at as date) = cast(added_at as date)
                then greatest(responded_at, added_at)
            else responded_at
        end as response_at
    from typed
)

select
    contacted.campaign_id,
    coalesce(redirects.target_id, contacted.record_id) as customer_id,
    bool_and(contacted.is_control) as is_control,
    min(contacted.sent_at) as sent_at,
    min(contacted.response_at) as responded_at,
    min_by(contacted.status, (contacted.response_at, contacted.member_id)) filter (
        where contacted.response_at is not null
    ) as response_type,
    min_by(contacted.source_metadata, contacted.member_id) as source_metadata,
    min_by(contacted._file_name, contacted.member_id) as _file_name,
    min_by(contacted._row_number, contacted.member_id) as _row_number
from contacted
left join redirects on contacted.record_id = redirects.record_id
where contacted.record_id is not null
-- A customer who is in a campaign as a lead and as a contact, or twice by a merge, was in it once.
group by contacted.campaign_id, coalesce(redirects.target_id, contacted.record_id)
