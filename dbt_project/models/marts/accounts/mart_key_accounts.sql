{%- set criteria = [
    'sales_amount', 'volume', 'overdue', 'purchase_cycle', 'tenure', 'growth', 'concentration'
] -%}
with

settings as (
    select * from {{ source('settings', 'company') }}
),

orders as (
    select
        order_key,
        source_system,
        order_id,
        customer_key,
        cast(ordered_at as date) as order_date,
        net_revenue - refund_amount as spend,
        margin_amount - refund_amount as margin,
        units
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

first_orders as (
    select min(order_date) as first_order_date
    from orders
),

-- Both periods are judged by what was known on their own last day. There is no period before where
-- the sales do not reach back over all of it: against a truncated one everybody has moved.
periods as (
    select
        'current' as period_name,
        settings.as_of_date as period_end,
        settings.as_of_date - settings.key_account_period_days as after_date,
        settings.as_of_date - 2 * settings.key_account_period_days as previous_after_date,
        first_orders.first_order_date
        <= settings.as_of_date - 2 * settings.key_account_period_days + 1 as is_growth_known
    from settings
    cross join first_orders
    union all
    select
        'previous' as period_name,
        settings.as_of_date - settings.key_account_period_days as period_end,
        settings.as_of_date - 2 * settings.key_account_period_days as after_date,
        settings.as_of_date - 3 * settings.key_account_period_days as previous_after_date,
        first_orders.first_order_date
        <= settings.as_of_date - 3 * settings.key_account_period_days + 1 as is_growth_known
    from settings
    cross join first_orders
    where
        first_orders.first_order_date
        <= settings.as_of_date - 2 * settings.key_account_period_days + 1
),

has_previous as (
    select count(*) > 1 as is_known
    from periods
),

sales as (
    select
        periods.period_name,
        orders.customer_key,
        max(periods.period_end) as period_end,
        bool_or(periods.is_growth_known) as is_growth_known,
        min(orders.order_date) as first_order_date,
        sum(case when orders.order_date > periods.after_date then orders.spend else 0 end)
            as sales_amount,
        sum(
            case
                when
                    orders.order_date <= periods.after_date
                    and orders.order_date > periods.previous_after_date
                    then orders.spend
                else 0
            end
        ) as previous_sales_amount,
        sum(case when orders.order_date > periods.after_date then orders.margin else 0 end)
            as margin,
        sum(case when orders.order_date > periods.after_date then orders.units else 0 end)
            as volume,
        count(distinct case when orders.order_date > periods.after_date then orders.order_date end)
            as count_purchase_days
    from orders
    inner join periods on orders.order_date <= periods.period_end -- what came later was not known
    group by periods.period_name, orders.customer_key
),

overdue as (
    select
        periods.period_name,
        orders.customer_key,
        sum(payments.amount) as overdue_amount
    from {{ ref('int_orders__payments_unioned') }} as payments
    inner join orders -- payments of cancelled orders are not due
        on
            payments.source_system = orders.source_system
            and payments.order_id = orders.order_id
    inner join periods -- due by the end of the period and not paid by then
        on
            cast(payments.due_at as date) < periods.period_end
            and (payments.paid_at is null or cast(payments.paid_at as date) > periods.period_end)
    group by periods.period_name, orders.customer_key
),

category_sales as (
    select
        periods.period_name,
        order_lines.customer_key,
        order_lines.product_category,
        -- 19 digits: the square of a wholesaler's 116,407.43 does not fit into 18.
        cast(sum(greatest(order_lines.net_revenue, 0)) as decimal(19, 4)) as net_revenue
    from {{ ref('fct_order_lines') }} as order_lines
    inner join periods -- lines within the period
        on
            cast(order_lines.ordered_at as date) <= periods.period_end
            and cast(order_lines.ordered_at as date) > periods.after_date
    where
        order_lines.is_sale
        and order_lines.customer_key is not null
        and order_lines.product_category is not null
    group by periods.period_name, order_lines.customer_key, order_lines.product_category
),

-- Herfindahl index: 1 when all is bought in one category.
concentrations as (
    select
        period_name,
        customer_key,
        case
            -- 1 at most: floating point misses it by a hair.
            when sum(net_revenue) > 0
                then least(
                    cast(sum(net_revenue * net_revenue) as double)
                    / (cast(sum(net_revenue) as double) * cast(sum(net_revenue) as double)),
                    1
                )
        end as concentration
    from category_sales
    group by period_name, customer_key
),

service_costs as (
    select
        periods.period_name,
        identity.customer_key,
        sum(costs.amount) as cost_to_serve
    from {{ ref('int_costs__costs_unioned') }} as costs
    inner join periods -- costs within the period
        on costs.incurred_on <= periods.period_end and costs.incurred_on > periods.after_date
    inner join {{ ref('int_identity__customer_records') }} as identity -- costs of no customer
        on
            costs.source_system = identity.source_system
            and costs.customer_id = identity.source_record_id
    where costs.cost_type = 'service'
    group by periods.period_name, identity.customer_key
),

measures as (
    select
        sales.*,
        cast(sales.period_end - sales.first_order_date as bigint) as tenure_days,
        coalesce(overdue.overdue_amount, 0) as overdue_amount, -- nothing is overdue
        concentrations.concentration,
        coalesce(service_costs.cost_to_serve, 0) as cost_to_serve, -- nothing was spent on service
        case
            when sales.is_growth_known and sales.previous_sales_amount > 0
                then
                    cast(sales.sales_amount as double) / cast(sales.previous_sales_amount as double)
                    - 1
        end as growth_rate
    from sales
    left join overdue
        on
            sales.period_name = overdue.period_name
            and sales.customer_key = overdue.customer_key
    left join concentrations
        on
            sales.period_name = concentrations.period_name
            and sales.customer_key = concentrations.customer_key
    left join service_costs
        on
            sales.period_name = service_costs.period_name
            and sales.customer_key = service_costs.customer_key
),

-- Only who bought in the period can be one of its key accounts.
buyers as (
    select
        *,
        max(sales_amount) over (partition by period_name) as largest_sales_amount,
        max(volume) over (partition by period_name) as largest_volume,
        max(count_purchase_days) over (partition by period_name) as most_purchase_days,
        max(tenure_days) over (partition by period_name) as longest_tenure_days,
        sum(sales_amount) over (partition by period_name) as total_sales_amount
    from measures
    where sales_amount > 0
),

-- Each criterion from 0 to 1. Amounts, volumes and frequencies on a logarithmic scale, whose top is
-- the best customer: on a linear one a single giant would make all others equal.
criteria as (
    select
        *,
        ln(1 + cast(sales_amount as double)) / ln(1 + cast(largest_sales_amount as double))
            as sales_amount_score,
        coalesce(
            ln(1 + cast(greatest(volume, 0) as double))
            / nullif(ln(1 + cast(greatest(largest_volume, 0) as double)), 0),
            0.5
        ) as volume_score, -- no quantities known: neutral
        1 - least(cast(overdue_amount as double) / cast(sales_amount as double), 1)
            as overdue_score,
        ln(1 + count_purchase_days) / ln(1 + most_purchase_days) as purchase_cycle_score,
        coalesce(cast(tenure_days as double) / nullif(longest_tenure_days, 0), 0.5)
            as tenure_score, -- all came on the last day: neutral
        -- From losing everything to doubling; new customers have no growth yet: neutral.
        case
            when growth_rate is null then 0.5
            else (1 + least(growth_rate, 1)) / 2
        end as growth_score,
        coalesce(1 - concentration, 0.5) as concentration_score -- no categories known: neutral
    from buyers
),

scored as (
    select
        criteria.*,
        100 * (
            {% for name in criteria -%}
                settings.key_account_weight_{{ name }} * criteria.{{ name }}_score
                {%- if not loop.last %}
                    + {% endif -%}
            {%- endfor %}
        ) / (
            {% for name in criteria -%}
                settings.key_account_weight_{{ name }}
                {%- if not loop.last %}
                    + {% endif -%}
            {%- endfor %}
        ) as score
    from criteria
    cross join settings
),

ranked as (
    select
        *,
        row_number() over (
            partition by period_name order by score desc, sales_amount desc, customer_key
        ) as account_rank
    from scored
),

current_period as (
    select * from ranked
    where period_name = 'current'
),

previous_period as (
    select * from ranked
    where period_name = 'previous'
),

accounts as (
    select
        coalesce(current_period.customer_key, previous_period.customer_key) as customer_key,
        coalesce(current_period.account_rank <= settings.key_account_count, false)
            as is_key_account,
        coalesce(previous_period.account_rank <= settings.key_account_count, false)
            as was_key_account,
        previous_period.account_rank as previous_account_rank,
        previous_period.score as previous_score,
        previous_period.sales_amount as sales_amount_of_previous_period
    from current_period
    full outer join previous_period on current_period.customer_key = previous_period.customer_key
    cross join settings
)

select
    accounts.customer_key,
    case
        when not has_previous.is_known then 'first'
        when not accounts.is_key_account then 'lost'
        when not accounts.was_key_account then 'new'
        else 'kept'
    end as account_status,
    accounts.is_key_account,
    current_period.account_rank,
    accounts.previous_account_rank,
    -- Positive: places won.
    accounts.previous_account_rank - current_period.account_rank as rank_movement,
    current_period.score,
    accounts.previous_score,
    {% for name in criteria -%}
        current_period.{{ name }}_score,
    {% endfor -%}
    cast(coalesce(measures.sales_amount, 0) as decimal(18, 4)) as sales_amount,
    cast(coalesce(accounts.sales_amount_of_previous_period, 0) as decimal(18, 4))
        as previous_sales_amount,
    measures.growth_rate,
    cast(coalesce(measures.volume, 0) as decimal(18, 4)) as volume,
    cast(coalesce(measures.overdue_amount, 0) as decimal(18, 4)) as overdue_amount,
    cast(settings.key_account_period_days as double) / nullif(measures.count_purchase_days, 0)
        as purchase_cycle_days,
    measures.tenure_days,
    measures.concentration,
    cast(measures.sales_amount as double) / cast(current_period.total_sales_amount as double)
        as share_of_sales,
    has_previous.is_known
    and accounts.is_key_account
    and not accounts.was_key_account as is_new,
    not accounts.is_key_account as is_lost,
    accounts.is_key_account
    and accounts.was_key_account
    and coalesce(measures.growth_rate <= -settings.key_account_decline_rate, false) as is_declining,
    cast(coalesce(measures.margin, 0) as decimal(18, 4)) as margin_after_refunds,
    cast(coalesce(measures.cost_to_serve, 0) as decimal(18, 4)) as cost_to_serve,
    case
        when measures.margin > 0
            then cast(measures.cost_to_serve as double) / cast(measures.margin as double)
    end as cost_to_serve_rate,
    coalesce(measures.cost_to_serve > measures.margin, false) as is_unprofitable
from accounts
cross join settings
cross join has_previous
left join current_period on accounts.customer_key = current_period.customer_key
left join measures
    on accounts.customer_key = measures.customer_key and measures.period_name = 'current'
where accounts.is_key_account or accounts.was_key_account
