with

months as (
    select * from {{ ref('int_calendar__months') }}
),

last_complete_month as (
    -- 0: no month is complete yet and no customer observed.
    select coalesce(max(month_number), 0) as month_number
    from months
    where is_complete
),

sales as (
    select
        orders.customer_key,
        orders.margin_amount - orders.refund_amount as margin,
        cast(date_trunc('month', orders.ordered_at) as date) as sale_month,
        months.month_number
    from {{ ref('fct_orders') }} as orders
    inner join months -- every sale lies in a month
        on cast(date_trunc('month', orders.ordered_at) as date) = months.calendar_month
    where orders.is_sale and orders.customer_key is not null
),

-- A customer is won in the month of the first sale.
customers as (
    select
        sales.customer_key,
        min(sales.sale_month) as cohort_month,
        min(sales.month_number) as cohort_number,
        coalesce(min(profiles.acquisition_channel), '(unknown)') as channel, -- said by no record
        min(profiles.acquisition_campaign_id) as campaign,
        min(ltv.historic_value) as historic_value,
        cast(coalesce(min(ltv.predicted_value_lifetime), 0) as decimal(18, 4)) as predicted_value
    from sales
    inner join {{ ref('int_customers__profiles') }} as profiles -- every customer has one
        on sales.customer_key = profiles.customer_key
    inner join {{ ref('mart_customer_ltv') }} as ltv -- every customer has one
        on sales.customer_key = ltv.customer_key
    group by sales.customer_key
),

costs as (
    select
        cast(date_trunc('month', incurred_on) as date) as cohort_month,
        coalesce(channel, '(unknown)') as channel, -- spent on no channel in particular
        campaign_id as campaign,
        amount
    from {{ ref('int_costs__acquisition_spend') }}
),

campaigns as (
    select
        campaign_id,
        min(campaign_name) as campaign_name -- two systems may number alike
    from {{ ref('int_campaigns__campaigns_unioned') }}
    group by campaign_id
),

-- Cuts: the company, channels and campaigns; each month by month and over all months.
customer_cuts as (
    {% for dimension in ['all', 'channel', 'campaign'] -%}
        {% for month in ['cohort_month', 'cast(null as date)'] -%}
            select
                '{{ dimension }}' as dimension_name,
                {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
                {{ month }} as cut_month,
                customer_key,
                cohort_number,
                historic_value,
                predicted_value
            from customers
            {% if dimension == 'campaign' -%} where campaign is not null {%- endif %}
            {% if not loop.last -%} union all {%- endif %}
        {% endfor -%}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor -%}
),

cost_cuts as (
    {% for dimension in ['all', 'channel', 'campaign'] -%}
        {% for month in ['cohort_month', 'cast(null as date)'] -%}
            select
                '{{ dimension }}' as dimension_name,
                {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
                {{ month }} as cut_month,
                amount
            from costs
            {% if dimension == 'campaign' -%} where campaign is not null {%- endif %}
            {% if not loop.last -%} union all {%- endif %}
        {% endfor -%}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor -%}
),

customer_totals as (
    select
        dimension_name,
        dimension_value,
        cut_month,
        count(*) as count_new_customers,
        sum(historic_value) as historic_value,
        sum(predicted_value) as predicted_value
    from customer_cuts
    group by dimension_name, dimension_value, cut_month
),

cost_totals as (
    select
        dimension_name,
        dimension_value,
        cut_month,
        sum(amount) as acquisition_cost
    from cost_cuts
    group by dimension_name, dimension_value, cut_month
),

cuts as (
    select
        coalesce(customer_totals.dimension_name, cost_totals.dimension_name) as dimension_name,
        coalesce(customer_totals.dimension_value, cost_totals.dimension_value) as dimension_value,
        coalesce(customer_totals.cut_month, cost_totals.cut_month) as cut_month,
        coalesce(customer_totals.count_new_customers, 0) as count_new_customers,
        cost_totals.acquisition_cost,
        customer_totals.historic_value,
        customer_totals.predicted_value,
        cast(cost_totals.acquisition_cost as double)
        / nullif(customer_totals.count_new_customers, 0) as cac
    from customer_totals
    -- Money that won nobody keeps its row.
    full outer join cost_totals
        on
            customer_totals.dimension_name = cost_totals.dimension_name
            and customer_totals.dimension_value = cost_totals.dimension_value
            and coalesce(customer_totals.cut_month, date '0001-01-01')
            = coalesce(cost_totals.cut_month, date '0001-01-01')
),

