with

settings as (
    select
        *,
        cast(spend_fall_rate as decimal(9, 6)) as spend_fall
    from {{ source('settings', 'company') }}
),

-- Contract payments count here: who stops renewing falls silent too.
purchase_days as (
    select
        customer_key,
        cast(ordered_at as date) as purchase_date,
        sum(net_revenue - refund_amount) as spend
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
    group by customer_key, cast(ordered_at as date)
),

purchases as (
    select
        purchase_days.customer_key,
        count(*) as count_purchase_days,
        min(purchase_days.purchase_date) as first_purchase_date,
        max(purchase_days.purchase_date) as last_purchase_date,
        sum(
            case
                when purchase_days.purchase_date > settings.as_of_date - settings.spend_window_days
                    then purchase_days.spend
                else 0
            end
        ) as spend_recent,
        sum(
            case
                when
                    purchase_days.purchase_date <= settings.as_of_date - settings.spend_window_days
                    and purchase_days.purchase_date
                    > settings.as_of_date - 2 * settings.spend_window_days
                    then purchase_days.spend
                else 0
            end
        ) as spend_before
    from purchase_days
    cross join settings
    group by purchase_days.customer_key
),

rhythms as (
    select
        purchases.*,
        cast(settings.as_of_date - purchases.last_purchase_date as bigint) as days_since_purchase,
        -- From two intervals on: one may be chance.
        case
            when purchases.count_purchase_days >= 3
                then
                    cast(purchases.last_purchase_date - purchases.first_purchase_date as double)
                    / (purchases.count_purchase_days - 1)
        end as mean_interval_days
    from purchases
    cross join settings
),

answers as (
    select
        customer_key,
        source_system,
        response_id,
        cast(responded_at as date) as answer_date,
        cast(score_0_100 as decimal(18, 4)) as score,
        row_number() over (
            partition by customer_key
            order by responded_at desc nulls last, source_system, response_id
        ) as answer_number
    from {{ ref('fct_survey_responses') }}
    where
        customer_key is not null
        and is_counted
        and dimension = 'overall'
        and score_0_100 is not null
),

satisfaction as (
    select
        customer_key,
        max(case when answer_number = 1 then score end) as last_satisfaction_score,
        max(case when answer_number = 1 then answer_date end) as last_answer_date,
        cast(sum(case when answer_number > 1 then score end) as double)
        / nullif(count(*) - 1, 0) as earlier_satisfaction_score
    from answers
    group by customer_key
),

complaints as (
    select
        cases.customer_key,
        max(cast(cases.opened_at as date)) as last_complaint_date,
        max_by(
            coalesce(cases.reason, cases.category), -- the finer of the two that is stated
            cases.complaint_number
        ) as last_complaint_reason,
        count(*) filter (where cases.is_unanswered) as count_unanswered_complaints,
        cast(
            max(
                case
                    when cases.is_unanswered
                        then settings.as_of_date - cast(cases.opened_at as date)
                end
            ) as bigint
        ) as oldest_unanswered_days
    from (
        select
            *,
            -- An answer after the as-of day had not been given yet.
            not coalesce(
                least(first_response_at, resolved_at, closed_at)
                < {{ setting('as_of_date') }} + interval 1 day,
                false
            ) as is_unanswered,
            row_number() over (order by opened_at, case_key) as complaint_number
        from {{ ref('int_service__cases_keyed') }}
        where is_complaint and customer_key is not null
    ) as cases
    cross join settings
    group by cases.customer_key
),

