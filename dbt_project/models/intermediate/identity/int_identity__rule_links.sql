{{ config(
    materialized='incremental',
    incremental_strategy='kept_rows',
    unique_key='identifier_fingerprint',
    on_schema_change='fail',
) }}

with

shared as (
    select *
    from {{ ref('int_identity__identifiers') }}
    where count_records > 1 and distrust_reason is null
),

unlinked as (
    select * from shared
    {%- if has_kept_rows() %}
        where
            identifier_fingerprint not in (select old.identifier_fingerprint from {{ this }} as old)
    {%- endif %}
),

records as (
    select
        *,
        -- Records that agree in all that the guards look at are judged once.
        {{ surrogate_key([
            'is_organisation', 'organisation_name', 'given_name', 'family_name', 'generation',
            'birth_date', 'national_id', 'loyalty_number',
            'case when is_organisation then city end'
        ]) }} as variant
    from {{ ref('int_identity__records') }}
    where record_number in (select unlinked.record_number from unlinked)
),

-- What several records state and nothing speaks against.
trusted as (
    select
        unlinked.identifier_kind,
        unlinked.identifier_value,
        unlinked.identifier_fingerprint,
        unlinked.record_number,
        -- What one system says of another's records needs no name.
        case
            when
                unlinked.identifier_kind in
                ('email', 'phone', 'domain', 'national_id', 'loyalty_number')
                then records.variant
            when unlinked.identifier_kind = 'organisation_name'
                then records.variant || coalesce(records.web_domain, '')
            when unlinked.identifier_kind = 'name_and_address'
                then coalesce(records.generation, '')
            else ''
        end as variant
    from unlinked
    inner join records on unlinked.record_number = records.record_number
),

variants as (
    select
        identifier_kind,
        identifier_value,
        identifier_fingerprint,
        variant,
        min(record_number) as first_record_number
    from trusted
    group by identifier_kind, identifier_value, identifier_fingerprint, variant
),

-- Within a variant every record is held against the first; between variants, the first of each
-- against the first of every other: all of them, so that no guard cuts off what another way joins.
pairs as (
    select
        trusted.identifier_kind,
        trusted.identifier_value,
        trusted.identifier_fingerprint,
        variants.first_record_number as record_number_a,
        trusted.record_number as record_number_b
    from trusted
    inner join variants
        on
            trusted.identifier_kind = variants.identifier_kind
            and trusted.identifier_value = variants.identifier_value
            and trusted.variant = variants.variant
    where variants.first_record_number != trusted.record_number
    union all
    select
        one.identifier_kind,
        one.identifier_value,
        one.identifier_fingerprint,
        one.first_record_number as record_number_a,
        other.first_record_number as record_number_b
    from variants as one
    inner join variants as other
        on
            one.identifier_kind = other.identifier_kind
            and one.identifier_value = other.identifier_value
            and one.first_record_number < other.first_record_number
),

compared as (
    select
        pairs.*,
        a.given_name is not null and b.given_name is not null
        and {{ given_names_alike('a', 'b') }} as is_name_alike,
        case
            when pairs.identifier_kind = 'external_id' then null
            when a.is_organisation != b.is_organisation then 'person_and_organisation'
            when {{ unique_ids_differ('a', 'b') }} then 'unique_ids_differ'
            -- An id that was written for somebody else: nothing of the two agrees.
            when
                pairs.identifier_kind in ('national_id', 'loyalty_number')
                and {{ given_names_differ('a', 'b') }}
                and {{ family_names_differ('a', 'b') }}
                and (
                    a.birth_date is null
                    or b.birth_date is null
                    or {{ birth_dates_differ('a', 'b') }}
                )
                then 'names_differ'
            when pairs.identifier_kind in ('national_id', 'loyalty_number') then null
            -- John Smith Sr. and Jr.
            when a.generation != b.generation then 'generations_differ'
            when pairs.identifier_kind = 'name_and_address' then null
            when {{ titles_differ('a', 'b', 'organisation_name') }} then 'names_differ'
            -- Acme East and Acme West share the website of Acme.
            when
                pairs.identifier_kind = 'domain'
                and a.organisation_name != b.organisation_name
                and a.city != b.city
                then 'branches'
            -- Two firms took one name: in two cities, or under two websites.
            when
                pairs.identifier_kind = 'organisation_name'
                and {{ titles_differ('a', 'b', 'city') }}
                then 'branches'
            when
                pairs.identifier_kind = 'organisation_name'
                and split_part(a.web_domain, '.', 1) != split_part(b.web_domain, '.', 1)
                then 'websites_differ'
            when {{ given_names_differ('a', 'b') }} then 'names_differ'
            when {{ birth_dates_differ('a', 'b') }} then 'birth_dates_differ'
            when
                pairs.identifier_kind = 'phone'
                and {{ family_names_differ('a', 'b') }}
                then 'names_differ'
        end as guard,
        a.is_organisation,
        coalesce(a.city = b.city, false) as is_city_same
    from pairs
    inner join records as a on pairs.record_number_a = a.record_number
    inner join records as b on pairs.record_number_b = b.record_number
),

-- A mailbox or phone that two people turn out to share, a name that two firms do.
shared_by_people as (
    select distinct -- however many they are
        identifier_kind,
        identifier_value
    from compared
    where guard is not null
)

select
    compared.record_number_a,
    compared.record_number_b,
    compared.identifier_kind,
    compared.identifier_value,
    case
        when compared.guard is not null then compared.guard
        -- Acme of Boston and Acme of Chicago: which of them is the Acme of no place?
        when
            compared.identifier_kind = 'organisation_name'
            and shared_by_people.identifier_value is not null
            and not compared.is_city_same
            then 'several_of_the_name'
        when compared.identifier_kind not in ('email', 'phone') then null
        when compared.is_organisation or compared.is_name_alike then null
        -- A household or an office shares its phone: only with the name does it mean one person.
        when compared.identifier_kind = 'phone' then 'names_not_known'
        when shared_by_people.identifier_value is not null then 'shared_by_people'
    end as guard,
    cast(case compared.identifier_kind
        {%- for kind in [
            'external_id', 'national_id', 'loyalty_number', 'email', 'phone', 'domain',
            'name_and_address', 'organisation_name'
        ] %}
            when '{{ kind }}' then {{ setting(kind ~ '_reliability') }}
        {%- endfor %}
    end as double) as link_score,
    compared.identifier_fingerprint
from compared
left join shared_by_people
    on
        compared.identifier_kind = shared_by_people.identifier_kind
        and compared.identifier_value = shared_by_people.identifier_value
{%- if has_kept_rows() %}
    union all
    -- Of values that others share now, or nobody.
    select
        null as record_number_a,
        null as record_number_b,
        null as identifier_kind,
        null as identifier_value,
        null as guard,
        null as link_score,
        kept.identifier_fingerprint
    from {{ this }} as kept
    where kept.identifier_fingerprint not in (
        select shared.identifier_fingerprint from shared
    )
{%- endif %}
