with

settings as (
    select
        as_of_date,
        loyalty_horizon_days,
        small_sample_size
    from {{ source('settings', 'company') }}
),

-- Answers whose horizon has passed: what came after the others is not known yet.
followed as (
    select
        feedback.*,
        case when feedback.survey_type = 'nps' then 'nps' else 'satisfaction' end as outcome,
        settings.loyalty_horizon_days
    from {{ ref('fct_feedback') }} as feedback
    cross join settings
    where
        feedback.customer_key is not null
        and feedback.overall_score is not null
        and cast(feedback.responded_at as date) + settings.loyalty_horizon_days
        <= settings.as_of_date
),

-- One answer per customer and scale: the latest.
answers as (
    select *
    from followed
    qualify row_number() over (
        partition by outcome, scale_min, scale_max, customer_key
        order by responded_at desc, source_system, response_id
    ) = 1
),

sales as (
    select
        customer_key,
        ordered_at,
        net_revenue - refund_amount as spend
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

afterwards as (
    select
        answers.outcome,
        answers.scale_min,
        answers.scale_max,
        answers.overall_score,
        answers.customer_key,
        count(sales.ordered_at) as count_sales,
        count(sales.ordered_at) filter (
            where
            cast(sales.ordered_at as date)
            > cast(answers.responded_at as date) + cast(answers.loyalty_horizon_days / 2 as integer)
        ) as count_late_sales,
        coalesce(sum(sales.spend), 0) as spend -- who bought nothing spent nothing
    from answers
    left join sales
        on
            answers.customer_key = sales.customer_key
            and answers.responded_at < sales.ordered_at
            and cast(sales.ordered_at as date)
            <= cast(answers.responded_at as date) + answers.loyalty_horizon_days
    group by
        answers.outcome,
        answers.scale_min,
        answers.scale_max,
        answers.overall_score,
        answers.customer_key
),

counted as (
    select
        outcome,
        scale_min,
        scale_max,
        overall_score as score,
        count(*) as count_customers,
        count(*) filter (where count_sales > 0) as count_repurchased,
        count(*) filter (where count_late_sales > 0) as count_retained,
        sum(cast(spend as decimal(18, 4))) as sum_spend,
        cast(sum(cast(spend as decimal(18, 4))) as double) / count(*) as mean_spend,
        sum(cast(count_sales as bigint)) as count_sales
    from afterwards
    group by outcome, scale_min, scale_max, overall_score
),

-- Deviations from the mean first: sums of squares of large amounts lose their digits.
deviations as (
    select
        afterwards.outcome,
        afterwards.scale_min,
        afterwards.scale_max,
        afterwards.overall_score as score,
        sum(
            cast(
                (cast(afterwards.spend as double) - counted.mean_spend)
                * (cast(afterwards.spend as double) - counted.mean_spend) as decimal(28, 6)
            )
        ) as sum_squares
    from afterwards
    inner join counted
        on
            afterwards.outcome = counted.outcome
            and afterwards.scale_min = counted.scale_min
            and afterwards.scale_max = counted.scale_max
            and afterwards.overall_score = counted.score
    group by
        afterwards.outcome, afterwards.scale_min, afterwards.scale_max, afterwards.overall_score
),

rates as (
    select
        counted.*,
        cast(counted.count_repurchased as double) / counted.count_customers as repurchase_rate,
        case
            when counted.count_customers > 1
                then
                    sqrt(
                        cast(deviations.sum_squares as double)
                        / (counted.count_customers - 1)
                        / counted.count_customers
                    )
        end as spend_error,
        lag(counted.score) over scale as lower_score,
        lag(cast(counted.count_repurchased as double) / counted.count_customers) over scale
            as lower_repurchase_rate
    from counted
    inner join deviations
        on
            counted.outcome = deviations.outcome
            and counted.scale_min = deviations.scale_min
            and counted.scale_max = deviations.scale_max
            and counted.score = deviations.score
    window scale as (
        partition by counted.outcome, counted.scale_min, counted.scale_max
        order by counted.score
    )
)

select
    rates.outcome,
    rates.scale_min,
    rates.scale_max,
    rates.score,
    rates.score = rates.scale_max as is_top_box,
    cast(settings.loyalty_horizon_days as bigint) as horizon_days,
    rates.count_customers,
    rates.count_repurchased,
    rates.repurchase_rate,
    cast({{ wilson_bound('rates.count_repurchased', 'rates.count_customers', 'low') }} as double)
        as repurchase_rate_low,
    cast({{ wilson_bound('rates.count_repurchased', 'rates.count_customers', 'high') }} as double)
        as repurchase_rate_high,
    rates.count_retained,
    cast(rates.count_retained as double) / rates.count_customers as retention_rate,
    cast({{ wilson_bound('rates.count_retained', 'rates.count_customers', 'low') }} as double)
        as retention_rate_low,
    cast({{ wilson_bound('rates.count_retained', 'rates.count_customers', 'high') }} as double)
        as retention_rate_high,
    cast(rates.count_sales as double) / rates.count_customers as orders_per_customer,
    rates.mean_spend as spend_per_customer,
    rates.mean_spend - {{ z_95() }} * rates.spend_error as spend_per_customer_low,
    rates.mean_spend + {{ z_95() }} * rates.spend_error as spend_per_customer_high,
    -- Arc elasticity against the next lower score: per cent repurchase per cent of score.
    (
        (rates.repurchase_rate - rates.lower_repurchase_rate)
        / nullif((rates.repurchase_rate + rates.lower_repurchase_rate) / 2, 0)
    )
    / nullif(
        (rates.score - rates.lower_score) / nullif((rates.score + rates.lower_score) / 2, 0), 0
    ) as elasticity,
    rates.count_customers < settings.small_sample_size as is_small_sample
from rates
cross join settings
