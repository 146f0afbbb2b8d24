with

settings as (
    select
        as_of_date,
        cast(date_trunc('month', as_of_date) as date) as as_of_month
    from {{ source('settings', 'company') }}
),

first_sales as (
    select cast(date_trunc('month', min(ordered_at)) as date) as first_month
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale
),

digits as (
    select ten.digit
    from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as ten (digit)
),

-- Counted and not read from the orders: a month without a sale is a month too. Enough for 83 years.
numbers as (
    select 100 * hundreds.digit + 10 * tens.digit + units.digit as months_ago
    from digits as hundreds
    cross join digits as tens
    cross join digits as units
),

months as (
    select
        settings.as_of_date,
        cast(settings.as_of_month - numbers.months_ago * interval 1 month as date) as month_start,
        -- Without any sale there is the month of the as-of day alone.
        coalesce(first_sales.first_month, settings.as_of_month) as first_month
    from numbers
    cross join settings
    cross join first_sales
)

select
    month_start as calendar_month,
    least(cast(month_start + interval 1 month as date) - 1, as_of_date) as month_end_date,
    cast(month_start + interval 1 month as date) - 1 <= as_of_date as is_complete,
    cast(12 * extract(year from month_start) + extract(month from month_start) as bigint)
        as month_number
from months
where month_start >= first_month
