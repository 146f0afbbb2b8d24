select
    order_id,
    cast(order_item_id as bigint) as line_number,
    product_id,
    cast(1 as decimal(18, 4)) as quantity, -- the file has one row per unit
    cast(price as decimal(18, 4)) as unit_price,
    cast(price as decimal(18, 4)) as net_revenue,
    source_metadata,
    _file_name,
    _row_number
from {{ current_records('olist', 'order_items') }}
