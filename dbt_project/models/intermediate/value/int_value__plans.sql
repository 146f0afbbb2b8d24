with

payments as (
    select distinct -- two orders of a plan on one day are one payment of it
        plan_key,
        plan_name,
        customer_key,
        paid_on
    from {{ ref('int_value__subscription_orders') }}
),

gaps as (
    select
        plan_key,
        paid_on - lag(paid_on) over (
            partition by plan_key, customer_key order by paid_on, plan_name
        ) as gap_days
    from payments
),

-- The standard period whose logarithm is nearest: 14 days lie between a week and a month.
classified as (
    select
        plan_key,
        case
            when gap_days between 1 and 14 then 7
            when gap_days between 15 and 52 then 30
            when gap_days between 53 and 129 then 91
            when gap_days between 130 and 258 then 182
            when gap_days between 259 and 516 then 365
            when gap_days between 517 and 894 then 730
            when gap_days between 895 and 1548 then 1095
        end as period_days
    from gaps
),

counted as (
    select
        plan_key,
        period_days,
        count(*) as count_gaps
    from classified
    where period_days is not null
    group by plan_key, period_days
),

ranked as (
    select
        plan_key,
        period_days,
        count_gaps,
        row_number() over (
            partition by plan_key order by count_gaps desc, period_days
        ) as period_rank
    from counted
),

names as (
    select
        plan_key,
        max(plan_name) as plan_name
    from payments
    group by plan_key
)

select
    ranked.plan_key,
    names.plan_name,
    cast(ranked.period_days as bigint) as period_days,
    cast(ranked.count_gaps as bigint) as count_gaps
from ranked
inner join names on ranked.plan_key = names.plan_key
where ranked.period_rank = 1
