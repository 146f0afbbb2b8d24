with

customers as (
    select * from {{ ref('int_customers__customers_unioned') }}
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
        first_name,
        last_name,
        full_name,
        person_name(first_name, last_name, full_name) as parts
    from (
        select distinct
            first_name,
            last_name,
            full_name
        from customers
        where coalesce(customer_type, 'person') = 'person' -- no word means a person
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
        written_name,
        organisation_name(written_name) as organisation_name
    from (
        select distinct coalesce(company_name, full_name, last_name) as written_name
        from customers
        where customer_type = 'organisation'
    ) as spellings
    where written_name is not null
),

named as (
    select
        customers.*,
        person_names.parts.given as given_name,
        person_names.parts.family as family_name
    from customers
    left join person_names
        on
            coalesce(customers.customer_type, 'person') = 'person'
            and customers.first_name is not distinct from person_names.first_name
            and customers.last_name is not distinct from person_names.last_name
            and customers.full_name is not distinct from person_names.full_name
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
    coalesce(named.customer_type = 'organisation', false) as is_organisation, -- no word: a person
    named.given_name,
    named.family_name,
    given_names.name_forms,
    organisation_names.organisation_name,
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
left join organisation_names
    on
        named.customer_type = 'organisation'
        and coalesce(named.company_name, named.full_name, named.last_name)
        = organisation_names.written_name
