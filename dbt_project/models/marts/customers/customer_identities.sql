with

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

sizes as (
    select
        customer_key,
        count(*) as count_records
    from records
    group by customer_key
)

select
    records.source_system,
    records.source_object,
    records.source_record_id,
    records.customer_key,
    records.link_rule,
    records.link_score,
    records.is_reviewed,
    records.count_links,
    records.count_refused_links,
    sizes.count_records as count_customer_records
from records
inner join sizes on records.customer_key = sizes.customer_key
