{%- set of_links = [
    'link_rule', 'link_score', 'count_links', 'count_refused_links', 'is_reviewed',
] %}
{{ config(
    materialized='incremental',
    incremental_strategy='kept_rows',
    unique_key='keyed_fingerprint',
    merge_update_columns=of_links,
    on_schema_change='fail',
) }}

with

-- Read several times, for few columns each: cheaper than one copy of all.
records as not materialized (
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
        -- The surest link of the record to another one of its customer; of equally sure ones the
        -- first by name. Judged by one number: comparing rows takes twice as long.
        max_by(
            link_rule,
            link_score - 1e-12 * case link_rule
                {%- for link_rule in [
                    'answer', 'domain_and_name', 'email', 'external_id', 'likeness',
                    'loyalty_number', 'name_and_address', 'national_id', 'only_of_name',
                    'organisation_name', 'phone_and_name'
                ] %}
                    when '{{ link_rule }}' then {{ loop.index }}
                {%- endfor %}
                else 0
            end
        ) filter (where outcome = 'joined') as link_rule,
        max(link_score) filter (where outcome = 'joined') as link_score, -- an answer's is 1
        count(*) filter (where outcome = 'joined') as count_links,
        count(*) filter (where outcome = 'refused') as count_refused_links,
        count(answer) as count_answers
    from touched
    group by record_number
),

keyed as (
    select
        records.record_number,
        clusters.senior_record_number,
        -- All that decides besides the links.
        {{ fingerprint([
            'records.record_number', 'records.record_fingerprint', 'senior.record_fingerprint'
        ]) }} as keyed_fingerprint
    from records
    inner join clusters on records.record_number = clusters.record_number
    inner join records as senior on clusters.senior_record_number = senior.record_number
),

linked as (
    select
        keyed.*,
        -- A record without a link is a customer of its own, for certain as far as anybody knows.
        coalesce(ties.link_rule, 'single_record') as link_rule,
        coalesce(ties.link_score, 1) as link_score,
        coalesce(ties.count_links, 0) as count_links,
        coalesce(ties.count_refused_links, 0) as count_refused_links,
        coalesce(ties.count_answers, 0) > 0 as is_reviewed
    from keyed
    left join ties on keyed.record_number = ties.record_number
),

today as (
    select
        *,
        {{ fingerprint(of_links) }} as links_fingerprint
    from linked
),

-- Scores move every day, whose record is whose hardly ever.
{%- if has_kept_rows() %}
    kept as (
        select
            keyed_fingerprint,
            {{ fingerprint(of_links) }} as links_fingerprint
        from {{ this }}
    ),

    changed as materialized (
        select
            today.* replace (
                coalesce(today.keyed_fingerprint, kept.keyed_fingerprint) as keyed_fingerprint
            ),
            kept.keyed_fingerprint is null as is_new
        from today
        -- What is only kept is gone, stated otherwise now, or another customer's: an empty row.
        full join kept on today.keyed_fingerprint = kept.keyed_fingerprint
        where today.links_fingerprint is distinct from kept.links_fingerprint
    )
{%- else %}
    changed as (
        select
            *,
            true as is_new
        from today
    )
{%- endif %}

select
    records.source_system,
    records.source_object,
    records.source_record_id,
    {{ surrogate_key([
        'senior.source_system', 'senior.source_object', 'senior.source_record_id'
    ]) }} as customer_key,
    changed.record_number,
    records.is_organisation,
    records.email_normalised,
    records.phone_e164,
    changed.link_rule,
    changed.link_score,
    changed.count_links,
    changed.count_refused_links,
    changed.is_reviewed,
    changed.keyed_fingerprint
from changed
inner join records on changed.record_number = records.record_number
inner join records as senior on changed.senior_record_number = senior.record_number
where changed.is_new
{%- if has_kept_rows() %}
    union all
    -- Nothing but what links decide is written of these, so no texts are looked up.
    select
        case when changed.record_number is not null then '' end as source_system,
        null as source_object,
        null as source_record_id,
        null as customer_key,
        changed.record_number,
        null as is_organisation,
        null as email_normalised,
        null as phone_e164,
        changed.link_rule,
        changed.link_score,
        changed.count_links,
        changed.count_refused_links,
        changed.is_reviewed,
        changed.keyed_fingerprint
    from changed
    where not changed.is_new
{%- endif %}
