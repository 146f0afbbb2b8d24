with

campaigns as (
    select
        *,
        {{ surrogate_key(['source_system', 'campaign_id']) }} as campaign_key
    from {{ ref('int_campaigns__campaigns_unioned') }}
    where start_date <= {{ setting('as_of_date') }} or start_date is null
),

touches as (
    select * from {{ ref('fct_campaign_touches') }}
),

settings as (
    select
        as_of_date,
        campaign_window_days,
        small_sample_size
    from {{ source('settings', 'company') }}
),

-- Costs booked on the campaign; what it reports of itself where nothing is booked. Both are the
-- same money.
costs as (
    select
        source_system,
        campaign_id,
        sum(amount) as booked_cost
    from {{ ref('int_costs__costs_unioned') }}
    where campaign_id is not null and incurred_on <= {{ setting('as_of_date') }}
    group by source_system, campaign_id
),

-- Orders that name the campaign, members or not.
attributed as (
    select
        source_system,
        campaign_id,
        count(*) as count_attributed_orders,
        count(*) filter (where order_sequence_number = 1) as count_new_customers,
        sum(net_revenue - refund_amount) as attributed_revenue,
        sum(margin_amount) as attributed_margin
    from {{ ref('fct_orders') }}
    where is_sale and campaign_id is not null
    group by source_system, campaign_id
),

groups as (
    select
        campaign_key,
        count(*) filter (where not is_control) as count_treated,
        count(*) filter (where sent_at is not null) as count_sent,
        count(*) filter (where is_response and not is_control) as count_responded,
        count(*) filter (where response_type = 'unsubscribed') as count_unsubscribed,
        count(*) filter (where not is_control and has_bought) as count_treated_bought,
        count(*) filter (where is_control) as count_control,
        count(*) filter (where is_control and has_bought) as count_control_bought,
        sum(case when not is_control then net_revenue else 0 end) as treated_revenue,
        sum(case when is_control then net_revenue else 0 end) as control_revenue,
        sum(case when not is_control then margin_amount else 0 end) as treated_margin,
        sum(case when is_control then margin_amount else 0 end) as control_margin,
        sum(case when not is_control then margin_amount * margin_amount else 0 end)
            as treated_margin_squares,
        sum(case when is_control then margin_amount * margin_amount else 0 end)
            as control_margin_squares,
        min(cast(is_window_over as integer)) = 1 as is_window_over
    from touches
    group by campaign_key
),

rated as (
    select
        *,
        cast(count_treated_bought as double) / nullif(count_treated, 0) as treated_rate,
        cast(count_control_bought as double) / nullif(count_control, 0) as control_rate,
        cast(treated_margin as double) / nullif(count_treated, 0) as treated_margin_mean,
        cast(control_margin as double) / nullif(count_control, 0) as control_margin_mean,
        case
            when count_treated > 1
                then
                    greatest(
                        cast(treated_margin_squares as double)
                        - cast(treated_margin as double) * cast(treated_margin as double)
                        / count_treated,
                        0
                    ) / (count_treated - 1) / count_treated
        end as treated_margin_error,
        case
            when count_control > 1
                then
                    greatest(
                        cast(control_margin_squares as double)
                        - cast(control_margin as double) * cast(control_margin as double)
                        / count_control,
                        0
                    ) / (count_control - 1) / count_control
        end as control_margin_error
    from groups
),

-- How far the difference of the two means leans: cubes of standardised deviations stay small
-- whatever the currency. Most members buy nothing, few buy much.
leanings as (
    select
        touches.campaign_key,
        {{ exact_sum(
            'case when not touches.is_control and rated.treated_margin_error > 0 then power('
            ~ '(cast(touches.margin_amount as double) - rated.treated_margin_mean)'
            ~ ' / sqrt(rated.treated_margin_error * rated.count_treated), 3) end', 10
        ) }} as treated_sum_cubes,
        {{ exact_sum(
            'case when touches.is_control and rated.control_margin_error > 0 then power('
            ~ '(cast(touches.margin_amount as double) - rated.control_margin_mean)'
            ~ ' / sqrt(rated.control_margin_error * rated.count_control), 3) end', 10
        ) }} as control_sum_cubes
    from touches
    inner join rated on touches.campaign_key = rated.campaign_key
    group by touches.campaign_key
),

margins as (
    select
        rated.*,
        rated.treated_margin_mean - rated.control_margin_mean as margin_uplift,
        sqrt(rated.treated_margin_error + rated.control_margin_error) as margin_uplift_error,
        -- The third moments of independent means add up, with their signs; equal amounts lean
        -- nowhere.
        {%- for name, sign in {'skewness': '-', 'whole_skewness': '+'}.items() %}
            coalesce(
                (
                    coalesce(leanings.treated_sum_cubes, 0)
                    * power(rated.treated_margin_error, 1.5) / power(rated.count_treated, 1.5)
                    {{ sign }} coalesce(leanings.control_sum_cubes, 0)
                    * power(rated.control_margin_error, 1.5) / power(rated.count_control, 1.5)
                ) / power(nullif(rated.treated_margin_error + rated.control_margin_error, 0), 1.5),
                0
            ) as margin_uplift_{{ name }},
        {%- endfor %}
        -- Welch and Satterthwaite's degrees of freedom.
        {{ welch_degrees(
            'rated.treated_margin_error', 'rated.count_treated',
            'rated.control_margin_error', 'rated.count_control'
        ) }} as margin_uplift_degrees
    from rated
    inner join leanings on rated.campaign_key = leanings.campaign_key
),

