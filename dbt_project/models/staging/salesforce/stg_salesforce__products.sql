select
    {{ salesforce_id('id') }} as product_id,
    nullif(trim(name), '') as product_name,
    nullif(trim(family), '') as category,
    cast(is_active as boolean) as is_active,
    {{ metadata_with(['product_code', 'stock_keeping_unit', 'description']) }} as source_metadata,
    _file_name,
    _row_number
from {{ salesforce_records('products') }}