orders as (
    select
        source_system,
        order_id,
        customer_key,
        delivery_delay_days,
        refund_amount,
        net_revenue,
        row_number() over (
            partition by customer_key order by ordered_at desc, order_key
        ) as order_number
    from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

overdue as (
    select
        orders.customer_key,
        sum(payments.amount) as overdue_amount,
        cast(max(settings.as_of_date - cast(payments.due_at as date)) as bigint) as overdue_days
    from {{ ref('int_orders__payments_unioned') }} as payments
    cross join settings
    inner join orders -- payments of cancelled orders are not due
        on
            payments.source_system = orders.source_system
            and payments.order_id = orders.order_id
    where
        cast(payments.due_at as date) < settings.as_of_date
        and (payments.paid_at is null or cast(payments.paid_at as date) > settings.as_of_date)
    group by orders.customer_key
),

-- Who buys nothing but contracts is there as long as one of them runs.
buyers as (
    select customer_key from {{ ref('int_value__purchase_summaries') }}
),

-- The last payment of every contract. Late by a tenth of the period is late: months have 28 to 31
-- days.
contract_ends as (
    select
        renewals.customer_key,
        renewals.plan_name,
        not renewals.is_decided as is_running,
        case
            when
                not renewals.is_decided
                and settings.as_of_date - renewals.due_on > renewals.period_days / 10.0
                then cast(settings.as_of_date - renewals.due_on as bigint)
        end as overdue_days,
        row_number() over (
            order by
                renewals.due_on desc,
                renewals.plan_name desc,
                renewals.plan_key,
                renewals.customer_key,
                renewals.contract_number
        ) as lateness_rank
    from {{ ref('int_value__renewals') }} as renewals
    cross join settings
    where not renewals.is_renewed
),

contracts as (
    select
        customer_key,
        count(*) filter (where is_running) as count_running,
        max(overdue_days) as renewal_overdue_days,
        max_by(plan_name, case when overdue_days is not null then lateness_rank end)
            as overdue_plan_name
    from contract_ends
    group by customer_key
),

signals as (
    select
        rhythms.*,
        contracts.count_running,
        buyers.customer_key is null as has_only_contracts,
        contracts.renewal_overdue_days,
        contracts.overdue_plan_name,
        cast(rhythms.days_since_purchase as double)
        / nullif(rhythms.mean_interval_days, 0) as interval_stretch,
        satisfaction.last_satisfaction_score,
        satisfaction.last_answer_date,
        satisfaction.earlier_satisfaction_score,
        complaints.last_complaint_date,
        complaints.last_complaint_reason,
        coalesce(complaints.count_unanswered_complaints, 0) as count_unanswered_complaints,
        complaints.oldest_unanswered_days,
        coalesce(overdue.overdue_amount, 0) as overdue_amount,
        overdue.overdue_days,
        coalesce(last_orders.delivery_delay_days > 0, false) as was_last_order_late,
        last_orders.refund_amount > 0 as was_last_order_refunded
    from rhythms
    left join satisfaction on rhythms.customer_key = satisfaction.customer_key
    left join complaints on rhythms.customer_key = complaints.customer_key
    left join overdue on rhythms.customer_key = overdue.customer_key
    left join contracts on rhythms.customer_key = contracts.customer_key
    left join buyers on rhythms.customer_key = buyers.customer_key
    -- A buyer has a last order.
    inner join orders as last_orders
        on rhythms.customer_key = last_orders.customer_key and last_orders.order_number = 1
),

judged as (
    select
        signals.*,
        -- A running contract holds; without one, by own rhythm where it is known, and never after
        -- less than a month of silence.
        case
            when signals.count_running > 0 then false
            when signals.count_running = 0 and signals.has_only_contracts then true
            when signals.interval_stretch is not null
                then
                    signals.interval_stretch >= settings.lost_interval_stretch
                    and signals.days_since_purchase >= 30
                    or signals.days_since_purchase > 2 * settings.lost_after_days
            else signals.days_since_purchase > settings.lost_after_days
        end as is_lost
    from signals
    cross join settings
)

select
    judged.customer_key,
    judged.count_purchase_days,
    judged.last_purchase_date,
    judged.days_since_purchase,
    judged.mean_interval_days,
    judged.interval_stretch,
    cast(judged.spend_recent as decimal(18, 4)) as spend_recent,
    cast(judged.spend_before as decimal(18, 4)) as spend_before,
    cast(judged.last_satisfaction_score as double) as last_satisfaction_score,
    judged.last_answer_date,
    judged.earlier_satisfaction_score,
    judged.last_complaint_date,
    judged.last_complaint_reason,
    judged.count_unanswered_complaints,
    judged.oldest_unanswered_days,
    cast(judged.overdue_amount as decimal(18, 4)) as overdue_amount,
    judged.overdue_days,
    judged.was_last_order_late,
    judged.was_last_order_refunded,
    judged.is_lost,
    not judged.is_lost
    and judged.days_since_purchase >= 30
    and coalesce(judged.interval_stretch >= settings.at_risk_interval_stretch, false)
        as has_interval_stretched,
    not judged.is_lost
    and judged.spend_before > 0
    and judged.spend_recent <= judged.spend_before * (1 - settings.spend_fall)
    and judged.first_purchase_date <= settings.as_of_date - 2 * settings.spend_window_days
        as has_spend_fallen,
    not judged.is_lost
    -- An old answer tells nothing of today.
    and coalesce(
        judged.last_answer_date > settings.as_of_date - settings.spend_window_days
        and (
            judged.last_satisfaction_score <= 25
            or judged.last_satisfaction_score
            <= judged.earlier_satisfaction_score - settings.satisfaction_fall_points
        ),
        false
    ) as has_satisfaction_fallen,
    not judged.is_lost and judged.count_unanswered_complaints > 0 as has_unanswered_complaint,
    not judged.is_lost and judged.overdue_amount > 0 as has_overdue_payment,
    judged.overdue_plan_name,
    judged.renewal_overdue_days,
    -- only a running contract is overdue, and its customer is not lost
    judged.renewal_overdue_days is not null as has_overdue_renewal
from judged
cross join settings
