with

profiles as (
    select * from {{ ref('int_customers__profiles') }}
),

settings as (
    select as_of_date from {{ source('settings', 'company') }}
),

sales as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

order_totals as (
    select
        sales.customer_key,
        min(sales.ordered_at) as first_ordered_at,
        max(sales.ordered_at) as last_ordered_at,
        count(*) as count_orders,
        count(distinct cast(sales.ordered_at as date)) as count_purchase_days,
        count(*) filter (where cast(sales.ordered_at as date) > settings.as_of_date - 365)
            as count_orders_365d,
        sum(sales.net_revenue) as net_revenue,
        sum(sales.net_revenue) filter (
            where cast(sales.ordered_at as date) > settings.as_of_date - 365
        ) as net_revenue_365d,
        sum(sales.refund_amount) as refund_amount,
        sum(coalesce(sales.discount_amount, 0)) as discount_amount,
        max(sales.net_revenue) as largest_order_revenue,
        count(*) filter (where sales.delivery_delay_days > 0) as count_late_deliveries,
        count(*) filter (where sales.delivery_delay_days is not null) as count_deliveries,
        count(distinct sales.channel) as count_channels
    from sales
    cross join settings
    group by sales.customer_key
),

-- Favourites are those of the segments: one rule, one place.
behaviour as (
    select
        customer_key,
        count_categories,
        favourite_category,
        favourite_channel
    from {{ ref('int_segments__customer_behaviour') }}
),

responses as (
    select
        customer_key,
        count(distinct source_system || ':' || response_id) as count_survey_responses,
        max(responded_at) as last_responded_at,
        max_by(score_0_100, answer_rank) filter (where dimension = 'functional_need')
            as functional_need_score,
        max_by(score_0_100, answer_rank) filter (where dimension = 'emotional_need')
            as emotional_need_score,
        max_by(score_0_100, answer_rank) filter (where dimension = 'social_need')
            as social_need_score,
        max_by(score, answer_rank) filter (where survey_type = 'nps' and dimension = 'overall')
            as last_nps_score,
        max_by(score_0_100, answer_rank) filter (
            where {{ is_about_satisfaction('survey_type') }} and dimension = 'overall'
        ) as last_satisfaction_score
    from (
        select
            *,
            -- Later answers win; ids break ties so that the result is the same in every run.
            row_number() over (
                order by responded_at nulls first, source_system, response_id, dimension
            ) as answer_rank
        from {{ ref('fct_survey_responses') }}
        where customer_key is not null and is_counted
    ) as ordered
    group by customer_key
),

cases as (
    select
        customer_key,
        count(*) as count_cases,
        count(*) filter (where not is_resolved) as count_open_cases,
        count(*) filter (where is_complaint) as count_complaints,
        max(opened_at) as last_case_opened_at
    from {{ ref('fct_cases') }}
    where customer_key is not null
    group by customer_key
),

contacts as (
    select
        customer_key,
        max(case when is_preferred then channel end) as contact_channel,
        bool_or(has_shifted) as has_shifted_channel,
        sum(count_last_365d) as count_contacts_365d,
        max(last_contact_at) as last_contact_at
    from {{ ref('mart_channel_mix') }}
    group by customer_key
),

consents as (
    select
        customer_key,
        {%- for channel in ['email', 'sms', 'phone', 'post'] %}
            bool_or(channel = '{{ channel }}' and is_marketing_granted)
                as has_{{ channel }}_consent,
        {%- endfor %}
        bool_or(is_contact_refused) as has_refused_contact
    from {{ ref('int_consents__channel_consents') }}
    group by customer_key
),

journeys as (
    select
        customer_key,
        stage as journey_stage
    from {{ ref('mart_customer_journey') }}
    where is_furthest
),

satisfaction as (
    select * from {{ ref('mart_customer_satisfaction') }}
),

loyalty as (
    select * from {{ ref('mart_customer_loyalty') }}
),

-- Who never bought may recommend as well.
referrals as (
    {{ referrals_by_customer() }}
),

signals as (
    select * from {{ ref('mart_customer_signals') }}
),

segments as (
    select * from {{ ref('mart_customer_segments') }}
),

ltv as (
    select * from {{ ref('mart_customer_ltv') }}
)

