with

changes as (
    select * from {{ ref('int_identity__key_changes') }}
)

select
    former_key,
    customer_key,
    change_kind,
    count_records
from changes
