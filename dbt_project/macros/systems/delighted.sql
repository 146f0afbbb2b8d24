{#
    The responses as last exported, with the person taken out of its cell: an id, or the person as
    JSON. Without either the e-mail address names the person.
    Staging models read raw only, not each other; hence a macro.
#}
{% macro delighted_responses() -%}
    (
        with

        responses as (
            select * from {{ current_records('delighted', 'responses', with_first_export=true) }}
        ),

        persons as (
            select
                *,
                case when starts_with(person, '{') then try_cast(person as json) end as person_json
            from responses
        ),

        stated as (
            select
                * exclude (email, name, phone_number),
                nullif(
                    trim(coalesce(email, json_extract_string(person_json, '$.email'))), ''
                ) as person_email,
                nullif(
                    trim(coalesce(name, json_extract_string(person_json, '$.name'))), ''
                ) as person_name,
                nullif(
                    trim(coalesce(phone_number, json_extract_string(person_json, '$.phone_number'))), ''
                ) as person_phone
            from persons
        )

        select
            *,
            coalesce(
                json_extract_string(person_json, '$.id'),
                case when person_json is null then nullif(trim(person), '') end,
                'email:' || lower(person_email)
            ) as person_id
        from stated
    )
{%- endmacro %}
