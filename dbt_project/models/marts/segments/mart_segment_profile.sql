{%- set dimensions = [
    'segment_name', 'value_tier', 'abc_class', 'market_class', 'country_code', 'age_band', 'gender',
    'customer_type', 'favourite_channel', 'favourite_category', 'favourite_daypart',
    'discount_affinity', 'needs_segment'
] -%}
with

settings as (
    select * from {{ source('settings', 'company') }}
),

segments as (
    select * from {{ ref('mart_customer_segments') }}
),

ltv as (
    select * from {{ ref('mart_customer_ltv') }}
),

sales as (
    select
        orders.customer_key,
        sum(
            case
                when cast(orders.ordered_at as date) > settings.as_of_date - 365
                    then orders.net_revenue - orders.refund_amount
                else 0
            end
        ) as spend_365d,
        sum(
            case
                when cast(orders.ordered_at as date) > settings.as_of_date - 365 then 0
                else orders.net_revenue - orders.refund_amount
            end
        ) as spend_previous_365d
    from {{ ref('fct_orders') }} as orders
    cross join settings
    where
        orders.is_sale
        and orders.customer_key is not null
        and cast(orders.ordered_at as date) > settings.as_of_date - 730
    group by orders.customer_key
),

-- Growth needs two whole years: against a truncated one every company grows.
coverage as (
    select min(cast(orders.ordered_at as date)) <= max(settings.as_of_date) - 729 as has_two_years
    from {{ ref('fct_orders') }} as orders
    cross join settings
    where orders.is_sale
),

-- One satisfaction per customer, the latest overall answer of each kind.
answers as (
    select
        customer_key,
        max_by(score, answer_rank) filter (where survey_type = 'nps') as nps_score,
        cast(
            max_by(score_0_100, answer_rank) filter (
                where {{ is_about_satisfaction('survey_type') }}
            ) as decimal(18, 4)
        ) as satisfaction_score
    from (
        select
            *,
            -- Later answers win; ids break ties so that the result is the same in every run.
            row_number() over (
                order by responded_at nulls first, source_system, response_id
            ) as answer_rank
        from {{ ref('fct_survey_responses') }}
        where customer_key is not null and is_counted and dimension = 'overall'
    ) as ordered
    group by customer_key
),

cases as (
    select
        cases.customer_key,
        count(*) as count_cases
    from {{ ref('int_service__cases_keyed') }} as cases
    cross join settings
    where
        cases.customer_key is not null
        and cast(cases.opened_at as date) > settings.as_of_date - 365
    group by cases.customer_key
),

customers as (
    select
        segments.*,
        ltv.net_revenue,
        greatest(segments.margin_after_refunds, 0) as positive_margin,
        ltv.cost_to_serve,
        ltv.historic_value,
        cast(coalesce(ltv.predicted_value_365d, 0) as decimal(18, 4)) as predicted_value,
        coalesce(sales.spend_365d, 0) as spend_365d,
        coalesce(sales.spend_previous_365d, 0) as spend_previous_365d,
        answers.satisfaction_score,
        answers.nps_score,
        coalesce(cases.count_cases, 0) as count_cases
    from segments
    inner join ltv on segments.customer_key = ltv.customer_key -- every customer has a value
    left join sales on segments.customer_key = sales.customer_key
    left join answers on segments.customer_key = answers.customer_key
    left join cases on segments.customer_key = cases.customer_key
),

