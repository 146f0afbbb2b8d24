with

settings as (
    select * from {{ source('settings', 'company') }}
),

orders as (
    select
        customer_key,
        cast(ordered_at as date) as order_date,
        net_revenue - refund_amount as net_revenue
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

{% for period, months in {'month': 1, 'quarter': 3, 'year': 12}.items() -%}
    purchases_by_{{ period }} as (
        select
            '{{ period }}' as period_type,
            customer_key,
            cast(date_trunc('{{ period }}', order_date) as date) as period_start_date,
            cast(date_trunc('{{ period }}', order_date) + interval {{ months }} month as date)
                as next_period_start_date,
            greatest(sum(net_revenue), 0) as net_revenue -- more sent back than bought is no revenue
        from orders
        group by
            customer_key,
            cast(date_trunc('{{ period }}', order_date) as date),
            cast(date_trunc('{{ period }}', order_date) + interval {{ months }} month as date)
    ),

{% endfor -%}
purchases as (
    select
        *,
        min(period_start_date) over (partition by period_type, customer_key) as first_period
    from (
        select * from purchases_by_month
        union all
        select * from purchases_by_quarter
        union all
        select * from purchases_by_year
    ) as all_periods
),

-- Who bought in a period, in the one before it, or in both.
pairs as (
    select
        coalesce(now.period_type, before.period_type) as period_type,
        coalesce(now.period_start_date, before.next_period_start_date) as period_start_date,
        before.customer_key is not null as is_start,
        now.customer_key is not null as is_end,
        now.customer_key is not null and now.first_period = now.period_start_date as is_new,
        -- 19 digits: the square of a wholesaler's 113,069.44 does not fit into 18.
        cast(coalesce(before.net_revenue, 0) as decimal(19, 4)) as start_revenue,
        cast(coalesce(now.net_revenue, 0) as decimal(19, 4)) as end_revenue
    from purchases as now
    full outer join purchases as before
        on
            now.period_type = before.period_type
            and now.customer_key = before.customer_key
            and now.period_start_date = before.next_period_start_date
),

totals as (
    select
        period_type,
        period_start_date,
        count(*) filter (where is_start) as count_start,
        count(*) filter (where is_end) as count_end,
        count(*) filter (where is_start and is_end) as count_retained,
        count(*) filter (where is_start and not is_end) as count_lost,
        count(*) filter (where is_new) as count_new,
        count(*) filter (where is_end and not is_start and not is_new) as count_resurrected,
        sum(start_revenue) as start_revenue,
        sum(case when is_start then end_revenue else 0 end) as net_kept,
        sum(case when is_start then least(end_revenue, start_revenue) else 0 end) as gross_kept,
        sum(case when is_new then end_revenue else 0 end) as new_revenue,
        sum(end_revenue) as end_revenue,
        -- For the intervals of the two ratios: squares and products, exact as decimals.
        sum(case when is_start then start_revenue * start_revenue end) as start_start,
        sum(case when is_start then end_revenue * end_revenue end) as end_end,
        sum(case when is_start then start_revenue * end_revenue end) as start_end,
        sum(
            case
                when is_start
                    then least(end_revenue, start_revenue) * least(end_revenue, start_revenue)
            end
        ) as least_least,
        sum(case when is_start then start_revenue * least(end_revenue, start_revenue) end)
            as start_least
    from pairs
    group by period_type, period_start_date
),

rates as (
    select
        totals.*,
        case totals.period_type
            when 'month' then cast(totals.period_start_date + interval 1 month as date)
            when 'quarter' then cast(totals.period_start_date + interval 3 month as date)
            else cast(totals.period_start_date + interval 12 month as date)
        end - 1 as period_end_date,
        cast(totals.net_kept as double) / nullif(cast(totals.start_revenue as double), 0) as nrr,
        cast(totals.gross_kept as double) / nullif(cast(totals.start_revenue as double), 0) as grr
    from totals
    cross join settings
    -- The period after the last one has lost nobody yet.
    where totals.period_start_date <= settings.as_of_date
),

-- Standard errors of a ratio of sums, by linearisation (Cochran 1977, 2.45).
errors as (
    select
        *,
        case
            when count_start > 1 and start_revenue > 0
                then sqrt(
                    greatest(
                        cast(end_end as double) - 2 * nrr * cast(start_end as double)
                        + nrr * nrr * cast(start_start as double),
                        0
                    ) * count_start / (count_start - 1)
                ) / cast(start_revenue as double)
        end as nrr_error,
        case
            when count_start > 1 and start_revenue > 0
                then sqrt(
                    greatest(
                        cast(least_least as double) - 2 * grr * cast(start_least as double)
                        + grr * grr * cast(start_start as double),
                        0
                    ) * count_start / (count_start - 1)
                ) / cast(start_revenue as double)
        end as grr_error
    from rates
),

-- A running period has not lost yet whom it will keep: its counts stand, its rates do not.
judged as (
    select
        errors.*,
        errors.period_end_date <= settings.as_of_date as is_complete,
        errors.period_end_date <= settings.as_of_date and errors.count_start > 0 as is_rated,
        errors.count_start < settings.small_sample_size as is_small_sample
    from errors
    cross join settings
)

select
    period_type,
    period_start_date,
    is_complete,
    count_start,
    count_end,
    count_retained,
    count_lost,
    count_new,
    count_resurrected,
    case when is_rated then cast(count_retained as double) / count_start end as retention_rate,
    case
        when is_rated then {{ wilson_bound('count_retained', 'count_start', 'low') }}
    end as retention_ci_low,
    case
        when is_rated then {{ wilson_bound('count_retained', 'count_start', 'high') }}
    end as retention_ci_high,
    case when is_rated then cast(count_lost as double) / count_start end as churn_rate,
    case
        when is_rated then {{ wilson_bound('count_lost', 'count_start', 'low') }}
    end as churn_ci_low,
    case
        when is_rated then {{ wilson_bound('count_lost', 'count_start', 'high') }}
    end as churn_ci_high,
    cast(start_revenue as decimal(18, 4)) as start_revenue,
    cast(end_revenue as decimal(18, 4)) as end_revenue,
    cast(gross_kept as decimal(18, 4)) as gross_kept_revenue,
    cast(net_kept as decimal(18, 4)) as net_kept_revenue,
    cast(new_revenue as decimal(18, 4)) as new_revenue,
    case when is_rated then grr end as gross_revenue_retention,
    -- Engines differ on greatest() of NULL; with one customer nothing is known of the spread.
    case
        when is_rated and grr_error is not null then greatest(grr - {{ z_95() }} * grr_error, 0)
    end as grr_ci_low,
    case
        when is_rated and grr_error is not null then least(grr + {{ z_95() }} * grr_error, 1)
    end as grr_ci_high,
    case when is_rated then nrr end as net_revenue_retention,
    case
        when is_rated and nrr_error is not null then greatest(nrr - {{ z_95() }} * nrr_error, 0)
    end as nrr_ci_low,
    case when is_rated then nrr + {{ z_95() }} * nrr_error end as nrr_ci_high,
    is_small_sample
from judged
