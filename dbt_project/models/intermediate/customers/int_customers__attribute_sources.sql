{%- set attributes = surviving_attributes() -%}

with

records as (
    select * from {{ ref('int_customers__records_ranked') }}
    where count_customer_records > 1
),

statements as (
    {%- for attribute in attributes %}
        select
            customer_key,
            '{{ attribute.name }}' as attribute,
            record_number,
            {{ attribute.value }} as value,
            {{ attribute.is_complete }} as is_complete,
            trust_rank,
            changed_at
        from records
        where {{ attribute.value }} is not null
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

counted as (
    select
        *,
        count(*) over (partition by customer_key, attribute, value) as count_same_value
    from statements
),

ranked as (
    select
        *,
        row_number() over (
            partition by customer_key, attribute
            order by
                is_complete desc, trust_rank, changed_at desc, count_same_value desc, record_number
        ) as statement_rank
    from counted
),

winners as (
    select * from ranked
    where statement_rank = 1
),

-- The best statement that says something else: what it lost by is the rule that decided.
rivals as (
    select
        ranked.customer_key,
        ranked.attribute,
        min(ranked.statement_rank) as statement_rank,
        count(distinct ranked.value) as count_other_values
    from ranked
    inner join winners
        on
            ranked.customer_key = winners.customer_key
            and ranked.attribute = winners.attribute
    where ranked.value != winners.value
    group by ranked.customer_key, ranked.attribute
),

sizes as (
    select
        customer_key,
        attribute,
        count(*) as count_statements
    from statements
    group by customer_key, attribute
)

select
    winners.customer_key,
    winners.attribute,
    winners.record_number,
    case
        when sizes.count_statements = 1 then 'only_statement'
        when rivals.statement_rank is null then 'agreement'
        when winners.is_complete != rival.is_complete then 'most_complete'
        when winners.trust_rank != rival.trust_rank then 'most_trusted'
        when winners.changed_at != rival.changed_at then 'most_recent'
        when winners.count_same_value != rival.count_same_value then 'most_frequent'
        else 'most_senior'
    end as survived_by,
    sizes.count_statements,
    coalesce(rivals.count_other_values, 0) + 1 as count_values -- nobody says otherwise
from winners
inner join sizes
    on
        winners.customer_key = sizes.customer_key
        and winners.attribute = sizes.attribute
left join rivals
    on
        winners.customer_key = rivals.customer_key
        and winners.attribute = rivals.attribute
left join ranked as rival
    on
        rivals.customer_key = rival.customer_key
        and rivals.attribute = rival.attribute
        and rivals.statement_rank = rival.statement_rank
