{#
    Consents that a system keeps as a flag on its customers: one row per change of the flag, seen by
    comparing the exports. A change is recorded when the system says the record was changed, else
    at the export that showed it first.

    `flags` maps a column to the channel it is for.
#}
{% macro consent_changes(system, object, key, flags) -%}
    {%- set contract = source_contract(system, object) -%}
    (
        with

        {% for flag, channel in flags.items() -%}
        {{ flag }}_stated as (
            select
                {{ key }} as customer_id,
                '{{ channel }}' as channel,
                cast({{ flag }} as boolean) as is_granted,
                coalesce(
                    {%- if contract.watermark %}
                    try_cast({{ contract.watermark }} as timestamp),
                    {%- endif %}
                    _exported_at
                ) as recorded_at,
                _exported_at,
                _content_hash,
                _file_name,
                _row_number
            from {{ source('raw', system ~ '__' ~ object) }}
            where {{ flag }} is not null
        ),

        {% endfor -%}
        stated as (
            {% for flag in flags -%}
            select * from {{ flag }}_stated
            {% if not loop.last %}union all{% endif %}
            {% endfor -%}
        ),

        -- The export that speaks last of one moment is right about it.
        moments as (
            select * from stated
            qualify row_number() over (
                partition by customer_id, channel, recorded_at
                order by _exported_at desc, _content_hash desc, _row_number desc
            ) = 1
        ),

        changes as (
            select
                *,
                lag(is_granted) over (
                    partition by customer_id, channel
                    order by recorded_at
                ) as was_granted
            from moments
        )

        select
            customer_id,
            channel,
            'marketing' as purpose,
            is_granted,
            recorded_at,
            _file_name,
            _row_number
        from changes
        where is_granted is distinct from was_granted
    )
{%- endmacro %}
