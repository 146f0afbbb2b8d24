with

responses as (
    select
        *,
        coalesce(responded_at, invited_at) as answered_at
    from {{ ref('int_surveys__survey_responses_unioned') }}
    where
        (score is not null or comment is not null)
        and not {{ is_about_needs('dimension') }}
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
),

channels as (
    select * from {{ ref('int_channels__standard_names') }}
),

interactions as (
    select * from {{ ref('int_channels__interactions_keyed') }}
),

cases as (
    select * from {{ ref('int_service__cases_keyed') }}
),

events as (
    select * from {{ ref('int_service__case_events_keyed') }}
),

phases as (
    select * from {{ ref('int_service__case_phases') }}
),

-- A questionnaire is one feedback; its overall question speaks for it, else the first dimension.
feedback as (
    select
        responses.*,
        identity.customer_key,
        channels.standard_channel,
        {{ surrogate_key(['responses.source_system', 'responses.response_id']) }} as feedback_key,
        case
            when responses.case_id is not null
                then {{ surrogate_key(['responses.source_system', 'responses.case_id']) }}
        end as case_key
    from responses
    left join identity
        on
            responses.source_system = identity.source_system
            and responses.customer_id = identity.source_record_id
    left join channels
        on
            responses.source_system = channels.source_system
            and responses.channel = channels.channel
    -- When it was given must be known, and not lie in the future.
    where responses.answered_at < {{ as_of_end() }}
    qualify row_number() over (
        partition by responses.source_system, responses.response_id
        order by
            responses.dimension != 'overall',
            responses.score is null,
            responses.dimension,
            responses.order_id
    ) = 1
),

due as (
    select
        *,
        {{ days_after('answered_at', setting('answer_days')) }} as due_at,
        -- Detractors, and answers below the middle of any other scale.
        case
            when survey_type = 'nps' then score <= 6
            else 2 * score < scale_min + scale_max
        end as is_unfavourable
    from feedback
),

-- Where no contact of ours with anybody is exported, or no case at all, nobody knows who was
-- answered or what was done.
spoken as (
    select 1 as one from interactions
    where direction = 'outbound' and campaign_id is null
    union all
    select 1 as one from events
    where {{ lookup_value('actor_type') }} = 'agent'
),

known as (
    select
        (select count(*) from spoken) > 0 as is_answering_known,
        (select count(*) from cases) > 0 as is_acting_known
),

-- What we said to the customer, and on the case the feedback is about.
contacts as (
    select
        due.feedback_key,
        interactions.occurred_at
    from due
    inner join interactions
        on
            due.customer_key = interactions.customer_key
            and due.answered_at < interactions.occurred_at
            and due.due_at >= interactions.occurred_at
    -- A campaign answers nobody.
    where interactions.direction = 'outbound' and interactions.campaign_id is null
    union all
    select
        due.feedback_key,
        events.occurred_at
    from due
    inner join events
        on
            due.case_key = events.case_key
            and due.answered_at < events.occurred_at
            and due.due_at >= events.occurred_at
    where
        {{ lookup_value('events.actor_type') }} = 'agent'
        and (
            {{ is_public_reply('events.event_type', 'events.to_value') }}
            or {{ lookup_value('events.event_type') }} = 'feedback'
        )
),

answers as (
    select
        feedback_key,
        min(occurred_at) as contacted_at
    from contacts
    group by feedback_key
),

-- A case that was opened for the customer, or opened again.
deeds as (
    select
        due.feedback_key,
        cases.opened_at as occurred_at
    from due
    inner join cases
        on
            due.customer_key = cases.customer_key
            and due.answered_at < cases.opened_at
            and due.due_at >= cases.opened_at
    union all
    select
        due.feedback_key,
        phases.entered_at as occurred_at
    from due
    inner join phases
        on
            due.case_key = phases.case_key
            and due.answered_at < phases.entered_at
            and due.due_at >= phases.entered_at
    where phases.is_reopening
),

actions as (
    select
        feedback_key,
        min(occurred_at) as acted_at
    from deeds
    group by feedback_key
)

select
    due.feedback_key,
    due.source_system,
    due.response_id,
    due.customer_key,
    due.case_key,
    due.survey_type,
    due.standard_channel as channel,
    case
        when due.case_id is not null then 'after_case'
        when due.survey_type = 'review' then 'review'
        when due.order_id is not null then 'after_purchase'
        else 'relationship'
    end as touchpoint,
    due.score,
    due.scale_min,
    due.scale_max,
    due.comment,
    due.answered_at as given_at,
    due.due_at,
    due.is_unfavourable,
    -- Praise without words asks for nothing; nobody can be answered whom nobody knows.
    due.comment is not null or coalesce(due.is_unfavourable, false) as calls_for_answer,
    due.customer_key is not null or due.case_key is not null as is_answerable,
    answers.contacted_at as answered_at,
    actions.acted_at,
    known.is_answering_known,
    known.is_acting_known
from due
cross join known
left join answers on due.feedback_key = answers.feedback_key
left join actions on due.feedback_key = actions.feedback_key
