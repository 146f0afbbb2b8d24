{{ config(
    materialized='incremental',
    incremental_strategy='kept_rows',
    unique_key=['identifier_kind', 'identifier_value'],
    on_schema_change='fail',
) }}

with

-- Read several times, for few columns each: cheaper than one copy of all.
records as not materialized (
    select * from {{ ref('int_identity__records') }}
),

placeholders as (
    select * from {{ ref('identity_placeholders') }}
),

{{ identifier_candidates() }},

stated as (
    {{ stated_identifiers('candidates') }}
),

external_ids as (
    select * from stated
    where identifier_kind = 'external_id'
    union -- one record may state an id twice
    -- The record that another one points at is known by its own system and id.
    select
        record_number,
        record_fingerprint,
        'external_id' as identifier_kind,
        source_system || ':' || source_record_id as identifier_value
    from candidates
    where
        source_system || ':' || source_record_id in (
            select stated.identifier_value
            from stated
            where stated.identifier_kind = 'external_id'
        )
),

identifiers as (
    select * from stated
    where identifier_kind != 'external_id' and {{ is_identifier_touched() }}
    union all
    select * from external_ids
    where {{ is_identifier_touched() }}
),

shared as (
    select
        identifiers.identifier_kind,
        identifiers.identifier_value,
        count(*) as count_records,
        {{ fingerprint_of_all(fingerprint([
            'identifiers.identifier_kind', 'identifiers.identifier_value',
            'identifiers.record_number', 'identifiers.record_fingerprint',
        ])) }} as identifier_fingerprint,
        min(identifiers.record_number) as first_record_number,
        count(distinct case
            when identifiers.identifier_kind = 'organisation_name' then records.city
        end) as count_cities,
        count(distinct coalesce(
            -- Branches of a chain are told by their city.
            records.organisation_name || case
                when identifiers.identifier_kind = 'domain' then coalesce(' ' || records.city, '')
                else ''
            end,
            coalesce(records.given_name, '') || ' ' || records.family_name,
            records.given_name
        )) as count_names
    from identifiers
    inner join records on identifiers.record_number = records.record_number
    group by identifiers.identifier_kind, identifiers.identifier_value
),

limits as (
    {%- for kind in [
        'national_id', 'loyalty_number', 'email', 'phone', 'domain', 'organisation_name'
    ] %}
        select
            '{{ kind }}' as identifier_kind,
            {{ setting(kind ~ '_limit') }} as count_names_allowed
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

judged as (
    select
        shared.*,
        case
            when placeholders.reason is not null then placeholders.reason
            when mailboxes.reason is not null then mailboxes.reason
            when
                shared.identifier_kind in ('national_id', 'loyalty_number', 'phone')
                and {{ is_filler('shared.identifier_value') }}
                then 'placeholder'
            when
                shared.identifier_kind = 'email'
                and {{ is_placeholder_email('shared.identifier_value') }}
                then 'placeholder'
            when greatest(shared.count_names, shared.count_cities) > limits.count_names_allowed
                then 'more people than company.yml allows'
        end as distrust_reason
    from shared
    left join limits on shared.identifier_kind = limits.identifier_kind
    left join placeholders
        on
            shared.identifier_kind = placeholders.identifier_kind
            and shared.identifier_value = placeholders.value
    left join placeholders as mailboxes
        on
            shared.identifier_kind = 'email'
            and mailboxes.identifier_kind = 'email_local'
            and split_part(shared.identifier_value, '@', 1) = mailboxes.value
)

select
    identifiers.record_number,
    identifiers.identifier_kind,
    identifiers.identifier_value,
    judged.count_records,
    judged.count_names,
    judged.first_record_number,
    judged.distrust_reason,
    identifiers.record_fingerprint,
    judged.identifier_fingerprint
from identifiers
inner join judged
    on
        identifiers.identifier_kind = judged.identifier_kind
        and identifiers.identifier_value = judged.identifier_value
{%- if has_kept_rows() %}
    union all
    -- Stated by nobody, or not any more.
    select
        null as record_number,
        touched_values.identifier_kind,
        touched_values.identifier_value,
        null as count_records,
        null as count_names,
        null as first_record_number,
        null as distrust_reason,
        null as record_fingerprint,
        null as identifier_fingerprint
    from touched_values
    where
        (touched_values.identifier_kind, touched_values.identifier_value) not in (
            select (judged.identifier_kind, judged.identifier_value) from judged
        )
{%- endif %}
