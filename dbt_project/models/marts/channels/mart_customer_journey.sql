with

touchpoints as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by occurred_at, touchpoint_type, touchpoint_key
        ) as touchpoint_number
    from {{ ref('int_channels__touchpoints') }}
),

stages as (
    select * from {{ ref('journey_stages') }}
),

-- Purchases of one day are one; the number of the day counts towards loyalty.
purchase_days as (
    select
        customer_key,
        touchpoint_number,
        dense_rank() over (
            partition by customer_key
            order by cast(occurred_at as date)
        ) as purchase_day_number
    from touchpoints
    where touchpoint_type = 'purchase'
),

first_purchases as (
    select
        customer_key,
        min(touchpoint_number) as touchpoint_number
    from purchase_days
    group by customer_key
),

-- The touchpoints that bring a customer into a stage.
entrances as (
    select
        customer_key,
        touchpoint_number,
        'contact' as stage
    from touchpoints
    union all
    -- A guest who registers after buying is no lead any more.
    select
        touchpoints.customer_key,
        touchpoints.touchpoint_number,
        'lead' as stage
    from touchpoints
    left join first_purchases on touchpoints.customer_key = first_purchases.customer_key
    where
        touchpoints.touchpoint_type
        in ('registration', 'campaign_response', 'inquiry', 'opportunity')
        and (
            first_purchases.touchpoint_number is null
            or touchpoints.touchpoint_number < first_purchases.touchpoint_number
        )
    union all
    select
        customer_key,
        touchpoint_number,
        'first_purchase' as stage
    from purchase_days
    union all
    select
        customer_key,
        touchpoint_number,
        'repeat_purchase' as stage
    from purchase_days
    where purchase_day_number >= 2
    union all
    select
        customer_key,
        touchpoint_number,
        'loyal' as stage
    from purchase_days
    where purchase_day_number >= {{ setting('loyal_purchase_days') }}
    union all
    select
        customer_key,
        touchpoint_number,
        'advocate' as stage
    from touchpoints
    where touchpoint_type in ('referral', 'promotion')
),

reached as (
    select
        customer_key,
        stage,
        min(touchpoint_number) as touchpoint_number
    from entrances
    group by customer_key, stage
),

lasts as (
    select
        customer_key,
        min(occurred_at) as first_touchpoint_at,
        max(occurred_at) as last_touchpoint_at
    from touchpoints
    group by customer_key
),

placed as (
    select
        reached.customer_key,
        stages.stage_number,
        stages.stage,
        stages.chinese_term,
        touchpoints.occurred_at as reached_at,
        touchpoints.touchpoint_type,
        touchpoints.channel,
        touchpoints.touchpoint_number,
        lasts.first_touchpoint_at,
        lasts.last_touchpoint_at,
        max(case when stages.stage != 'advocate' then stages.stage_number end) over (
            partition by reached.customer_key
        ) as furthest_stage_number,
        bool_or(stages.stage = 'loyal') over (partition by reached.customer_key) as is_loyal,
        bool_or(stages.stage = 'advocate') over (partition by reached.customer_key) as is_advocate
    from reached
    inner join stages on reached.stage = stages.stage
    inner join touchpoints
        on
            reached.customer_key = touchpoints.customer_key
            and reached.touchpoint_number = touchpoints.touchpoint_number
    inner join lasts on reached.customer_key = lasts.customer_key
),

-- Many recommend after one purchase: that makes them advocates, and nobody loyal.
positioned as (
    select
        *,
        case
            when is_loyal and is_advocate then stage = 'advocate'
            else stage_number = furthest_stage_number
        end as is_furthest
    from placed
)

select
    customer_key,
    stage_number,
    stage,
    chinese_term,
    reached_at,
    touchpoint_type,
    channel,
    touchpoint_number as count_touchpoints,
    cast({{ seconds_between('first_touchpoint_at', 'reached_at') }} / 86400.0 as double)
        as days_since_first_contact,
    is_furthest,
    -- Who has gone no further and has not been heard of for long.
    is_furthest
    and {{ days_after('last_touchpoint_at', setting('inactive_days')) }} <= {{ as_of_end() }}
        as is_fallen_out
from positioned
