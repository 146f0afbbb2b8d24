with

customers as (
    select
        *,
        coalesce(customer_type = 'organisation', false) as is_organisation -- no word: a person
    from {{ ref('int_customers__customers_unioned') }}
),

-- One of the two is NULL. A join on equality alone: with a condition beside it DuckDB would hold
-- every record against every name.
written as (
    select
        *,
        case when not is_organisation then concat_ws(
            '|', coalesce(first_name, ''), coalesce(last_name, ''), coalesce(full_name, '')
        ) end as written_person,
        case when is_organisation then coalesce(company_name, full_name, last_name) end
            as written_organisation
    from customers
),

-- Numbers spelt alike are parsed once: parsing is the costly step. So are names.
phones as (
    select
        phone,
        to_e164(phone, {{ setting('phone_region') }}) as phone_e164
    from (
        select distinct phone
        from customers
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
        organisation_name(written_organisation) as organisation_name
    from (
        select distinct written_organisation
        from written
        where written_organisation is not null
    ) as spellings
),

named as (
    select
        written.*,
        person_names.parts.given as given_name,
        person_names.parts.family as family_name,
        organisation_names.organisation_name
    from written
    left join person_names on written.written_person = person_names.written_person
    left join organisation_names
        on written.written_organisation = organisation_names.written_organisation
)

select
    -- Seniority: the record that was exported first, then system and id. The smallest number of a
    -- cluster names the customer, whatever order the files arrived in.
    row_number() over (
        order by named.first_exported_at, named.source_system, named.customer_id
    ) as record_number,
    named.source_system,
    -- Systems with one object of customers need not name it.
    coalesce(named.source_object, 'customers') as source_object,
    named.customer_id as source_record_id,
    named.is_organisation,
    named.given_name,
    named.family_name,
    given_names.name_forms,
    named.organisation_name,
    {{ normalise_email('named.email') }} as email_normalised,
    phones.phone_e164,
    named.birth_date,
    {{ latin_text('named.street') }} as street,
    {{ latin_text('named.city') }} as city,
    nullif(regexp_replace(lower(named.postal_code), '[^a-z0-9]', '', 'g'), '') as postal_code,
    nullif(regexp_replace(lower(named.national_id), '[^a-z0-9]', '', 'g'), '') as national_id,
    nullif(regexp_replace(lower(named.loyalty_number), '[^a-z0-9]', '', 'g'), '') as loyalty_number,
    named.external_ids
from named
left join given_names on named.given_name = given_names.given_name
left join phones on named.phone = phones.phone
