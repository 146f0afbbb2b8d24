with

links as (
    select distinct -- two records can share several identifiers; one edge is enough
        first_record_number,
        record_number
    from {{ ref('int_identity__identifiers') }}
    where is_link and first_record_number != record_number
)

select
    first_record_number as node_a,
    record_number as node_b
from links
union all
select
    record_number as node_a,
    first_record_number as node_b
from links
