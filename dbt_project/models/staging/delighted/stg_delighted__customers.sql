with

responses as (
    select * from {{ delighted_responses() }}
    where person_id is not null
),

first_exports as (
    select
        person_id,
        min(first_exported_at) as first_exported_at,
        min(cast(created_at as timestamp)) as created_at
    from responses
    group by person_id
),

-- The newest response knows the person best.
persons as (
    select * from responses
    qualify row_number() over (
        partition by person_id
        order by cast(coalesce(updated_at, created_at) as timestamp) desc nulls last, id
    ) = 1
)

select
    persons.person_id as customer_id,
    'responses' as source_object,
    'person' as customer_type,
    persons.person_name as full_name,
    persons.person_email as email,
    persons.person_phone as phone,
    {{ external_id('coalesce(' ~ [
        json_text('persons.person_properties', '$.external_id'),
        json_text('persons.person_properties', '$.customer_id'),
        json_text('persons.person_properties', '$."Customer ID"'),
    ] | join(', ') ~ ')') }} as external_ids,
    first_exports.created_at,
    first_exports.first_exported_at,
    cast(null as varchar) as source_metadata,
    persons._file_name,
    persons._row_number
from persons
inner join first_exports on persons.person_id = first_exports.person_id
