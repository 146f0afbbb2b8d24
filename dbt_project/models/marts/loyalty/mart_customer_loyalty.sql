{%- set transactional = ['repeat_purchase', 'spend', 'cross_buy', 'retention', 'lifetime_value'] -%}
{%- set emotional = ['satisfaction', 'word_of_mouth'] -%}
with

settings as (
    select * from {{ source('settings', 'company') }}
),

sales as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

purchases as (
    select
        sales.customer_key,
        count(*) as count_orders,
        count(*) filter (where cast(sales.ordered_at as date) > settings.as_of_date - 365)
            as count_orders_365d,
        count(*) filter (
            where
            cast(sales.ordered_at as date) <= settings.as_of_date - 365
            and cast(sales.ordered_at as date) > settings.as_of_date - 730
        ) as count_orders_previous_365d,
        coalesce(
            sum(sales.net_revenue - sales.refund_amount) filter (
                where cast(sales.ordered_at as date) > settings.as_of_date - 365
            ),
            0
        ) as spend_365d, -- who bought nothing spent nothing
        coalesce(
            sum(sales.net_revenue - sales.refund_amount) filter (
                where
                cast(sales.ordered_at as date) <= settings.as_of_date - 365
                and cast(sales.ordered_at as date) > settings.as_of_date - 730
            ),
            0
        ) as spend_previous_365d,
        max(sales.ordered_at) as last_ordered_at
    from sales
    cross join settings
    group by sales.customer_key
),

categories as (
    select
        customer_key,
        count(distinct product_category) as count_categories
    from {{ ref('fct_order_lines') }}
    where is_sale and customer_key is not null and product_category is not null
    group by customer_key
),

referrals as (
    {{ referrals_by_customer() }}
),

satisfaction as (
    select * from {{ ref('mart_customer_satisfaction') }}
),

ltv as (
    select * from {{ ref('mart_customer_ltv') }}
),

-- Why a customer left: what he last complained about or gave as his reason, in the nine factors of
-- the scheme (seed churn_reasons); an exit survey beats a case.
stated as (
    select
        cases.customer_key,
        cases.opened_at as stated_at,
        2 as source_rank,
        lower(
            coalesce(cases.reason, '') || ' ' || coalesce(cases.category, '') || ' '
            || coalesce(cases.subject, '')
        ) as reason_text
    from {{ ref('int_service__cases_keyed') }} as cases
    where cases.customer_key is not null
    union all
    select
        customer_key,
        responded_at as stated_at,
        1 as source_rank,
        lower(comment) as reason_text
    from {{ ref('fct_feedback') }}
    where customer_key is not null and survey_type = 'other' and comment is not null
),

reasons as (
    select
        stated.customer_key,
        stated.stated_at,
        stated.source_rank,
        factors.factor,
        factors.priority,
        stated.reason_text
    from stated
    inner join {{ ref('churn_reasons') }} as factors
        on stated.reason_text like '%' || factors.keyword || '%'
),

last_reasons as (
    select
        customer_key,
        factor,
        stated_at
    from (
        select
            customer_key,
            factor,
            stated_at,
            row_number() over (
                partition by customer_key
                order by source_rank, stated_at desc, priority, factor
            ) as reason_rank
        from reasons
    ) as ranked
    where reason_rank = 1
),

-- Shares of buyers below, ties kept together, so that indicators of any unit can be added up.
indicators as (
    select
        purchases.*,
        coalesce(categories.count_categories, 0) as count_categories, -- lines without a category
        coalesce(referrals.count_referrals, 0) as count_referrals, -- most recommend nobody
        coalesce(referrals.count_referrals_converted, 0) as count_referrals_converted,
        satisfaction.last_satisfaction,
        satisfaction.satisfaction_change,
        satisfaction.is_satisfied,
        satisfaction.last_nps_score,
        satisfaction.nps_category,
        ltv.probability_alive,
        ltv.predicted_value_365d,
        ltv.historic_value,
        case
            when purchases.count_orders_365d >= 2 then 100.0
            when purchases.count_orders_365d = 1 and purchases.count_orders > 1 then 75.0
            when purchases.count_orders > 1 then 40.0
            when purchases.count_orders_365d = 1 then 25.0
            else 0.0
        end as repeat_purchase_score,
        100.0 * percent_rank() over (order by purchases.spend_365d) as spend_score,
        least(100.0, 100.0 * (coalesce(categories.count_categories, 1) - 1) / 3) as cross_buy_score,
        100.0 * ltv.probability_alive as retention_score,
        100.0 * percent_rank() over (order by ltv.predicted_value_365d) as lifetime_value_score,
        satisfaction.last_satisfaction as satisfaction_score,
        case
            when referrals.count_referrals_converted > 0 then 100.0
            when
                referrals.count_referrals > 0
                then greatest(70.0, 10.0 * satisfaction.last_nps_score)
            else 10.0 * satisfaction.last_nps_score
        end as word_of_mouth_score
    from purchases
    left join categories on purchases.customer_key = categories.customer_key
    left join referrals on purchases.customer_key = referrals.customer_key
    left join satisfaction on purchases.customer_key = satisfaction.customer_key
    inner join ltv on purchases.customer_key = ltv.customer_key
),