select
    profiles.customer_key,
    coalesce(profiles.customer_type, 'person') as customer_type,
    {{ customer_name('profiles') }} as customer_name,
    profiles.first_name,
    profiles.last_name,
    profiles.company_name,
    profiles.email,
    profiles.phone,
    profiles.birth_date,
    cast(date_diff('year', profiles.birth_date, settings.as_of_date) as bigint)
    - case
        when
            extract(month from profiles.birth_date) * 100 + extract(day from profiles.birth_date)
            > extract(month from settings.as_of_date) * 100 + extract(day from settings.as_of_date)
            then 1
        else 0
    end as age_years,
    profiles.gender,
    profiles.street,
    profiles.city,
    profiles.region,
    profiles.postal_code,
    profiles.country_code,
    profiles.preferred_channel,
    profiles.acquisition_channel,
    profiles.acquisition_campaign_id,
    profiles.count_source_records,
    profiles.count_source_systems,
    profiles.first_created_at,
    order_totals.first_ordered_at,
    order_totals.last_ordered_at,
    cast(settings.as_of_date - cast(order_totals.first_ordered_at as date) as bigint)
        as tenure_days,
    cast(settings.as_of_date - cast(order_totals.last_ordered_at as date) as bigint)
        as days_since_last_order,
    case
        when order_totals.count_purchase_days > 1
            then
                cast(
                    cast(order_totals.last_ordered_at as date)
                    - cast(order_totals.first_ordered_at as date) as double
                ) / (order_totals.count_purchase_days - 1)
    end as mean_days_between_purchases,
    cast(coalesce(order_totals.count_orders, 0) as bigint) as count_orders,
    cast(coalesce(order_totals.count_orders_365d, 0) as bigint) as count_orders_365d,
    coalesce(order_totals.count_orders, 0) > 1 as is_repeat_customer,
    cast(coalesce(order_totals.net_revenue, 0) as decimal(18, 4)) as net_revenue,
    cast(coalesce(order_totals.net_revenue_365d, 0) as decimal(18, 4)) as net_revenue_365d,
    cast(coalesce(order_totals.refund_amount, 0) as decimal(18, 4)) as refund_amount,
    cast(coalesce(order_totals.discount_amount, 0) as decimal(18, 4)) as discount_amount,
    cast(order_totals.net_revenue as double) / order_totals.count_orders as mean_order_revenue,
    cast(order_totals.largest_order_revenue as decimal(18, 4)) as largest_order_revenue,
    cast(coalesce(behaviour.count_categories, 0) as bigint) as count_product_categories,
    behaviour.favourite_category,
    cast(coalesce(order_totals.count_channels, 0) as bigint) as count_order_channels,
    behaviour.favourite_channel,
    cast(order_totals.count_late_deliveries as double)
    / nullif(order_totals.count_deliveries, 0) as late_delivery_rate,
    cast(coalesce(responses.count_survey_responses, 0) as bigint) as count_survey_responses,
    responses.last_responded_at,
    responses.last_nps_score,
    case
        when responses.last_nps_score >= 9 then 'promoter'
        when responses.last_nps_score >= 7 then 'passive'
        when responses.last_nps_score is not null then 'detractor'
    end as nps_category,
    responses.last_satisfaction_score,
    segments.segment_name,
    segments.value_tier,
    segments.abc_class,
    ltv.historic_value,
    ltv.predicted_value_365d,
    ltv.probability_alive,
    ltv.predicted_value_lifetime,
    ltv.potential_value,
    ltv.referral_value,
    signals.interval_stretch,
    coalesce(signals.is_lost, false) as is_lost, -- who never bought cannot be lost
    satisfaction.satisfaction_change,
    satisfaction.last_satisfaction_index,
    satisfaction.last_effort_score,
    loyalty.loyalty_score,
    loyalty.loyalty_type,
    loyalty.quadrant as loyalty_quadrant,
    loyalty.churn_reason,
    cast(coalesce(referrals.count_referrals, 0) as bigint) as count_referrals,
    cast(coalesce(referrals.count_referrals_converted, 0) as bigint) as count_referrals_converted,
    cast(coalesce(cases.count_cases, 0) as bigint) as count_cases,
    cast(coalesce(cases.count_open_cases, 0) as bigint) as count_open_cases,
    cast(coalesce(cases.count_complaints, 0) as bigint) as count_complaints,
    cases.last_case_opened_at,
    contacts.contact_channel,
    contacts.has_shifted_channel,
    cast(coalesce(contacts.count_contacts_365d, 0) as bigint) as count_contacts_365d,
    contacts.last_contact_at,
    journeys.journey_stage,
    -- Who never agreed has not agreed, who never refused has not refused.
    coalesce(consents.has_email_consent, false) as has_email_consent,
    coalesce(consents.has_sms_consent, false) as has_sms_consent,
    coalesce(consents.has_phone_consent, false) as has_phone_consent,
    coalesce(consents.has_post_consent, false) as has_post_consent,
    coalesce(consents.has_refused_contact, false) as has_refused_contact,
    segments.needs_segment,
    cast(responses.functional_need_score as double) as functional_need_score,
    cast(responses.emotional_need_score as double) as emotional_need_score,
    cast(responses.social_need_score as double) as social_need_score
from profiles
cross join settings
left join order_totals on profiles.customer_key = order_totals.customer_key
left join behaviour on profiles.customer_key = behaviour.customer_key
left join responses on profiles.customer_key = responses.customer_key
inner join segments on profiles.customer_key = segments.customer_key
inner join ltv on profiles.customer_key = ltv.customer_key
left join cases on profiles.customer_key = cases.customer_key
left join contacts on profiles.customer_key = contacts.customer_key
left join consents on profiles.customer_key = consents.customer_key
left join journeys on profiles.customer_key = journeys.customer_key
left join satisfaction on profiles.customer_key = satisfaction.customer_key
left join loyalty on profiles.customer_key = loyalty.customer_key
left join referrals on profiles.customer_key = referrals.customer_key
left join signals on profiles.customer_key = signals.customer_key
