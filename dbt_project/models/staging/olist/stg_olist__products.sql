with

products as (
    select * from {{ current_records('olist', 'products') }}
),

translation as (
    select * from {{ current_records('olist', 'product_category_translation') }}
)

select
    products.product_id,
    -- Categories without a translation keep their Portuguese name.
    coalesce(
        nullif(trim(translation.product_category_name_english), ''),
        nullif(trim(products.product_category_name), '')
    ) as category,
    products.source_metadata,
    products._file_name,
    products._row_number
from products
left join translation on products.product_category_name = translation.product_category_name
