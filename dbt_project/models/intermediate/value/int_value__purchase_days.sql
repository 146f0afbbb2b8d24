-- Purchases of one customer on one day count once: the models speak of transactions per day.
select
    customer_key,
    cast(ordered_at as date) as purchase_date,
    sum(net_revenue - refund_amount) as spend
from {{ ref('int_orders__orders_keyed') }}
where is_sale and customer_key is not null
group by customer_key, cast(ordered_at as date)
