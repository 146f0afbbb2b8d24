{%- set dimensions = [
    'product_quality', 'service_quality', 'price', 'communication', 'brand', 'personal_attention',
    'convenience',
] -%}
with

questionnaires as (
    select * from {{ ref('int_surveys__questionnaires') }}
),

texts as (
    select * from {{ source('statistics', 'feedback_texts') }}
),

drivers as (
    select * from {{ source('statistics', 'satisfaction_drivers') }}
    where analysis = 'survey_dimensions' and outcome = 'satisfaction' and status = 'ok'
),

-- What each dimension weighs in the index: what it weighs in overall satisfaction. Where that
-- cannot be told, all weigh the same; one that nearly nobody was asked about weighs nothing.
weights as (
    select
    {%- for dimension in dimensions %}
            case
                when count(*) = 0 then 1.0
                else coalesce(max(case when driver = '{{ dimension }}' then relative_weight end), 0)
            end as {{ dimension }}{{ ',' if not loop.last }}
    {%- endfor %}
    from drivers
),

orders as (
    select * from {{ ref('fct_orders') }}
),

indexed as (
    select
        questionnaires.*,
        (
            {%- for dimension in dimensions %}
                coalesce(weights.{{ dimension }} * questionnaires.{{ dimension }}_0_100, 0)
                {{- ' +' if not loop.last }}
            {%- endfor %}
        ) as weighted_sum,
        (
            {%- for dimension in dimensions %}
                case
                    when questionnaires.{{ dimension }}_0_100 is not null
                        then weights.{{ dimension }}
                    else 0
                end
                {{- ' +' if not loop.last }}
            {%- endfor %}
        ) as weight_known,
        (
            {%- for dimension in dimensions %}
                cast(questionnaires.{{ dimension }}_0_100 is not null as bigint)
                {{- ' +' if not loop.last }}
            {%- endfor %}
        ) as count_dimensions
    from questionnaires
    cross join weights
)

select
    {{ surrogate_key(['indexed.source_system', 'indexed.response_id']) }} as feedback_key,
    indexed.source_system,
    indexed.response_id,
    indexed.customer_key,
    indexed.order_key,
    indexed.case_key,
    indexed.product_key,
    indexed.survey_type,
    indexed.touchpoint,
    indexed.channel,
    indexed.order_channel,
    -- The product that the answer names says more than the order around it.
    coalesce(indexed.product_category, orders.main_category) as product_category,
    indexed.invited_at,
    indexed.responded_at,
    indexed.overall_score,
    indexed.scale_min,
    indexed.scale_max,
    indexed.overall_0_100,
    cast(indexed.weighted_sum / nullif(indexed.weight_known, 0) as double) as satisfaction_index,
    cast(indexed.count_dimensions as bigint) as count_dimensions,
    case
        when indexed.survey_type = 'nps' and indexed.overall_score >= 9 then 'promoter'
        when indexed.survey_type = 'nps' and indexed.overall_score >= 7 then 'passive'
        when indexed.survey_type = 'nps' and indexed.overall_score is not null then 'detractor'
    end as nps_category,
    indexed.comment,
    texts.comment_language,
    texts.polarity,
    texts.polarity_score,
    texts.topics
from indexed
left join orders on indexed.order_key = orders.order_key
left join texts
    on
        indexed.source_system = texts.source_system
        and indexed.response_id = texts.response_id
