with

evaluations as (
    select * from {{ source('statistics', 'model_evaluations') }}
),

-- How far the actual total was from the forecast one in the backtests of the champion.
total_bands as (
    select *
    from evaluations
    where target = 'total' and metric_name = 'revenue_ratio'
),

totals as (
    select {{ exact_sum('predicted_value_365d') }} as predicted_value_365d
    from {{ ref('mart_customer_ltv') }}
),

forecast_totals as (
    select
        bands.model_name,
        bands.model_scope,
        bands.origin_date,
        cast(365 as bigint) as horizon_days,
        bands.target,
        'predicted_value_365d' as metric_name,
        bands.decile,
        totals.predicted_value_365d as value,
        bands.standard_error,
        totals.predicted_value_365d * bands.value_low as value_low,
        totals.predicted_value_365d * bands.value_high as value_high,
        bands.count_customers,
        bands.model_status,
        bands.is_champion,
        bands.is_flagged,
        bands.note
    from total_bands as bands
    cross join totals
    where totals.predicted_value_365d is not null
),

all_rows as (
    select * from evaluations
    union all
    select * from forecast_totals
)

select
    model_name,
    model_scope,
    origin_date,
    horizon_days,
    target,
    metric_name,
    decile,
    cast(value as double) as value,
    cast(standard_error as double) as standard_error,
    cast(value_low as double) as value_low,
    cast(value_high as double) as value_high,
    count_customers,
    model_status,
    is_champion,
    is_flagged,
    note
from all_rows
