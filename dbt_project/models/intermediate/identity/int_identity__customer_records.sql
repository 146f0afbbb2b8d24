with

records as (
    select * from {{ ref('int_identity__records') }}
),

clusters as (
    select * from {{ source('matching', 'clusters') }}
),

links as (
    select * from {{ ref('int_identity__links') }}
),

touched as (
    select
        record_number_a as record_number,
        link_rule,
        link_score,
        outcome,
        answer
    from links
    union all
    select
        record_number_b as record_number,
        link_rule,
        link_score,
        outcome,
        answer
    from links
),

ties as (
    select
        record_number,
        -- The surest link of the record to another one of its customer.
        min_by(
            struct_pack(link_rule := link_rule, link_score := link_score),
            row(link_rule != 'answer', -link_score, link_rule)
        ) filter (where outcome = 'joined') as surest_link,
        count(*) filter (where outcome = 'joined') as count_links,
        count(*) filter (where outcome = 'refused') as count_refused_links,
        count(answer) as count_answers
    from touched
    group by record_number
)

select
    records.source_system,
    records.source_object,
    records.source_record_id,
    {{ surrogate_key([
        'senior.source_system', 'senior.source_object', 'senior.source_record_id'
    ]) }} as customer_key,
    records.record_number,
    records.is_organisation,
    records.email_normalised,
    records.phone_e164,
    -- A record without a link is a customer of its own, for certain as far as anybody knows.
    coalesce(ties.surest_link.link_rule, 'single_record') as link_rule,
    coalesce(ties.surest_link.link_score, 1) as link_score,
    coalesce(ties.count_links, 0) as count_links,
    coalesce(ties.count_refused_links, 0) as count_refused_links,
    coalesce(ties.count_answers, 0) > 0 as is_reviewed
from records
inner join clusters on records.record_number = clusters.record_number
inner join records as senior on clusters.senior_record_number = senior.record_number
left join ties on records.record_number = ties.record_number
