{%- set cuts = [
    'survey_type', 'touchpoint', 'channel', 'order_channel', 'product_category', 'segment_name',
    'value_tier', 'region',
] -%}
{%- set means = "('satisfaction_score', 'effort_score', 'satisfaction_index')" -%}
with

responses as (
    select * from {{ ref('int_surveys__responses_keyed') }}
    where is_counted and not {{ is_about_needs('dimension') }}
),

feedback as (
    select * from {{ ref('fct_feedback') }}
),

segments as (
    select * from {{ ref('mart_customer_segments') }}
),

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

orders as (
    select * from {{ ref('fct_orders') }}
),

-- Every question asked about one dimension, and the index of every questionnaire.
asked as (
    select
        source_system,
        response_id,
        customer_key,
        order_key,
        product_category as reviewed_category,
        dimension,
        survey_type,
        touchpoint,
        channel,
        order_channel,
        is_answered,
        score,
        score_0_100,
        invited_at,
        responded_at,
        case
            when survey_type = 'nps' then 'nps'
            -- The cuts are defined on one scale each; others count in the scores of 0-100 only.
            when survey_type = 'ces' then case when scale_min = 1 and scale_max = 7 then 'ces' end
            when
                {{ is_about_satisfaction('survey_type') }} and scale_min = 1 and scale_max = 5
                then 'csat'
        end as scale_metric
    from responses
    union all
    select
        source_system,
        response_id,
        customer_key,
        order_key,
        product_category as reviewed_category,
        'overall' as dimension,
        survey_type,
        touchpoint,
        channel,
        order_channel,
        true as is_answered,
        satisfaction_index as score,
        satisfaction_index as score_0_100,
        invited_at,
        responded_at,
        'satisfaction_index' as scale_metric
    from feedback
    where satisfaction_index is not null
),

-- Where only answers are exported, or the day of asking only of those who did not answer, nobody
-- knows how many were asked: every rate would be 1, or 0.
exported as (
    select
        source_system,
        survey_type,
        bool_or(not is_answered)
        and bool_or(is_answered and invited_at is not null) as tells_who_was_asked
    from asked
    group by source_system, survey_type
),

answers as (
    select
        asked.*,
        -- Decimals are added exactly; a sum of doubles depends on the order of the rows.
        cast(asked.score as decimal(18, 9)) as exact_score,
        cast(asked.score_0_100 as decimal(18, 9)) as exact_score_0_100,
        -- A response without a customer stands for itself.
        coalesce(asked.customer_key, asked.source_system || ':' || asked.response_id)
            as respondent,
        cast(date_trunc('month', asked.responded_at) as date) as response_month,
        coalesce(asked.reviewed_category, orders.main_category) as product_category,
        exported.tells_who_was_asked,
        segments.segment_name,
        segments.value_tier,
        profiles.region
    from asked
    inner join exported
        on asked.source_system = exported.source_system and asked.survey_type = exported.survey_type
    left join orders on asked.order_key = orders.order_key
    left join segments on asked.customer_key = segments.customer_key
    left join profiles on asked.customer_key = profiles.customer_key
),

-- Each question under every metric it counts for.
measured as (
    select
        *,
        scale_metric as metric
    from answers
    where scale_metric in ('nps', 'csat', 'ces', 'satisfaction_index')
    union all
    select
        *,
        'satisfaction_score' as metric
    from answers
    where
        {{ is_about_satisfaction('survey_type') }}
        -- Surveys on other scales than that of CSAT have no metric of their own.
        and (scale_metric is null or scale_metric != 'satisfaction_index')
    union all
    select
        *,
        'effort_score' as metric
    from answers
    where survey_type = 'ces' and (scale_metric is null or scale_metric != 'satisfaction_index')
),

-- One answer per customer, metric and window: the latest, whatever the survey it came by.
by_month as (
    select
        'month' as period_type,
        response_month as period_month,
        *
    from measured
    -- An answer without any time counts in no month, and in all time.
    where is_answered and responded_at is not null
    qualify row_number() over (
        partition by metric, dimension, respondent, response_month
        order by responded_at desc, source_system, response_id
    ) = 1
),

all_time as (
    select
        'all_time' as period_type,
        cast(null as date) as period_month,
        *
    from measured
    where is_answered
    qualify row_number() over (
        partition by metric, dimension, respondent
        order by responded_at desc nulls last, source_system, response_id
    ) = 1
),

windows as (
    select * from by_month
    union all
    select * from all_time
),

