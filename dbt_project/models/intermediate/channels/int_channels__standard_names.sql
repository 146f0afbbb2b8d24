with

named as (
    select
        source_system,
        channel
    from {{ ref('int_channels__interactions_keyed') }}
    union all
    select
        source_system,
        channel
    from {{ ref('int_service__cases_keyed') }}
    union all
    select
        source_system,
        channel
    from {{ ref('int_surveys__survey_responses_unioned') }}
),

mapping as (
    select * from {{ ref('channel_mapping') }}
),

spellings as (
    select
        source_system,
        channel,
        {{ lookup_value('channel') }} as value
    from named
    where channel is not null
    group by source_system, channel
)

select
    spellings.source_system,
    spellings.channel,
    -- A channel without a line in the mapping keeps its own name.
    coalesce(mapping.standard_channel, spellings.value) as standard_channel
from spellings
left join mapping
    on
        spellings.value = mapping.channel
        and (mapping.source_system = '*' or spellings.source_system = mapping.source_system)
-- A line for the system wins over one for all.
qualify row_number() over (
    partition by spellings.source_system, spellings.channel
    order by mapping.source_system = '*'
) = 1
