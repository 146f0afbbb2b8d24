with

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where identifier_kind = 'external_id'
),

-- What a system merged into another record of its own may stand in none of its exports any more;
-- the record that survived still names it.
merged_away as (
    select
        records.source_system,
        min(records.source_object) as source_object,
        substring(
            identifiers.identifier_value, length(records.source_system) + 2
        ) as source_record_id,
        min(records.customer_key) as customer_key
    from identifiers
    inner join records on identifiers.record_number = records.record_number
    where
        left(identifiers.identifier_value, length(records.source_system) + 1)
        = records.source_system || ':'
        and identifiers.identifier_value not in (
            select present.source_system || ':' || present.source_record_id
            from records as present
        )
    group by records.source_system, identifiers.identifier_value
    -- What two customers claim leads to neither.
    having min(records.customer_key) = max(records.customer_key)
),

known as (
    select
        source_system,
        source_object,
        source_record_id,
        customer_key
    from records
    union all
    select
        source_system,
        source_object,
        source_record_id,
        customer_key
    from merged_away
),

-- The key a record had as long as it was a customer of its own, or the senior of one.
own_keys as (
    select
        *,
        {{ surrogate_key(['source_system', 'source_object', 'source_record_id']) }} as own_key
    from known
)

select
    own_key as former_key,
    customer_key,
    source_system,
    source_object,
    source_record_id
from own_keys
where own_key != customer_key
