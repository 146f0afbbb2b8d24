{{ config(
    materialized='incremental',
    incremental_strategy='kept_rows',
    unique_key='record_fingerprint',
    on_schema_change='fail',
) }}

{%- set spelt = [
    'source_system', 'source_object', 'source_record_id', 'is_organisation', 'given_name', 'family_name',
    'generation', 'name_forms', 'organisation_name', 'email_normalised', 'phone_e164', 'phone_digits', 'web_domain',
    'birth_date', 'street', 'street_in_short', 'city', 'postal_code', 'national_id', 'loyalty_number',
    'external_ids',
] %}

with

-- Read several times, for few of its many columns or few of its rows: cheaper than a copy of all.
customers as not materialized (
    select
        *,
        coalesce(customer_type = 'organisation', false) as is_organisation, -- no word: a person
        -- All that is read below, except what the record's place among the others follows from.
        {{ fingerprint([
            'source_system', 'source_object', 'customer_id', 'customer_type', 'first_name', 'last_name',
            'full_name', 'company_name', 'email', 'phone', 'birth_date', 'street', 'city', 'postal_code',
            'website', 'national_id', 'loyalty_number', 'external_ids',
        ]) }} as record_fingerprint
    from {{ ref('int_customers__customers_unioned') }}
),

mail_providers as (
    select * from {{ ref('mail_providers') }}
),

numbered as (
    select
        record_fingerprint,
        -- Seniority: the record that was exported first, then system and id. The smallest number of
        -- a cluster names the customer, whatever order the files arrived in.
        row_number() over (
            order by first_exported_at, source_system, customer_id
        ) as record_number
    from customers
),

parents as (
    select
        children.record_fingerprint,
        min(numbered.record_number) as parent_record_number
    from customers as children
    inner join customers as organisations
        on
            children.source_system = organisations.source_system
            and children.parent_organisation_id = organisations.customer_id
            and organisations.is_organisation
    inner join numbered on organisations.record_fingerprint = numbered.record_fingerprint
    group by children.record_fingerprint
),

places as (
    select
        numbered.record_fingerprint,
        numbered.record_number,
        parents.parent_record_number
    from numbered
    left join parents on numbered.record_fingerprint = parents.record_fingerprint
),

-- Most stay where and as they are.
changed as materialized (
    {%- if has_kept_rows() %}
        select
            coalesce(places.record_fingerprint, kept.record_fingerprint) as record_fingerprint,
            places.record_number, -- of none that is gone or stated otherwise now
            places.parent_record_number,
            kept.record_fingerprint is not null as is_spelt
        from places
        full join {{ this }} as kept on places.record_fingerprint = kept.record_fingerprint
        where
            places.record_number is distinct from kept.record_number
            or places.parent_record_number is distinct from kept.parent_record_number
    {%- else %}
        select * from places
    {%- endif %}
),

unspelt as (
    select * from customers
    {%- if has_kept_rows() %}
        where
            record_fingerprint in (
                select changed.record_fingerprint
                from changed
                where not changed.is_spelt
            )
    {%- endif %}
),

-- One of the two is NULL. A join on equality alone: with a condition beside it DuckDB would hold
-- every record against every name.
written as (
    select
        *,
        case
            when is_organisation then null
            else {{ fingerprint(['first_name', 'last_name', 'full_name']) }}
        end as written_person,
        case when is_organisation then coalesce(company_name, full_name, last_name) end
            as written_organisation,
        case
            when
                contains(street, ',')
                or contains(street, ';')
                or contains(street, chr(10))
                or (
                    right(street, 1) between '0' and '9'
                    and regexp_matches(street, '[^0-9][0-9 -]{4,}$')
                )
                or (coalesce(city, postal_code) is null and regexp_matches(street, '^[0-9].* .* '))
                then {{ fingerprint(['street', 'city', 'postal_code']) }}
        end as written_address,
        case when is_organisation then {{ web_domain('website') }} end as website_domain,
        case when is_organisation then {{ web_domain('email') }} end as mail_domain
    from unspelt
),

-- Numbers spelt alike are parsed once: parsing is the costly step. So are names.
phones as (
    select
        phone,
        to_e164(phone, {{ setting('phone_region') }}) as phone_e164
    from (
        select distinct phone
        from unspelt
        where phone is not null
    ) as spellings
),

person_names as (
    select
        written_person,
        person_name(first_name, last_name, full_name) as parts
    from (
        select
            written_person,
            min(first_name) as first_name,
            min(last_name) as last_name,
            min(full_name) as full_name
        from written
        where written_person is not null
        group by written_person
    ) as spellings
),

given_names as (
    select
        given_name,
        name_forms(given_name) as name_forms
    from (
        select distinct parts.given as given_name
        from person_names
        where parts.given is not null
    ) as spellings
),

