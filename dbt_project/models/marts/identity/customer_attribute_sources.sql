with

sources as (
    select * from {{ ref('int_customers__attribute_sources') }}
),

records as (
    select * from {{ ref('int_identity__customer_records') }}
)

select
    sources.customer_key,
    sources.attribute,
    records.source_system,
    records.source_object,
    records.source_record_id,
    sources.survived_by,
    sources.count_statements,
    sources.count_values
from sources
inner join records on sources.record_number = records.record_number
