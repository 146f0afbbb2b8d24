with

changes as (
    select * from {{ ref('int_identity__key_changes') }}
),

earlier as (
    select * from {{ source('matching', 'earlier_changes') }}
),

live as (
    select distinct customer_key -- however many records the customer has
    from {{ ref('int_identity__customer_records') }}
),

logged as (
    select
        changes.former_key,
        changes.customer_key,
        changes.change_kind,
        changes.count_records,
        {{ setting('as_of_date') }} as changed_on,
        changes.customer_key as current_key
    from changes
    union all
    select
        earlier.former_key,
        earlier.customer_key,
        earlier.change_kind,
        earlier.count_records,
        earlier.changed_on,
        earlier.current_key
    from earlier
    left join changes
        on
            earlier.former_key = changes.former_key
            and coalesce(earlier.customer_key, '') = coalesce(changes.customer_key, '') -- gone
    -- A day that is built again may make the same change again.
    where changes.former_key is null or earlier.changed_on != {{ setting('as_of_date') }}
),

-- Where most records of a key went that names nobody any more.
successors as (
    select
        former_key,
        customer_key
    from (
        select
            former_key,
            customer_key,
            row_number() over (
                partition by former_key
                order by count_records desc, customer_key
            ) as successor_rank
        from changes
    ) as ranked
    where successor_rank = 1
)

select
    logged.former_key,
    logged.customer_key,
    logged.change_kind,
    logged.count_records,
    logged.changed_on,
    case
        when revived.customer_key is not null then revived.customer_key
        when live.customer_key is not null then live.customer_key
        else successors.customer_key
    end as current_key
from logged
left join live as revived on logged.former_key = revived.customer_key
left join live on logged.current_key = live.customer_key
left join successors on logged.current_key = successors.former_key
