with

records as (
    select * from {{ ref('int_identity__records') }}
),

components as (
    select * from {{ ref('int_identity__components') }}
),

-- The most reliable rule that ties the record to another one.
rules as (
    select
        record_number,
        min(case identifier_kind when 'external_id' then 1 when 'email' then 2 else 3 end)
            as rule_rank
    from {{ ref('int_identity__identifiers') }}
    where is_link
    group by record_number
),

clustered as (
    select
        records.*,
        coalesce(components.component, records.record_number) as senior_record_number,
        rules.rule_rank
    from records
    left join components on records.record_number = components.node
    left join rules on records.record_number = rules.record_number
),

keyed as (
    select
        clustered.*,
        {{ surrogate_key([
            'senior.source_system', 'senior.source_object', 'senior.source_record_id'
        ]) }} as customer_key
    from clustered
    inner join records as senior on clustered.senior_record_number = senior.record_number
)

select
    source_system,
    source_object,
    source_record_id,
    customer_key,
    record_number,
    email_normalised,
    phone_e164,
    case rule_rank
        when 1 then 'external_id'
        when 2 then 'email'
        when 3 then 'phone_and_given_name'
        else 'single_record'
    end as link_rule,
    cast(case rule_rank
        when 1 then {{ setting('external_id_reliability') }}
        when 2 then {{ setting('email_reliability') }}
        when 3 then {{ setting('phone_reliability') }}
        else 1
    end as double) as link_score
from keyed
