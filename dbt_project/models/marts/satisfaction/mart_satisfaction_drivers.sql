with

drivers as (
    select * from {{ source('statistics', 'satisfaction_drivers') }}
)

select
    analysis,
    outcome,
    driver,
    case driver
        when 'late_delivery' then 'convenience'
        when 'delivery_days' then 'convenience'
        when 'trouble_with_order' then 'product_quality'
        when 'shipping_share' then 'price'
        when 'discount_share' then 'price'
        when 'first_response_doublings' then 'service_quality'
        when 'resolution_doublings' then 'service_quality'
        else driver
    end as topic,
    status,
    count_answers,
    r_squared,
    mean_value,
    relative_weight,
    relative_weight_low,
    relative_weight_high,
    relative_weight / nullif(r_squared, 0) as relative_weight_share,
    lmg_weight,
    lmg_weight_low,
    lmg_weight_high,
    effect,
    effect_low,
    effect_high,
    correlation,
    variance_inflation,
    is_significant,
    is_separable,
    quadrant,
    count_with,
    count_without,
    mean_outcome_with,
    mean_outcome_without,
    difference,
    difference_low,
    difference_high
from drivers
