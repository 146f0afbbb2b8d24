with

settings as (
    select as_of_date from {{ source('settings', 'company') }}
),

targets as (
    select
        targets.*,
        targets.period_end_date - targets.period_start_date + 1 as period_days,
        greatest(
            least(targets.period_end_date, settings.as_of_date) - targets.period_start_date + 1,
            0
        ) as elapsed_days
    from {{ source('settings', 'kpi_targets') }} as targets
    cross join settings
),

definitions as (
    select * from {{ ref('metric_definitions') }}
),

-- The days of the phase that are over, and the same days of the equally long period before it.
-- Retention asks who of the equally long period before those came again.
spans as (
    select
        target_number,
        kpi,
        'now' as span,
        period_start_date as first_date,
        period_start_date + cast(elapsed_days as integer) - 1 as last_date,
        period_start_date - cast(period_days as integer) as base_first_date
    from targets
    where elapsed_days > 0
    union all
    select
        target_number,
        kpi,
        'before' as span,
        period_start_date - cast(period_days as integer) as first_date,
        period_start_date - cast(period_days as integer) + cast(elapsed_days as integer) - 1
            as last_date,
        period_start_date - cast(2 * period_days as integer) as base_first_date
    from targets
    where elapsed_days > 0
),

sales as (
    select
        *,
        cast(ordered_at as date) as order_date,
        cast(delivered_at as date) as delivery_date
    from {{ ref('fct_orders') }}
    where is_sale
),

cases as (
    select
        *,
        cast(opened_at as date) as opened_date
    from {{ ref('fct_cases') }}
),

answers as (
    select
        *,
        cast(responded_at as date) as answer_date,
        -- A response without a customer stands for itself.
        coalesce(customer_key, source_system || ':' || response_id) as respondent,
        case
            when survey_type = 'nps' then 'nps'
            when
                {{ is_about_satisfaction('survey_type') }} and scale_min = 1 and scale_max = 5
                then 'csat'
        end as kpi
    from {{ ref('fct_survey_responses') }}
    where is_counted and dimension = 'overall'
),

purchases as (
    select
        spans.target_number,
        spans.span,
        case
            when spans.kpi in ('net_revenue', 'average_order_value') then sales.net_revenue
            else 1
        end as amount
    from spans
    inner join sales on sales.order_date between spans.first_date and spans.last_date
    where
        spans.kpi in ('net_revenue', 'average_order_value', 'count_orders')
        or (spans.kpi = 'new_customers' and sales.order_sequence_number = 1)
),

deliveries as (
    select
        spans.target_number,
        spans.span,
        case when sales.delivery_delay_days > 0 then 1 else 0 end as amount
    from spans
    inner join sales on sales.delivery_date between spans.first_date and spans.last_date
    where spans.kpi = 'late_delivery_rate' and sales.delivery_delay_days is not null
),

repeaters as (
    select
        spans.target_number,
        spans.span,
        case when count(*) > 1 then 1 else 0 end as amount
    from spans
    inner join sales on sales.order_date between spans.first_date and spans.last_date
    where spans.kpi = 'repeat_purchase_rate' and sales.customer_key is not null
    group by
        spans.target_number,
        spans.span,
        sales.customer_key
),

retained as (
    select
        spans.target_number,
        spans.span,
        max(case when sales.order_date >= spans.first_date then 1 else 0 end) as amount
    from spans
    inner join sales on sales.order_date between spans.base_first_date and spans.last_date
    where spans.kpi = 'retention_rate' and sales.customer_key is not null
    group by
        spans.target_number,
        spans.span,
        sales.customer_key
    having min(sales.order_date) < max(spans.first_date)
),

complaints as (
    select distinct -- a customer complained or not, how often does not matter
        spans.target_number,
        spans.span,
        cases.customer_key
    from spans
    inner join cases on cases.opened_date between spans.first_date and spans.last_date
    where spans.kpi = 'complaint_rate' and cases.is_complaint and cases.customer_key is not null
),

complainers as (
    select
        buyers.target_number,
        buyers.span,
        case when complaints.customer_key is null then 0 else 1 end as amount
    from (
        select
            spans.target_number,
            spans.span,
            sales.customer_key
        from spans
        inner join sales on sales.order_date between spans.first_date and spans.last_date
        where spans.kpi = 'complaint_rate' and sales.customer_key is not null
        group by
            spans.target_number,
            spans.span,
            sales.customer_key
    ) as buyers
    left join complaints
        on
            buyers.target_number = complaints.target_number
            and buyers.span = complaints.span
            and buyers.customer_key = complaints.customer_key
),

