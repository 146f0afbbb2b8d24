with

exported as (
    select * from {{ current_records('shopify', 'products') }}
),

-- Full exports without a key: the newest file that holds a product tells all its variants. Products
-- that left the catalogue stay, because old orders have them.
newest_files as (
    select
        handle,
        max_by(
            _content_hash,
            struct_pack(exported_at := _exported_at, content_hash := _content_hash)
        ) as content_hash
    from exported
    group by handle
),

product_rows as (
    select exported.*
    from exported
    inner join newest_files
        on
            exported.handle = newest_files.handle
            and exported._content_hash = newest_files.content_hash
),

-- The cells of the product stand on its first row only.
headers as (
    select
        handle,
        first(title order by _row_number) filter (where title is not null) as title,
        first(vendor order by _row_number) filter (where vendor is not null) as vendor,
        first(type order by _row_number) filter (where type is not null) as shop_category,
        first(product_category order by _row_number) filter (where product_category is not null)
            as shopify_category,
        first(status order by _row_number) filter (where status is not null) as status,
        first(published order by _row_number) filter (where published is not null) as published
    from product_rows
    group by handle
),

variants as (
    select
        product_rows.*,
        headers.title as product_title,
        headers.vendor as brand,
        coalesce(headers.shop_category, headers.shopify_category) as category,
        headers.status as product_status,
        headers.published as product_published,
        -- Order lines name a variant like this; products without variants have one "Default Title".
        headers.title || coalesce(
            ' - ' || nullif(
                concat_ws(
                    ' / ',
                    nullif(product_rows.option1_value, 'Default Title'),
                    product_rows.option2_value,
                    product_rows.option3_value
                ),
                ''
            ),
            ''
        ) as product_name
    from product_rows
    inner join headers on product_rows.handle = headers.handle
    -- The other rows are pictures.
    where coalesce(product_rows.variant_sku, product_rows.variant_price) is not null
),

keyed as (
    select
        *,
        coalesce(nullif(trim(variant_sku), ''), product_name, handle) as product_id
    from variants
)

select
    product_id,
    product_name,
    nullif(trim(category), '') as category,
    nullif(trim(brand), '') as brand,
    greatest(
        cast(variant_price as decimal(18, 4)), cast(variant_compare_at_price as decimal(18, 4))
    ) as list_price,
    cast(cost_per_item as decimal(18, 4)) as unit_cost,
    coalesce(lower(product_status) = 'active', cast(product_published as boolean)) as is_active,
    {{ metadata_with(['handle', 'tags', 'product_category']) }} as source_metadata,
    _file_name,
    _row_number
from keyed
-- Variants may share a stock keeping unit: the one exported last, then the first of the file.
qualify row_number() over (
    partition by product_id
    order by _exported_at desc, handle, _content_hash, _row_number
) = 1