-- An indicator that is not known leaves its weight to the others.
scored as (
    select
        indicators.*,
        {%- for name, parts in {
            'loyalty_score': transactional + emotional,
            'transactional_score': transactional,
            'emotional_score': emotional,
        }.items() %}
            (
                {%- for part in parts %}
                    coalesce(settings.loyalty_weight_{{ part }} * indicators.{{ part }}_score, 0)
                    {{- ' +' if not loop.last }}
                {%- endfor %}
            ) / nullif(
                {%- for part in parts %}
                    case
                        when indicators.{{ part }}_score is not null
                            then settings.loyalty_weight_{{ part }}
                        else 0
                    end
                    {{- ' +' if not loop.last }}
                {%- endfor %},
                0
            ) as {{ name }},
        {%- endfor %}
        settings.as_of_date,
        settings.active_within_days,
        settings.loyal_from_orders
    from indicators
    cross join settings
),

behaviour as (
    select
        *,
        cast(as_of_date - cast(last_ordered_at as date) as bigint) as days_since_last_order,
        as_of_date - cast(last_ordered_at as date) <= active_within_days as is_active,
        as_of_date - cast(last_ordered_at as date) <= active_within_days
        and count_orders >= loyal_from_orders as is_behaviourally_loyal
    from scored
)

select
    behaviour.customer_key,
    cast(behaviour.loyalty_score as double) as loyalty_score,
    cast(behaviour.transactional_score as double) as transactional_score,
    cast(behaviour.emotional_score as double) as emotional_score,
    case
        when behaviour.emotional_score is null then 'unknown'
        when behaviour.transactional_score >= 50 and behaviour.emotional_score >= 70 then 'true'
        when behaviour.transactional_score >= 50 then 'transactional'
        when behaviour.emotional_score >= 70 then 'emotional'
        else 'none'
    end as loyalty_type,
    case
        when behaviour.is_satisfied and behaviour.is_behaviourally_loyal then 'loyalist'
        when behaviour.is_satisfied then 'mercenary'
        when not behaviour.is_satisfied and behaviour.is_behaviourally_loyal then 'hostage'
        when not behaviour.is_satisfied then 'defector'
    end as quadrant,
    case
        when
            behaviour.last_satisfaction = 100 and behaviour.nps_category = 'promoter'
            then 'apostle'
        when behaviour.last_satisfaction = 0 or behaviour.last_nps_score <= 2 then 'terrorist'
    end as extreme,
    behaviour.count_orders,
    behaviour.count_orders_365d,
    behaviour.count_orders > 1 as is_repeat_customer,
    cast(behaviour.repeat_purchase_score as double) as repeat_purchase_score,
    cast(behaviour.spend_365d as decimal(18, 4)) as spend_365d,
    cast(behaviour.spend_previous_365d as decimal(18, 4)) as spend_previous_365d,
    cast(behaviour.spend_score as double) as spend_score,
    behaviour.count_categories,
    cast(behaviour.cross_buy_score as double) as cross_buy_score,
    behaviour.last_nps_score,
    behaviour.count_referrals,
    behaviour.count_referrals_converted,
    cast(behaviour.word_of_mouth_score as double) as word_of_mouth_score,
    behaviour.last_satisfaction,
    behaviour.satisfaction_change,
    cast(behaviour.satisfaction_score as double) as satisfaction_score,
    behaviour.days_since_last_order,
    behaviour.is_active,
    behaviour.probability_alive,
    cast(behaviour.retention_score as double) as retention_score,
    behaviour.historic_value,
    behaviour.predicted_value_365d,
    cast(behaviour.lifetime_value_score as double) as lifetime_value_score,
    case
        when
            behaviour.satisfaction_change > 0
            and behaviour.spend_365d < behaviour.spend_previous_365d
            then 'satisfaction_up_loyalty_down'
        when
            behaviour.satisfaction_change < 0
            and behaviour.spend_365d > behaviour.spend_previous_365d
            and behaviour.spend_previous_365d > 0
            then 'satisfaction_down_loyalty_up'
    end as divergence,
    case
        when behaviour.is_active then null
        else coalesce(last_reasons.factor, 'unknown')
    end as churn_reason,
    case when not behaviour.is_active then last_reasons.stated_at end as churn_reason_stated_at
from behaviour
left join last_reasons on behaviour.customer_key = last_reasons.customer_key
