with

responses as (
    select
        *,
        lower(replace(trim(survey_type), '-', '_')) as type_name,
        -- "ces" is asked on five steps or on seven, as the account is set: an answer above five
        -- proves seven.
        max(cast(score as decimal(18, 4))) over (partition by lower(trim(survey_type)))
            as highest_score
    from {{ delighted_responses() }}
),

scaled as (
    select
        *,
        case
            when type_name in ('nps', 'csat', 'ces') then type_name
            when type_name = 'ces7' then 'ces'
            when type_name in ('smileys', 'thumbs') then 'csat'
            when type_name in ('stars', 'stars5', 'star5', 'stars_five', '5_star', 'five_star')
                then 'review'
            else 'other'
        end as entity_type,
        case when type_name in ('nps', 'thumbs', 'enps') then 0 else 1 end as scale_min,
        case
            when type_name in ('nps', 'enps') then 10
            when type_name = 'thumbs' then 1
            when type_name = 'ces7' or (type_name = 'ces' and highest_score > 5) then 7
            else 5
        end as scale_max
    from responses
)

select
    id as response_id,
    'overall' as dimension,
    person_id as customer_id,
    coalesce(
        {{ json_text('person_properties', '$.order_id') }},
        {{ json_text('person_properties', '$."Order ID"') }}
    ) as order_id,
    coalesce(
        {{ json_text('person_properties', '$.case_id') }},
        {{ json_text('person_properties', '$.ticket_id') }},
        {{ json_text('person_properties', '$."Ticket ID"') }}
    ) as case_id,
    entity_type as survey_type,
    cast(score as decimal(18, 4)) as score,
    cast(scale_min as decimal(18, 4)) as scale_min,
    cast(scale_max as decimal(18, 4)) as scale_max,
    nullif(trim(comment), '') as comment,
    lower({{ json_text('person_properties', '$."Delighted Source"') }}) as channel,
    -- When somebody was asked is not exported; what was not answered has no other time.
    case when score is null then cast(created_at as timestamp) end as invited_at,
    case when score is not null then cast(created_at as timestamp) end as responded_at,
    {{ metadata_with(
        ['survey_type', 'permalink', 'updated_at'], lists=['tags', 'person_properties']
    ) }} as source_metadata,
    _file_name,
    _row_number
from scaled
