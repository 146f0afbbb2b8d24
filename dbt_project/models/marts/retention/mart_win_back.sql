with

signals as (
    select * from {{ ref('mart_customer_signals') }}
    where is_lost
),

ltv as (
    select * from {{ ref('mart_customer_ltv') }}
),

segments as (
    select * from {{ ref('mart_customer_segments') }}
),

lost_accounts as (
    select * from {{ ref('mart_key_accounts') }}
    where is_lost
),

-- What the customer brought in the year that ended with the last purchase.
last_years as (
    select
        orders.customer_key,
        sum(orders.net_revenue - orders.refund_amount) as last_year_spend,
        sum(orders.margin_amount - orders.refund_amount) as last_year_margin
    from {{ ref('fct_orders') }} as orders
    inner join signals -- of the lost ones only
        on
            orders.customer_key = signals.customer_key
            and cast(orders.ordered_at as date) > signals.last_purchase_date - 365
    where orders.is_sale
    group by orders.customer_key
),

-- The contract that was not renewed last: whoever wins the customer back has to know which.
ended_contracts as (
    select
        customer_key,
        plan_name,
        due_on,
        renewal_number as count_payments
    from (
        select
            *,
            row_number() over (
                partition by customer_key order by due_on desc, amount desc, plan_key
            ) as ending_number
        from {{ ref('int_value__renewals') }}
        where is_decided and not is_renewed
    ) as endings
    where ending_number = 1
),

-- The latest word per channel; a no beats a yes of the same moment.
consents as (
    select
        customer_key,
        string_agg(channel, ', ' order by channel) filter (where is_granted) as granted_channels,
        count(*) as count_channels
    from (
        select
            customer_key,
            channel,
            is_granted,
            row_number() over (
                partition by customer_key, channel order by recorded_at desc, is_granted
            ) as consent_number
        from {{ ref('int_consents__consents_keyed') }}
        where customer_key is not null and channel is not null and purpose = 'marketing'
    ) as numbered
    where consent_number = 1
    group by customer_key
)

select
    signals.customer_key,
    row_number() over (
        order by last_years.last_year_margin desc, signals.customer_key
    ) as win_back_rank,
    segments.segment_name,
    segments.value_tier,
    lost_accounts.customer_key is not null as was_key_account,
    signals.last_purchase_date,
    signals.days_since_purchase,
    signals.mean_interval_days,
    cast(last_years.last_year_spend as decimal(18, 4)) as last_year_spend,
    cast(last_years.last_year_margin as decimal(18, 4)) as last_year_margin,
    ltv.historic_value,
    ltv.probability_alive,
    ltv.predicted_value_365d,
    ended_contracts.plan_name as ended_contract_name,
    ended_contracts.due_on as contract_ended_date,
    -- What happened around the last purchase: a guess at the reason, not a proof.
    coalesce(
        nullif(
            {{ sentences([
                ("ended_contracts.due_on >= signals.last_purchase_date - 30",
                 "'Let ' || ended_contracts.plan_name || ' end on '"
                 ~ " || cast(ended_contracts.due_on as varchar) || ' after '"
                 ~ " || cast(ended_contracts.count_payments as varchar)"
                 ~ " || case when ended_contracts.count_payments = 1"
                 ~ " then ' payment.' else ' payments.' end"),
                ("signals.last_complaint_date >= signals.last_purchase_date - 30",
                 "'Complained on ' || cast(signals.last_complaint_date as varchar)"
                 ~ " || coalesce(' (' || signals.last_complaint_reason || ')', '') || '.'"),
                ("signals.count_unanswered_complaints > 0", "'The complaint was never answered.'"),
                ("signals.last_satisfaction_score <= 50"
                 ~ " and signals.last_answer_date >= signals.last_purchase_date",
                 "'Was not satisfied at last: ' || " ~ whole('signals.last_satisfaction_score')
                 ~ " || ' of 100.'"),
                ("signals.was_last_order_late", "'The last order came late.'"),
                ("signals.was_last_order_refunded", "'The last order was sent back in part.'"),
                ("signals.overdue_amount > 0",
                 "'Still owes ' || " ~ money('signals.overdue_amount') ~ " || '.'"),
            ]) }},
            ''
        ),
        'No reason on record.'
    ) as reason_text,
    consents.granted_channels as consented_channels,
    case
        when consents.granted_channels is not null then 'granted'
        when consents.count_channels > 0 then 'refused'
        else 'not_asked'
    end as marketing_consent
from signals
inner join ltv on signals.customer_key = ltv.customer_key -- every buyer has a value
inner join segments on signals.customer_key = segments.customer_key -- and a segment
inner join last_years on signals.customer_key = last_years.customer_key -- and a last purchase
left join lost_accounts on signals.customer_key = lost_accounts.customer_key
left join ended_contracts on signals.customer_key = ended_contracts.customer_key
left join consents on signals.customer_key = consents.customer_key
-- Who was never worth much is left alone.
where segments.value_tier = 'core' or lost_accounts.customer_key is not null
