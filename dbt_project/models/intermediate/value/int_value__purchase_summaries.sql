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

-- Mean spend of the repeat purchases: the first one is often a trial and is left out by the model.
repeat_spend as (
    select
        purchase_days.customer_key,
        sum(purchase_days.spend) as spend,
        count(*) as count_days
    from purchase_days
    inner join first_days
        on
            purchase_days.customer_key = first_days.customer_key
            and purchase_days.purchase_date > first_days.first_purchase_date
    where purchase_days.spend > 0
    group by purchase_days.customer_key
)

select
    first_days.customer_key,
    first_days.count_repeat_purchases,
    cast(first_days.last_purchase_date - first_days.first_purchase_date as bigint) as recency_days,
    cast({{ setting('as_of_date') }} - first_days.first_purchase_date as bigint) as age_days,
    cast(coalesce(repeat_spend.count_days, 0) as bigint) as count_paid_repeat_purchases,
    cast(repeat_spend.spend as double) / repeat_spend.count_days as mean_repeat_spend
from first_days
left join repeat_spend on first_days.customer_key = repeat_spend.customer_key
