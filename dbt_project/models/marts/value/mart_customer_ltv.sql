with

customers as (
    select distinct customer_key -- a customer has one row per source record there
    from {{ ref('int_identity__customer_records') }}
),

-- Order headers once each: joining lines here would multiply them.
order_totals as (
    select
        customer_key,
        count(*) as count_orders,
        sum(net_revenue) as net_revenue,
        sum(margin_amount) as margin_amount,
        sum(refund_amount) as refund_amount
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
    group by customer_key
),

service_costs as (
    select
        identity.customer_key,
        sum(costs.amount) as cost_to_serve
    from {{ ref('int_costs__costs_unioned') }} as costs
    -- costs of no customer are not his
    inner join {{ ref('int_identity__customer_records') }} as identity
        on
            costs.source_system = identity.source_system
            and costs.customer_id = identity.source_record_id
    where costs.cost_type = 'service' and costs.incurred_on <= {{ setting('as_of_date') }}
    group by identity.customer_key
),

historic as (
    select
        customers.customer_key,
        cast(coalesce(order_totals.count_orders, 0) as bigint) as count_orders,
        coalesce(order_totals.net_revenue, 0) as net_revenue,
        coalesce(order_totals.margin_amount, 0) as margin_amount,
        coalesce(order_totals.refund_amount, 0) as refund_amount,
        coalesce(service_costs.cost_to_serve, 0) as cost_to_serve,
        case
            -- A customer sold at a loss so far is not expected to cost money by buying again.
            when order_totals.net_revenue > 0
                then
                    greatest(
                        cast(order_totals.margin_amount as double)
                        / cast(order_totals.net_revenue as double),
                        0
                    )
            else {{ setting('margin_rate') }}
        end as margin_rate
    from customers
    left join order_totals on customers.customer_key = order_totals.customer_key
    left join service_costs on customers.customer_key = service_costs.customer_key
)

select
    historic.customer_key,
    historic.count_orders,
    cast(historic.net_revenue as decimal(18, 4)) as net_revenue,
    cast(historic.margin_amount as decimal(18, 4)) as margin_amount,
    cast(historic.refund_amount as decimal(18, 4)) as refund_amount,
    cast(historic.cost_to_serve as decimal(18, 4)) as cost_to_serve,
    cast(
        historic.margin_amount - historic.refund_amount - historic.cost_to_serve as decimal(18, 4)
    ) as historic_value,
    cast(historic.margin_rate as double) as margin_rate,
    scores.probability_alive,
    scores.probability_purchase_365d,
    scores.expected_purchases_90d,
    scores.expected_purchases_365d,
    scores.expected_spend,
    scores.predicted_revenue_90d * historic.margin_rate as predicted_value_90d,
    scores.predicted_revenue_365d * historic.margin_rate as predicted_value_365d,
    scores.predicted_revenue_365d_low * historic.margin_rate as predicted_value_365d_low,
    scores.predicted_revenue_365d_high * historic.margin_rate as predicted_value_365d_high,
    coalesce(scores.model_name, 'none') as model_name,
    coalesce(scores.model_status, 'no_purchase') as model_status
from historic
-- Prospects never bought: there is nothing to predict from, and the status says so.
left join {{ source('statistics', 'customer_value_scores') }} as scores
    on historic.customer_key = scores.customer_key
