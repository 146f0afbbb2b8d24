select
    source_system,
    response_id,
    dimension,
    order_key,
    order_id,
    customer_key,
    survey_type,
    score,
    scale_min,
    scale_max,
    score_0_100,
    is_counted,
    channel,
    order_channel,
    touchpoint,
    comment,
    invited_at,
    responded_at
from {{ ref('int_surveys__responses_keyed') }}
where is_answered
