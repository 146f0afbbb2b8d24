with

campaigns as (
    select * from {{ salesforce_records('campaigns') }}
),

currencies as (
    select * from {{ ref('stg_salesforce__currencies') }}
),

corporate as (
    select min(corporate_currency_code) as currency_code from currencies
)

-- Dated rates are for opportunities only; Salesforce converts campaigns with the static rate.
select
    {{ salesforce_id('campaigns.id') }} as campaign_id,
    nullif(trim(campaigns.name), '') as campaign_name,
    replace(lower(nullif(trim(campaigns.type), '')), ' ', '_') as channel,
    cast(campaigns.start_date as date) as start_date,
    cast(campaigns.end_date as date) as end_date,
    {{ salesforce_amount(
        'campaigns.budgeted_cost', 'campaigns.currency_iso_code', 'corporate.currency_code',
        'currencies.units_per_corporate'
    ) }} as budget_amount,
    {{ salesforce_amount(
        'campaigns.actual_cost', 'campaigns.currency_iso_code', 'corporate.currency_code',
        'currencies.units_per_corporate'
    ) }} as actual_cost,
    {{ metadata_with(
        [
            'parent_id', 'status', 'expected_revenue', 'number_sent', 'currency_iso_code',
            'budgeted_cost', 'actual_cost'
        ],
        relation='campaigns'
    ) }} as source_metadata,
    campaigns._file_name,
    campaigns._row_number
from campaigns
left join currencies on campaigns.currency_iso_code = currencies.currency_code
cross join corporate
