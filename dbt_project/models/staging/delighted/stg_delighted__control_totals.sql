with

responses as (
    {{ control_totals('delighted', {
        'responses': {'entity': 'survey_responses', 'sums': {'score': 'score'}},
    }) }}
),

persons as (
    {{ newest_rows('delighted', 'responses', ['person', 'email']) }}
)

select * from responses
union all
select
    'customers' as entity,
    'rows' as measure,
    cast(
        count(distinct coalesce(
            json_extract_string(try_cast(person as json), '$.id'),
            person,
            'email:' || lower(trim(email))
        )) as decimal(28, 4)
    ) as value
from persons
