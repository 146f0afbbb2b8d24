with

files as (
    select * from {{ source('audit', 'input_files') }}
),

control_totals as (
    {{ union_control_totals() }}
),

-- File to raw: every row of a file is loaded or in quarantine.
file_rows as (
    select
        system as source_system,
        object as entity,
        'file_to_raw' as stage,
        'rows' as measure,
        cast(sum(rows_in_file) as decimal(28, 4)) as expected,
        cast(sum(rows_loaded + rows_quarantined) as decimal(28, 4)) as actual
    from files
    where status = 'loaded'
    group by system, object
),

staged as (
    {% for entity, measures in {
        'customers': [],
        'orders': ['net_revenue', 'refund_amount', 'shipping_amount'],
        'order_lines': ['net_revenue', 'quantity'],
        'payments': ['amount'],
        'products': [],
        'survey_responses': ['score'],
        'cases': [],
        'interactions': [],
        'opportunities': ['amount'],
        'campaigns': [],
        'campaign_members': [],
        'referrals': [],
        'loyalty_events': ['points'],
        'costs': ['amount'],
    }.items() -%}
        {%- set domain = {
            'order_lines': 'orders', 'payments': 'orders', 'survey_responses': 'surveys',
            'cases': 'service', 'interactions': 'channels', 'opportunities': 'sales',
            'campaign_members': 'campaigns', 'referrals': 'loyalty', 'loyalty_events': 'loyalty',
        }.get(entity, entity) -%}
        {%- set relation = ref('int_' ~ domain ~ '__' ~ entity ~ '_unioned') -%}
        {{ entity_totals(relation, entity, measures) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

raw_to_staging as (
    select
        control_totals.source_system,
        control_totals.entity,
        'raw_to_staging' as stage,
        control_totals.measure,
        control_totals.value as expected,
        -- An entity without any row has no group above: that is zero, not unknown.
        coalesce(staged.value, 0) as actual
    from control_totals
    left join staged
        on
            control_totals.source_system = staged.source_system
            and control_totals.entity = staged.entity
            and control_totals.measure = staged.measure
    where
        control_totals.measure != 'exported'
        and not starts_with(control_totals.measure, 'left out: ')
),

-- What staging leaves out on purpose, by reason: with what is staged it makes up all that came.
left_out_by_staging as (
    select
        source_system,
        entity,
        'explained' as stage,
        measure,
        value as expected,
        value as actual
    from control_totals
    where starts_with(measure, 'left out: ')
),

explained as (
    select
        exported.source_system,
        exported.entity,
        'explained' as stage,
        'rows' as measure,
        exported.value as expected,
        -- Nothing staged and nothing left out are zero, not unknown.
        coalesce(staged.value, 0) + coalesce(sum(left_out.actual), 0) as actual
    from control_totals as exported
    left join staged
        on
            exported.source_system = staged.source_system
            and exported.entity = staged.entity
            and staged.measure = 'rows'
    left join left_out_by_staging as left_out
        on
            exported.source_system = left_out.source_system
            and exported.entity = left_out.entity
    where exported.measure = 'exported'
    group by exported.source_system, exported.entity, exported.value, staged.value
),

published as (
    {{ entity_totals(ref('customer_identities'), 'customers', []) }}
    union all
    {{ entity_totals(ref('fct_orders'), 'orders', ['net_revenue', 'refund_amount']) }}
    union all
    {{ entity_totals(ref('fct_order_lines'), 'order_lines', ['net_revenue']) }}
    union all
    {{ entity_totals(ref('fct_survey_responses'), 'survey_responses', ['score']) }}
),

-- What the marts leave out on purpose, counted so that the rest is exact.
orders_left_out as (
    select * from {{ ref('int_orders__orders_unioned') }}
    where ordered_at >= {{ setting('as_of_date') }} + interval 1 day
),

lines_left_out as (
    select lines.*
    from {{ ref('int_orders__order_lines_unioned') }} as lines
    -- Lines of an order that its system has deleted go with it.
    left join {{ ref('int_orders__orders_unioned') }} as orders
        on lines.source_system = orders.source_system and lines.order_id = orders.order_id
    where
        orders.order_id is null
        or orders.ordered_at >= {{ setting('as_of_date') }} + interval 1 day
),

responses_left_out as (
    select * from {{ ref('int_surveys__survey_responses_unioned') }}
    where
        score is null
        or coalesce(responded_at, invited_at) >= {{ setting('as_of_date') }} + interval 1 day
),

left_out as (
    {{ entity_totals('orders_left_out', 'orders', ['net_revenue', 'refund_amount']) }}
    union all
    {{ entity_totals('lines_left_out', 'order_lines', ['net_revenue']) }}
    union all
    {{ entity_totals('responses_left_out', 'survey_responses', ['score']) }}
),

-- What a mart carries; the rest ends at staging until a mart needs it. Named, not taken from what
-- arrived: a mart that lost everything would vanish from its own check.
carried as (
    {% for entity, measures in {
        'customers': ['rows'],
        'orders': ['rows', 'net_revenue', 'refund_amount'],
        'order_lines': ['rows', 'net_revenue'],
        'survey_responses': ['rows', 'score'],
    }.items() -%}
        {%- set is_last_entity = loop.last -%}
        {%- for measure in measures -%}
            select
                '{{ entity }}' as entity,
                '{{ measure }}' as measure
            {% if not (is_last_entity and loop.last) %}union all{% endif %}
        {% endfor %}
    {%- endfor %}
),

staging_to_marts as (
    select
        staged.source_system,
        staged.entity,
        'staging_to_marts' as stage,
        staged.measure,
        staged.value - coalesce(left_out.value, 0) as expected,
        coalesce(published.value, 0) as actual
    from staged
    inner join carried
        on staged.entity = carried.entity and staged.measure = carried.measure
    left join published
        on
            staged.source_system = published.source_system
            and staged.entity = published.entity
            and staged.measure = published.measure
    left join left_out
        on
            staged.source_system = left_out.source_system
            and staged.entity = left_out.entity
            and staged.measure = left_out.measure
),

steps as (
    select * from file_rows
    union all
    select * from raw_to_staging
    union all
    select * from explained
    union all
    select * from left_out_by_staging
    union all
    select * from staging_to_marts
)

select
    source_system,
    entity,
    stage,
    measure,
    cast(expected as decimal(28, 4)) as expected,
    cast(actual as decimal(28, 4)) as actual,
    cast(actual - expected as decimal(28, 4)) as difference
from steps
