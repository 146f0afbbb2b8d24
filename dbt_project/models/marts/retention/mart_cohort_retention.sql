with

months as (
    select * from {{ ref('int_calendar__months') }}
),

orders as (
    select
        orders.customer_key,
        orders.order_sequence_number,
        orders.net_revenue - orders.refund_amount as net_revenue,
        orders.margin_amount - orders.refund_amount as margin,
        months.calendar_month,
        months.month_number,
        min(months.month_number) over (partition by orders.customer_key) as cohort_number
    from {{ ref('fct_orders') }} as orders
    inner join months -- every sale lies in a month
        on cast(date_trunc('month', orders.ordered_at) as date) = months.calendar_month
    where orders.is_sale and orders.customer_key is not null
),

-- A customer's cohort is the month of the first sale; the second sale makes a repeat customer.
cells as (
    select
        cohort_number,
        month_number - cohort_number as age_months,
        count(distinct customer_key) as count_active,
        count(*) filter (where order_sequence_number = 2) as count_new_repeaters,
        count(*) as count_orders,
        sum(net_revenue) as net_revenue,
        sum(margin) as margin
    from orders
    group by cohort_number, month_number - cohort_number
),

cohorts as (
    select
        cohort_number,
        count_active as count_cohort,
        net_revenue as first_month_revenue
    from cells
    where age_months = 0
),

last_month as (
    select max(month_number) as month_number
    from months
),

-- Every cohort at every age that any cohort can have; the months of the calendar serve as ages.
grid as (
    select
        cohort_months.calendar_month as cohort_month,
        cohort_months.month_number as cohort_number,
        cohorts.count_cohort,
        cohorts.first_month_revenue,
        last_month.month_number - ages.month_number as age_months,
        cohort_months.month_number + last_month.month_number - ages.month_number as cell_number
    from cohorts
    inner join months as cohort_months on cohorts.cohort_number = cohort_months.month_number
    cross join months as ages
    cross join last_month
),

placed as (
    select
        grid.*,
        cell_months.calendar_month as cell_month,
        -- The month of the as-of day is complete on its last day only.
        coalesce(cell_months.is_complete, false) as is_complete,
        case when cell_months.calendar_month is not null then coalesce(cells.count_active, 0) end
            as count_active,
        case when cell_months.calendar_month is not null then coalesce(cells.count_orders, 0) end
            as count_orders,
        coalesce(cells.count_new_repeaters, 0) as count_new_repeaters,
        case when cell_months.calendar_month is not null then coalesce(cells.net_revenue, 0) end
            as net_revenue,
        case when cell_months.calendar_month is not null then coalesce(cells.margin, 0) end
            as margin
    from grid
    left join months as cell_months on grid.cell_number = cell_months.month_number
    -- A month in which nobody of the cohort bought has zeros; one in the future has none.
    left join cells
        on grid.cohort_number = cells.cohort_number and grid.age_months = cells.age_months
),

accumulated as (
    select
        *,
        sum(count_new_repeaters) over (partition by cohort_month order by age_months)
            as count_repeaters,
        sum(net_revenue) over (partition by cohort_month order by age_months)
            as cumulative_net_revenue,
        sum(margin) over (partition by cohort_month order by age_months) as cumulative_margin
    from placed
)

select
    cohort_month,
    age_months,
    cell_month,
    is_complete,
    count_cohort,
    cast(count_active as bigint) as count_active,
    case when is_complete then cast(count_active as double) / count_cohort end as retention_rate,
    case
        when is_complete then {{ wilson_bound('count_active', 'count_cohort', 'low') }}
    end as retention_ci_low,
    case
        when is_complete then {{ wilson_bound('count_active', 'count_cohort', 'high') }}
    end as retention_ci_high,
    cast(count_orders as bigint) as count_orders,
    cast(case when cell_month is not null then count_repeaters end as bigint) as count_repeaters,
    case when is_complete then cast(count_repeaters as double) / count_cohort end as repeat_rate,
    case
        when is_complete then {{ wilson_bound('count_repeaters', 'count_cohort', 'low') }}
    end as repeat_ci_low,
    case
        when is_complete then {{ wilson_bound('count_repeaters', 'count_cohort', 'high') }}
    end as repeat_ci_high,
    cast(net_revenue as decimal(18, 4)) as net_revenue,
    cast(margin as decimal(18, 4)) as margin_after_refunds,
    case
        when is_complete
            then cast(net_revenue as double) / nullif(cast(first_month_revenue as double), 0)
    end as revenue_retention_rate,
    case
        when is_complete then cast(cumulative_net_revenue as double) / count_cohort
    end as cumulative_revenue_per_customer,
    case
        when is_complete then cast(cumulative_margin as double) / count_cohort
    end as cumulative_margin_per_customer,
    count_cohort < {{ setting('small_sample_size') }} as is_small_sample
from accumulated
