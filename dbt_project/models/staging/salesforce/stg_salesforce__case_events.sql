with

history as (
    select * from {{ salesforce_records('case_history') }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

typed as (
    select
        {{ salesforce_id('id') }} as case_event_id,
        {{ salesforce_id('case_id') }} as case_id,
        cast(created_date as timestamp) as occurred_at,
        lower(trim(field)) as field,
        nullif(trim(old_value), '') as from_value,
        nullif(trim(new_value), '') as to_value,
        created_by_id,
        -- Older exports have no DataType: a reference is then known by its values.
        coalesce(
            data_type = 'EntityId',
            regexp_matches(coalesce(new_value, old_value), '^[0-9A-Za-z]{15}([0-9A-Za-z]{3})?$')
            and regexp_matches(coalesce(new_value, old_value), '^[0-9]')
        ) as is_reference,
        {{ metadata_with(['field', 'data_type', 'created_by_id']) }} as source_metadata,
        _file_name,
        _row_number
    from history
),

-- A changed reference is written twice, as ids and as names: the ids stay, names change.
once as (
    select
        *,
        bool_or(is_reference) over (
            partition by case_id, field, occurred_at, created_by_id
        ) as is_reference_change
    from typed
)

select
    once.case_event_id,
    coalesce(redirects.target_id, once.case_id) as case_id,
    once.occurred_at,
    case
        when once.field = 'created' then 'created'
        when once.field in ('status', 'priority', 'owner') then once.field
        when once.field = 'isescalated' then 'escalation'
        else once.field
    end as event_type,
    once.from_value,
    once.to_value,
    once.source_metadata,
    once._file_name,
    once._row_number
from once
left join redirects on once.case_id = redirects.record_id
where once.is_reference or not coalesce(once.is_reference_change, false)
