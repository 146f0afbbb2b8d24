with

contacts as (
    select * from {{ current_records('hubspot', 'contacts', with_deleted=true) }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

refusals as (
    select
        trim(record_id) as record_id,
        cast(coalesce(last_modified_date, create_date) as timestamp) as recorded_at,
        _is_deleted,
        source_metadata,
        _file_name,
        _row_number
    from contacts
    where cast(unsubscribed_from_all_email as boolean)
)

-- Only refusals: the property is empty or false for everybody who never unsubscribed, which is no
-- consent. What a merged contact refused holds for the one it became.
select
    coalesce(redirects.target_id, refusals.record_id) as customer_id,
    'email' as channel,
    'marketing' as purpose,
    false as is_granted,
    refusals.recorded_at,
    refusals.source_metadata,
    refusals._file_name,
    refusals._row_number
from refusals
left join redirects on refusals.record_id = redirects.record_id
where {{ is_not_deleted('refusals._is_deleted') }} or redirects.target_id is not null
-- Two records of one contact may refuse at the same moment.
qualify row_number() over (
    partition by coalesce(redirects.target_id, refusals.record_id), refusals.recorded_at
    order by refusals.record_id
) = 1
