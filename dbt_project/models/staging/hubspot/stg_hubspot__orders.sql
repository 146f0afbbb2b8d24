with

deals as (
    select * from {{ ref('stg_hubspot__opportunities') }}
)

-- A won deal is what a company with sales people has for an order; without an amount nothing is
-- known to have been sold. The day of its creation stands in where nobody kept that of the close.
select
    opportunity_id as order_id,
    customer_id,
    coalesce(closed_at, created_at) as ordered_at,
    'placed' as order_status,
    'sales' as channel,
    currency_code,
    amount as net_revenue,
    updated_at,
    source_metadata,
    _file_name,
    _row_number
from deals
where is_won and (amount is not null or deal_amount is not null)
