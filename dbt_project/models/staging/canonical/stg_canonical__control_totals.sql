{#- From raw alone: it is what the other tables are held against. -#}
{{ config(incremental_strategy='delete+insert', unique_key=['entity', 'measure']) }}
{{ control_totals('canonical', {
    'customers': {'entity': 'customers'},
    'orders': {'entity': 'orders', 'sums': {'net_revenue': 'net_revenue', 'refund_amount': 'refund_amount'}},
    'order_lines': {'entity': 'order_lines', 'sums': {'net_revenue': 'net_revenue', 'quantity': 'quantity'}},
    'payments': {'entity': 'payments', 'sums': {'amount': 'amount'}},
    'products': {'entity': 'products'},
    'survey_responses': {'entity': 'survey_responses', 'sums': {'score': 'score'}},
    'costs': {'entity': 'costs', 'sums': {'amount': 'amount'}},
}) }}
