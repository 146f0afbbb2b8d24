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

{{ standard_channel_names() }}
