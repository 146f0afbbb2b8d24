with

purchase_days as (
    select * from {{ ref('int_value__purchase_days') }}
),

first_days as (
    select
        customer_key,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date,
        count(*) - 1 as count_repeat_purchases
    from purchase_days
    group by customer_key
),

-- Repeat purchases of the last year: what the naive forecast "as last year" repeats.
recent as (
    select
        purchase_days.customer_key,
        count(*) as count_repeat_purchases_365d
    from purchase_days
    inner join first_days on purchase_days.customer_key = first_days.customer_key
    where
        purchase_days.purchase_date > first_days.first_purchase_date
        and purchase_days.purchase_date > {{ setting('as_of_date') }} - 365
    group by purchase_days.customer_key
),

-- Mean spend of the repeat purchases: the first one is often a trial and the model leaves it out.
-- A customer with one purchase has only that one; it counts when nobody ever came back.
modelled_spend as (
    select
        purchase_days.customer_key,
        sum(purchase_days.spend) as spend,
        count(*) as count_days
    from purchase_days
    inner join first_days
        on
            purchase_days.customer_key = first_days.customer_key
            and (
                purchase_days.purchase_date > first_days.first_purchase_date
                or first_days.count_repeat_purchases = 0
            )
    group by purchase_days.customer_key
)

select
    first_days.customer_key,
    first_days.count_repeat_purchases,
    cast(coalesce(recent.count_repeat_purchases_365d, 0) as bigint) -- none in that year
        as count_repeat_purchases_365d,
    cast(first_days.last_purchase_date - first_days.first_purchase_date as bigint) as recency_days,
    cast({{ setting('as_of_date') }} - first_days.first_purchase_date as bigint) as age_days,
    cast(modelled_spend.spend as double) / modelled_spend.count_days as mean_spend
from first_days
inner join modelled_spend on first_days.customer_key = modelled_spend.customer_key
left join recent on first_days.customer_key = recent.customer_key
