{#
    Money is converted a second time, from raw and by another way than staging does it: the newest
    row per id by max_by, the rate by ASOF join.
#}
with

objects as (
    {{ control_totals('salesforce', {
        'accounts': {
            'entity': 'customers',
            'key': [salesforce_id('id')],
            'deleted': "_is_deleted and master_record_id is null",
        },
        'contacts': {
            'entity': 'customers',
            'key': [salesforce_id('id')],
            'deleted': "_is_deleted and master_record_id is null",
        },
        'leads': {
            'entity': 'customers',
            'key': [salesforce_id('id')],
            'deleted': "_is_deleted and master_record_id is null",
        },
        'products': {'entity': 'products', 'key': [salesforce_id('id')]},
    }) }}
),

{% set newest = "struct_pack(exported_at := _exported_at, changed_at := coalesce("
    "try_cast(system_modstamp as timestamp), timestamp '0001-01-01'), content_hash := _content_hash, "
    "row_number := _row_number)" -%}
won as (
    select
        opportunity_id,
        newest_row.amount,
        newest_row.close_date,
        newest_row.currency_iso_code as currency_code
    from (
        select
            {{ salesforce_id('id') }} as opportunity_id,
            max_by(
                struct_pack(
                    amount := cast(amount as decimal(18, 4)),
                    close_date := cast(close_date as date),
                    currency_iso_code := nullif(trim(currency_iso_code), ''),
                    is_sold := cast(is_won as boolean)
                    and not _is_deleted
                ),
                {{ newest }}
            ) as newest_row
        from {{ source('raw', 'salesforce__opportunities') }}
        group by all
    )
    where newest_row.is_sold
),

-- What one unit of a currency is worth on a day.
corporate as (
    select max(iso_code) as currency_code
    from {{ source('raw', 'salesforce__currency_types') }}
    where cast(is_corporate as boolean)
),

dated as (
    select
        iso_code,
        cast(start_date as date) as start_date,
        cast(max_by(next_start_date, _exported_at) as date) as next_start_date,
        max_by(cast(conversion_rate as double), (_exported_at, _content_hash)) as rate
    from {{ source('raw', 'salesforce__dated_conversion_rates') }}
    group by all
),

static as (
    select
        iso_code,
        max_by(cast(conversion_rate as double), (_exported_at, _content_hash)) as rate
    from {{ source('raw', 'salesforce__currency_types') }}
    group by iso_code
),

priced as (
    select
        won.*,
        case
            when corporate.currency_code is null or won.currency_code is null then 1
            when won.currency_code = corporate.currency_code then 1
            when dated.next_start_date is null or won.close_date < dated.next_start_date
                then coalesce(dated.rate, static.rate)
        end as rate
    from won
    cross join corporate
    asof left join dated
        on won.currency_code = dated.iso_code and won.close_date >= dated.start_date
    left join static on won.currency_code = static.iso_code
),

lines as (
    select
        newest_row.opportunity_id,
        newest_row.quantity,
        newest_row.total
    from (
        select
            {{ salesforce_id('id') }} as line_id,
            max_by(
                struct_pack(
                    opportunity_id := {{ salesforce_id('opportunity_id') }},
                    quantity := cast(quantity as decimal(18, 4)),
                    total := coalesce(
                        cast(total_price as decimal(18, 4)),
                        cast(
                            cast(quantity as decimal(18, 4)) * cast(unit_price as decimal(18, 4))
                            * (100 - coalesce(cast(discount as decimal(9, 4)), 0)) / 100
                            as decimal(18, 4)
                        )
                    ),
                    is_deleted := _is_deleted
                ),
                {{ newest }}
            ) as newest_row
        from {{ source('raw', 'salesforce__opportunity_line_items') }}
        group by all
    )
    where not newest_row.is_deleted
),

sold_lines as (
    select
        priced.opportunity_id,
        lines.quantity,
        cast(cast(lines.total as double) / priced.rate as decimal(18, 4)) as net_revenue
    from lines
    inner join priced on lines.opportunity_id = priced.opportunity_id
),

sold as (
    select cast(cast(priced.amount as double) / priced.rate as decimal(18, 4)) as net_revenue
    from priced
    anti join sold_lines on priced.opportunity_id = sold_lines.opportunity_id
    where priced.amount is not null
    union all
    select sum(net_revenue) as net_revenue
    from sold_lines
    group by opportunity_id
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
    'order_lines' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from sold_lines
union all
select
    'order_lines' as entity,
    'net_revenue' as measure,
    cast(coalesce(sum(net_revenue), 0) as decimal(28, 4)) as value -- nothing sold is 0
from sold_lines
union all
select
    'order_lines' as entity,
    'quantity' as measure,
    cast(coalesce(sum(quantity), 0) as decimal(28, 4)) as value -- nothing sold is 0
from sold_lines
