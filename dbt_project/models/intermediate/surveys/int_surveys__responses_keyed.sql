with

responses as (
    select * from {{ ref('int_surveys__survey_responses_unioned') }}
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
),

orders as (
    select
        order_key,
        source_system,
        order_id,
        channel
    from {{ ref('int_orders__orders_keyed') }}
),

products as (
    select * from {{ ref('int_products__products_unioned') }}
),

order_numbers as (
    select * from {{ ref('int_orders__order_numbers') }}
),

dated as (
    select
        *,
        coalesce(responded_at, invited_at) as answered_at
    from responses
)

select
    dated.source_system,
    dated.response_id,
    dated.dimension,
    -- An order of the survey's own system, else the only one of that number.
    coalesce(orders.order_key, order_numbers.order_key) as order_key,
    dated.order_id,
    case
        when dated.case_id is not null
            then {{ surrogate_key(['dated.source_system', 'dated.case_id']) }}
    end as case_key,
    case
        when products.product_id is not null
            then {{ surrogate_key(['products.source_system', 'products.product_id']) }}
    end as product_key,
    products.category as product_category,
    identity.customer_key,
    dated.survey_type,
    case
        when dated.case_id is not null then 'after_case'
        when dated.survey_type = 'review' then 'review'
        when dated.order_id is not null then 'after_purchase'
        else 'relationship'
    end as touchpoint,
    -- An invitation without an answer is not a response and never enters a denominator.
    dated.score is not null as is_answered,
    cast(dated.score as double) as score,
    cast(dated.scale_min as double) as scale_min,
    cast(dated.scale_max as double) as scale_max,
    cast(
        100
        * (dated.score - dated.scale_min)
        / nullif(dated.scale_max - dated.scale_min, 0) as double
    ) as score_0_100,
    -- A response about several orders has a row for each; counted once, on its first order.
    row_number() over (
        partition by dated.source_system, dated.response_id, dated.dimension
        order by dated.order_id
    ) = 1 as is_counted,
    dated.channel,
    coalesce(orders.channel, order_numbers.channel) as order_channel,
    dated.comment,
    dated.invited_at,
    dated.answered_at as responded_at
from dated
left join identity
    on
        dated.source_system = identity.source_system
        and dated.customer_id = identity.source_record_id
left join orders
    on
        dated.source_system = orders.source_system
        and dated.order_id = orders.order_id
left join order_numbers on dated.order_id = order_numbers.order_id
left join products
    on
        dated.source_system = products.source_system
        and dated.product_id = products.product_id
-- An answer without any time stays: when it was given is unknown, that it was given is not.
where coalesce(dated.answered_at < {{ setting('as_of_date') }} + interval 1 day, true)
