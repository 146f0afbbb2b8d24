-- Mean spend of the repeat purchases: the first one is often a trial and the model leaves it out.
-- A customer with one purchase has only that one; it counts when nobody ever came back.
with

settings as (
    select as_of_date from {{ source('settings', 'company') }}
),

customers as (
    select
        days.customer_key,
        min(days.purchase_date) as first_purchase_date,
        max(days.purchase_date) as last_purchase_date,
        count(*) as count_days,
        count(*) filter (where days.purchase_date > settings.as_of_date - 365) as count_days_365d,
        sum(days.spend) as spend,
        min_by(days.spend, days.purchase_date) as first_spend -- one row per day: no ties
    from {{ ref('int_value__purchase_days') }} as days
    cross join settings
    group by days.customer_key
)

select
    customers.customer_key,
    customers.count_days - 1 as count_repeat_purchases,
    -- What the naive forecast "as last year" repeats: the first purchase is no repetition.
    customers.count_days_365d
    - case when customers.first_purchase_date > settings.as_of_date - 365 then 1 else 0 end
        as count_repeat_purchases_365d,
    cast(customers.last_purchase_date - customers.first_purchase_date as bigint) as recency_days,
    cast(settings.as_of_date - customers.first_purchase_date as bigint) as age_days,
    case
        when customers.count_days = 1 then cast(customers.spend as double)
        else
            cast(customers.spend - customers.first_spend as double) / (customers.count_days - 1)
    end as mean_spend
from customers
cross join settings
