with

opportunities as (
    select * from {{ salesforce_records('opportunities') }}
),

rates as (
    select * from {{ ref('stg_salesforce__exchange_rates') }}
),

redirects as (
    select * from {{ ref('stg_salesforce__redirects') }}
),

corporate as (
    select min(corporate_currency_code) as currency_code
    from {{ ref('stg_salesforce__currencies') }}
),

typed as (
    select
        {{ salesforce_id('id') }} as opportunity_id,
        {{ salesforce_id('account_id') }} as account_id,
        {{ salesforce_id('contact_id') }} as contact_id,
        nullif(trim(name), '') as opportunity_name,
        nullif(trim(stage_name), '') as stage,
        cast(amount as decimal(18, 4)) as amount,
        nullif(trim(currency_iso_code), '') as record_currency_code,
        cast(cast(probability as decimal(18, 4)) / 100 as decimal(18, 4)) as probability,
        cast(close_date as date) as close_date,
        cast(created_date as timestamp) as created_at,
        -- Without IsClosed a won opportunity is closed, another open.
        coalesce(cast(is_closed as boolean), cast(is_won as boolean), false) as is_closed,
        coalesce(cast(is_won as boolean), false) as is_won,
        {{ salesforce_id('campaign_id') }} as campaign_id,
        cast(coalesce(last_modified_date, system_modstamp) as timestamp) as updated_at,
        {{ metadata_with([
            'amount', 'currency_iso_code', 'expected_revenue', 'close_date', 'type', 'next_step',
            'lead_source', 'forecast_category', 'record_type_id', 'owner_id'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from opportunities
)

select
    typed.opportunity_id,
    -- The account buys; the person only where there is no account.
    coalesce(
        buying_accounts.target_id, typed.account_id, buying_people.target_id, typed.contact_id
    ) as customer_id,
    typed.opportunity_name,
    typed.stage,
    {{ salesforce_amount(
        'typed.amount', 'typed.record_currency_code', 'corporate.currency_code',
        'rates.units_per_corporate'
    ) }} as amount,
    coalesce(corporate.currency_code, typed.record_currency_code) as currency_code,
    typed.probability,
    typed.created_at,
    case when typed.is_closed then cast(typed.close_date as timestamp) end as closed_at,
    typed.is_won,
    typed.campaign_id,
    typed.updated_at,
    typed.amount as record_amount,
    typed.record_currency_code,
    rates.units_per_corporate,
    typed.source_metadata,
    typed._file_name,
    typed._row_number
from typed
cross join corporate
-- The rate of the close day, as Salesforce itself converts opportunities.
left join rates
    on
        typed.record_currency_code = rates.currency_code
        and typed.close_date >= rates.valid_from
        and typed.close_date < rates.valid_until
left join redirects as buying_accounts on typed.account_id = buying_accounts.record_id
left join redirects as buying_people on typed.contact_id = buying_people.record_id
