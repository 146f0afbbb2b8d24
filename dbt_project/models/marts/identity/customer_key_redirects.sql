with

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

-- The key a record had as long as it was a customer of its own, or the senior of one.
own_keys as (
    select
        *,
        {{ surrogate_key(['source_system', 'source_object', 'source_record_id']) }} as own_key
    from records
)

select
    own_key as former_key,
    customer_key,
    source_system,
    source_object,
    source_record_id
from own_keys
where own_key != customer_key
