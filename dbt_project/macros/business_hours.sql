{#
    Business time between two instants without a row per minute: settings.business_hours holds the
    open seconds up to every segment of UTC time, so that the difference of two look-ups counts.

    A look-up joins the one segment an instant lies in: equality on schedule and UTC day first, so
    that engines hash it. NULL before the first day of the calendar.
#}
{% macro join_business_hours(alias, schedule, instant) -%}
    left join {{ source('settings', 'business_hours') }} as {{ alias }}
        on
            {{ schedule }} = {{ alias }}.schedule_name
            and cast({{ instant }} as date) = {{ alias }}.utc_date
            and {{ instant }} >= {{ alias }}.starts_at
            and {{ instant }} < {{ alias }}.ends_at
{%- endmacro %}


{# Open seconds of the schedule up to the instant that join_business_hours looked up. #}
{% macro open_seconds(alias, instant) -%}
    {{ alias }}.open_seconds_before
    + case
        when {{ alias }}.is_open then {{ seconds_between(alias ~ '.starts_at', instant) }} else 0
    end
{%- endmacro %}


{# A status, channel or priority as it is looked up: lower case without spaces around it. #}
{% macro lookup_value(column) -%}
    lower(trim({{ column }}))
{%- endmacro %}


{# True for a message to or from the customer; a reply that is not marked is public. #}
{% macro is_public_reply(event_type='event_type', to_value='to_value') -%}
    (
        {{ lookup_value(event_type) }} in ('reply', 'comment', 'message')
        and coalesce({{ lookup_value(to_value) }}, 'public') not in ('internal', 'private', 'note')
    )
{%- endmacro %}
