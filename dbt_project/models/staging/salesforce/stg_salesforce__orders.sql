with

opportunities as (
    select * from {{ ref('stg_salesforce__opportunities') }}
    where is_won
),

lines as (
    select
        order_id,
        sum(net_revenue) as net_revenue,
        -- A line without a known rate must not vanish from its sum.
        count(*) filter (where net_revenue is null) as count_without_rate
    from {{ ref('stg_salesforce__order_lines') }}
    group by order_id
)

-- A won opportunity is what a company with sales people has for an order. Its value is that of its
-- lines; without lines it is the amount; with neither nothing is known to have been sold.
select
    opportunities.opportunity_id as order_id,
    opportunities.customer_id,
    opportunities.closed_at as ordered_at,
    'placed' as order_status,
    'sales' as channel,
    opportunities.currency_code,
    case
        when lines.order_id is null then opportunities.amount
        when lines.count_without_rate = 0 then cast(lines.net_revenue as decimal(18, 4))
    end as net_revenue,
    opportunities.campaign_id,
    opportunities.updated_at,
    opportunities.source_metadata,
    opportunities._file_name,
    opportunities._row_number
from opportunities
left join lines on opportunities.opportunity_id = lines.order_id
where lines.order_id is not null or opportunities.record_amount is not null
