with

settings as (
    select
        as_of_date,
        subscription_grace_share
    from {{ source('settings', 'company') }}
),

-- A plan that nobody ever paid twice has no period; its orders are purchases like others.
plans as (
    select * from {{ ref('int_value__plans') }}
),

payments as (
    select
        orders.customer_key,
        orders.plan_key,
        orders.paid_on,
        plans.plan_name,
        plans.period_days,
        sum(orders.amount) as amount
    from {{ ref('int_value__subscription_orders') }} as orders
    inner join plans on orders.plan_key = plans.plan_key
    group by
        orders.customer_key,
        orders.plan_key,
        orders.paid_on,
        plans.plan_name,
        plans.period_days
),

spaced as (
    select
        *,
        paid_on - lag(paid_on) over (
            partition by customer_key, plan_key order by paid_on
        ) as gap_days
    from payments
),

-- What is paid within half a period of the payment before belongs to that period.
starts as (
    select
        spaced.*,
        case
            when
                spaced.gap_days is null
                or spaced.gap_days
                > spaced.period_days * (1 + settings.subscription_grace_share)
                then 1
            else 0
        end as is_start
    from spaced
    cross join settings
    where spaced.gap_days is null or spaced.gap_days >= spaced.period_days * 0.5
),

numbered as (
    select
        *,
        sum(is_start) over (
            partition by customer_key, plan_key order by paid_on
            rows between unbounded preceding and current row
        ) as contract_number
    from starts
),

positioned as (
    select
        *,
        row_number() over (
            partition by customer_key, plan_key, contract_number order by paid_on
        ) as renewal_number,
        min(paid_on) over (
            partition by customer_key, plan_key, contract_number
        ) as started_on,
        lead(paid_on) over (
            partition by customer_key, plan_key, contract_number order by paid_on
        ) as renewed_on
    from numbered
)

select
    positioned.customer_key,
    positioned.plan_key,
    cast(positioned.contract_number as bigint) as contract_number,
    cast(positioned.renewal_number as bigint) as renewal_number,
    positioned.plan_name,
    positioned.period_days,
    positioned.started_on,
    cast(extract(year from positioned.started_on) as bigint) as cohort_year,
    positioned.paid_on,
    cast(positioned.amount as decimal(18, 4)) as amount,
    cast(positioned.paid_on + cast(positioned.period_days as integer) as date) as due_on,
    cast(
        positioned.paid_on
        + cast(
            ceil(positioned.period_days * (1 + settings.subscription_grace_share)) as integer
        ) as date
    ) as decided_on,
    positioned.renewed_on,
    positioned.paid_on
    + cast(ceil(positioned.period_days * (1 + settings.subscription_grace_share)) as integer)
    <= settings.as_of_date as is_decided,
    positioned.renewed_on is not null as is_renewed
from positioned
cross join settings
