with

rule_links as (
    select * from {{ ref('int_identity__rule_links') }}
),

likeness as (
    select * from {{ source('matching', 'likeness') }}
),

vetoes as (
    select * from {{ source('matching', 'vetoes') }}
),

answers as (
    select * from {{ ref('int_identity__answers') }}
),

clusters as (
    select * from {{ source('matching', 'clusters') }}
),

stated as (
    select
        rule_links.record_number_a,
        rule_links.record_number_b,
        case rule_links.identifier_kind
            when 'phone' then 'phone_and_name'
            when 'domain' then 'domain_and_name'
            else rule_links.identifier_kind
        end as link_rule,
        max(rule_links.link_score) as link_score,
        cast(null as varchar) as evidence,
        -- The pair may share several external ids.
        min(coalesce(rule_links.guard, vetoes.guard)) as guard,
        null as is_one_customer -- asked of likeness only: what a rule says joins
    from rule_links
    left join vetoes
        on
            rule_links.record_number_a = vetoes.record_number_a
            and rule_links.record_number_b = vetoes.record_number_b
            and not vetoes.is_likeness
    group by
        rule_links.record_number_a, rule_links.record_number_b, rule_links.identifier_kind
    union all
    select
        likeness.record_number_a,
        likeness.record_number_b,
        likeness.link_rule,
        likeness.match_probability as link_score,
        likeness.evidence,
        coalesce(likeness.guard, vetoes.guard) as guard,
        one.senior_record_number = other.senior_record_number as is_one_customer
    from likeness
    inner join clusters as one on likeness.record_number_a = one.record_number
    inner join clusters as other on likeness.record_number_b = other.record_number
    left join vetoes
        on
            likeness.record_number_a = vetoes.record_number_a
            and likeness.record_number_b = vetoes.record_number_b
            and vetoes.is_likeness
    union all
    select
        answers.record_number_a,
        answers.record_number_b,
        'answer' as link_rule,
        cast(case answers.answer when 'same' then 1 else 0 end as double) as link_score,
        cast(null as varchar) as evidence,
        case
            when answers.answer = 'different' then 'answered_different'
            else vetoes.guard
        end as guard,
        null as is_one_customer
    from answers
    left join vetoes
        on
            answers.record_number_a = vetoes.record_number_a
            and answers.record_number_b = vetoes.record_number_b
            and not vetoes.is_likeness
)

select
    stated.record_number_a,
    stated.record_number_b,
    stated.link_rule,
    stated.link_score,
    stated.evidence,
    stated.guard,
    case
        when stated.guard is not null then 'refused'
        when stated.link_rule != 'likeness' then 'joined'
        when stated.link_score >= {{ setting('match_threshold') }} then 'joined'
        when answers.answer is not null then 'answered'
        when stated.is_one_customer then 'joined_otherwise'
        else 'to_review'
    end as outcome,
    answers.answer
from stated
left join answers
    on
        stated.record_number_a = answers.record_number_a
        and stated.record_number_b = answers.record_number_b
