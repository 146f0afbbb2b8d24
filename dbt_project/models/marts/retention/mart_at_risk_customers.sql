with

settings as (
    select * from {{ source('settings', 'company') }}
),

signals as (
    select
        *,
        cast(has_interval_stretched as integer)
        + cast(has_spend_fallen as integer)
        + cast(has_satisfaction_fallen as integer)
        + cast(has_unanswered_complaint as integer)
        + cast(has_overdue_payment as integer)
        + cast(has_overdue_renewal as integer) as count_reasons
    from {{ ref('mart_customer_signals') }}
),

ltv as (
    select * from {{ ref('mart_customer_ltv') }}
),

segments as (
    select * from {{ ref('mart_customer_segments') }}
)

select
    signals.customer_key,
    row_number() over (
        order by ltv.predicted_value_365d desc nulls last, signals.customer_key
    ) as risk_rank,
    segments.segment_name,
    segments.value_tier,
    ltv.predicted_value_365d as value_at_stake,
    ltv.probability_alive,
    ltv.historic_value,
    cast(signals.count_reasons as bigint) as count_reasons,
    -- One sentence per reason, with the numbers that changed.
    {{ sentences([
        ("signals.has_interval_stretched",
         "'Buys every ' || " ~ whole('signals.mean_interval_days')
         ~ " || ' days on average, silent for ' || " ~ whole('signals.days_since_purchase')
         ~ " || '.'"),
        ("signals.has_spend_fallen",
         "'Spent ' || " ~ money('signals.spend_recent') ~ " || ' in the last '"
         ~ " || cast(settings.spend_window_days as varchar) || ' days, '"
         ~ " || " ~ money('signals.spend_before') ~ " || ' in as many before.'"),
        ("signals.has_satisfaction_fallen",
         "'Satisfaction ' || " ~ whole('signals.last_satisfaction_score') ~ " || ' of 100'"
         ~ " || coalesce(' after ' || " ~ whole('signals.earlier_satisfaction_score')
         ~ " || ' on average before', '') || '.'"),
        ("signals.has_unanswered_complaint",
         "'Complaint unanswered for ' || " ~ whole('signals.oldest_unanswered_days')
         ~ " || ' days.'"),
        ("signals.has_overdue_payment",
         "'Owes ' || " ~ money('signals.overdue_amount') ~ " || ' for ' || "
         ~ whole('signals.overdue_days') ~ " || ' days.'"),
        ("signals.has_overdue_renewal",
         "'Renewal of ' || signals.overdue_plan_name || ' is ' || "
         ~ whole('signals.renewal_overdue_days') ~ " || ' days late.'"),
    ]) }} as reasons_text,
    signals.has_interval_stretched,
    signals.has_spend_fallen,
    signals.has_satisfaction_fallen,
    signals.has_unanswered_complaint,
    signals.has_overdue_payment,
    signals.has_overdue_renewal,
    signals.last_purchase_date,
    signals.days_since_purchase,
    signals.mean_interval_days,
    signals.interval_stretch,
    signals.spend_recent,
    signals.spend_before,
    signals.last_satisfaction_score,
    signals.earlier_satisfaction_score,
    signals.count_unanswered_complaints,
    signals.overdue_amount
from signals
cross join settings
inner join ltv on signals.customer_key = ltv.customer_key -- every buyer has a value
inner join segments on signals.customer_key = segments.customer_key -- and a segment
where signals.count_reasons > 0
