with

current_rows as (
    select * from {{ current_records('canonical', 'order_lines') }}
),

typed as (
    select
        nullif(trim(order_id), '') as order_id,
        cast(line_number as bigint) as line_number,
        nullif(trim(product_id), '') as product_id,
        cast(quantity as decimal(18, 4)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(list_price as decimal(18, 4)) as list_price,
        cast(net_revenue as decimal(18, 4)) as net_revenue,
        cast(unit_cost as decimal(18, 4)) as unit_cost,
        source_metadata,
        _file_name,
        _row_number
    from current_rows
    where {{ is_not_deleted() }}
)

select
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price,
    list_price,
    net_revenue,
    unit_cost,
    source_metadata,
    _file_name,
    _row_number
from typed
