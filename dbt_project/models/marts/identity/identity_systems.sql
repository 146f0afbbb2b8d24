with

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

customers as (
    select
        customer_key,
        count(*) as count_records,
        count(distinct source_system) as count_systems
    from records
    group by customer_key
)

select
    records.source_system,
    records.source_object,
    count(*) as count_records,
    count(distinct records.customer_key) as count_customers,
    count(*) filter (where customers.count_records > 1) as count_linked_records,
    cast(count(*) filter (where customers.count_records > 1) as double) / count(*) as linked_rate,
    {{ wilson_bound('count(*) filter (where customers.count_records > 1)', 'count(*)', 'low') }}
        as linked_rate_low,
    {{ wilson_bound('count(*) filter (where customers.count_records > 1)', 'count(*)', 'high') }}
        as linked_rate_high,
    count(*) filter (where customers.count_systems > 1) as count_records_known_elsewhere,
    count(*) filter (where records.link_rule = 'likeness') as count_records_by_likeness,
    count(*) filter (where records.is_reviewed) as count_reviewed_records,
    max(customers.count_records) as largest_customer
from records
inner join customers on records.customer_key = customers.customer_key
group by records.source_system, records.source_object
