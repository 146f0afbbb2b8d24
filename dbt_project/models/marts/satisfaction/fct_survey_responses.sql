with

responses as (
    select * from {{ ref('int_surveys__survey_responses_unioned') }}
    -- An invitation without an answer is not a response and never enters a denominator.
    where score is not null
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

order_numbers as (
    select * from {{ ref('int_orders__order_numbers') }}
),

answered as (
    select
        *,
        coalesce(responded_at, invited_at) as answered_at
    from responses
)

select
    answered.source_system,
    answered.response_id,
    answered.dimension,
    -- An order of the survey's own system, else the only one of that number.
    coalesce(orders.order_key, order_numbers.order_key) as order_key,
    answered.order_id,
    identity.customer_key,
    answered.survey_type,
    cast(answered.score as double) as score,
    cast(answered.scale_min as double) as scale_min,
    cast(answered.scale_max as double) as scale_max,
    cast(
        100
        * (answered.score - answered.scale_min)
        / nullif(answered.scale_max - answered.scale_min, 0) as double
    ) as score_0_100,
    -- A response about several orders has a row for each; counted once, on its first order.
    row_number() over (
        partition by answered.source_system, answered.response_id, answered.dimension
        order by answered.order_id
    ) = 1 as is_counted,
    answered.channel,
    coalesce(orders.channel, order_numbers.channel) as order_channel,
    answered.comment,
    answered.invited_at,
    answered.answered_at as responded_at
from answered
left join identity
    on
        answered.source_system = identity.source_system
        and answered.customer_id = identity.source_record_id
left join orders
    on
        answered.source_system = orders.source_system
        and answered.order_id = orders.order_id
left join order_numbers on answered.order_id = order_numbers.order_id
-- An answer without any time stays: when it was given is unknown, that it was given is not.
where coalesce(answered.answered_at < {{ setting('as_of_date') }} + interval 1 day, true)