-- The latest answer of a customer in the span.
opinions as (
    select
        spans.target_number,
        spans.span,
        case
            when spans.kpi = 'csat' then case when answers.score >= 4 then 1 else 0 end
            when answers.score >= 9 then 1
            when answers.score <= 6 then -1
            else 0
        end as amount
    from spans
    inner join answers
        on
            spans.kpi = answers.kpi
            and answers.answer_date between spans.first_date and spans.last_date
    qualify row_number() over (
        partition by spans.target_number, spans.span, answers.respondent
        order by answers.responded_at desc, answers.source_system, answers.response_id
    ) = 1
),

promises as (
    select
        opened_date,
        first_response_outcome as outcome
    from cases
    union all
    select
        opened_date,
        resolution_outcome as outcome
    from cases
),

-- Clocks that still run are neither met nor breached.
attained as (
    select
        spans.target_number,
        spans.span,
        case when promises.outcome = 'met' then 1 else 0 end as amount
    from spans
    inner join promises on promises.opened_date between spans.first_date and spans.last_date
    where spans.kpi = 'sla_attainment' and promises.outcome in ('met', 'breached')
),

solved_at_once as (
    select
        spans.target_number,
        spans.span,
        case when cases.is_first_contact_resolved then 1 else 0 end as amount
    from spans
    inner join cases on cases.opened_date between spans.first_date and spans.last_date
    where
        spans.kpi = 'first_contact_resolution'
        and cases.is_first_contact_resolved is not null
),

-- Whom a recommendation won counts on the day he was won.
referrals as (
    select
        referrer_customer_key as customer_key,
        cast(invited_at as date) as invitation_date,
        cast(converted_at as date) as conversion_date
    from {{ ref('fct_referrals') }}
    where referrer_customer_key is not null and not is_self_referral
),

-- Who could recommend us by the end of the span: who has bought or has recommended.
possible_advocates as (
    select
        customer_key,
        min(known_date) as known_date
    from (
        select
            customer_key,
            order_date as known_date
        from sales
        where customer_key is not null
        union all
        select
            customer_key,
            invitation_date as known_date
        from referrals
    ) as known
    group by customer_key
),

recommended as (
    select
        spans.target_number,
        spans.span,
        count(referrals.customer_key) as amount
    from spans
    inner join possible_advocates on spans.last_date >= possible_advocates.known_date
    left join referrals
        on
            possible_advocates.customer_key = referrals.customer_key
            and referrals.conversion_date between spans.first_date and spans.last_date
    where spans.kpi = 'viral_coefficient'
    group by
        spans.target_number,
        spans.span,
        possible_advocates.customer_key
),

measured as (
    select * from purchases
    {%- for part in [
        'deliveries', 'repeaters', 'retained', 'complainers', 'opinions', 'attained',
        'solved_at_once', 'recommended',
    ] %}
        union all
        select * from {{ part }}
    {%- endfor %}
),

totals as (
    select
        target_number,
        span,
        count(*) as n,
        sum(cast(amount as decimal(18, 4))) as total,
        sum(cast(amount as decimal(18, 4)) * cast(amount as decimal(18, 4))) as total_of_squares,
        count(*) filter (where amount > 0) as count_up,
        count(*) filter (where amount < 0) as count_down
    from measured
    group by
        target_number,
        span
),

-- What orders bring is skewed.
{{ mean_moments('measured', ['target_number', 'span'], 'amount') }},

values_with_intervals as (
    select
        spans.target_number,
        spans.span,
        spans.first_date,
        spans.last_date,
        coalesce(totals.n, 0) as n, -- nothing happened
        totals.total,
        case
            when targets.measure = 'sum' then cast(coalesce(totals.total, 0) as double) -- nothing
            when targets.measure = 'nps' then 100 * cast(totals.total as double) / totals.n
            else cast(totals.total as double) / totals.n
        end as value,
    {%- for side in ['low', 'high'] %}
        case
            when targets.measure = 'rate'
                then {{ wilson_bound('totals.count_up', 'totals.n', side) }}
            when targets.measure = 'nps'
                then {{ nps_bound('totals.count_up', 'totals.count_down', 'totals.n', side) }}
            when targets.measure = 'per_head'
                then {{ per_head_bound(
                    'totals.total', 'totals.total_of_squares', 'totals.n', side
                ) }}
            when targets.measure = 'mean' then {{ mean_moments_bound('moments', side) }}
        end as ci_{{ side }}{{ ',' if not loop.last }}
    {%- endfor %}
    from spans
    inner join targets on spans.target_number = targets.target_number
    left join totals
        on
            spans.target_number = totals.target_number
            and spans.span = totals.span
    left join mean_moments as moments
        on
            spans.target_number = moments.target_number
            and spans.span = moments.span
),

