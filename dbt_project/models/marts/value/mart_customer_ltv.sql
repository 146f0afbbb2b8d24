with

settings as (
    select * from {{ source('settings', 'company') }}
),

customers as (
    select distinct customer_key -- a customer has one row per source record there
    from {{ ref('int_identity__customer_records') }}
),

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

-- Order headers once each: joining lines here would multiply them.
sales as (
    select
        order_key,
        customer_key,
        ordered_at,
        cast(ordered_at as date) as ordered_date,
        net_revenue,
        margin_amount,
        refund_amount,
        margin_amount - refund_amount as contribution
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

order_totals as (
    select
        sales.customer_key,
        count(*) as count_orders,
        min(sales.ordered_date) as first_ordered_date,
        sum(sales.net_revenue) as net_revenue,
        sum(sales.margin_amount) as margin_amount,
        sum(sales.refund_amount) as refund_amount,
        sum(
            case
                when sales.ordered_date > settings.as_of_date - 365
                    then sales.net_revenue - sales.refund_amount
                else 0
            end
        ) as spend_365d
    from sales
    cross join settings
    group by sales.customer_key
),

-- How much of his money an average customer takes back, and how much he spends.
refund_habits as (
    select
        cast(sum(refund_amount) as double) / cast(sum(net_revenue) as double) as refund_rate,
        cast(sum(net_revenue) as double) / count(*) as revenue_per_customer
    from order_totals
    having sum(net_revenue) > 0
),

service_costs as (
    select
        identity.customer_key,
        sum(costs.amount) as cost_to_serve
    from {{ ref('int_costs__costs_unioned') }} as costs
    -- costs of no customer are not his
    inner join {{ ref('int_identity__customer_records') }} as identity
        on
            costs.source_system = identity.source_system
            and costs.customer_id = identity.source_record_id
    where costs.cost_type = 'service' and costs.incurred_on <= {{ setting('as_of_date') }}
    group by identity.customer_key
),

historic as (
    select
        customers.customer_key,
        coalesce(profiles.customer_type, 'person') as customer_type, -- as in dim_customers
        order_totals.first_ordered_date,
        cast(coalesce(order_totals.count_orders, 0) as bigint) as count_orders,
        coalesce(order_totals.net_revenue, 0) as net_revenue,
        coalesce(order_totals.margin_amount, 0) as margin_amount,
        coalesce(order_totals.refund_amount, 0) as refund_amount,
        coalesce(service_costs.cost_to_serve, 0) as cost_to_serve,
        coalesce(order_totals.spend_365d, 0) as spend_365d,
        costs.cost_per_customer as acquisition_cost,
        case
            -- A customer sold at a loss so far is not expected to cost money by buying again.
            when order_totals.net_revenue > 0
                then
                    greatest(
                        cast(order_totals.margin_amount as double)
                        / cast(order_totals.net_revenue as double),
                        0
                    )
            else settings.margin_rate
        end as margin_rate,
        -- The own habit, shrunk to the common one by the revenue of one average customer.
        coalesce(
            least(
                greatest(
                    (
                        cast(coalesce(order_totals.refund_amount, 0) as double) -- gave none back
                        + refund_habits.refund_rate * refund_habits.revenue_per_customer
                    )
                    / (
                        cast(coalesce(order_totals.net_revenue, 0) as double) -- bought nothing
                        + refund_habits.revenue_per_customer
                    ),
                    0
                ),
                1
            ),
            0 -- nobody has bought anything yet
        ) as refund_rate
    from customers
    cross join settings
    left join refund_habits on true
    left join profiles on customers.customer_key = profiles.customer_key
    left join order_totals on customers.customer_key = order_totals.customer_key
    left join service_costs on customers.customer_key = service_costs.customer_key
    left join {{ ref('int_value__acquisition_costs') }} as costs
        on
            profiles.acquisition_channel = costs.channel
            and cast(date_trunc('month', order_totals.first_ordered_date) as date)
            = costs.acquired_month
),

-- What the models expect of purchases: the lookup by history, times the expected spend.
purchases as (
    select
        summaries.customer_key,
        forecasts.probability_alive,
        forecasts.probability_purchase_365d,
        forecasts.expected_purchases_90d,
        forecasts.expected_purchases_365d,
        forecasts.expected_purchases_lifetime,
        forecasts.discounted_purchases_90d,
        forecasts.discounted_purchases_90d_low,
        forecasts.discounted_purchases_90d_high,
        forecasts.discounted_purchases_365d,
        forecasts.discounted_purchases_365d_low,
        forecasts.discounted_purchases_365d_high,
        forecasts.discounted_purchases_lifetime,
        forecasts.discounted_purchases_lifetime_low,
        forecasts.discounted_purchases_lifetime_high,
        {{ expected_spend(
            'summaries.count_repeat_purchases', 'summaries.mean_spend', 'spend_model'
        ) }} as expected_spend,
        forecasts.model_name,
        forecasts.model_status
    from {{ ref('int_value__purchase_summaries') }} as summaries
    cross join {{ source('statistics', 'spend_model') }} as spend_model
    -- every history is in the lookup, which was made from them (checked by the gate)
    inner join {{ source('statistics', 'purchase_forecasts') }} as forecasts
        on
            summaries.count_repeat_purchases = forecasts.count_repeat_purchases
            and summaries.recency_days = forecasts.recency_days
            and summaries.age_days = forecasts.age_days
            and summaries.count_repeat_purchases_365d = forecasts.count_repeat_purchases_365d
),

-- The latest payment of every contract tells its state.
running_contracts as (
    select
        renewals.customer_key,
        renewals.plan_key,
        renewals.cohort_year,
        renewals.renewal_number,
        cast(renewals.due_on - settings.as_of_date as bigint) as days_to_renewal,
        cast(renewals.amount as double) as amount
    from {{ ref('int_value__renewals') }} as renewals
    cross join settings
    where not renewals.is_renewed and not renewals.is_decided
),

contracts as (
    select
        running.customer_key,
        count(*) as count_contracts,
        -- Contracts of one customer are taken as independent.
        1 - exp({{ exact_sum('ln(1 - forecasts.probability_renewal)', decimals=17) }})
            as probability_renewal,
        1 - exp({{ exact_sum('ln(1 - forecasts.probability_renewal_365d)', decimals=17) }})
            as probability_renewal_365d,
        {{ exact_sum('forecasts.expected_payments_90d') }} as expected_payments_90d,
        {{ exact_sum('forecasts.expected_payments_365d') }} as expected_payments_365d,
        {{ exact_sum('forecasts.expected_payments_lifetime') }} as expected_payments_lifetime,
        {%- for horizon in ['90d', '365d', 'lifetime'] %}
            {%- for end in ['', '_low', '_high'] %}
                {% set payments = 'forecasts.discounted_payments_' ~ horizon ~ end -%}
                {{ exact_sum(payments ~ ' * running.amount') }}
                    as revenue_{{ horizon }}{{ end }},
            {%- endfor %}
        {%- endfor %}
        case
            when min(forecasts.model_name) = max(forecasts.model_name)
                then max(forecasts.model_name)
            else min(forecasts.model_name) || '+' || max(forecasts.model_name)
        end as model_name,
        max(forecasts.model_status) as model_status
    from running_contracts as running
    -- every running contract is in the lookup, which was made from them (checked by the gate)
    inner join {{ source('statistics', 'contract_forecasts') }} as forecasts
        on
            running.plan_key = forecasts.plan_key
            and running.cohort_year = forecasts.cohort_year
            and running.renewal_number = forecasts.renewal_number
            and running.days_to_renewal = forecasts.days_to_renewal
    group by running.customer_key
),

former_contracts as (
    select distinct customer_key -- one row per customer who ever had a contract
    from {{ ref('int_value__renewals') }}
),

-- Both kinds of income together; what a customer has nothing of counts zero.
predicted as (
    select
        historic.customer_key,
        former_contracts.customer_key is not null as is_contractual,
        cast(coalesce(contracts.count_contracts, 0) as bigint) as count_contracts,
        -- a + b (1 - a) instead of 1 - (1 - a) (1 - b), which loses the digits of a small one
        coalesce(purchases.probability_alive, 0)
        + coalesce(contracts.probability_renewal, 0)
        * (1 - coalesce(purchases.probability_alive, 0)) as probability_alive,
        coalesce(purchases.probability_purchase_365d, 0)
        + coalesce(contracts.probability_renewal_365d, 0)
        * (1 - coalesce(purchases.probability_purchase_365d, 0)) as probability_purchase_365d,
        {%- for horizon in ['90d', '365d', 'lifetime'] %}
            coalesce(purchases.expected_purchases_{{ horizon }}, 0)
            + coalesce(contracts.expected_payments_{{ horizon }}, 0)
                as expected_purchases_{{ horizon }},
            {%- for end in ['', '_low', '_high'] %}
                (
                    coalesce(purchases.discounted_purchases_{{ horizon }}{{ end }}, 0)
                    * coalesce(purchases.expected_spend, 0)
                    + coalesce(contracts.revenue_{{ horizon }}{{ end }}, 0)
                )
                * (1 - historic.refund_rate)
                * historic.margin_rate as predicted_value_{{ horizon }}{{ end }},
            {%- endfor %}
        {%- endfor %}
        purchases.expected_spend * (1 - historic.refund_rate) as expected_spend,
        case
            when purchases.model_name is null and contracts.model_name is null
                then 'sbg' -- the contract has ended and nothing else was bought
            when contracts.model_name is null then purchases.model_name
            when purchases.model_name is null then contracts.model_name
            else contracts.model_name || '+' || purchases.model_name
        end as model_name,
        case
            when purchases.model_name is null and contracts.model_name is null
                then 'contract_ended'
            when purchases.model_status is null or purchases.model_status = 'ok'
                then coalesce(contracts.model_status, 'ok') -- without a contract all is said
            else purchases.model_status
        end as model_status
    from historic
    left join purchases on historic.customer_key = purchases.customer_key
    left join contracts on historic.customer_key = contracts.customer_key
    left join former_contracts on historic.customer_key = former_contracts.customer_key
    where historic.count_orders > 0
),

-- Customers of one kind who have been there equally long, in years up to three and more.
peers as (
    select
        historic.customer_key,
        historic.customer_type,
        historic.spend_365d,
        least(
            floor((settings.as_of_date - historic.first_ordered_date) / 365.0), 3
        ) as tenure_years
    from historic
    cross join settings
    where historic.count_orders > 0
),

ranked_peers as (
    select
        *,
        cume_dist() over (
            partition by customer_type, tenure_years order by spend_365d
        ) as share_up_to
    from peers
),

potential_spend as (
    select
        ranked_peers.customer_type,
        ranked_peers.tenure_years,
        min(
            case
                when ranked_peers.share_up_to >= settings.potential_quantile
                    then ranked_peers.spend_365d
            end
        ) as spend_365d
    from ranked_peers
    cross join settings
    group by ranked_peers.customer_type, ranked_peers.tenure_years
),

-- Whoever recommended first gets the credit; a customer joined with himself recommended nobody.
conversions as (
    select
        referrer_customer_key,
        referred_customer_key,
        cast(converted_at as date) as converted_date
    from (
        select
            *,
            row_number() over (
                partition by referred_customer_key order by converted_at, referral_key
            ) as conversion_rank
        from {{ ref('int_loyalty__referrals_keyed') }}
        where
            referrer_customer_key is not null
            and referred_customer_key is not null
            and referrer_customer_key != referred_customer_key
            and cast(converted_at as date) <= {{ setting('as_of_date') }}
    ) as ranked
    where conversion_rank = 1
),

discounted_margins as (
    select
        conversions.referred_customer_key,
        cast(sales.contribution as double)
        * power(
            1 + settings.annual_discount_rate,
            -(sales.ordered_date - conversions.converted_date) / 365.25
        ) as discounted_margin
    from conversions
    cross join settings
    inner join sales -- a referred customer without a sale has brought no margin
        on
            conversions.referred_customer_key = sales.customer_key
            and conversions.converted_date <= sales.ordered_date
),

referred_margins as (
    select
        referred_customer_key,
        {{ exact_sum('discounted_margin') }} as discounted_margin
    from discounted_margins
    group by referred_customer_key
),

-- What winning a customer cost in a month where nobody recommended him.
unreferred_costs as (
    select
        cast(date_trunc('month', historic.first_ordered_date) as date) as acquired_month,
        {{ exact_sum('historic.acquisition_cost') }} / count(*) as acquisition_cost
    from historic
    left join conversions on historic.customer_key = conversions.referred_customer_key
    where
        conversions.referred_customer_key is null
        and historic.acquisition_cost is not null
    group by cast(date_trunc('month', historic.first_ordered_date) as date)
),

-- Kumar, Petersen & Leone 2010: margin of those who came because of it, saved cost of all.
referral_gains as (
    select
        conversions.referrer_customer_key,
        conversions.converted_date > settings.as_of_date - 365 as is_within_365d,
        (1 - settings.referred_anyway_share)
        * coalesce(referred_margins.discounted_margin, 0) -- has not bought yet
        + case
            when referred.first_ordered_date is null then 0 -- not won yet: nothing saved
            else
                greatest(
                    coalesce(unreferred_costs.acquisition_cost, 0)
                    - coalesce(referred.acquisition_cost, 0),
                    0
                )
        end as referral_value
    from conversions
    cross join settings
    inner join historic as referred -- everybody who became a customer is one
        on conversions.referred_customer_key = referred.customer_key
    left join referred_margins
        on conversions.referred_customer_key = referred_margins.referred_customer_key
    left join unreferred_costs
        on
            cast(date_trunc('month', referred.first_ordered_date) as date)
            = unreferred_costs.acquired_month
),

referral_values as (
    select
        referrer_customer_key,
        count(*) as count_referred_customers,
        count(case when is_within_365d then 1 end) as count_referred_customers_365d,
        {{ exact_sum('referral_value') }} as referral_value
    from referral_gains
    group by referrer_customer_key
),

value_of_a_referral as (
    select {{ exact_sum('referral_value') }} / sum(count_referred_customers) as mean_value
    from referral_values
),

cumulated as (
    select
        sales.customer_key,
        sales.ordered_date,
        historic.acquisition_cost,
        sum(sales.contribution) over (
            partition by sales.customer_key order by sales.ordered_at, sales.order_key
            rows between unbounded preceding and current row
        ) as contribution
    from sales
    -- where the cost is not known nothing can be paid back
    inner join historic
        on
            sales.customer_key = historic.customer_key
            and historic.acquisition_cost is not null
),

paybacks as (
    select
        customer_key,
        min(ordered_date) as paid_back_on
    from cumulated
    where cast(contribution as double) >= acquisition_cost
    group by customer_key
)

select
    historic.customer_key,
    historic.count_orders,
    cast(historic.net_revenue as decimal(18, 4)) as net_revenue,
    cast(historic.margin_amount as decimal(18, 4)) as margin_amount,
    cast(historic.refund_amount as decimal(18, 4)) as refund_amount,
    cast(historic.cost_to_serve as decimal(18, 4)) as cost_to_serve,
    cast(
        historic.margin_amount - historic.refund_amount - historic.cost_to_serve as decimal(18, 4)
    ) as historic_value,
    cast(historic.margin_rate as double) as margin_rate,
    cast(historic.refund_rate as double) as refund_rate,
    coalesce(predicted.is_contractual, false) as is_contractual, -- prospects have no contract
    coalesce(predicted.count_contracts, 0) as count_contracts, -- nor have they running ones
    cast(predicted.probability_alive as double) as probability_alive,
    cast(predicted.probability_purchase_365d as double) as probability_purchase_365d,
    cast(predicted.expected_purchases_90d as double) as expected_purchases_90d,
    cast(predicted.expected_purchases_365d as double) as expected_purchases_365d,
    cast(predicted.expected_purchases_lifetime as double) as expected_purchases_lifetime,
    cast(predicted.expected_spend as double) as expected_spend,
    {%- for horizon in ['90d', '365d', 'lifetime'] %}
        {%- for end in ['', '_low', '_high'] %}
            cast(predicted.predicted_value_{{ horizon }}{{ end }} as double)
                as predicted_value_{{ horizon }}{{ end }},
        {%- endfor %}
    {%- endfor %}
    cast(
        case
            when historic.count_orders > 0
                then
                    greatest(potential_spend.spend_365d - historic.spend_365d, 0)
                    * historic.margin_rate
                    + coalesce( -- who recommended nobody of late is not expected to
                        referral_values.count_referred_customers_365d
                        * greatest(value_of_a_referral.mean_value, 0),
                        0
                    )
        end as double
    ) as potential_value,
    cast(coalesce(referral_values.count_referred_customers, 0) as bigint) -- recommended nobody
        as count_referred_customers,
    cast(coalesce(referral_values.referral_value, 0) as double) as referral_value, -- nobody
    cast(historic.acquisition_cost as double) as acquisition_cost,
    cast(
        case
            when historic.acquisition_cost > 0
                then
                    (
                        cast(
                            historic.margin_amount
                            - historic.refund_amount
                            - historic.cost_to_serve as double
                        )
                        + predicted.predicted_value_lifetime
                    ) / historic.acquisition_cost
        end as double
    ) as clv_to_cac,
    cast(
        ceil((paybacks.paid_back_on - historic.first_ordered_date) * 12 / 365.25) as bigint
    ) as payback_months,
    coalesce(predicted.model_name, 'none') as model_name,
    coalesce(predicted.model_status, 'no_purchase') as model_status
from historic
cross join value_of_a_referral
-- Prospects never bought: there is nothing to predict from, and the status says so.
left join predicted on historic.customer_key = predicted.customer_key
left join peers on historic.customer_key = peers.customer_key
left join potential_spend
    on
        peers.customer_type = potential_spend.customer_type
        and peers.tenure_years = potential_spend.tenure_years
left join referral_values on historic.customer_key = referral_values.referrer_customer_key
left join paybacks on historic.customer_key = paybacks.customer_key
