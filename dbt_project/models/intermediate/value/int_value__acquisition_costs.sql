with

spend as (
    select
        channel,
        cast(date_trunc('month', incurred_on) as date) as acquired_month,
        sum(amount) as spend
    from {{ ref('int_costs__acquisition_spend') }}
    where channel is not null
    group by channel, cast(date_trunc('month', incurred_on) as date)
),

-- A customer is won with the first sale.
first_sales as (
    select
        customer_key,
        cast(date_trunc('month', min(ordered_at)) as date) as acquired_month
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
    group by customer_key
),

won as (
    select
        profiles.acquisition_channel as channel,
        first_sales.acquired_month,
        count(*) as count_new_customers
    from first_sales
    inner join {{ ref('int_customers__profiles') }} as profiles
        on first_sales.customer_key = profiles.customer_key
    where profiles.acquisition_channel is not null
    group by profiles.acquisition_channel, first_sales.acquired_month
),

months as (
    select
        channel,
        acquired_month
    from spend
    union distinct
    select
        channel,
        acquired_month
    from won
),

paid_channels as (
    select distinct channel -- one row per channel that ever cost anything
    from spend
)

select
    months.channel,
    months.acquired_month,
    -- A channel that costs in other months was free in this one; of one that never did, the
    -- company does not say what it costs.
    cast(
        case when paid_channels.channel is not null then coalesce(spend.spend, 0) end
        as decimal(18, 4)
    ) as spend,
    cast(coalesce(won.count_new_customers, 0) as bigint) as count_new_customers, -- nobody won
    cast(
        case
            when paid_channels.channel is not null and won.count_new_customers > 0
                then cast(coalesce(spend.spend, 0) as double) / won.count_new_customers
        end as double
    ) as cost_per_customer
from months
left join spend
    on months.channel = spend.channel and months.acquired_month = spend.acquired_month
left join won
    on months.channel = won.channel and months.acquired_month = won.acquired_month
left join paid_channels on months.channel = paid_channels.channel
