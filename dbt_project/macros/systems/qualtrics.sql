{#
    The responses that count: previews, tests and spam are none. The export writes words or, with
    numeric values, the sum of 1 preview, 2 test, 4 imported, 8 spam, 16 offline.
    Staging models read raw only, not each other; hence a macro.
#}
{% macro qualtrics_responses() -%}
    (
        select *
        from {{ current_records('qualtrics', 'responses', with_first_export=true) }}
        where
            not regexp_matches(lower(coalesce(status, '')), 'preview|test|spam')
            and coalesce(try_cast(status as integer), 0) & 11 = 0
    )
{%- endmacro %}


{# The record of a response's recipient; NULL for an anonymous one. #}
{% macro qualtrics_customer_id() -%}
    case
        when coalesce(nullif(trim(recipient_email), ''), nullif(trim(external_reference), '')) is not null
            then 'response:' || response_id
    end
{%- endmacro %}
