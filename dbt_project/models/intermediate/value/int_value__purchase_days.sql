-- A view: the summaries read all of it once, the backtest the days of some customers. Written down,
-- 2.8 million days of a million customers took as long as everything that is made of them.
{{ config(materialized='view') }}

-- Purchases of one customer on one day count once: the models speak of transactions per day.
-- Spend is before refunds: what comes back is another process, which Gamma-Gamma does not describe.
with

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
),

-- What is paid for contracts is valued by their renewals, and must not count twice.
contract_payments as (
    select
        subscriptions.order_key,
        cast(sum(subscriptions.amount) as decimal(18, 4)) as amount
    from {{ ref('int_value__subscription_orders') }} as subscriptions
    inner join {{ ref('int_value__plans') }} as plans on subscriptions.plan_key = plans.plan_key
    group by subscriptions.order_key
)

select
    orders.customer_key,
    cast(orders.ordered_at as date) as purchase_date,
    sum(
        orders.net_revenue - coalesce(contract_payments.amount, 0) -- most orders hold no contract
    ) as spend
from orders
left join contract_payments on orders.order_key = contract_payments.order_key
where contract_payments.amount is null or contract_payments.amount < orders.net_revenue
group by orders.customer_key, cast(orders.ordered_at as date)
