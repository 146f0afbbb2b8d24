with

history as (
    select
        customer_key,
        history_month,
        segment_name,
        value_tier,
        lag(segment_name) over (partition by customer_key order by history_month)
            as previous_segment_name,
        lag(value_tier) over (partition by customer_key order by history_month)
            as previous_value_tier
    from {{ ref('mart_segment_history') }}
),

first_months as (
    select min(history_month) as first_month
    from history
),

moves as (
    select
        history.history_month,
        history.previous_segment_name,
        history.segment_name,
        history.previous_value_tier,
        history.value_tier,
        count(*) as count_customers
    from history
    inner join first_months -- that one has no month before it to have come from
        on history.history_month > first_months.first_month
    group by
        history.history_month,
        history.previous_segment_name,
        history.segment_name,
        history.previous_value_tier,
        history.value_tier
),

by_dimension as (
    {% for dimension in ['segment_name', 'value_tier'] -%}
        select
            history_month,
            '{{ dimension }}' as dimension_name,
            -- A customer without a month before has bought for the first time.
            coalesce(previous_{{ dimension }}, '(first purchase)') as from_value,
            {{ dimension }} as to_value,
            cast(sum(count_customers) as bigint) as count_customers
        from moves
        group by
            history_month, coalesce(previous_{{ dimension }}, '(first purchase)'), {{ dimension }}
        {% if not loop.last -%} union all {%- endif %}
    {% endfor -%}
),

totals as (
    select
        *,
        cast(
            sum(count_customers) over (partition by history_month, dimension_name, from_value)
            as bigint
        ) as count_from
    from by_dimension
)

select
    totals.history_month,
    months.is_complete,
    totals.dimension_name,
    totals.from_value,
    totals.to_value,
    totals.from_value = totals.to_value as is_stay,
    totals.count_customers,
    totals.count_from,
    cast(totals.count_customers as double) / totals.count_from as share,
    {{ wilson_bound('totals.count_customers', 'totals.count_from', 'low') }} as share_ci_low,
    {{ wilson_bound('totals.count_customers', 'totals.count_from', 'high') }} as share_ci_high,
    totals.count_from < {{ setting('small_sample_size') }} as is_small_sample
from totals
inner join {{ ref('int_calendar__months') }} as months -- every month of the history is one
    on totals.history_month = months.calendar_month