members as (
    {% for dimension in ['all'] + dimensions -%}
        select
            '{{ dimension }}' as dimension_name,
            {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
            is_buyer,
            positive_margin,
            net_revenue,
            margin_after_refunds,
            cost_to_serve,
            historic_value,
            predicted_value,
            spend_365d,
            spend_previous_365d,
            satisfaction_score,
            nps_score,
            count_cases
        from customers
        {% if not loop.last -%} union all {%- endif %}
    {% endfor -%}
),

-- Equal margins may take any of their places: what the places are summed to stays the same. Both
-- windows are of the same rows: a filtered count over the whole group cost 54 CPU s at
-- 100,000 customers, the whole model now costs 2.
placed as (
    select
        *,
        case
            when is_buyer
                then row_number() over (
                    partition by dimension_name, dimension_value, is_buyer order by positive_margin
                )
        end as margin_place,
        count(*) over (partition by dimension_name, dimension_value, is_buyer)
            as count_group_buyers
    from members
),

totals as (
    select
        dimension_name,
        dimension_value,
        count(*) as count_customers,
        count(*) filter (where is_buyer) as count_buyers,
        sum(net_revenue) as net_revenue,
        sum(margin_after_refunds) as margin_after_refunds,
        sum(positive_margin) as positive_margin,
        sum(cost_to_serve) as cost_to_serve,
        sum(historic_value) as historic_value,
        sum(predicted_value) as predicted_value,
        sum(spend_365d) as spend_365d,
        sum(spend_previous_365d) as spend_previous_365d,
        sum((2 * margin_place - count_group_buyers - 1) * positive_margin) as gini_sum,
        sum(
            case
                when
                    margin_place
                    > count_group_buyers - ceil(count_group_buyers * cast(0.2 as decimal(9, 6)))
                    then positive_margin
            end
        ) as top_20_margin,
        count(satisfaction_score) as count_satisfaction,
        sum(satisfaction_score) as satisfaction_sum,
        sum(satisfaction_score * satisfaction_score) as satisfaction_square_sum,
        count(nps_score) as count_nps,
        count(*) filter (where nps_score >= 9) as count_promoters,
        count(*) filter (where nps_score <= 6) as count_detractors,
        sum(count_cases) as count_cases
    from placed
    group by dimension_name, dimension_value
),

measured as (
    select
        *,
        cast(satisfaction_sum as double) / nullif(count_satisfaction, 0) as mean_satisfaction,
        -- Standard error of the mean.
        case
            when count_satisfaction > 1
                then sqrt(
                    greatest(
                        cast(satisfaction_square_sum as double)
                        - cast(satisfaction_sum as double) * cast(satisfaction_sum as double)
                        / count_satisfaction,
                        0
                    ) / (count_satisfaction - 1) / count_satisfaction
                )
        end as satisfaction_error
    from totals
)

select
    measured.dimension_name,
    -- customers without the trait
    coalesce(measured.dimension_value, '(unknown)') as dimension_value,
    measured.count_customers,
    measured.count_buyers,
    cast(measured.count_customers as double)
    / sum(measured.count_customers) over (partition by measured.dimension_name) as customer_share,
    cast(measured.net_revenue as decimal(18, 4)) as net_revenue,
    cast(measured.net_revenue as double)
    / nullif(
        cast(sum(measured.net_revenue) over (partition by measured.dimension_name) as double), 0
    ) as net_revenue_share,
    cast(measured.margin_after_refunds as decimal(18, 4)) as margin_after_refunds,
    cast(measured.cost_to_serve as decimal(18, 4)) as cost_to_serve,
    cast(measured.historic_value as decimal(18, 4)) as historic_value,
    cast(measured.historic_value as double) / measured.count_customers as mean_historic_value,
    cast(measured.predicted_value as double)
    / measured.count_customers as mean_predicted_value_365d,
    cast(measured.spend_365d as decimal(18, 4)) as spend_365d,
    cast(measured.spend_previous_365d as decimal(18, 4)) as spend_previous_365d,
    case
        when measured.spend_previous_365d > 0 and coverage.has_two_years
            then
                cast(measured.spend_365d as double) / cast(measured.spend_previous_365d as double)
                - 1
    end as spend_growth_rate,
    cast(measured.top_20_margin as double) / nullif(cast(measured.positive_margin as double), 0)
        as top_20_margin_share,
    cast(measured.gini_sum as double)
    / nullif(measured.count_buyers * cast(measured.positive_margin as double), 0) as margin_gini,
    measured.count_satisfaction,
    measured.mean_satisfaction,
    -- Engines differ on greatest() of NULL; with one answer nothing is known of the spread.
    case
        when measured.count_satisfaction > 1
            then
                greatest(measured.mean_satisfaction - {{ z_95() }} * measured.satisfaction_error, 0)
    end as satisfaction_ci_low,
    case
        when measured.count_satisfaction > 1
            then least(measured.mean_satisfaction + {{ z_95() }} * measured.satisfaction_error, 100)
    end as satisfaction_ci_high,
    measured.count_nps,
    measured.count_promoters,
    measured.count_detractors,
    100.0 * (measured.count_promoters - measured.count_detractors) / nullif(measured.count_nps, 0)
        as net_promoter_score,
    case
        when measured.count_nps > 0
            then
                {{ nps_bound(
                    'measured.count_promoters', 'measured.count_detractors', 'measured.count_nps',
                    'low'
                ) }}
    end as nps_ci_low,
    case
        when measured.count_nps > 0
            then
                {{ nps_bound(
                    'measured.count_promoters', 'measured.count_detractors', 'measured.count_nps',
                    'high'
                ) }}
    end as nps_ci_high,
    cast(measured.count_cases as bigint) as count_cases_365d,
    cast(measured.count_cases as double) / measured.count_customers as mean_cases_365d,
    needs.needs_segment_description as segment_description,
    needs.stability,
    measured.count_customers < settings.small_sample_size as is_small_sample
from measured
cross join settings
cross join coverage
left join {{ source('statistics', 'needs_segments') }} as needs
    on
        measured.dimension_name = 'needs_segment'
        and measured.dimension_value = needs.needs_segment
