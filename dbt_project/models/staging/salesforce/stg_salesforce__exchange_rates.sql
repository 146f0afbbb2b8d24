with

currencies as (
    select * from {{ ref('stg_salesforce__currencies') }}
    -- Rates without a corporate currency convert nothing.
    where corporate_currency_code is not null
),

dated as (
    select
        iso_code as currency_code,
        cast(start_date as date) as valid_from,
        -- A rate ends where the next one begins, and the last one never.
        least(
            coalesce(cast(next_start_date as date), date '9999-12-31'),
            coalesce(
                lead(cast(start_date as date)) over (
                    partition by iso_code order by cast(start_date as date)
                ),
                date '9999-12-31'
            )
        ) as valid_until,
        cast(conversion_rate as double) as units_per_corporate
    from {{ current_records('salesforce', 'dated_conversion_rates') }}
),

dated_ranges as (
    select
        currency_code,
        min(valid_from) as first_from
    from dated
    group by currency_code
),

-- The static rate holds before the first dated one. Salesforce leaves the last one open: where it
-- ends, those after it were not exported, and no rate is known, as in a gap between two.
periods as (
    select
        currency_code,
        valid_from,
        valid_until,
        units_per_corporate,
        true as is_dated
    from dated
    union all
    select
        currencies.currency_code,
        date '0001-01-01' as valid_from,
        -- No dated rate at all: the static one holds for ever.
        coalesce(dated_ranges.first_from, date '9999-12-31') as valid_until,
        currencies.units_per_corporate,
        false as is_dated
    from currencies
    left join dated_ranges on currencies.currency_code = dated_ranges.currency_code
)

select
    periods.currency_code,
    periods.valid_from,
    periods.valid_until,
    periods.units_per_corporate,
    periods.is_dated
from periods
where periods.valid_from < periods.valid_until
