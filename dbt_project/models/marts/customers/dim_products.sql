with

catalogued as (
    select * from {{ ref('int_products__products_unioned') }}
),

sold as (
    select
        lines.source_system,
        lines.product_id,
        -- A product of cancelled orders only keeps its row: the lines point at it.
        sum(lines.quantity) filter (where orders.is_sale) as units_sold,
        sum(lines.net_revenue) filter (where orders.is_sale) as net_revenue
    from {{ ref('int_orders__order_lines_unioned') }} as lines
    inner join {{ ref('int_orders__orders_keyed') }} as orders
        on lines.source_system = orders.source_system and lines.order_id = orders.order_id
    where lines.product_id is not null
    group by lines.source_system, lines.product_id
)

-- A product that was sold but never exported keeps its sales: nothing is lost to an inner join.
select
    {{ surrogate_key([
        'coalesce(catalogued.source_system, sold.source_system)', 'coalesce(catalogued.product_id, sold.product_id)'
    ]) }} as product_key,
    coalesce(catalogued.source_system, sold.source_system) as source_system,
    coalesce(catalogued.product_id, sold.product_id) as product_id,
    catalogued.product_name,
    catalogued.category as product_category,
    catalogued.brand,
    catalogued.list_price,
    catalogued.unit_cost,
    catalogued.is_active,
    catalogued.product_id is not null as is_catalogued,
    cast(coalesce(sold.units_sold, 0) as decimal(18, 4)) as units_sold,
    cast(coalesce(sold.net_revenue, 0) as decimal(18, 4)) as net_revenue
from catalogued
full outer join sold
    on
        catalogued.source_system = sold.source_system
        and catalogued.product_id = sold.product_id
