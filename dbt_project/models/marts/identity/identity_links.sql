with

links as (
    select * from {{ ref('int_identity__links') }}
),

records as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    one.source_system as source_system_a,
    one.source_object as source_object_a,
    one.source_record_id as source_record_id_a,
    one.customer_key as customer_key_a,
    other.source_system as source_system_b,
    other.source_object as source_object_b,
    other.source_record_id as source_record_id_b,
    other.customer_key as customer_key_b,
    links.link_rule,
    links.link_score,
    links.evidence,
    links.outcome,
    links.guard,
    links.answer
from links
inner join records as one on links.record_number_a = one.record_number
inner join records as other on links.record_number_b = other.record_number
