-- The published tables, from the intermediate ones and `scores`, which the value model has written.

create schema marts;

create table marts.customer_identities as
select
    'canonical' as source_system,
    'customers' as source_object,
    customer_id as source_record_id,
    customer_key,
    link_rule,
    link_score::double as link_score,
    count(*) over (partition by customer_key) as count_customer_records
from intermediate.customer_records;

create table marts.fct_order_lines as
select
    order_key,
    'canonical' as source_system,
    order_id,
    line_number,
    product_key,
    customer_key,
    ordered_at,
    is_sale,
    product_category,
    quantity,
    unit_price,
    list_price,
    net_revenue,
    margin_amount,
    currency_code
from intermediate.order_lines;

create table marts.fct_orders as
with line_totals as (
    select
        order_key,
        count(*) as count_lines,
        sum(quantity)::decimal(18, 4) as units,
        sum(margin_amount)::decimal(18, 4) as margin_amount
    from intermediate.order_lines
    group by order_key
),
sequences as (
    select
        order_key,
        row_number() over customer_orders as order_sequence_number,
        lag(ordered_at) over customer_orders as previous_ordered_at
    from intermediate.orders
    where is_sale and customer_key is not null
    window customer_orders as (partition by customer_key order by ordered_at, order_key)
)
select
    order_key,
    'canonical' as source_system,
    order_id,
    customer_key,
    ordered_at,
    order_status,
    is_sale,
    channel,
    campaign_id,
    currency_code,
    net_revenue,
    discount_amount,
    tax_amount,
    shipping_amount,
    refund_amount,
    coalesce(margin_amount, net_revenue * getvariable('margin_rate'))::decimal(18, 4)
        as margin_amount,
    coalesce(count_lines, 0) as count_lines,
    coalesce(units, 0) as units,
    order_sequence_number,
    ordered_at::date - previous_ordered_at::date as days_since_previous_order,
    promised_at,
    delivered_at,
    delivered_at::date - promised_at::date as delivery_delay_days
from intermediate.orders
left join line_totals using (order_key)
left join sequences using (order_key);

create table marts.dim_products as
with sold as (
    select
        product_id,
        sum(quantity) filter (where is_sale) as units_sold,
        sum(net_revenue) filter (where is_sale) as net_revenue
    from intermediate.order_lines
    where product_id is not null
    group by product_id
)
select
    md5('canonical|' || product_id) as product_key,
    'canonical' as source_system,
    product_id,
    product_name,
    category as product_category,
    brand,
    list_price,
    unit_cost,
    is_active,
    products.product_id is not null as is_catalogued,
    coalesce(units_sold, 0)::decimal(18, 4) as units_sold,
    coalesce(net_revenue, 0)::decimal(18, 4) as net_revenue
from staging.products
full outer join sold using (product_id);

create table marts.fct_survey_responses as
select
    'canonical' as source_system,
    response_id,
    dimension,
    order_key,
    responses.order_id,
    customer_key,
    survey_type,
    score::double as score,
    scale_min::double as scale_min,
    scale_max::double as scale_max,
    (100 * (score - scale_min) / nullif(scale_max - scale_min, 0))::double as score_0_100,
    row_number() over (
        partition by response_id, dimension order by responses.order_id
    ) = 1 as is_counted,
    responses.channel,
    orders.channel as order_channel,
    comment,
    invited_at,
    coalesce(responded_at, invited_at) as responded_at
from staging.survey_responses as responses
left join intermediate.customer_records using (customer_id)
left join (select order_id, order_key, channel from intermediate.orders) as orders using (order_id)
where
    score is not null
    and coalesce(coalesce(responded_at, invited_at) < getvariable('as_of') + interval 1 day, true);

