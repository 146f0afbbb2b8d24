with

current_rows as (
    select * from {{ current_records('canonical', 'identity_answers') }}
),

typed as (
    select
        trim(source_system_a) as source_system_a,
        trim(record_id_a) as record_id_a,
        trim(source_system_b) as source_system_b,
        trim(record_id_b) as record_id_b,
        -- A review list comes back with pairs that nobody could judge: no word, no answer.
        coalesce(nullif(lower(trim(answer)), ''), 'withdrawn') as answer,
        nullif(trim(answered_by), '') as answered_by,
        cast(answered_at as timestamp) as answered_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    source_system_a,
    record_id_a,
    source_system_b,
    record_id_b,
    answer,
    answered_by,
    answered_at,
    source_metadata,
    _file_name,
    _row_number
from typed
