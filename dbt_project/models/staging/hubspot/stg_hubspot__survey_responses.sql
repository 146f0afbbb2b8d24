with

submissions as (
    select
        *,
        -- Exports repeat the answers of earlier ones and older portals number none: what is the
        -- same in everything is the same answer.
        coalesce(
            nullif(trim(submission_id), ''),
            {{ surrogate_key([
                'survey_name', 'survey_type', 'contact', 'associated_contact_ids', 'submitted_at',
                'rating', 'follow_up_text'
            ]) }}
        ) as submission_key
    from {{ source('raw', 'hubspot__feedback_submissions') }}
),

-- Two anonymous answers in one minute look alike: within a file both count.
counted as (
    select
        *,
        case
            when submission_id is null
                then row_number() over (
                    partition by submission_key, _content_hash order by _row_number
                )
            else 1
        end as occurrence
    from submissions
),

latest as (
    select *
    from counted
    -- An answer that several exports hold is taken from the newest.
    qualify row_number() over (
        partition by submission_key, occurrence
        order by _exported_at desc, _content_hash desc, _row_number desc
    ) = 1
),

typed as (
    select
        submission_key || case when occurrence > 1 then '-' || occurrence else '' end
            as response_id,
        nullif(trim(survey_name), '') as survey_name,
        case
            when regexp_matches(lower(survey_type), 'nps|promoter|loyalty') then 'nps'
            when regexp_matches(lower(survey_type), 'csat|satisfaction') then 'csat'
            when regexp_matches(lower(survey_type), 'ces|effort|support') then 'ces'
            else 'other'
        end as survey_type,
        cast(rating as decimal(18, 4)) as score,
        {{ first_of('associated_contact_ids') }} as associated_contact_id,
        nullif(trim(contact), '') as contact,
        lower(regexp_extract(contact, '[^ <>()]+@[^ <>()]+')) as contact_email,
        {{ first_of('ticket_id') }} as ticket_id,
        nullif(trim(follow_up_text), '') as comment,
        lower(nullif(trim(survey_channel), '')) as channel,
        cast(submitted_at as timestamp) as responded_at,
        {{ metadata_with(['survey_name', 'sentiment', 'contact']) }} as source_metadata,
        _file_name,
        _row_number
    from latest
),

-- CSAT was 0-2 in older portals and is 1-5 in newer ones; no column says which. A survey shows it
-- by an answer that only one scale has, else its portal does, else it is the newer one.
surveys as (
    select
        survey_name,
        bool_or(score = 0) as has_zero,
        bool_or(score > 2) as has_more_than_two
    from typed
    where survey_type = 'csat'
    group by survey_name
),

portal as (
    select bool_or(has_zero) and not bool_or(has_more_than_two) as is_older
    from surveys
),

csat_scales as (
    select
        surveys.survey_name,
        case
            when surveys.has_zero then true
            when surveys.has_more_than_two then false
            else portal.is_older
        end as is_older
    from surveys
    cross join portal
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

addresses as (
    select
        lower(email) as email,
        min(customer_id) as customer_id
    from {{ ref('stg_hubspot__customers') }}
    where email is not null
    group by lower(email)
),

-- By identifier, else by address; who cannot be found answered without a name.
respondents as (
    select
        typed.*,
        coalesce(
            typed.associated_contact_id,
            case when regexp_matches(typed.contact, '^[0-9]+$') then typed.contact end,
            addresses.customer_id
        ) as contact_id
    from typed
    left join addresses on typed.contact_email = addresses.email
)

select
    respondents.response_id,
    'overall' as dimension,
    coalesce(people.target_id, respondents.contact_id) as customer_id,
    coalesce(replace(merged_tickets.target_id, 'ticket:', ''), respondents.ticket_id) as case_id,
    respondents.survey_type,
    respondents.score,
    cast(
        case
            when respondents.survey_type = 'nps' then 0
            when respondents.survey_type = 'ces' then 1
            when csat_scales.is_older then 0
            when respondents.survey_type = 'csat' then 1
        end as decimal(18, 4)
    ) as scale_min,
    cast(
        case
            when respondents.survey_type = 'nps' then 10
            when respondents.survey_type = 'ces' then 7
            when csat_scales.is_older then 2
            when respondents.survey_type = 'csat' then 5
        end as decimal(18, 4)
    ) as scale_max,
    respondents.comment,
    respondents.channel,
    respondents.responded_at,
    respondents.source_metadata,
    respondents._file_name,
    respondents._row_number
from respondents
left join csat_scales
    on respondents.survey_type = 'csat' and respondents.survey_name = csat_scales.survey_name
left join redirects as people on respondents.contact_id = people.record_id
left join redirects as merged_tickets
    on 'ticket:' || respondents.ticket_id = merged_tickets.record_id
