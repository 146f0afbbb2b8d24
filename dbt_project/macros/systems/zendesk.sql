{#
    What several staging models of Zendesk need: tickets after merges, comments, channels.
    Staging models read raw only, not each other; hence macros.
#}

{# One row per ticket that was merged, with the ticket it lives on in. #}
{% macro zendesk_merged_tickets() -%}
    (
        with

        merges as (
            select
                unnest(cast(try_cast(merged_ticket_ids as json) as varchar[])) as loser_id,
                id as winner_id
            from {{ current_records('zendesk', 'tickets') }}
            where merged_ticket_ids like '[%'
        )

        select * from ({{ merge_targets('merges') }}) as targets
    )
{%- endmacro %}


{#
    One row per comment, from the tickets themselves or from their history, whichever has it.
    Columns: comment_id, ticket_id, author_id, is_public, created_at, channel, file and row.
#}
{% macro zendesk_comments() -%}
    (
        with

        embedded as (
            select
                id as ticket_id,
                unnest({{ json_list('comments') }}) as comment,
                via,
                _file_name,
                _row_number
            from {{ current_records('zendesk', 'tickets') }}
        ),

        events as (
            select
                ticket_id,
                created_at,
                updater_id,
                unnest({{ json_list('child_events') }}) as comment,
                via,
                _file_name,
                _row_number
            from {{ current_records('zendesk', 'ticket_events') }}
        ),

        stated as (
            select
                json_extract_string(comment, '$.id') as comment_id,
                ticket_id,
                json_extract_string(comment, '$.author_id') as author_id,
                json_extract_string(comment, '$.public') as is_public,
                json_extract_string(comment, '$.created_at') as created_at,
                coalesce(json_extract_string(comment, '$.via'), via) as via,
                1 as preference,
                _file_name,
                _row_number
            from embedded
            union all
            select
                json_extract_string(comment, '$.id') as comment_id,
                ticket_id,
                coalesce(json_extract_string(comment, '$.author_id'), updater_id) as author_id,
                -- The API calls it public in audits, comment_public in the incremental export.
                coalesce(
                    json_extract_string(comment, '$.public'),
                    json_extract_string(comment, '$.comment_public')
                ) as is_public,
                created_at,
                coalesce(json_extract_string(comment, '$.via'), via) as via,
                2 as preference,
                _file_name,
                _row_number
            from events
            where
                coalesce(
                    json_extract_string(comment, '$.event_type'),
                    json_extract_string(comment, '$.type')
                ) in ('Comment', 'VoiceComment')
        )

        select
            comment_id,
            ticket_id,
            author_id,
            coalesce(try_cast(is_public as boolean), true) as is_public, -- public unless said otherwise
            cast(created_at as timestamp) as created_at,
            {{ zendesk_channel('via') }} as channel,
            _file_name,
            _row_number
        from stated
        where comment_id is not null and try_cast(created_at as timestamp) is not null
        -- A comment that the ticket and its history both hold is one comment.
        qualify row_number() over (
            partition by comment_id
            order by preference, created_at, _file_name, _row_number
        ) = 1
    )
{%- endmacro %}


{# The newest rating of a ticket: the API nests it, CSV exports call unoffered Not Offered. #}
{% macro zendesk_score_of_ticket() -%}
    coalesce(
        {{ json_text('satisfaction_rating', '$.score') }},
        replace(lower(trim(satisfaction_score)), 'not offered', 'unoffered')
    )
{%- endmacro %}


{# The entity's channel of a `via`, which is JSON with a channel or just its name. #}
{% macro zendesk_channel(via) -%}
    {%- set name -%}
    replace(
        lower(coalesce(
            json_extract_string(try_cast({{ via }} as json), '$.channel'),
            json_extract_string(try_cast({{ via }} as json), '$'),
            {{ via }}
        )),
        ' ',
        '_'
    )
    {%- endset -%}
    case
        when {{ name }} in ('email', 'mail') then 'email'
        when {{ name }} in ('voice', 'phone', 'phone_call') then 'phone'
        when
            {{ name }} in (
                'chat', 'messaging', 'native_messaging', 'web_messaging', 'whatsapp', 'line', 'wechat',
                'sms', 'sunshine_conversations_api'
            )
            then 'chat'
        when
            {{ name }} in (
                'twitter', 'twitter_dm', 'facebook', 'instagram_dm', 'x_corp', 'any_channel', 'social'
            )
            then 'social'
        when
            {{ name }} in (
                'web', 'web_form', 'web_widget', 'web_service', 'help_center', 'mobile', 'mobile_sdk', 'api'
            )
            then 'web'
        else {{ name }}
    end
{%- endmacro %}


{# What a user says of the customer. A number that several users share identifies none of them. #}
{% macro zendesk_user_columns(users, organizations) -%}
    {{ users }}.id as customer_id,
    'users' as source_object,
    'person' as customer_type,
    nullif(trim({{ users }}.name), '') as full_name,
    nullif(trim({{ organizations }}.name), '') as company_name,
    nullif(trim({{ users }}.email), '') as email,
    case
        when not coalesce(cast({{ users }}.shared_phone_number as boolean), false)
            then nullif(trim({{ users }}.phone), '')
    end as phone,
    'organization:' || {{ users }}.organization_id as organisation_id
{%- endmacro %}


{# What an organisation says of the customer; the first of its mail domains stands for all. #}
{% macro zendesk_organization_columns(organizations) -%}
    'organization:' || {{ organizations }}.id as customer_id,
    'organizations' as source_object,
    'organisation' as customer_type,
    cast(null as varchar) as full_name,
    nullif(trim({{ organizations }}.name), '') as company_name,
    cast(null as varchar) as email,
    cast(null as varchar) as phone,
    cast(null as varchar) as organisation_id
{%- endmacro %}
