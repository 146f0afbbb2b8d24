with

responses as (
    select
        *,
        {{ qualtrics_customer_id() }} as customer_id,
        -- The files of a survey begin with its name.
        lower(regexp_extract(_file_name, '[^/]+$')) as survey_file
    from {{ qualtrics_responses() }}
),

configured as (
    select
        lower(trim(survey)) as survey,
        trim(question_column) as question_column,
        lower(trim(survey_type)) as survey_type,
        coalesce(nullif(lower(trim(dimension)), ''), 'overall') as dimension, -- as documented
        cast(scale_min as decimal(18, 4)) as scale_min,
        cast(scale_max as decimal(18, 4)) as scale_max
    from {{ current_records('qualtrics', 'survey_questions') }}
),

cells as (
    select
        response_id,
        survey_file,
        unnest(json_keys(source_metadata)) as question_column,
        source_metadata
    from responses
),

answers as (
    select
        response_id,
        survey_file,
        question_column,
        nullif(
            trim(json_extract_string(source_metadata, '$."' || question_column || '"')), ''
        ) as answer
    from cells
),

-- What a column asks: as the company says, its own line before that of all surveys.
meanings as (
    select
        answers.response_id,
        answers.question_column,
        answers.answer,
        configured.survey_type,
        configured.dimension,
        configured.scale_min,
        configured.scale_max
    from answers
    inner join configured
        on
            answers.question_column = configured.question_column
            and (configured.survey = '*' or starts_with(answers.survey_file, configured.survey))
    qualify row_number() over (
        partition by answers.response_id, answers.question_column
        order by configured.survey = '*', length(configured.survey) desc, configured.survey
    ) = 1
),

-- Qualtrics groups the answers of every NPS question by itself: such a question needs no line.
recognised as (
    select
        answers.response_id,
        answers.question_column,
        answers.answer,
        'nps' as survey_type,
        'overall' as dimension,
        cast(0 as decimal(18, 4)) as scale_min,
        cast(10 as decimal(18, 4)) as scale_max
    from answers
    semi join answers as grouped
        on
            answers.response_id = grouped.response_id
            and answers.question_column || '_NPS_GROUP' = grouped.question_column
    anti join meanings
        on
            answers.response_id = meanings.response_id
            and answers.question_column = meanings.question_column
),

asked as (
    select * from meanings
    where survey_type not in ('comment', 'order_id', 'case_id')
    union all
    select * from recognised
),

context as (
    select
        response_id,
        max(answer) filter (where survey_type = 'order_id') as order_id,
        max(answer) filter (where survey_type = 'case_id') as case_id
    from meanings
    group by response_id
),

comments as (
    select
        response_id,
        dimension,
        string_agg(answer, chr(10) order by question_column) as comment
    from meanings
    where survey_type = 'comment' and answer is not null
    group by response_id, dimension
),

-- Questions of one survey type belong together. Where a response has two about one dimension, the
-- second one is a questionnaire of its own.
numbered as (
    select
        *,
        row_number() over (
            partition by response_id, dimension
            order by
                case survey_type when 'csat' then 1 when 'nps' then 2 when 'ces' then 3 else 4 end,
                question_column
        ) as position
    from asked
)

select
    numbered.response_id
    || case when numbered.position > 1 then ':' || numbered.question_column else '' end
        as response_id,
    numbered.dimension,
    responses.customer_id,
    context.order_id,
    context.case_id,
    numbered.survey_type,
    -- Exports with texts write "10 - Extremely likely".
    try_cast(
        regexp_extract(numbered.answer, '^ *(-?[0-9]+([.][0-9]+)?)', 1) as decimal(18, 4)
    ) as score,
    numbered.scale_min,
    numbered.scale_max,
    comments.comment,
    case
        when lower(trim(responses.distribution_channel)) in ('email', 'sms')
            then lower(trim(responses.distribution_channel))
        when responses.distribution_channel is null then null
        else 'web'
    end as channel,
    -- When somebody was asked is not exported; what was not answered has no other time.
    case when numbered.answer is null then cast(responses.started_at as timestamp) end
        as invited_at,
    case
        when numbered.answer is not null
            then cast(coalesce(responses.recorded_at, responses.ended_at) as timestamp)
    end as responded_at,
    nullif(
        cast(
            json_merge_patch(
                '{}',
                json_object(
                    'question_column', numbered.question_column,
                    'answer', numbered.answer,
                    'finished', responses.finished,
                    'user_language', responses.user_language
                )
            ) as varchar
        ),
        '{}'
    ) as source_metadata,
    responses._file_name,
    responses._row_number
from numbered
inner join responses on numbered.response_id = responses.response_id
left join context on numbered.response_id = context.response_id
left join comments
    on
        numbered.response_id = comments.response_id
        and numbered.dimension = comments.dimension
