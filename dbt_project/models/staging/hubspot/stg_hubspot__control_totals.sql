{#
    Deals and answers are counted a second time by another way than staging does it: merged deals by
    looking each one up in the lists, the newest row by max_by, repeated answers by the largest
    number of times that one file holds them.
#}
{% set merged_into -%}
    trim(record_id) in (select trim(unnest(string_split(COLUMN, ';'))) from TABLE)
{%- endset -%}
with

objects as (
    {{ control_totals('hubspot', {
        'contacts': {
            'entity': 'customers',
            'deleted': '_is_deleted and not ' ~ merged_into
                | replace('COLUMN', 'merged_contact_ids')
                | replace('TABLE', source('raw', 'hubspot__contacts') | string),
        },
        'companies': {
            'entity': 'customers',
            'deleted': '_is_deleted and not ' ~ merged_into
                | replace('COLUMN', 'merged_company_ids')
                | replace('TABLE', source('raw', 'hubspot__companies') | string),
        },
    }) }}
),

newest_deals as (
    select
        trim(record_id) as deal_id,
        max_by(
            struct_pack(
                amount := cast(amount as decimal(18, 4)),
                company_amount := cast(amount_in_company_currency as decimal(18, 4)),
                currency := nullif(trim(currency), ''),
                merged := merged_deal_ids,
                is_won := coalesce(
                    cast(is_closed_won as boolean),
                    {{ hubspot_stage_is_won('deal_stage') }}
                ),
                is_deleted := _is_deleted
            ),
            struct_pack(
                exported_at := _exported_at,
                changed_at := coalesce(
                    try_cast(last_modified_date as timestamp), timestamp '0001-01-01'
                ),
                content_hash := _content_hash,
                row_number := _row_number
            )
        ) as deal
    from {{ source('raw', 'hubspot__deals') }}
    group by all
),

deals as (
    select
        newest_deals.deal_id,
        deal.amount,
        deal.company_amount,
        deal.currency,
        deal.merged,
        deal.is_won and not deal.is_deleted as is_won,
        deal.is_deleted
    from newest_deals
),

company as (
    select mode(currency order by currency) as company_currency
    from deals
    where amount = company_amount and amount != 0 and not is_deleted
),

sold as (
    select
        coalesce(
            deals.company_amount,
            case
                when coalesce(deals.currency = company.company_currency, true) then deals.amount
            end
        ) as net_revenue
    from deals
    cross join company
    where
        deals.is_won
        and coalesce(deals.company_amount, deals.amount) is not null
        and not exists (
            select 1
            from deals as survivor
            where
                survivor.deal_id != deals.deal_id
                and list_contains(
                    string_split(replace(survivor.merged, ' ', ''), ';'), deals.deal_id
                )
        )
),

answers_per_file as (
    select
        nullif(trim(submission_id), '') as submission_id,
        case
            when nullif(trim(submission_id), '') is null
                then struct_pack(
                    a := survey_name, b := survey_type, c := contact, d := associated_contact_ids,
                    e := submitted_at, f := rating, g := follow_up_text
                )
        end as content,
        max_by(
            cast(rating as decimal(18, 4)), (_exported_at, _content_hash, _row_number)
        ) as rating,
        max((_exported_at, _content_hash)) as newest,
        count(*) as count_rows
    from {{ source('raw', 'hubspot__feedback_submissions') }}
    group by submission_id, content, _content_hash
),

answers as (
    select
        case when submission_id is null then max(count_rows) else 1 end as count_rows,
        max_by(rating, newest) as rating
    from answers_per_file
    group by submission_id, content
)

select * from objects
union all
select
    'orders' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from sold
union all
select
    'orders' as entity,
    'net_revenue' as measure,
    cast(coalesce(sum(net_revenue), 0) as decimal(28, 4)) as value -- nothing sold is 0
from sold
union all
select
    'survey_responses' as entity,
    'rows' as measure,
    cast(coalesce(sum(count_rows), 0) as decimal(28, 4)) as value -- no answer is 0
from answers
union all
select
    'survey_responses' as entity,
    'score' as measure,
    cast(coalesce(sum(count_rows * rating), 0) as decimal(28, 4)) as value -- no answer is 0
from answers
