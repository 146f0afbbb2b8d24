with

deals as (
    select * from {{ current_records('hubspot', 'deals') }}
),

redirects as (
    select * from {{ ref('stg_hubspot__redirects') }}
),

typed as (
    select
        trim(record_id) as opportunity_id,
        'company:' || {{ first_of('associated_company_ids') }} as company_id,
        {{ first_of('associated_contact_ids') }} as contact_id,
        nullif(trim(deal_name), '') as opportunity_name,
        nullif(trim(deal_stage), '') as stage,
        cast(amount as decimal(18, 4)) as deal_amount,
        cast(amount_in_company_currency as decimal(18, 4)) as company_amount,
        nullif(trim(currency), '') as deal_currency_code,
        -- Written as a share or in per cent.
        cast(
            case
                when cast(deal_probability as decimal(18, 4)) > 1
                    then cast(deal_probability as decimal(18, 4)) / 100
                else cast(deal_probability as decimal(18, 4))
            end as decimal(18, 4)
        ) as probability,
        cast(create_date as timestamp) as created_at,
        cast(close_date as timestamp) as close_at,
        -- The label where the export lacks the flag.
        coalesce(
            cast(is_closed_won as boolean),
            {{ hubspot_stage_is_won('deal_stage') }},
            false
        ) as is_won,
        coalesce(
            cast(is_closed as boolean),
            {{ hubspot_stage_is_closed('deal_stage') }},
            false
        ) as is_closed,
        cast(last_modified_date as timestamp) as updated_at,
        {{ metadata_with([
            'pipeline', 'amount', 'amount_in_company_currency', 'currency', 'close_date',
            'deal_owner', 'deal_type', 'associated_company_ids', 'associated_contact_ids'
        ]) }} as source_metadata,
        _file_name,
        _row_number
    from deals
),

-- The company's currency is nowhere written: it is the one in which both amounts are the same.
company_currency as (
    select deal_currency_code
    from typed
    where deal_amount = company_amount and deal_amount != 0 and deal_currency_code is not null
    group by deal_currency_code
    order by count(*) desc, deal_currency_code
    limit 1
),

company as (
    select max(deal_currency_code) as currency_code from company_currency
)

select
    typed.opportunity_id,
    -- The company buys; the person only where there is no company.
    coalesce(
        buying_companies.target_id, typed.company_id, buying_people.target_id, typed.contact_id
    ) as customer_id,
    typed.opportunity_name,
    typed.stage,
    -- An amount in another currency that HubSpot did not convert is not known.
    coalesce(
        typed.company_amount,
        case
            when
                typed.deal_currency_code is null
                or company.currency_code is null
                or typed.deal_currency_code = company.currency_code
                then typed.deal_amount
        end
    ) as amount,
    case
        when typed.company_amount is not null or company.currency_code is not null
            then company.currency_code
        else typed.deal_currency_code
    end as currency_code,
    typed.probability,
    typed.created_at,
    case when typed.is_closed or typed.is_won then typed.close_at end as closed_at,
    typed.is_won,
    typed.updated_at,
    typed.deal_amount,
    typed.deal_currency_code,
    typed.source_metadata,
    typed._file_name,
    typed._row_number
from typed
cross join company
left join redirects as buying_companies on typed.company_id = buying_companies.record_id
left join redirects as buying_people on typed.contact_id = buying_people.record_id
-- A deal that was merged into another is counted there.
where 'deal:' || typed.opportunity_id not in (select redirects.record_id from redirects)
