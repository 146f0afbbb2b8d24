with

permissions as (
    select * from {{ ref('int_customers__contact_permissions') }}
)

select
    customer_key,
    channel,
    purpose,
    is_granted,
    count_statements,
    count_refusals,
    last_recorded_at
from permissions
