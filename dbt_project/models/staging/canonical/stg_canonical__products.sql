with

current_rows as (
    select * from {{ current_records('canonical', 'products') }}
),

typed as (
    select
        nullif(trim(product_id), '') as product_id,
        nullif(trim(product_name), '') as product_name,
        nullif(trim(category), '') as category,
        nullif(trim(brand), '') as brand,
        cast(list_price as decimal(18, 4)) as list_price,
        cast(unit_cost as decimal(18, 4)) as unit_cost,
        cast(is_active as boolean) as is_active,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    product_id,
    product_name,
    category,
    brand,
    list_price,
    unit_cost,
    is_active,
    source_metadata,
    _file_name,
    _row_number
from typed
