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
    {%- for kind, column in [
        ('national_id', 'national_id'),
        ('loyalty_number', 'loyalty_number'),
        ('email', 'email_normalised'),
        ('phone', 'phone_e164'),
        ('domain', 'web_domain'),
        ('name_and_address', "organisation_name || '|' || street || '|' || coalesce(postal_code, city)"),
        ('organisation_name', 'organisation_name'),
    ] %}
        union all
        select
            record_number,
            '{{ kind }}' as identifier_kind,
            {{ column }} as identifier_value
        from records
        where {{ column }} is not null
    {%- endfor %}
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
        identifiers.identifier_kind,
        identifiers.identifier_value,
        count(*) as count_records,
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
            -- 0000000, 99-99-99: what fingers type where a form insists.
            when
                shared.identifier_kind in ('national_id', 'loyalty_number', 'phone')
                and length(replace(
                    right(shared.identifier_value, 7), right(shared.identifier_value, 1), ''
                )) = 0
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
    judged.distrust_reason
from identifiers
inner join judged
    on
        identifiers.identifier_kind = judged.identifier_kind
        and identifiers.identifier_value = judged.identifier_value
