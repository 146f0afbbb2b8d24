with

links as (
    select * from {{ ref('identity_links') }}
    where outcome = 'refused'
),

identifiers as (
    select * from {{ ref('int_identity__identifiers') }}
    where distrust_reason is not null
),

records as (
    select * from {{ ref('int_identity__customer_records') }}
),

-- Each refused link names two records that it did not bring together.
sides as (
    select
        guard,
        link_rule,
        source_system_a || ':' || source_record_id_a as record_name,
        customer_key_a as customer_key
    from links
    union all
    select
        guard,
        link_rule,
        source_system_b || ':' || source_record_id_b as record_name,
        customer_key_b as customer_key
    from links
),

refused as (
    select
        guard,
        link_rule,
        count(*) / 2 as count_links,
        count(distinct record_name) as count_records,
        count(distinct customer_key) as count_customers
    from sides
    group by guard, link_rule
),

-- A distrusted value would have made one customer of all who state it.
distrusted as (
    select
        identifiers.distrust_reason as guard,
        identifiers.identifier_kind as link_rule,
        count(distinct identifiers.identifier_value) as count_values,
        count(distinct identifiers.record_number) as count_records,
        count(distinct records.customer_key) as count_customers,
        max(identifiers.count_records) as largest_group
    from identifiers
    inner join records on identifiers.record_number = records.record_number
    group by identifiers.distrust_reason, identifiers.identifier_kind
)

select
    'link' as guard_level,
    guard,
    link_rule,
    cast(count_links as bigint) as count_links,
    cast(null as bigint) as count_values,
    count_records,
    count_customers,
    cast(2 as bigint) as largest_group
from refused
union all
select
    'identifier' as guard_level,
    guard,
    link_rule,
    cast(null as bigint) as count_links,
    count_values,
    count_records,
    count_customers,
    largest_group
from distrusted
