{%- set cuts = {
    'first_contact_year': 'year_group',
    'acquisition_channel': 'channel_group',
    'customer_type': 'type_group',
} -%}
with

journeys as (
    select * from {{ ref('mart_customer_journey') }}
),

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

stages as (
    select * from {{ ref('journey_stages') }}
),

customers as (
    select
        journeys.customer_key,
        min(cast(date_trunc('year', journeys.reached_at) as date)) as first_contact_year,
        max(case when journeys.is_furthest then journeys.stage_number end)
            as furthest_stage_number,
        bool_or(journeys.stage = 'advocate') as is_advocate,
        bool_or(journeys.is_fallen_out) as is_fallen_out
    from journeys
    group by journeys.customer_key
),

described as (
    select
        customers.*,
        cast(extract(year from customers.first_contact_year) as varchar) as year_group,
        -- Nothing said is a group of its own.
        coalesce(profiles.acquisition_channel, 'unknown') as channel_group,
        coalesce(profiles.customer_type, 'person') as type_group
    from customers
    left join profiles on customers.customer_key = profiles.customer_key
),

-- Every customer in every stage up to the furthest; days from the stage to the next one reached.
passed as (
    select
        described.*,
        stages.stage_number,
        stages.stage,
        stages.chinese_term,
        described.furthest_stage_number > stages.stage_number as is_converted,
        described.furthest_stage_number = stages.stage_number and described.is_fallen_out
            as is_fallen_out_here,
        case
            when following.reached_at >= current_stage.reached_at
                then
                    {{ seconds_between('current_stage.reached_at', 'following.reached_at') }}
                    / 86400.0
        end as days_to_next
    from described
    inner join stages on described.furthest_stage_number >= stages.stage_number
    left join journeys as current_stage
        on
            described.customer_key = current_stage.customer_key
            and stages.stage_number = current_stage.stage_number
    left join journeys as following
        on
            described.customer_key = following.customer_key
            and stages.stage_number + 1 = following.stage_number
),

counted as (
    select
        stage_number,
        stage,
        chinese_term,
        {{ cut_columns(cuts) }},
        count(*) as count_reached,
        count(*) filter (where is_converted) as count_converted,
        count(*) filter (where is_fallen_out_here) as count_fallen_out,
        count(*) filter (where is_advocate) as count_advocates,
        {{ percentile('days_to_next', 0.5) }} as median_days_to_next
    from passed
    group by
        {{ grouping_cuts(
            'stage_number, stage, chinese_term',
            [],
            cuts.values()
        ) }}
)

select
    dimension_name,
    dimension_value,
    stage_number,
    stage,
    chinese_term,
    count_reached,
    count_converted,
    count_fallen_out,
    count_reached - count_converted - count_fallen_out as count_under_way,
    count_advocates,
    cast(count_converted as double) / count_reached as conversion_rate,
    {{ wilson_bound('count_converted', 'count_reached', 'low') }} as conversion_ci_low,
    {{ wilson_bound('count_converted', 'count_reached', 'high') }} as conversion_ci_high,
    cast(count_fallen_out as double) / count_reached as fallen_out_rate,
    {{ wilson_bound('count_fallen_out', 'count_reached', 'low') }} as fallen_out_ci_low,
    {{ wilson_bound('count_fallen_out', 'count_reached', 'high') }} as fallen_out_ci_high,
    cast(median_days_to_next as double) as median_days_to_next,
    count_reached < {{ setting('small_sample_size') }} as is_small_sample
from counted
