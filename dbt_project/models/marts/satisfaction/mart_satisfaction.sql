with

answers as (
    select
        responses.*,
        -- Decimals are added exactly; a sum of doubles depends on the order of the rows.
        cast(responses.score as decimal(12, 4)) as exact_score,
        cast(responses.score_0_100 as decimal(12, 4)) as exact_score_0_100,
        case
            when responses.survey_type = 'nps' then 'nps'
            -- The cuts are defined on one scale each; others count in the satisfaction score only.
            when responses.survey_type = 'ces'
                then case when responses.scale_min = 1 and responses.scale_max = 7 then 'ces' end
            when responses.scale_min = 1 and responses.scale_max = 5 then 'csat'
        end as scale_metric,
        -- A response without a customer stands for itself.
        coalesce(responses.customer_key, responses.source_system || ':' || responses.response_id)
            as respondent,
        cast(date_trunc('month', responses.responded_at) as date) as response_month,
        segments.segment_name,
        segments.value_tier,
        profiles.region
    from {{ ref('fct_survey_responses') }} as responses
    left join {{ ref('mart_customer_segments') }} as segments
        on responses.customer_key = segments.customer_key
    left join {{ ref('int_customers__profiles') }} as profiles
        on responses.customer_key = profiles.customer_key
    where responses.is_counted and responses.responded_at is not null
),

-- Each answer under every metric it counts for.
measured as (
    select
        *,
        scale_metric as metric
    from answers
    where scale_metric in ('nps', 'csat', 'ces')
    union all
    select
        *,
        'satisfaction_score' as metric
    from answers
    where scale_metric is null or scale_metric != 'nps'
),

-- One answer per customer, metric and window: the latest, whatever the survey it came by.
by_month as (
    select
        'month' as period_type,
        response_month as period_month,
        *
    from measured
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
    qualify row_number() over (
        partition by metric, dimension, respondent
        order by responded_at desc, source_system, response_id
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
        case
            when grouping(survey_type) = 0 then 'survey_type'
            when grouping(channel) = 0 then 'channel'
            when grouping(segment_name) = 0 then 'segment_name'
            when grouping(value_tier) = 0 then 'value_tier'
            when grouping(region) = 0 then 'region'
            else 'all'
        end as dimension_name,
        coalesce(survey_type, channel, segment_name, value_tier, region) as dimension_value,
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
        grouping sets (
            (metric, period_type, period_month),
            (metric, period_type, period_month, survey_type),
            (metric, period_type, period_month, channel),
            (metric, period_type, period_month, segment_name),
            (metric, period_type, period_month, value_tier),
            (metric, period_type, period_month, region)
        )
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

-- What is added up for each metric: hits over all for shares, sums over n for means.
valued as (
    select
        metric,
        period_type,
        period_month,
        dimension_name,
        coalesce(dimension_value, case when dimension_name = 'all' then 'all' else 'unknown' end)
            as dimension_value,
        count_responses,
        case metric
            when 'nps' then count_nine_or_more
            when 'csat' then count_top_two
            when 'ces' then count_five_or_more
        end as count_favourable,
        case metric
            when 'nps' then count_six_or_less
            when 'csat' then count_responses - count_top_two
            when 'ces' then count_responses - count_five_or_more
        end as count_unfavourable,
        cast(sum_score as double) / count_responses as mean_score,
        cast(sum_score_0_100 as double) / count_responses as mean_score_0_100,
        case
            when count_responses > 1
                then sqrt(
                    greatest(
                        cast(sum_squares_0_100 as double)
                        - cast(sum_score_0_100 as double)
                        * cast(sum_score_0_100 as double)
                        / count_responses,
                        0
                    ) / (count_responses - 1)
                )
        end as deviation_score_0_100
    from counted
)

select
    metric,
    period_type,
    period_month,
    dimension_name,
    dimension_value,
    cast(
        case metric
            when 'nps' then 100.0 * (count_favourable - count_unfavourable) / count_responses
            when 'satisfaction_score' then mean_score_0_100
            else 1.0 * count_favourable / count_responses
        end as double
    ) as value,
    cast(
        case metric
            when 'nps'
                then {{ nps_bound(
                    'count_favourable', 'count_unfavourable', 'count_responses', 'low'
                ) }}
            when 'satisfaction_score'
                then greatest(
                    0,
                    mean_score_0_100 - {{ z_95() }} * deviation_score_0_100 / sqrt(count_responses)
                )
            else {{ wilson_bound('count_favourable', 'count_responses', 'low') }}
        end as double
    ) as ci_low,
    cast(
        case metric
            when 'nps'
                then {{ nps_bound(
                    'count_favourable', 'count_unfavourable', 'count_responses', 'high'
                ) }}
            when 'satisfaction_score'
                then least(
                    100,
                    mean_score_0_100 + {{ z_95() }} * deviation_score_0_100 / sqrt(count_responses)
                )
            else {{ wilson_bound('count_favourable', 'count_responses', 'high') }}
        end as double
    ) as ci_high,
    case metric
        when 'nps' then 'points'
        when 'satisfaction_score' then 'score_0_100'
        else 'rate'
    end as unit,
    count_responses,
    cast(count_favourable as bigint) as count_favourable,
    cast(count_responses - count_favourable - count_unfavourable as bigint) as count_neutral,
    cast(count_unfavourable as bigint) as count_unfavourable,
    mean_score,
    count_responses < {{ setting('small_sample_size') }} as is_small_sample
from valued
