{%- set dimensions = [
    'product_quality', 'service_quality', 'price', 'communication', 'brand', 'personal_attention',
    'convenience',
] -%}
with

responses as (
    select * from {{ ref('int_surveys__responses_keyed') }}
    where is_counted and is_answered and not {{ is_about_needs('dimension') }}
),

orders as (
    select * from {{ ref('int_orders__orders_keyed') }}
),

cases as (
    select * from {{ ref('int_service__cases_keyed') }}
),

questionnaires as (
    select
        source_system,
        response_id,
        max(customer_key) as customer_key,
        max(order_key) as order_key,
        max(case_key) as case_key,
        max(product_key) as product_key,
        max(product_category) as product_category,
        max(survey_type) as survey_type,
        max(touchpoint) as touchpoint,
        max(channel) as channel,
        max(order_channel) as order_channel,
        max(invited_at) as invited_at,
        max(responded_at) as responded_at,
        max(case when dimension = 'overall' then score end) as overall_score,
        max(case when dimension = 'overall' then scale_min end) as scale_min,
        max(case when dimension = 'overall' then scale_max end) as scale_max,
        max(case when dimension = 'overall' then score_0_100 end) as overall_0_100,
        {%- for dimension in dimensions %}
            max(case when dimension = '{{ dimension }}' then score_0_100 end)
                as {{ dimension }}_0_100,
        {%- endfor %}
        coalesce(max(case when dimension = 'overall' then comment end), max(comment)) as comment
    from responses
    group by source_system, response_id
),

-- Trouble with an order that the customer had met by the time of the answer.
troubles as (
    select
        questionnaires.source_system,
        questionnaires.response_id
    from questionnaires
    inner join cases
        on
            questionnaires.order_key = cases.order_key
            and questionnaires.responded_at >= cases.opened_at
    where questionnaires.case_key is null
    group by questionnaires.source_system, questionnaires.response_id
)

select
    questionnaires.source_system,
    questionnaires.response_id,
    questionnaires.customer_key,
    questionnaires.order_key,
    questionnaires.case_key,
    questionnaires.product_key,
    questionnaires.product_category,
    questionnaires.survey_type,
    questionnaires.touchpoint,
    questionnaires.channel,
    questionnaires.order_channel,
    questionnaires.invited_at,
    questionnaires.responded_at,
    questionnaires.overall_score,
    questionnaires.scale_min,
    questionnaires.scale_max,
    questionnaires.overall_0_100,
    {%- for dimension in dimensions %}
        questionnaires.{{ dimension }}_0_100,
    {%- endfor %}
    questionnaires.comment,
    -- What happened, as far as the question is about an order.
    case
        when questionnaires.case_key is null
            then
                cast(
                    cast(orders.delivered_at as date) > cast(orders.promised_at as date) as integer
                )
    end as late_delivery,
    case
        when questionnaires.case_key is null and orders.delivered_at >= orders.ordered_at
            then
                cast(cast(orders.delivered_at as date) - cast(orders.ordered_at as date) as double)
    end as delivery_days,
    case
        when questionnaires.case_key is null and orders.order_key is not null
            then cast(troubles.response_id is not null as integer)
    end as trouble_with_order,
    case
        when questionnaires.case_key is null and orders.net_revenue + orders.shipping_amount > 0
            then
                cast(orders.shipping_amount as double)
                / cast(orders.net_revenue + orders.shipping_amount as double)
    end as shipping_share,
    case
        when questionnaires.case_key is null and orders.net_revenue + orders.discount_amount > 0
            then
                cast(orders.discount_amount as double)
                / cast(orders.net_revenue + orders.discount_amount as double)
    end as discount_share,
    -- What happened, as far as it is about a case; hours work in doublings, not in steps.
    case
        when cases.first_response_at >= cases.opened_at
            then
                log(
                    2,
                    1 + date_diff('minute', cases.opened_at, cases.first_response_at) / 60.0
                )
    end as first_response_doublings,
    case
        when cases.resolved_at >= cases.opened_at
            then log(2, 1 + date_diff('minute', cases.opened_at, cases.resolved_at) / 60.0)
    end as resolution_doublings
from questionnaires
left join orders on questionnaires.order_key = orders.order_key
left join cases on questionnaires.case_key = cases.case_key
left join troubles
    on
        questionnaires.source_system = troubles.source_system
        and questionnaires.response_id = troubles.response_id
