with

before as (
    select * from {{ source('matching', 'previous') }}
),

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

-- Records of the last version that are still there; new ones change nobody's key.
known as (
    select
        before.customer_key as former_key,
        records.customer_key,
        count(*) as count_records
    from before
    inner join records
        on
            before.source_system = records.source_system
            and before.source_object = records.source_object
            and before.source_record_id = records.source_record_id
    group by before.customer_key, records.customer_key
),

counted as (
    select
        *,
        count(*) over (partition by former_key) as count_keys_now,
        count(*) over (partition by customer_key) as count_keys_before
    from known
),

-- Keys of which no record is exported any more.
gone as (
    select
        before.customer_key as former_key,
        count(*) as count_records
    from before
    left join known on before.customer_key = known.former_key
    where known.former_key is null
    group by before.customer_key
)

select
    former_key,
    customer_key,
    case
        when count_keys_now > 1 then 'split'
        when count_keys_before > 1 then 'merge'
        else 'renamed'
    end as change_kind,
    count_records
from counted
where former_key != customer_key
union all
select
    former_key,
    cast(null as varchar) as customer_key,
    'gone' as change_kind,
    count_records
from gone