counted as (
    select
        metric,
        period_type,
        period_month,
        {{ cut_columns(dict(zip(cuts, cuts))) }},
        count(*) as count_responses,
        count(*) filter (where score >= 9) as count_nine_or_more,
        count(*) filter (where score <= 6) as count_six_or_less,
        count(*) filter (where score >= 4) as count_top_two,
        count(*) filter (where score >= 5) as count_five_or_more,
        sum(exact_score) as sum_score,
        sum(exact_score_0_100) as sum_score_0_100,
        sum(exact_score_0_100 * exact_score_0_100) as sum_squares_0_100
    from windows
    where dimension = 'overall'
    group by
        {{ grouping_cuts('metric, period_type, period_month', [], cuts) }}
    union all
    select
        metric,
        period_type,
        period_month,
        'survey_dimension' as dimension_name,
        dimension as dimension_value,
        count(*) as count_responses,
        count(*) filter (where score >= 9) as count_nine_or_more,
        count(*) filter (where score <= 6) as count_six_or_less,
        count(*) filter (where score >= 4) as count_top_two,
        count(*) filter (where score >= 5) as count_five_or_more,
        sum(exact_score) as sum_score,
        sum(exact_score_0_100) as sum_score_0_100,
        sum(exact_score_0_100 * exact_score_0_100) as sum_squares_0_100
    from windows
    group by metric, period_type, period_month, dimension
),

-- Who was asked in the window, whether he answered or not.
invited as (
    select
        *,
        cast(date_trunc('month', invited_at) as date) as invited_month
    from measured
    where
        dimension = 'overall'
        and invited_at is not null
        and metric != 'satisfaction_index'
        and tells_who_was_asked
),

invitations as (
    select
        metric,
        case when grouping(invited_month) = 0 then 'month' else 'all_time' end as period_type,
        invited_month as period_month,
        {{ cut_columns(dict(zip(cuts, cuts))) }},
        count(*) as count_invited,
        count(*) filter (where is_answered) as count_invited_answered
    from invited
    group by
        {{ grouping_cuts('metric', ['invited_month'], cuts) }}
),

-- What is added up for each metric: hits over all for shares, sums over n for means.
valued as (
    select
        counted.metric,
        counted.period_type,
        counted.period_month,
        counted.dimension_name,
        counted.dimension_value,
        counted.count_responses,
        case counted.metric
            when 'nps' then counted.count_nine_or_more
            when 'csat' then counted.count_top_two
            when 'ces' then counted.count_five_or_more
        end as count_favourable,
        case counted.metric
            when 'nps' then counted.count_six_or_less
            when 'csat' then counted.count_responses - counted.count_top_two
            when 'ces' then counted.count_responses - counted.count_five_or_more
        end as count_unfavourable,
        cast(counted.sum_score as double) / counted.count_responses as mean_score,
        cast(counted.sum_score_0_100 as double) / counted.count_responses as mean_score_0_100,
        case
            -- What is left of equal answers is the last digit of doubles.
            when
                counted.count_responses > 1
                and cast(counted.sum_squares_0_100 as double)
                - cast(counted.sum_score_0_100 as double)
                * cast(counted.sum_score_0_100 as double)
                / counted.count_responses < 0.000001
                then 0
            when counted.count_responses > 1
                then
                    (
                        cast(counted.sum_squares_0_100 as double)
                        - cast(counted.sum_score_0_100 as double)
                        * cast(counted.sum_score_0_100 as double)
                        / counted.count_responses
                    ) / (counted.count_responses - 1)
        end as variance_score_0_100,
        invitations.count_invited,
        invitations.count_invited_answered
    from counted
    left join invitations
        on
            counted.metric = invitations.metric
            and counted.period_type = invitations.period_type
            and counted.period_month is not distinct from invitations.period_month
            and counted.dimension_name = invitations.dimension_name
            and counted.dimension_value = invitations.dimension_value
),

