with

members as (
    select * from {{ source('statistics', 'organisation_members') }}
),

customers as (
    select customer_key from {{ ref('int_customers__profiles') }}
)

select
    members.customer_key,
    members.organisation_key,
    members.organisation_kind,
    members.role,
    members.evidence,
    members.is_primary
from members
inner join customers on members.customer_key = customers.customer_key
