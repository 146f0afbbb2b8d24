with

lines as (
    select * from {{ salesforce_records('opportunity_line_items') }}
),

opportunities as (
    select * from {{ ref('stg_salesforce__opportunities') }}
    where is_won
),

corporate as (
    select min(corporate_currency_code) as currency_code
    from {{ ref('stg_salesforce__currencies') }}
),

typed as (
    select
        {{ salesforce_id('id') }} as line_id,
        {{ salesforce_id('opportunity_id') }} as opportunity_id,
        cast(sort_order as bigint) as sort_order,
        {{ salesforce_id('product2_id') }} as product_id,
        cast(quantity as decimal(18, 4)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(list_price as decimal(18, 4)) as list_price,
        -- Exports without the total have what it is made of.
        coalesce(
            cast(total_price as decimal(18, 4)),
            cast(
                cast(unit_price as decimal(18, 4)) * cast(quantity as decimal(18, 4))
                * (1 - coalesce(cast(discount as decimal(9, 4)), 0) / 100) as decimal(18, 4)
            )
        ) as net_revenue,
        {{ metadata_with(['product_code', 'service_date', 'discount', 'total_price']) }}
            as source_metadata,
        _file_name,
        _row_number
    from lines
)

-- Lines of opportunities that are not won, or deleted, are no sale. Their amounts are in the
-- currency of the opportunity.
select
    typed.opportunity_id as order_id,
    -- The position that the seller gave may repeat or be empty.
    row_number() over (
        partition by typed.opportunity_id order by typed.sort_order nulls last, typed.line_id
    ) as line_number,
    typed.product_id,
    typed.quantity,
    {% for amount in ['unit_price', 'list_price', 'net_revenue'] -%}
        {{ salesforce_amount(
            'typed.' ~ amount, 'opportunities.record_currency_code', 'corporate.currency_code',
            'opportunities.units_per_corporate'
        ) }} as {{ amount }},
    {% endfor -%}
    typed.source_metadata,
    typed._file_name,
    typed._row_number
from typed
inner join opportunities on typed.opportunity_id = opportunities.opportunity_id
cross join corporate
