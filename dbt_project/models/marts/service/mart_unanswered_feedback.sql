with

unanswered as (
    select * from {{ ref('int_service__feedback') }}
    where calls_for_answer and is_answerable and answered_at is null
)

select
    feedback_key,
    cast(
        row_number() over (
            order by
                -- Those who are unhappy first, then those who wrote something, then the newest.
                coalesce(is_unfavourable, false) desc,
                comment is null,
                given_at desc,
                feedback_key
        ) as integer
    ) as urgency_rank,
    source_system,
    response_id,
    customer_key,
    case_key,
    survey_type,
    channel,
    touchpoint,
    cast(score as double) as score,
    cast(scale_min as double) as scale_min,
    cast(scale_max as double) as scale_max,
    is_unfavourable,
    comment,
    given_at,
    due_at,
    cast({{ seconds_between('given_at', as_of_end()) }} / 86400.0 as double) as waiting_days,
    due_at <= {{ as_of_end() }} as is_overdue
from unanswered