create table marts.mart_customer_ltv as
with order_totals as (
    select
        customer_key,
        count(*) as count_orders,
        sum(net_revenue) as net_revenue,
        sum(margin_amount) as margin_amount,
        sum(refund_amount) as refund_amount
    from marts.fct_orders
    where is_sale and customer_key is not null
    group by customer_key
),
service_costs as (
    select customer_key, sum(amount) as cost_to_serve
    from staging.costs
    inner join intermediate.customer_records using (customer_id)
    where cost_type = 'service' and incurred_on <= getvariable('as_of')
    group by customer_key
),
historic as (
    select
        customer_key,
        coalesce(count_orders, 0) as count_orders,
        coalesce(net_revenue, 0) as net_revenue,
        coalesce(margin_amount, 0) as margin_amount,
        coalesce(refund_amount, 0) as refund_amount,
        coalesce(cost_to_serve, 0) as cost_to_serve,
        case
            when net_revenue > 0 then greatest(margin_amount::double / net_revenue::double, 0)
            else getvariable('margin_rate')
        end as margin_rate
    from intermediate.profiles
    left join order_totals using (customer_key)
    left join service_costs using (customer_key)
)
select
    customer_key,
    count_orders,
    net_revenue::decimal(18, 4) as net_revenue,
    margin_amount::decimal(18, 4) as margin_amount,
    refund_amount::decimal(18, 4) as refund_amount,
    cost_to_serve::decimal(18, 4) as cost_to_serve,
    (margin_amount - refund_amount - cost_to_serve)::decimal(18, 4) as historic_value,
    margin_rate,
    probability_alive,
    probability_purchase_365d,
    expected_purchases_90d,
    expected_purchases_365d,
    expected_spend,
    predicted_revenue_90d * margin_rate as predicted_value_90d,
    predicted_revenue_365d * margin_rate as predicted_value_365d,
    predicted_revenue_365d_low * margin_rate as predicted_value_365d_low,
    predicted_revenue_365d_high * margin_rate as predicted_value_365d_high,
    coalesce(model_name, 'none') as model_name,
    coalesce(model_status, 'no_purchase') as model_status
from historic
left join scores using (customer_key);

create macro quintile(customer_rank, count_customers) as
    (1 + floor(5.0 * (customer_rank - 1) / count_customers))::integer;

create table marts.mart_customer_segments as
with sales as (
    select customer_key, ordered_at::date as ordered_date, net_revenue - refund_amount as spend
    from marts.fct_orders
    where is_sale and customer_key is not null
),
buyers as (
    select
        customer_key,
        max(ordered_date) as last_order_date,
        count(*) as frequency,
        sum(spend) as monetary,
        coalesce(sum(spend) filter (where ordered_date > getvariable('as_of') - 365), 0)
            as spend_365d,
        coalesce(
            sum(spend) filter (
                where
                    ordered_date <= getvariable('as_of') - 365
                    and ordered_date > getvariable('as_of') - 730
            ),
            0
        ) as spend_previous_365d
    from sales
    group by customer_key
),
scored as (
    select
        *,
        quintile(rank() over (order by last_order_date), count(*) over ()) as recency_score,
        quintile(rank() over (order by frequency), count(*) over ()) as frequency_score,
        quintile(rank() over (order by monetary), count(*) over ()) as monetary_score
    from buyers
),
ranked as (
    select
        customer_key,
        margin_amount,
        predicted_value_365d,
        count_orders > 0 as is_buyer,
        rank() over (partition by count_orders > 0 order by margin_amount desc) as margin_rank,
        rank() over (
            partition by count_orders > 0 order by predicted_value_365d desc nulls last
        ) as predicted_rank,
        count(*) over (partition by count_orders > 0) as count_customers,
        sum(greatest(margin_amount, 0)) over () as total_margin,
        sum(greatest(margin_amount, 0)) over (order by margin_amount desc)
        - sum(greatest(margin_amount, 0)) over (partition by margin_amount) as margin_of_better
    from marts.mart_customer_ltv
)
select
    customer_key,
    is_buyer,
    last_order_date,
    getvariable('as_of') - last_order_date as recency_days,
    coalesce(frequency, 0) as frequency,
    coalesce(monetary, 0)::decimal(18, 4) as monetary,
    recency_score,
    frequency_score,
    monetary_score,
    case
        when not is_buyer then 'Prospect'
        when recency_score >= 4 and frequency_score + monetary_score >= 8 then 'Champions'
        when recency_score >= 3 and frequency_score + monetary_score >= 7 then 'Loyal'
        when recency_score <= 2 and frequency_score + monetary_score >= 8 then 'Can''t Lose'
        when recency_score <= 2 and frequency_score + monetary_score >= 5 then 'At Risk'
        when recency_score >= 4 and frequency_score + monetary_score >= 4 then 'Potential Loyalist'
        when recency_score = 5 then 'New'
        when recency_score = 4 then 'Promising'
        when recency_score = 3 and frequency_score + monetary_score >= 5 then 'Need Attention'
        when recency_score = 3 then 'About To Sleep'
        when recency_score = 2 then 'Hibernating'
        else 'Lost'
    end as segment_name,
    margin_amount,
    margin_of_better::double / nullif(total_margin, 0)::double as margin_share_of_better,
    case
        when not is_buyer then 'prospect'
        when margin_amount > 0 and margin_rank <= ceil(count_customers * getvariable('core_share'))
            then 'core'
        when
            spend_previous_365d > 0
            and spend_365d >= spend_previous_365d * (1 + getvariable('growth_rate'))
            then 'potential'
        when
            predicted_value_365d > 0
            and predicted_rank <= ceil(count_customers * getvariable('core_share'))
            then 'potential'
        else 'ordinary'
    end as value_tier,
    case
        when not is_buyer then null
        when margin_amount <= 0 then 'C'
        when margin_of_better < 0.80 * total_margin then 'A'
        when margin_of_better < 0.95 * total_margin then 'B'
        else 'C'
    end as abc_class
