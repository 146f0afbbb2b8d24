with

objects as (
    {{ control_totals('olist', {
        'customers': {'entity': 'customers'},
        'orders': {'entity': 'orders'},
        'order_items': {'entity': 'order_lines', 'sums': {'net_revenue': 'price', 'shipping_amount': 'freight_value'}},
        'order_payments': {'entity': 'payments', 'sums': {'amount': 'payment_value'}},
        'products': {'entity': 'products'},
        'order_reviews': {'entity': 'survey_responses', 'sums': {'score': 'review_score'}},
    }) }}
)

select
    entity,
    measure,
    value
from objects
where not (entity = 'order_lines' and measure = 'shipping_amount')
union all
-- The value of an order and its shipping stand on its items.
select
    'orders' as entity,
    measure,
    value
from objects
where entity = 'order_lines' and measure in ('net_revenue', 'shipping_amount')
