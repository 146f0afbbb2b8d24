with

currencies as (
    select
        iso_code as currency_code,
        cast(conversion_rate as double) as units_per_corporate,
        coalesce(cast(is_corporate as boolean), false) as is_corporate, -- no flag: not corporate
        source_metadata,
        _file_name,
        _row_number
    from {{ current_records('salesforce', 'currency_types') }}
)

select
    currency_code,
    units_per_corporate,
    is_corporate,
    min(case when is_corporate then currency_code end) over () as corporate_currency_code,
    source_metadata,
    _file_name,
    _row_number
from currencies
