with

leads as (
    select * from {{ current_records('olist', 'marketing_qualified_leads') }}
),

deals as (
    select * from {{ current_records('olist', 'closed_deals') }}
)

-- Sellers who want to join the marketplace. They are not its customers, hence no customer_id.
select
    leads.mql_id as opportunity_id,
    leads.origin as opportunity_name,
    case when deals.mql_id is null then 'qualified' else 'won' end as stage,
    cast(deals.declared_monthly_revenue as decimal(18, 4)) as amount,
    'BRL' as currency_code,
    cast(leads.first_contact_date as timestamp) as created_at,
    cast(deals.won_date as timestamp) as closed_at,
    deals.mql_id is not null as is_won,
    leads.source_metadata,
    leads._file_name,
    leads._row_number
from leads
left join deals on leads.mql_id = deals.mql_id
