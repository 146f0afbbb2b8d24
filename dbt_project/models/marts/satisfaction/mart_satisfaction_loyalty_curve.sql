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
        -- Who had little trouble, or says why he leaves, has not said how satisfied he is.
        case feedback.survey_type
            when 'nps' then 'nps'
            when 'ces' then 'effort'
            when 'other' then 'other'
            else 'satisfaction'
        end as outcome,
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
        sum(cast(count_sales as bigint)) as count_sales,
        case when sum(spend) > 0 then cast(max(spend) as double) / cast(sum(spend) as double) end
            as largest_spend_share
    from afterwards
    group by outcome, scale_min, scale_max, overall_score
),

{{ mean_moments('afterwards', ['outcome', 'scale_min', 'scale_max', 'overall_score'], 'spend') }},

rates as (
    select
        counted.*,
        cast(counted.count_repurchased as double) / counted.count_customers as repurchase_rate,
        spends.mean_amount as spend_per_customer,
        {%- for side in ['low', 'high'] %}
            {{ mean_moments_bound('spends', side) }} as spend_per_customer_{{ side }},
        {%- endfor %}
        lag(counted.score) over scale as lower_score,
        lag(counted.count_repurchased) over scale as lower_count_repurchased,
        lag(counted.count_customers) over scale as lower_count_customers,
        lag(cast(counted.count_repurchased as double) / counted.count_customers) over scale
            as lower_repurchase_rate
    from counted
    inner join mean_moments as spends
        on
            counted.outcome = spends.outcome
            and counted.scale_min = spends.scale_min
            and counted.scale_max = spends.scale_max
            and counted.score = spends.overall_score
    window scale as (
        partition by counted.outcome, counted.scale_min, counted.scale_max
        order by counted.score
    )
),

arcs as (
    select
        *,
        (repurchase_rate - lower_repurchase_rate)
        / nullif((repurchase_rate + lower_repurchase_rate) / 2, 0) as repurchase_arc,
        nullif((score - lower_score) / nullif((score + lower_score) / 2, 0), 0) as score_arc
    from rates
),

ratios as (
    select
        *,
        {%- for side in ['low', 'high'] %}
            exp(
                {{ log_ratio_bound(
                    'count_repurchased', 'count_customers',
                    'lower_count_repurchased', 'lower_count_customers', side
                ) }}
            ) as ratio_{{ side }},
        {%- endfor %}
        repurchase_arc / score_arc as elasticity
    from arcs
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
    rates.spend_per_customer,
    rates.spend_per_customer_low,
    rates.spend_per_customer_high,
    rates.largest_spend_share,
    -- Arc elasticity against the next lower score: per cent repurchase per cent of score.
    rates.elasticity,
    -- The arc between two rates is 2 (r - 1) / (r + 1) of their ratio r, and grows with it. Where
    -- one of them is nothing, the value itself is the end.
    {%- for side, nearest in {'low': 'least', 'high': 'greatest'}.items() %}
        case
            when rates.elasticity is not null
                then
                    {{ nearest }}(
                        2 * (rates.ratio_{{ side }} - 1) / (rates.ratio_{{ side }} + 1)
                        / rates.score_arc,
                        rates.elasticity
                    )
        end as elasticity_{{ side }},
    {%- endfor %}
    rates.count_customers < settings.small_sample_size as is_small_sample
from ratios as rates
cross join settings
