with

orders as (
    select * from {{ ref('stg_shopify__orders') }}
),

order_rows as (
    select * from {{ ref('stg_shopify__order_rows') }}
),

exported as (
    select
        name,
        lineitem_name,
        lineitem_sku,
        lineitem_quantity,
        lineitem_price,
        lineitem_compare_at_price,
        lineitem_discount,
        {{ metadata_with([
            'lineitem_name', 'lineitem_discount', 'lineitem_fulfillment_status', 'vendor',
            'lineitem_requires_shipping',
        ]) }} as source_metadata,
        _content_hash,
        _file_name,
        _row_number
    from {{ current_records('shopify', 'orders') }}
    -- An order may have a row without a line.
    where lineitem_name is not null or lineitem_quantity is not null
),

lines as (
    select
        exported.*,
        row_number() over (
            partition by exported.name
            order by exported._row_number
        ) as line_number,
        greatest(order_rows.gross_amount - order_rows.line_discount, 0) as discounted_amount
    from exported
    inner join order_rows
        on
            exported.name = order_rows.order_id
            and exported._content_hash = order_rows._content_hash
            and exported._row_number = order_rows._row_number
),

-- What order discounts and included tax take away is shared among the lines by their amounts; lines
-- that are all free share alike.
weighed as (
    select
        *,
        case
            when sum(discounted_amount) over (partition by name) = 0 then 1
            else discounted_amount
        end as weight
    from lines
),

cumulated as (
    select
        *,
        sum(weight) over (
            partition by name
            order by line_number
            rows between unbounded preceding and current row
        ) as weight_so_far,
        sum(weight) over (partition by name) as weight_of_order
    from weighed
),

-- Rounding the running sum and not the lines keeps their sum exact.
shared as (
    select
        cumulated.*,
        cast(
            orders.net_revenue * cumulated.weight_so_far / cumulated.weight_of_order
            as decimal(18, 4)
        ) as revenue_so_far
    from cumulated
    -- Lines whose first row is in quarantine wait for it.
    inner join orders on cumulated.name = orders.order_id
)

select
    name as order_id,
    line_number,
    -- Products without a stock keeping unit are known by their name.
    coalesce(nullif(trim(lineitem_sku), ''), nullif(trim(lineitem_name), '')) as product_id,
    cast(lineitem_quantity as decimal(18, 4)) as quantity,
    cast(lineitem_price as decimal(18, 4)) as unit_price,
    greatest(
        cast(lineitem_price as decimal(18, 4)), cast(lineitem_compare_at_price as decimal(18, 4))
    ) as list_price,
    cast(
        revenue_so_far - lag(revenue_so_far, 1, 0) over (
            partition by name
            order by line_number
        ) as decimal(18, 4)
    ) as net_revenue,
    source_metadata,
    _file_name,
    _row_number
from shared
