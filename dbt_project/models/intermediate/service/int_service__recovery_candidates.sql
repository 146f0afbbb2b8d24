with

sales as (
    select
        order_key,
        source_system,
        order_id,
        customer_key,
        ordered_at,
        net_revenue - refund_amount as spend
    from {{ ref('int_orders__orders_keyed') }}
    where is_sale and customer_key is not null
),

complaints as (
    select
        case_key,
        source_system,
        customer_key,
        order_key,
        opened_at,
        row_number() over (partition by customer_key order by opened_at, case_key) as case_number
    from {{ ref('int_service__cases_keyed') }}
    where is_complaint and customer_key is not null
),

phases as (
    select * from {{ ref('int_service__case_phases') }}
),

clocks as (
    select * from {{ ref('int_service__case_clocks') }}
),

answers as (
    select
        responses.*,
        identity.customer_key,
        coalesce(responses.responded_at, responses.invited_at) as answered_at
    from {{ ref('int_surveys__survey_responses_unioned') }} as responses
    inner join {{ ref('int_identity__customer_records') }} as identity
        on
            responses.source_system = identity.source_system
            and responses.customer_id = identity.source_record_id
    -- The likelihood to recommend is no satisfaction; a survey about a case is about its handling.
    where
        responses.score is not null
        and responses.dimension = 'overall'
        and {{ is_about_satisfaction('responses.survey_type') }}
        and responses.case_id is null
        and responses.scale_max > responses.scale_min
),

-- Where a system writes down that customers were told, being told is part of the recovery.
telling_systems as (
    select cases.source_system
    from complaints as cases
    inner join phases on cases.case_key = phases.case_key
    where phases.stage = 'fed_back'
    group by cases.source_system
),

handled as (
    select
        complaints.case_key,
        bool_or(phases.is_reopening) as is_reopened,
        bool_or(phases.stage = 'fed_back') as is_told
    from complaints
    inner join phases on complaints.case_key = phases.case_key
    where complaints.case_number = 1
    group by complaints.case_key
),

recoveries as (
    select
        complaints.customer_key,
        complaints.order_key,
        complaints.opened_at,
        -- Solved as promised, for good, and the customer knows.
        clocks.stopped_at is not null
        and clocks.outcome in ('met', 'no_target')
        and not handled.is_reopened
        and (handled.is_told or telling_systems.source_system is null) as is_recovered
    from complaints
    inner join handled on complaints.case_key = handled.case_key
    inner join clocks
        on complaints.case_key = clocks.case_key and clocks.clock_name = 'resolution'
    left join telling_systems on complaints.source_system = telling_systems.source_system
    where complaints.case_number = 1
),

-- The order complained about, else the last one before the complaint.
complained_orders as (
    select
        sales.order_key,
        recoveries.is_recovered
    from recoveries
    inner join sales
        on
            recoveries.customer_key = sales.customer_key
            and recoveries.opened_at >= sales.ordered_at
    qualify row_number() over (
        partition by recoveries.customer_key
        order by
            -- A complaint about no order is about the last one.
            coalesce(recoveries.order_key = sales.order_key, false) desc,
            sales.ordered_at desc,
            sales.order_key
    ) = 1
),

-- Whether a customer complains later must not decide who is compared: somebody who buys a lot has
-- more to complain about, and leaving them out would leave those who buy little.
eligible as (
    select
        sales.*,
        {{ days_after('sales.ordered_at', setting('recovery_days')) }} as ended_at,
        case complained_orders.is_recovered
            when true then 'recovered' when false then 'unrecovered' else 'never_complained'
        end as group_name
    from sales
    left join complained_orders on sales.order_key = complained_orders.order_key
    left join recoveries on sales.customer_key = recoveries.customer_key
    where
        -- Only sales whose time afterwards is over can be compared.
        {{ days_after('sales.ordered_at', setting('recovery_days')) }} <= {{ as_of_end() }}
        and (
            complained_orders.order_key is not null
            or recoveries.customer_key is null
            or sales.ordered_at < recoveries.opened_at
        )
),

-- More orders to compare with would not make the answer sharper. Keys are hashes: their order is
-- chance, and the same orders are taken in every run.
starts as (
    select * from eligible
    qualify row_number() over (
        partition by group_name = 'never_complained'
        order by order_key
    ) <= 200000
),

purchases as (
    select
        starts.order_key,
        sum(case when sales.ordered_at <= starts.ordered_at then sales.spend end) as spend_before,
        count(*) filter (where sales.ordered_at <= starts.ordered_at) as count_purchases,
        min(sales.ordered_at) as first_ordered_at,
        sum(
            case
                when sales.ordered_at > starts.ordered_at and sales.ordered_at <= starts.ended_at
                    then sales.spend
            end
        ) as spend_after
    from starts
    inner join sales on starts.customer_key = sales.customer_key
    group by starts.order_key
),

later_answers as (
    select
        starts.order_key,
        -- Decimals are added exactly, whatever the order of the rows.
        sum(
            cast(
                100 * (answers.score - answers.scale_min) / (answers.scale_max - answers.scale_min)
                as decimal(12, 4)
            )
        ) as sum_score,
        count(*) as count_answers
    from starts
    inner join answers
        on
            starts.customer_key = answers.customer_key
            and starts.ordered_at < answers.answered_at
            and starts.ended_at >= answers.answered_at
    left join sales
        on
            answers.source_system = sales.source_system
            and answers.order_id = sales.order_id
    -- About what came later, or about no order at all.
    where answers.order_id is null or sales.ordered_at > starts.ordered_at
    group by starts.order_key
)

select
    starts.order_key,
    starts.customer_key,
    starts.group_name,
    starts.ordered_at as started_at,
    cast(purchases.spend_before as double) as spend_before,
    purchases.count_purchases,
    cast(date_diff('day', purchases.first_ordered_at, starts.ordered_at) as bigint) as tenure_days,
    -- Who bought nothing spent nothing.
    cast(coalesce(purchases.spend_after, 0) as double) as spend_after,
    purchases.spend_after is not null as has_repurchased,
    cast(later_answers.sum_score as double) / later_answers.count_answers as satisfaction_after
from starts
inner join purchases on starts.order_key = purchases.order_key
left join later_answers on starts.order_key = later_answers.order_key
