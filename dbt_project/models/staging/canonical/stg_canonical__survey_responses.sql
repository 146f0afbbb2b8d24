with

current_rows as (
    select * from {{ current_records('canonical', 'survey_responses') }}
),

typed as (
    select
        nullif(trim(response_id), '') as response_id,
        nullif(trim(dimension), '') as dimension,
        nullif(trim(customer_id), '') as customer_id,
        nullif(trim(order_id), '') as order_id,
        nullif(trim(case_id), '') as case_id,
        nullif(trim(product_id), '') as product_id,
        nullif(trim(survey_type), '') as survey_type,
        cast(score as decimal(18, 4)) as score,
        cast(scale_min as decimal(18, 4)) as scale_min,
        cast(scale_max as decimal(18, 4)) as scale_max,
        nullif(trim(comment), '') as comment,
        nullif(trim(channel), '') as channel,
        cast(invited_at as timestamp) as invited_at,
        cast(responded_at as timestamp) as responded_at,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    response_id,
    dimension,
    customer_id,
    order_id,
    case_id,
    product_id,
    survey_type,
    score,
    scale_min,
    scale_max,
    comment,
    channel,
    invited_at,
    responded_at,
    source_metadata,
    _file_name,
    _row_number
from typed
