{# Every case with the groups by which service marts cut; nothing said is a group of its own. #}
{% macro cases_grouped() -%}
    select
        *,
        cast(date_trunc('month', opened_at) as date) as opened_month,
        coalesce(channel, 'unknown') as channel_group,
        coalesce(category, 'unknown') as category_group,
        case is_complaint when true then 'complaint' when false then 'other' else 'unknown' end
            as kind
    from {{ ref('fct_cases') }}
{%- endmacro %}