uplifts as (
    select
        *,
        case when count_control > 0 then treated_rate - control_rate end as uplift,
        {%- for side in ['low', 'high'] %}
            case
                when count_control > 0
                    then
                        {{ difference_bound(
                            adjusted_share('count_treated_bought', 'count_treated'),
                            adjusted_share_error('count_treated_bought', 'count_treated'),
                            adjusted_share('count_control_bought', 'count_control'),
                            adjusted_share_error('count_control_bought', 'count_control'),
                            side
                        ) }}
            end as uplift_{{ side }},
        {%- endfor %}
        {{ skewed_bound(
            'margin_uplift', 'margin_uplift_error', 'margin_uplift_skewness',
            'margin_uplift_degrees', 'low', 'margin_uplift_whole_skewness'
        ) }} as margin_uplift_low,
        {{ skewed_bound(
            'margin_uplift', 'margin_uplift_error', 'margin_uplift_skewness',
            'margin_uplift_degrees', 'high', 'margin_uplift_whole_skewness'
        ) }} as margin_uplift_high
    from margins
)

select
    campaigns.campaign_key,
    campaigns.source_system,
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.channel,
    campaigns.objective,
    campaigns.start_date,
    campaigns.end_date,
    campaigns.budget_amount,
    cast(coalesce(costs.booked_cost, campaigns.actual_cost) as decimal(18, 4)) as cost,
    case
        when costs.booked_cost is not null then 'costs'
        when campaigns.actual_cost is not null then 'campaign'
    end as cost_source,
    cast(coalesce(uplifts.count_treated, 0) as bigint) as count_treated, -- no member is none
    cast(coalesce(uplifts.count_sent, 0) as bigint) as count_sent,
    cast(coalesce(uplifts.count_responded, 0) as bigint) as count_responded,
    cast(uplifts.count_responded as double) / nullif(uplifts.count_treated, 0) as response_rate,
    case
        when uplifts.count_treated > 0
            then cast(
                {{ wilson_bound('uplifts.count_responded', 'uplifts.count_treated', 'low') }}
                as double
            )
    end as response_rate_low,
    case
        when uplifts.count_treated > 0
            then cast(
                {{ wilson_bound('uplifts.count_responded', 'uplifts.count_treated', 'high') }}
                as double
            )
    end as response_rate_high,
    cast(coalesce(uplifts.count_unsubscribed, 0) as bigint) as count_unsubscribed,
    cast(coalesce(uplifts.count_treated_bought, 0) as bigint) as count_bought,
    uplifts.treated_rate as purchase_rate,
    cast(coalesce(uplifts.count_control, 0) as bigint) as count_control,
    cast(coalesce(uplifts.count_control_bought, 0) as bigint) as count_control_bought,
    uplifts.control_rate as control_purchase_rate,
    uplifts.uplift,
    uplifts.uplift_low,
    uplifts.uplift_high,
    case
        when uplifts.count_treated is null then 'no_members'
        when uplifts.count_control = 0 then 'no_control_group'
        when not uplifts.is_window_over then 'running'
        when least(uplifts.count_treated, uplifts.count_control) < settings.small_sample_size
            then 'small_sample'
        when uplifts.uplift_low > 0 then 'worked'
        when uplifts.uplift_high < 0 then 'harmed'
        else 'not_significant'
    end as verdict,
    cast(uplifts.treated_revenue as decimal(18, 4)) as member_revenue,
    cast(uplifts.treated_margin as decimal(18, 4)) as member_margin,
    uplifts.margin_uplift * uplifts.count_treated as incremental_margin,
    uplifts.margin_uplift_low * uplifts.count_treated as incremental_margin_low,
    uplifts.margin_uplift_high * uplifts.count_treated as incremental_margin_high,
    cast(coalesce(attributed.count_attributed_orders, 0) as bigint) as count_attributed_orders,
    cast(coalesce(attributed.count_new_customers, 0) as bigint) as count_new_customers,
    cast(coalesce(attributed.attributed_revenue, 0) as decimal(18, 4)) as attributed_revenue,
    cast(coalesce(attributed.attributed_margin, 0) as decimal(18, 4)) as attributed_margin,
    -- Return on what it cost: by the control group where there is one, else by attribution.
    case when uplifts.count_control > 0 then 'control_group' else 'attribution' end as roi_basis,
    (
        case
            when uplifts.count_control > 0
                then uplifts.margin_uplift * uplifts.count_treated
            else cast(coalesce(attributed.attributed_margin, 0) as double)
        end - cast(coalesce(costs.booked_cost, campaigns.actual_cost) as double)
    ) / nullif(cast(coalesce(costs.booked_cost, campaigns.actual_cost) as double), 0) as roi
from campaigns
cross join settings
left join uplifts on campaigns.campaign_key = uplifts.campaign_key
left join costs
    on
        campaigns.source_system = costs.source_system
        and campaigns.campaign_id = costs.campaign_id
left join attributed
    on
        campaigns.source_system = attributed.source_system
        and campaigns.campaign_id = attributed.campaign_id