compared as (
    select
        targets.*,
        definitions.chinese_term,
        settings.as_of_date,
        cast(targets.elapsed_days as double) / targets.period_days as elapsed_share,
        case
            when targets.accrues
                then targets.target * cast(targets.elapsed_days as double) / targets.period_days
            else targets.target
        end as target_by_now,
        present.n,
        present.total,
        present.value as actual,
        present.ci_low,
        present.ci_high,
        previous.first_date as previous_start_date,
        previous.last_date as previous_end_date,
        previous.n as previous_n,
        previous.value as previous_actual,
        previous.ci_low as previous_ci_low,
        previous.ci_high as previous_ci_high,
        present.value - previous.value as change
    from targets
    cross join settings
    left join definitions on 'kpi_' || targets.kpi = definitions.metric_name
    left join values_with_intervals as present
        on targets.target_number = present.target_number and present.span = 'now'
    left join values_with_intervals as previous
        on targets.target_number = previous.target_number and previous.span = 'before'
),

-- Interval of a difference from the intervals of its parts (Newcombe 1998, method 10).
judged as (
    select
        *,
        change - sqrt(
            (actual - ci_low) * (actual - ci_low)
            + (previous_ci_high - previous_actual) * (previous_ci_high - previous_actual)
        ) as change_ci_low,
        change + sqrt(
            (ci_high - actual) * (ci_high - actual)
            + (previous_actual - previous_ci_low) * (previous_actual - previous_ci_low)
        ) as change_ci_high,
        case
            when elapsed_days = 0 then 'not_started'
            when actual is null then 'no_data'
            when period_end_date <= as_of_date
                then
                    case
                        when direction = 'at_least' and actual >= target then 'met'
                        when direction = 'at_most' and actual <= target then 'met'
                        else 'off_track'
                    end
            -- A sum has no interval: it is what was counted.
            when direction = 'at_least' and coalesce(ci_high, actual) >= target_by_now
                then 'on_track'
            when direction = 'at_most' and coalesce(ci_low, actual) <= target_by_now
                then 'on_track'
            else 'off_track'
        end as status,
        case when direction = 'at_least' then 1 else -1 end * (target_by_now - actual) as shortfall
    from compared
),

trended as (
    select
        *,
        case
            when change is null then null
            -- Too few to tell; a sum has no interval, it is what was counted.
            when measure != 'sum' and change_ci_low is null then null
            when change = 0 or 0 between change_ci_low and change_ci_high then 'flat'
            when change > 0 then 'up'
            else 'down'
        end as trend,
        -- Points of NPS are comparable as they are: of 100.
        case
            when shortfall > 0
                then
                    shortfall
                    / nullif(case when measure = 'nps' then 100 else abs(target_by_now) end, 0)
        end as shortfall_share,
        coalesce(status = 'off_track' or shortfall > 0, false) as is_risk -- nothing to judge yet
    from judged
),

ranked as (
    select
        *,
        case
            when trend = 'flat' then 'same'
            when trend is null then null
            when (trend = 'up') = (direction = 'at_least') then 'better'
            else 'worse'
        end as trend_judgement,
        -- What was missed against a target of nothing is missed by all.
        case
            when is_risk
                then row_number() over (
                    order by
                        case when is_risk then 0 else 1 end,
                        case when status = 'off_track' then 0 else 1 end,
                        coalesce(shortfall_share, 1) desc,
                        target_number
                )
        end as risk_rank
    from trended
)

select
    kpi,
    phase,
    chinese_term,
    owner,
    direction,
    period_start_date,
    period_end_date,
    elapsed_share,
    target,
    case when elapsed_days > 0 then target_by_now end as target_by_now,
    actual,
    ci_low,
    ci_high,
    cast(total as decimal(18, 4)) as numerator,
    cast(n as bigint) as count_observations,
    measure != 'sum' and n < {{ setting('small_sample_size') }} as is_small_sample,
    actual - target_by_now as gap,
    shortfall_share,
    status,
    previous_start_date,
    previous_end_date,
    previous_actual,
    cast(previous_n as bigint) as previous_count_observations,
    change,
    change_ci_low,
    change_ci_high,
    trend,
    trend_judgement,
    cast(risk_rank as bigint) as risk_rank,
    case
        when is_risk
            then
                replace(kpi, '_', ' ') || ', ' || phase || ': ' || {{ kpi_text('actual') }}
                || case
                    when ci_low is not null
                        then
                            ' (95 % interval ' || {{ kpi_text('ci_low') }} || ' to '
                            || {{ kpi_text('ci_high') }} || ')'
                    else ''
                end
                || case when direction = 'at_least' then ', at least ' else ', at most ' end
                || {{ kpi_text('target_by_now') }}
                || case
                    when accrues and period_end_date > as_of_date
                        then ' due by now of ' || {{ kpi_text('target') }}
                    else ''
                end
                || case
                    when status = 'on_track' then '; chance may explain it'
                    when period_end_date <= as_of_date then '; missed'
                    else '; off track'
                end
                || case
                    when trend_judgement in ('better', 'worse')
                        then ', ' || trend_judgement || ' than the period before'
                    else ''
                end
                || '. Owner: ' || owner || '.'
    end as risk_sentence
from ranked