from ranked
left join scored using (customer_key);

create table marts.dim_customers as
with order_totals as (
    select
        customer_key,
        min(ordered_at) as first_ordered_at,
        max(ordered_at) as last_ordered_at,
        count(*) as count_orders,
        count(distinct ordered_at::date) as count_purchase_days,
        count(*) filter (where ordered_at::date > getvariable('as_of') - 365) as count_orders_365d,
        sum(net_revenue) as net_revenue,
        sum(net_revenue) filter (where ordered_at::date > getvariable('as_of') - 365)
            as net_revenue_365d,
        sum(refund_amount) as refund_amount,
        sum(coalesce(discount_amount, 0)) as discount_amount,
        max(net_revenue) as largest_order_revenue,
        count(*) filter (where delivery_delay_days > 0) as count_late_deliveries,
        count(delivery_delay_days) as count_deliveries,
        count(distinct channel) as count_channels
    from marts.fct_orders
    where is_sale and customer_key is not null
    group by customer_key
),
channels as (
    select
        customer_key,
        arg_min(channel, (-count_orders, channel)) as favourite_channel
    from (
        select customer_key, channel, count(*) as count_orders
        from marts.fct_orders
        where is_sale and customer_key is not null and channel is not null
        group by customer_key, channel
    )
    group by customer_key
),
categories as (
    select
        customer_key,
        count(*) as count_categories,
        arg_min(product_category, (-net_revenue, product_category)) as favourite_category
    from (
        select customer_key, product_category, sum(net_revenue) as net_revenue
        from marts.fct_order_lines
        where is_sale and customer_key is not null and product_category is not null
        group by customer_key, product_category
    )
    group by customer_key
),
responses as (
    select
        customer_key,
        count(distinct response_id) as count_survey_responses,
        max(responded_at) as last_responded_at,
        arg_max(score, answer_rank)
            filter (where survey_type = 'nps' and dimension = 'overall') as last_nps_score,
        arg_max(score_0_100, answer_rank)
            filter (where survey_type != 'nps' and dimension = 'overall') as last_satisfaction_score
    from (
        select
            *,
            row_number()
                over (order by responded_at nulls first, response_id, dimension)
                as answer_rank
        from marts.fct_survey_responses
        where customer_key is not null and is_counted
    )
    group by customer_key
)
select
    customer_key,
    coalesce(customer_type, 'person') as customer_type,
    coalesce(
        full_name,
        nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), ''),
        company_name
    ) as customer_name,
    profiles.* exclude (
        customer_key, customer_type, full_name, first_created_at, count_source_records
    ),
    date_sub('year', birth_date, getvariable('as_of')) as age_years,
    count_source_records,
    1 as count_source_systems,
    first_created_at,
    first_ordered_at,
    last_ordered_at,
    getvariable('as_of') - first_ordered_at::date as tenure_days,
    getvariable('as_of') - last_ordered_at::date as days_since_last_order,
    (last_ordered_at::date - first_ordered_at::date)::double / nullif(count_purchase_days - 1, 0)
        as mean_days_between_purchases,
    coalesce(order_totals.count_orders, 0) as count_orders,
    coalesce(count_orders_365d, 0) as count_orders_365d,
    coalesce(order_totals.count_orders, 0) > 1 as is_repeat_customer,
    coalesce(order_totals.net_revenue, 0)::decimal(18, 4) as net_revenue,
    coalesce(net_revenue_365d, 0)::decimal(18, 4) as net_revenue_365d,
    coalesce(order_totals.refund_amount, 0)::decimal(18, 4) as refund_amount,
    coalesce(discount_amount, 0)::decimal(18, 4) as discount_amount,
    order_totals.net_revenue::double / order_totals.count_orders as mean_order_revenue,
    largest_order_revenue,
    coalesce(count_categories, 0) as count_product_categories,
    favourite_category,
    coalesce(count_channels, 0) as count_order_channels,
    favourite_channel,
    count_late_deliveries::double / nullif(count_deliveries, 0) as late_delivery_rate,
    coalesce(count_survey_responses, 0) as count_survey_responses,
    last_responded_at,
    last_nps_score,
    case
        when last_nps_score >= 9 then 'promoter'
        when last_nps_score >= 7 then 'passive'
        when last_nps_score is not null then 'detractor'
    end as nps_category,
    last_satisfaction_score,
    segment_name,
    value_tier,
    abc_class,
    historic_value,
    ltv.predicted_value_365d,
    probability_alive
