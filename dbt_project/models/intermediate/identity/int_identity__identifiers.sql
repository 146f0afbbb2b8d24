with

records as (
    select * from {{ ref('int_identity__records') }}
),

placeholders as (
    select * from {{ ref('identity_placeholders') }}
),

mentioned as (
    select
        record_number,
        trim(external_id) as external_id
    from (
        select
            record_number,
            unnest(string_split(external_ids, ';')) as external_id
        from records
        where external_ids is not null
    ) as listed
    where trim(external_id) != ''
),

stated as (
    select
        record_number,
        'external_id' as identifier_kind,
        external_id as identifier_value
    from mentioned
    union all
    -- The record that another one points at is known by its own system and id.
    select
        record_number,
        'external_id' as identifier_kind,
        source_system || ':' || source_record_id as identifier_value
    from records
    where source_system || ':' || source_record_id in (select mentioned.external_id from mentioned)
    union all
    select
        record_number,
        'email' as identifier_kind,
        email_normalised as identifier_value
    from records
    where email_normalised is not null
    union all
    -- A household shares its phone: only together with the given name does it mean one person.
    select
        record_number,
        'phone' as identifier_kind,
        phone_e164 || '|' || given_name as identifier_value
    from records
    where phone_e164 is not null and given_name is not null
),

-- The same identifier stated twice by one record is one statement.
identifiers as (
    select distinct
        record_number,
        identifier_kind,
        identifier_value
    from stated
),

shared as (
    select
        identifier_kind,
        identifier_value,
        count(*) as count_records,
        min(record_number) as first_record_number
    from identifiers
    group by identifier_kind, identifier_value
),

judged as (
    select
        shared.*,
        case
            when placeholders.reason is not null then placeholders.reason
            when mailboxes.reason is not null then mailboxes.reason
            when
                shared.identifier_kind = 'email'
                and shared.count_records > {{ setting('email_limit') }}
                then 'joins more records than company.yml allows'
            when
                shared.identifier_kind = 'phone'
                and shared.count_records > {{ setting('phone_limit') }}
                then 'joins more records than company.yml allows'
        end as distrust_reason
    from shared
    left join placeholders
        on
            shared.identifier_kind = placeholders.identifier_kind
            and shared.identifier_value = placeholders.value
    left join placeholders as mailboxes
        on
            shared.identifier_kind = 'email'
            and mailboxes.identifier_kind = 'email_local'
            and split_part(shared.identifier_value, '@', 1) = mailboxes.value
    where shared.count_records > 1
)

select
    identifiers.record_number,
    identifiers.identifier_kind,
    identifiers.identifier_value,
    cast(coalesce(judged.count_records, 1) as bigint) as count_records,
    coalesce(judged.first_record_number, identifiers.record_number) as first_record_number,
    judged.count_records is not null and judged.distrust_reason is null as is_link,
    judged.distrust_reason
from identifiers
left join judged
    on
        identifiers.identifier_kind = judged.identifier_kind
        and identifiers.identifier_value = judged.identifier_value
