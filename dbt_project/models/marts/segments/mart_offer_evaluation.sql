with

evaluations as (
    select * from {{ source('statistics', 'offer_evaluation') }}
)

select
    method,
    is_used,
    count_customers,
    count_hits,
    cast(count_hits as double) / nullif(count_customers, 0) as hit_rate,
    case
        when count_customers > 0 then {{ wilson_bound('count_hits', 'count_customers', 'low') }}
    end as hit_rate_ci_low,
    case
        when count_customers > 0 then {{ wilson_bound('count_hits', 'count_customers', 'high') }}
    end as hit_rate_ci_high,
    count_customers < {{ setting('small_sample_size') }} as is_small_sample
from evaluations
