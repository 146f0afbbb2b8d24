select
    outcome,
    status,
    count_joined,
    count_matched,
    count_others,
    mean_joined,
    mean_others,
    effect,
    effect_low,
    effect_high,
    trend_before,
    trend_before_low,
    trend_before_high
from {{ source('statistics', 'programme_effects') }}