-- The value, and what a difference of two of them is judged by: NPS and shares with answers added
-- (3/4 promoter and detractor of 3; one hit and one miss, Agresti & Caffo 2000), means as they are.
judged as (
    select
        *,
        case metric
            when 'nps' then 100.0 * (count_favourable - count_unfavourable) / count_responses
            when 'satisfaction_score' then mean_score_0_100
            when 'effort_score' then mean_score_0_100
            when 'satisfaction_index' then mean_score_0_100
            else 1.0 * count_favourable / count_responses
        end as value,
        case metric
            when 'nps' then 100.0 * (count_favourable - count_unfavourable) / (count_responses + 3)
            when 'satisfaction_score' then mean_score_0_100
            when 'effort_score' then mean_score_0_100
            when 'satisfaction_index' then mean_score_0_100
            else {{ adjusted_share('count_favourable', 'count_responses') }}
        end as adjusted_value,
        case metric
            when 'nps'
                then
                    10000.0 * (
                        (count_favourable + count_unfavourable + 1.5) / (count_responses + 3)
                        - (1.0 * (count_favourable - count_unfavourable) / (count_responses + 3))
                        * (1.0 * (count_favourable - count_unfavourable) / (count_responses + 3))
                    ) / (count_responses + 3)
            when 'satisfaction_score' then variance_score_0_100 / count_responses
            when 'effort_score' then variance_score_0_100 / count_responses
            when 'satisfaction_index' then variance_score_0_100 / count_responses
            else {{ adjusted_share_error('count_favourable', 'count_responses') }}
        end as squared_error
    from valued
),

compared as (
    select
        judged.*,
        previous.value as previous_value,
        judged.value - previous.value as change,
        previous.adjusted_value as previous_adjusted_value,
        previous.squared_error as previous_squared_error,
        -- NULL where no answer differs from another: nothing tells how sure the means are.
        case
            when judged.metric in {{ means }}
                then {{ student_95(welch_degrees(
                    'judged.squared_error', 'judged.count_responses',
                    'previous.squared_error', 'previous.count_responses'
                )) }}
            else {{ z_95() }}
        end as change_quantile
    from judged
    left join judged as previous
        on
            judged.metric = previous.metric
            and judged.period_type = previous.period_type
            and judged.period_month = previous.period_month + interval 1 month
            and judged.dimension_name = previous.dimension_name
            and judged.dimension_value = previous.dimension_value
),

changed as (
    select
        *,
        {{ difference_bound(
            'adjusted_value', 'squared_error',
            'previous_adjusted_value', 'previous_squared_error', 'low', 'change_quantile'
        ) }} as change_ci_low,
        {{ difference_bound(
            'adjusted_value', 'squared_error',
            'previous_adjusted_value', 'previous_squared_error', 'high', 'change_quantile'
        ) }} as change_ci_high
    from compared
)

select
    metric,
    period_type,
    period_month,
    dimension_name,
    dimension_value,
    cast(value as double) as value,
    cast(
        case
            when metric = 'nps'
                then {{ nps_bound(
                    'count_favourable', 'count_unfavourable', 'count_responses', 'low'
                ) }}
            when metric in {{ means }} and variance_score_0_100 > 0
                then greatest(
                    0,
                    {{ mean_bound(
                        'mean_score_0_100', 'variance_score_0_100', 'count_responses', 'low'
                    ) }}
                )
            -- Answers that are all alike do not make their mean certain.
            when metric in {{ means }} then null
            else {{ wilson_bound('count_favourable', 'count_responses', 'low') }}
        end as double
    ) as ci_low,
    cast(
        case
            when metric = 'nps'
                then {{ nps_bound(
                    'count_favourable', 'count_unfavourable', 'count_responses', 'high'
                ) }}
            when metric in {{ means }} and variance_score_0_100 > 0
                then least(
                    100,
                    {{ mean_bound(
                        'mean_score_0_100', 'variance_score_0_100', 'count_responses', 'high'
                    ) }}
                )
            -- Answers that are all alike do not make their mean certain.
            when metric in {{ means }} then null
            else {{ wilson_bound('count_favourable', 'count_responses', 'high') }}
        end as double
    ) as ci_high,
    case
        when metric = 'nps' then 'points'
        when metric in {{ means }} then 'score_0_100'
        else 'rate'
    end as unit,
    count_responses,
    cast(count_favourable as bigint) as count_favourable,
    cast(count_responses - count_favourable - count_unfavourable as bigint) as count_neutral,
    cast(count_unfavourable as bigint) as count_unfavourable,
    mean_score,
    count_responses < {{ setting('small_sample_size') }} as is_small_sample,
    count_invited,
    count_invited_answered,
    cast(count_invited_answered as double) / count_invited as response_rate,
    cast(previous_value as double) as previous_value,
    cast(change as double) as change,
    cast(change_ci_low as double) as change_ci_low,
    cast(change_ci_high as double) as change_ci_high,
    change_ci_low > 0 or change_ci_high < 0 as is_significant_change
from changed