-- How many customers of a cut could be observed for a whole month at each age.
cohort_sizes as (
    select
        dimension_name,
        dimension_value,
        cut_month,
        cohort_number,
        count(*) as count_customers
    from customer_cuts
    group by dimension_name, dimension_value, cut_month, cohort_number
),

observed as (
    select
        cohort_sizes.dimension_name,
        cohort_sizes.dimension_value,
        cohort_sizes.cut_month,
        months.month_number - cohort_sizes.cohort_number as age_months,
        sum(cohort_sizes.count_customers) as count_observed
    from cohort_sizes
    inner join months on cohort_sizes.cohort_number <= months.month_number -- their own and later
    where months.is_complete
    group by
        cohort_sizes.dimension_name,
        cohort_sizes.dimension_value,
        cohort_sizes.cut_month,
        months.month_number - cohort_sizes.cohort_number
),

margins_by_age as (
    select
        cuts.dimension_name,
        cuts.dimension_value,
        cuts.cut_month,
        sales.month_number - cuts.cohort_number as age_months,
        sum(sales.margin) as margin
    from customer_cuts as cuts
    inner join sales on cuts.customer_key = sales.customer_key -- who was won has bought
    inner join last_complete_month on sales.month_number <= last_complete_month.month_number
    group by
        cuts.dimension_name,
        cuts.dimension_value,
        cuts.cut_month,
        sales.month_number - cuts.cohort_number
),

-- Mean margin per customer at each age among those observed at that age, summed up over the ages:
-- young cohorts speak for the ages they have reached.
curves as (
    select
        observed.dimension_name,
        observed.dimension_value,
        observed.cut_month,
        observed.age_months,
        sum(cast(coalesce(margins_by_age.margin, 0) as double) / observed.count_observed) over (
            partition by
                observed.dimension_name, observed.dimension_value, observed.cut_month
            order by observed.age_months
        ) as cumulative_margin
    from observed
    left join margins_by_age
        on
            observed.dimension_name = margins_by_age.dimension_name
            and observed.dimension_value = margins_by_age.dimension_value
            and coalesce(observed.cut_month, date '0001-01-01')
            = coalesce(margins_by_age.cut_month, date '0001-01-01')
            and observed.age_months = margins_by_age.age_months
),

paybacks as (
    select
        cuts.dimension_name,
        cuts.dimension_value,
        cuts.cut_month,
        max(curves.age_months) as observed_months,
        max_by(curves.cumulative_margin, curves.age_months) as margin_per_customer,
        min(case when curves.cumulative_margin >= cuts.cac then curves.age_months end)
            as payback_months
    from cuts
    inner join curves -- money that won nobody is never paid back
        on
            cuts.dimension_name = curves.dimension_name
            and cuts.dimension_value = curves.dimension_value
            and coalesce(cuts.cut_month, date '0001-01-01')
            = coalesce(curves.cut_month, date '0001-01-01')
    group by cuts.dimension_name, cuts.dimension_value, cuts.cut_month
)

select
    cuts.dimension_name,
    cuts.dimension_value,
    campaigns.campaign_name,
    cuts.cut_month as cohort_month,
    cuts.count_new_customers,
    cast(cuts.acquisition_cost as decimal(18, 4)) as acquisition_cost,
    cuts.cac,
    paybacks.observed_months,
    paybacks.margin_per_customer,
    paybacks.payback_months,
    cast(cuts.historic_value + cuts.predicted_value as double)
    / nullif(cuts.count_new_customers, 0) as clv_per_customer,
    cast(cuts.historic_value + cuts.predicted_value as double)
    / nullif(cast(cuts.acquisition_cost as double), 0) as clv_to_cac,
    cuts.count_new_customers < {{ setting('small_sample_size') }} as is_small_sample
from cuts
left join paybacks
    on
        cuts.dimension_name = paybacks.dimension_name
        and cuts.dimension_value = paybacks.dimension_value
        and coalesce(cuts.cut_month, date '0001-01-01')
        = coalesce(paybacks.cut_month, date '0001-01-01')
left join campaigns
    on cuts.dimension_name = 'campaign' and cuts.dimension_value = campaigns.campaign_id
