with

settings as (
    select
        *,
        cast(as_of_date + care_horizon_days as date) as last_date
    from {{ source('settings', 'company') }}
),

profiles as (
    select
        *,
        coalesce(
            full_name,
            nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), ''),
            company_name
        ) as customer_name,
        nullif(
            trim(
                coalesce(street || ', ', '') || coalesce(postal_code || ' ', '')
                || coalesce(city, '')
            ),
            ''
        ) as address
    from {{ ref('int_customers__profiles') }}
),

sales as (
    select * from {{ ref('fct_orders') }}
    where is_sale and customer_key is not null
),

cases as (
    select * from {{ ref('fct_cases') }}
    where customer_key is not null
),

responses as (
    select
        customer_key,
        cast(coalesce(invited_at, responded_at) as date) as asked_date,
        -- Who says what he buys for has not said how it went.
        case
            when {{ is_about_needs('dimension') }} then null
            when is_answered then responded_at
        end as answered_at
    from {{ ref('int_surveys__responses_keyed') }}
    where customer_key is not null
),

renewals as (
    select * from {{ ref('int_value__renewals') }}
),

consents as (
    select * from {{ ref('int_consents__channel_consents') }}
),

firsts as (
    select
        customer_key,
        cast(min(ordered_at) as date) as first_date
    from sales
    group by customer_key
),

remembered as (
    select
        'birthday' as care_type,
        customer_key,
        birth_date as first_date
    from profiles
    where birth_date is not null and coalesce(customer_type, 'person') = 'person' -- unless said
    union all
    select
        'purchase_anniversary' as care_type,
        customer_key,
        first_date
    from firsts
),

coming as (
    select 0 as years
    union all
    select 1 as years
),

-- The day comes once in the twelve months ahead, this year or next; 29 February stays on the 28th.
anniversaries as (
    select
        remembered.care_type,
        remembered.customer_key,
        cast(
            extract(year from settings.as_of_date) - extract(year from remembered.first_date)
            + coming.years as integer
        ) as years,
        remembered.first_date
    from remembered
    cross join settings
    cross join coming
),

dated as (
    select
        anniversaries.care_type,
        anniversaries.customer_key,
        cast(null as varchar) as subject_key,
        {{ years_after('anniversaries.first_date', 'anniversaries.years') }} as due_date,
        case anniversaries.care_type
            when 'birthday'
                then 'Birthday'
            else
                'Customer for ' || cast(anniversaries.years as varchar)
                || case when anniversaries.years = 1 then ' year' else ' years' end
        end as reason
    from anniversaries
    where anniversaries.years > 0
),

-- Solved of late, and the customer has not said since how it went.
follow_ups as (
    select
        'case_follow_up' as care_type,
        cases.customer_key,
        cases.case_key as subject_key,
        cast(cast(cases.resolved_at as date) + settings.care_follow_up_after_days as date)
            as due_date,
        'Case ' || cases.case_id || ' was solved on '
        || cast(cast(cases.resolved_at as date) as varchar) || ': ask whether all is well' as reason
    from cases
    cross join settings
    left join responses
        on
            cases.customer_key = responses.customer_key
            and cases.resolved_at < responses.answered_at
    where cases.resolved_at is not null and responses.customer_key is null
),

asked as (
    select
        customer_key,
        max(asked_date) as last_asked_date
    from responses
    group by customer_key
),

deliveries as (
    select
        sales.customer_key,
        sales.order_key,
        sales.order_id,
        cast(sales.delivered_at as date) as delivery_date
    from sales
    cross join settings
    where cast(sales.delivered_at as date) <= settings.as_of_date
    qualify row_number() over (
        partition by sales.customer_key order by sales.delivered_at desc, sales.order_key
    ) = 1
),

surveys as (
    select
        'survey' as care_type,
        deliveries.customer_key,
        deliveries.order_key as subject_key,
        cast(deliveries.delivery_date + settings.care_survey_after_days as date) as due_date,
        'Order ' || deliveries.order_id || ' was delivered on '
        || cast(deliveries.delivery_date as varchar) || ': ask how it was' as reason
    from deliveries
    cross join settings
    left join asked on deliveries.customer_key = asked.customer_key
    where
        asked.last_asked_date is null
        or greatest(
            deliveries.delivery_date + settings.care_survey_after_days, settings.as_of_date + 1
        ) > asked.last_asked_date + settings.care_survey_pause_days
),

contracts as (
    select
        'contract_renewal' as care_type,
        renewals.customer_key,
        renewals.plan_key as subject_key,
        renewals.due_on as due_date,
        renewals.plan_name || ' is due for renewal' as reason
    from renewals
    where not renewals.is_renewed and not renewals.is_decided
),

-- What asks for an answer is made up for as long as the calendar looks ahead; a day that is kept is
-- not kept later.
due as (
    select
        items.care_type,
        items.customer_key,
        items.subject_key,
        cast(greatest(items.due_date, settings.as_of_date + 1) as date) as due_date,
        items.due_date <= settings.as_of_date as is_overdue,
        items.reason
    from (
        select * from dated
        union all
        select * from follow_ups
        union all
        select * from surveys
        union all
        select * from contracts
    ) as items
    cross join settings
    where
        items.due_date <= settings.last_date
        and (
            items.due_date > settings.as_of_date
            or (
                items.care_type not in ('birthday', 'purchase_anniversary')
                and items.due_date > settings.as_of_date - settings.care_horizon_days
            )
        )
),

channels as (
    select
        customer_key,
        channel,
        contact_value,
        case when lower(trim(preferred_channel)) = channel then 0 else usual_rank end
            as channel_rank
    from (
        {%- for channel, value in {
            'email': 'email', 'sms': 'phone', 'phone': 'phone', 'post': 'address',
        }.items() %}
            select
                customer_key,
                preferred_channel,
                '{{ channel }}' as channel,
                {{ value }} as contact_value,
                {{ loop.index }} as usual_rank
            from profiles
            where {{ value }} is not null
            {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as reachable
),

-- Service may reach who has not refused; all else only who has agreed.
allowed as (
    select
        due.*,
        channels.channel,
        channels.contact_value
    from due
    inner join channels on due.customer_key = channels.customer_key
    left join consents
        on
            channels.customer_key = consents.customer_key
            and channels.channel = consents.channel
    where
        case
            when due.care_type in ('case_follow_up', 'contract_renewal')
                then coalesce(not consents.is_contact_refused, true) -- nothing was refused
            when due.care_type = 'survey'
                then consents.is_survey_granted
            else consents.is_marketing_granted
        end
    qualify row_number() over (
        partition by due.care_type, due.customer_key, due.subject_key
        order by channels.channel_rank, channels.channel
    ) = 1
),

-- What the CRM that imports the list calls the customer.
records as (
    select
        customer_key,
        string_agg(
            source_system || ':' || source_record_id, '; '
            order by source_system, source_record_id
        ) as source_records
    from {{ ref('int_identity__customer_records') }}
    group by customer_key
),

complaints as (
    select customer_key
    from cases
    where is_complaint and not is_resolved
    group by customer_key
)

select
    allowed.due_date,
    allowed.care_type,
    allowed.customer_key,
    allowed.subject_key,
    profiles.customer_name,
    allowed.channel,
    allowed.contact_value,
    allowed.reason,
    allowed.is_overdue,
    complaints.customer_key is not null as has_open_complaint,
    records.source_records
from allowed
inner join profiles on allowed.customer_key = profiles.customer_key
left join records on allowed.customer_key = records.customer_key
left join complaints on allowed.customer_key = complaints.customer_key
