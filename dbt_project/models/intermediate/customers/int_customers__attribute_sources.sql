with

records as (
    select * from {{ ref('int_customers__records_ranked') }}
    where count_customer_records > 1
),

ranked as (
    {{ ranked_statements('records', ['customer_key']) }}
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
    from ranked
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