from intermediate.profiles
left join order_totals using (customer_key)
left join channels using (customer_key)
left join categories using (customer_key)
left join responses using (customer_key)
inner join marts.mart_customer_segments using (customer_key)
inner join marts.mart_customer_ltv as ltv using (customer_key);

create macro wilson(hits, n, sign) as
    (hits / n + 1.959963984540054 ** 2 / (2 * n) + sign * 1.959963984540054
        * sqrt(hits / n * (1 - hits / n) / n + 1.959963984540054 ** 2 / (4 * n * n)))
    / (1 + 1.959963984540054 ** 2 / n);

create macro nps(promoters, detractors, n, sign) as
    least(100, greatest(-100, 100 * (
        (promoters - detractors) / (n + 3) + sign * 1.959963984540054 * sqrt(
            ((promoters + detractors + 1.5) / (n + 3) - ((promoters - detractors) / (n + 3)) ** 2)
            / (n + 3)
        )
    )));

create table marts.mart_satisfaction as
with answers as (
    select
        dimension,
        survey_type,
        responses.channel,
        score,
        score::decimal(12, 4) as exact_score,
        score_0_100::decimal(12, 4) as exact_score_0_100,
        case
            when survey_type = 'nps' then 'nps'
            when survey_type = 'ces' and scale_min = 1 and scale_max = 7 then 'ces'
            when survey_type != 'ces' and scale_min = 1 and scale_max = 5 then 'csat'
        end as scale_metric,
        coalesce(customer_key, 'canonical:' || response_id) as respondent,
        date_trunc('month', responded_at)::date as response_month,
        responded_at,
        response_id,
        segment_name,
        value_tier,
        region
    from marts.fct_survey_responses as responses
    left join marts.mart_customer_segments using (customer_key)
    left join intermediate.profiles using (customer_key)
    where is_counted and responded_at is not null
),
measured as (
    select *, scale_metric as metric from answers where scale_metric is not null
    union all
    select *, 'satisfaction_score' from answers where scale_metric is distinct from 'nps'
),
windows as (
    select 'month' as period_type, response_month as period_month, *
    from measured
    qualify row_number() over (
        partition by metric, dimension, respondent, response_month
        order by responded_at desc, response_id
    ) = 1
    union all
    select 'all_time', null, *
    from measured
    qualify row_number() over (
        partition by metric, dimension, respondent order by responded_at desc, response_id
    ) = 1
),
counted as (
    select
        metric,
        period_type,
        period_month,
        'survey_dimension' as dimension_name,
        dimension as dimension_value,
        count(*) as count_responses,
        count(*) filter (where score >= 9) as nine_or_more,
        count(*) filter (where score <= 6) as six_or_less,
        count(*) filter (where score >= 4) as top_two,
        count(*) filter (where score >= 5) as five_or_more,
        sum(exact_score)::double as sum_score,
        sum(exact_score_0_100)::double as sum_score_0_100,
        sum(exact_score_0_100 * exact_score_0_100)::double as sum_squares
    from windows
    group by metric, period_type, period_month, dimension
    union all
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
        end,
        coalesce(survey_type, channel, segment_name, value_tier, region),
        count(*),
        count(*) filter (where score >= 9),
        count(*) filter (where score <= 6),
        count(*) filter (where score >= 4),
        count(*) filter (where score >= 5),
        sum(exact_score)::double,
        sum(exact_score_0_100)::double,
        sum(exact_score_0_100 * exact_score_0_100)::double
    from windows
    where dimension = 'overall'
    group by grouping sets (
        (metric, period_type, period_month),
        (metric, period_type, period_month, survey_type),
        (metric, period_type, period_month, channel),
        (metric, period_type, period_month, segment_name),
        (metric, period_type, period_month, value_tier),
        (metric, period_type, period_month, region)
    )
),
valued as (
    select
        *,
        case metric
            when 'nps' then nine_or_more when 'csat' then top_two when 'ces' then five_or_more
        end
            as favourable,
        case metric
            when 'nps' then six_or_less
            when 'csat' then count_responses - top_two
            when 'ces' then count_responses - five_or_more
        end as unfavourable,
        1.959963984540054 * sqrt(
            greatest(sum_squares - sum_score_0_100 * sum_score_0_100 / count_responses, 0)
            / nullif(count_responses - 1, 0) / count_responses
        ) as half_width
    from counted
)
select
    metric,
    period_type,
    period_month,
    dimension_name,
    coalesce(dimension_value, if(dimension_name = 'all', 'all', 'unknown')) as dimension_value,
    case metric
        when 'nps' then 100.0 * (favourable - unfavourable) / count_responses
        when 'satisfaction_score' then sum_score_0_100 / count_responses
        else favourable / count_responses
    end::double as value,
    case metric
        when 'nps' then nps(favourable, unfavourable, count_responses, -1)
        when 'satisfaction_score' then greatest(0, sum_score_0_100 / count_responses - half_width)
        else wilson(favourable, count_responses, -1)
    end::double as ci_low,
    case metric
        when 'nps' then nps(favourable, unfavourable, count_responses, 1)
        when 'satisfaction_score' then least(100, sum_score_0_100 / count_responses + half_width)
        else wilson(favourable, count_responses, 1)
    end::double as ci_high,
    case metric
        when 'nps' then 'points' when 'satisfaction_score' then 'score_0_100' else 'rate'
    end as unit,
    count_responses,
    favourable as count_favourable,
    count_responses - favourable - unfavourable as count_neutral,
    unfavourable as count_unfavourable,
    sum_score / count_responses as mean_score,
    count_responses < getvariable('small_sample_size') as is_small_sample
from valued;
