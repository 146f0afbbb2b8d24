with

decided as (
    select
        plan_key,
        plan_name,
        cohort_year,
        renewal_number,
        is_renewed
    from {{ ref('int_value__renewals') }}
    where is_decided
),

-- Every cohort of a plan, and all cohorts together.
counted as (
    select
        plan_key,
        plan_name,
        cohort_year,
        renewal_number,
        count(*) as count_at_risk,
        count(case when is_renewed then 1 end) as count_renewed
    from decided
    group by plan_key, plan_name, cohort_year, renewal_number
    union all
    select
        plan_key,
        plan_name,
        cast(null as bigint) as cohort_year,
        renewal_number,
        count(*) as count_at_risk,
        count(case when is_renewed then 1 end) as count_renewed
    from decided
    group by plan_key, plan_name, renewal_number
),

-- Kaplan & Meier 1958: the product of the retention rates so far. Greenwood's variance of its
-- logarithm is the sum of leavers / (at risk x renewed); both end where nobody is left.
products as (
    select
        *,
        min(count_renewed) over (
            partition by plan_key, cohort_year order by renewal_number
            rows between unbounded preceding and current row
        ) as least_renewed,
        sum(case when count_renewed > 0 then ln(count_renewed * 1.0 / count_at_risk) else 0 end)
            over (
                partition by plan_key, cohort_year order by renewal_number
                rows between unbounded preceding and current row
            ) as log_survival,
        sum(
            case
                when count_renewed > 0
                    then
                        (count_at_risk - count_renewed) * 1.0 / (count_at_risk * count_renewed)
                else 0
            end
        ) over (
            partition by plan_key, cohort_year order by renewal_number
            rows between unbounded preceding and current row
        ) as greenwood_sum
    from counted
),

modelled as (
    select
        products.*,
        models.model_scope,
        models.model_status,
        (models.beta + products.renewal_number - 1)
        / (models.alpha + models.beta + products.renewal_number - 1) as modelled_retention_rate
    from products
    inner join {{ source('statistics', 'contract_models') }} as models
        on
            products.plan_key = models.plan_key
            and products.cohort_year is not distinct from models.cohort_year
)

select
    plan_key,
    plan_name,
    cohort_year,
    renewal_number,
    cast(count_at_risk as bigint) as count_at_risk,
    cast(count_renewed as bigint) as count_renewed,
    cast(count_renewed * 1.0 / count_at_risk as double) as retention_rate,
    cast({{ wilson_bound('count_renewed', 'count_at_risk', 'low') }} as double)
        as retention_rate_low,
    cast({{ wilson_bound('count_renewed', 'count_at_risk', 'high') }} as double)
        as retention_rate_high,
    cast(modelled_retention_rate as double) as modelled_retention_rate,
    cast(case when least_renewed > 0 then exp(log_survival) else 0 end as double)
        as survival_rate,
    -- On the scale of log(-log), so that the interval stays between 0 and 1.
    cast(
        case
            when least_renewed > 0 and log_survival < 0
                then
                    exp(
                        log_survival
                        * exp({{ z_95() }} * sqrt(greenwood_sum) / abs(log_survival))
                    )
        end as double
    ) as survival_rate_low,
    cast(
        case
            when least_renewed > 0 and log_survival < 0
                then
                    exp(
                        log_survival
                        * exp(-{{ z_95() }} * sqrt(greenwood_sum) / abs(log_survival))
                    )
        end as double
    ) as survival_rate_high,
    cast(
        exp(
            sum(ln(modelled_retention_rate)) over (
                partition by plan_key, cohort_year order by renewal_number
                rows between unbounded preceding and current row
            )
        ) as double
    ) as modelled_survival_rate,
    count_at_risk < {{ setting('small_sample_size') }} as is_small_sample,
    model_scope,
    model_status
from modelled
