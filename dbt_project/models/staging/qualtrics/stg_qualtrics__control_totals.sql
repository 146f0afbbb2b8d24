with

responses as (
    {{ newest_rows('qualtrics', 'responses', [
        'status', 'recipient_email', 'external_reference', 'source_metadata', '_file_name'
    ]) }}
),

counted as (
    select * from responses
    where
        status is null
        or (
            status not ilike '%preview%' and status not ilike '%test%' and status not ilike '%spam%'
            and status not in ('1', '2', '3', '8', '9', '10', '11', '17', '18', '19', '24')
        )
),

questions as (
    select * from {{ source('raw', 'qualtrics__survey_questions') }}
),

columns_of_files as (
    select distinct unnest(json_keys(source_metadata)) as question_column -- each file repeats them
    from counted
),

columns as (
    select
        lower(trim(survey)) as survey,
        trim(question_column) as question_column
    from questions
    where lower(trim(survey_type)) not in ('comment', 'order_id', 'case_id')
    union -- a line in two exports is one line
    select
        '*' as survey,
        replace(question_column, '_NPS_GROUP', '') as question_column
    from columns_of_files
    where ends_with(question_column, '_NPS_GROUP')
),

asked as (
    select
        counted.response_id,
        columns.question_column,
        max(json_extract_string(counted.source_metadata, '$."' || columns.question_column || '"'))
            as answer
    from counted
    inner join columns
        on
            json_exists(counted.source_metadata, '$."' || columns.question_column || '"')
            and (
                columns.survey = '*'
                or lower(split_part(counted._file_name, '/', -1)) like columns.survey || '%'
            )
    group by counted.response_id, columns.question_column
)

select
    'customers' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from counted
where concat(trim(recipient_email), trim(external_reference)) <> ''
union all
select
    'survey_responses' as entity,
    'rows' as measure,
    cast(count(*) as decimal(28, 4)) as value
from asked
union all
select
    'survey_responses' as entity,
    'score' as measure,
    cast(
        coalesce(sum(try_cast(split_part(trim(answer), ' ', 1) as decimal(18, 4))), 0)
        as decimal(28, 4)
    ) as value
from asked
union all
select
    'customers' as entity,
    'exported' as measure,
    cast(count(*) as decimal(28, 4)) as value
from responses
union all
select
    'customers' as entity,
    'left out: anonymous responses' as measure,
    cast(count(*) as decimal(28, 4)) as value
from counted
where concat(trim(recipient_email), trim(external_reference)) = ''
union all
select
    'customers' as entity,
    'left out: previews, tests and spam' as measure,
    cast(count(*) as decimal(28, 4)) as value
from responses
where response_id not in (select counted.response_id from counted)
