with

reviews as (
    select * from {{ current_records('olist', 'order_reviews') }}
),

orders as (
    select * from {{ current_records('olist', 'orders') }}
)

-- A review can speak of several orders, and an order can have several reviews: a row per pair.
select
    reviews.review_id as response_id,
    'overall' as dimension,
    orders.customer_id,
    reviews.order_id,
    'review' as survey_type,
    cast(reviews.review_score as decimal(18, 4)) as score,
    cast(1 as decimal(18, 4)) as scale_min,
    cast(5 as decimal(18, 4)) as scale_max,
    nullif(
        trim(
            concat_ws(
                chr(10),
                nullif(trim(reviews.review_comment_title), ''),
                nullif(trim(reviews.review_comment_message), '')
            )
        ),
        ''
    ) as comment,
    'web' as channel,
    cast(reviews.review_creation_date as timestamp) as invited_at,
    cast(reviews.review_answer_timestamp as timestamp) as responded_at,
    reviews.source_metadata,
    reviews._file_name,
    reviews._row_number
from reviews
-- A review of an unknown order keeps its row; the staging gate reports the missing order.
left join orders on reviews.order_id = orders.order_id