organisation_names as (
    select
        written_organisation,
        organisation_name(written_organisation) as parts
    from (
        select distinct written_organisation
        from written
        where written_organisation is not null
    ) as spellings
),

-- Streets that may go on with a town or a postal code, or begin with the building.
addresses as (
    select
        written_address,
        address_parts(street, city, postal_code) as parts
    from (
        select
            written_address,
            min(street) as street,
            min(city) as city,
            min(postal_code) as postal_code
        from written
        where written_address is not null
        group by written_address
    ) as spellings
),

named as (
    select
        written.* exclude (street, city, postal_code),
        case when addresses.parts is null then written.street else addresses.parts.street end
            as street,
        case when addresses.parts is null then written.city else addresses.parts.city end as city,
        case
            when addresses.parts is null then written.postal_code
            else addresses.parts.postal_code
        end as postal_code,
        person_names.parts.given as given_name,
        person_names.parts.family as family_name,
        person_names.parts.generation,
        organisation_names.parts.name as organisation_name,
        organisation_names.parts.town
    from written
    left join person_names on written.written_person = person_names.written_person
    left join organisation_names
        on written.written_organisation = organisation_names.written_organisation
    left join addresses on written.written_address = addresses.written_address
),

spelt as (
    select
        named.record_fingerprint,
        named.source_system,
        -- Systems with one object of customers need not name it.
        coalesce(named.source_object, 'customers') as source_object,
        named.customer_id as source_record_id,
        named.is_organisation,
        named.given_name,
        named.family_name,
        named.generation,
        given_names.name_forms,
        named.organisation_name,
        {{ normalise_email('named.email') }} as email_normalised,
        phones.phone_e164,
        -- Seven digits of a town, or a number of another country written as at home.
        case
            when
                phones.phone_e164 is null
                and regexp_matches(regexp_replace(named.phone, '[^0-9]', '', 'g'), '^[0-9]{6,15}$')
                and not {{ is_filler("regexp_replace(named.phone, '[^0-9]', '', 'g')") }}
                then regexp_replace(named.phone, '[^0-9]', '', 'g')
        end as phone_digits,
        -- The website tells more than the mailbox; that of a provider or a network tells nothing.
        case
            when websites.domain is null and named.website_domain is not null
                then named.website_domain
            when mailboxes.domain is null then named.mail_domain
        end as web_domain,
        named.birth_date,
        {{ latin_text('named.street') }} as street,
        {{ street_in_short(latin_text('named.street')) }} as street_in_short,
        coalesce({{ latin_text('named.city') }}, named.town) as city, -- Acme AG, Munich
        nullif(
            regexp_replace(
                lower(
                    case
                        -- The first five digits of 89132-1234: many systems leave out the rest.
                        when length(named.postal_code) >= 9
                            then regexp_replace(
                                trim(named.postal_code), '^([0-9]{5})[ -]?[0-9]{4}$', '\1'
                            )
                        -- Five digits of which a scanner read one or two as letters.
                        when
                            regexp_matches(named.postal_code, '^[0-9OoIiLlSsZzBbQq]{5}$')
                            and regexp_matches(named.postal_code, '([0-9].*){3}')
                            then translate(lower(named.postal_code), 'oqilszb', '0011528')
                        else named.postal_code
                    end
                ),
                '[^a-z0-9]', '', 'g'
            ),
            ''
        ) as postal_code,
        nullif(regexp_replace(lower(named.national_id), '[^a-z0-9]', '', 'g'), '') as national_id,
        nullif(regexp_replace(lower(named.loyalty_number), '[^a-z0-9]', '', 'g'), '')
            as loyalty_number,
        named.external_ids
    from named
    left join given_names on named.given_name = given_names.given_name
    left join phones on named.phone = phones.phone
    left join mail_providers as websites on named.website_domain = websites.domain
    left join mail_providers as mailboxes on named.mail_domain = mailboxes.domain
),

today as (
    select
        {% for column in spelt %}
            {{ column }},
        {% endfor %}
        record_fingerprint
    from spelt
    {%- if has_kept_rows() %}
        union all
        -- Spelt by an earlier build: in another place since, or gone.
        select
            {% for column in spelt %}
                {{ column }},
            {% endfor %}
            record_fingerprint
        from {{ this }}
        where
            record_fingerprint in (
                select changed.record_fingerprint
                from changed
                where changed.is_spelt
            )
    {%- endif %}
)

select
    changed.record_number,
    {% for column in spelt %}
        today.{{ column }},
    {% endfor %}
    changed.parent_record_number,
    changed.record_fingerprint
from changed
inner join today on changed.record_fingerprint = today.record_fingerprint
