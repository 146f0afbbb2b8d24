with

comparisons as (
    select * from {{ source('statistics', 'service_recovery') }}
)

select
    outcome,
    compared_group,
    reference_group,
    {{ setting('recovery_days') }} as horizon_days,
    count_matched,
    count_reference,
    count_strata,
    mean_compared,
    mean_reference,
    effect,
    ci_low,
    ci_high,
    is_significant,
    count_matched < {{ setting('small_sample_size') }} as is_small_sample
from comparisons
