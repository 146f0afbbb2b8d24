with

accuracy as (
    select * from {{ source('statistics', 'feedback_text_accuracy') }}
)

select
    language,
    method,
    is_used,
    count_answers,
    count_right,
    cast(count_right as double) / nullif(count_answers, 0) as accuracy,
    case
        when count_answers > 0
            then cast({{ wilson_bound('count_right', 'count_answers', 'low') }} as double)
    end as accuracy_low,
    case
        when count_answers > 0
            then cast({{ wilson_bound('count_right', 'count_answers', 'high') }} as double)
    end as accuracy_high,
    baseline
from accuracy
