with

customers as (
    select
        *,
        coalesce(customer_type = 'organisation', false) as is_organisation -- no word: a person
    from {{ ref('int_customers__customers_unioned') }}
),

mail_providers as (
    select * from {{ ref('mail_providers') }}
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
            as written_organisation,
        case when is_organisation then {{ web_domain('website') }} end as website_domain,
        case when is_organisation then {{ web_domain('email') }} end as mail_domain
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
),

numbered as (
    select
        named.*,
        -- Seniority: the record that was exported first, then system and id. The smallest number of
        -- a cluster names the customer, whatever order the files arrived in.
        row_number() over (
            order by named.first_exported_at, named.source_system, named.customer_id
        ) as record_number
    from named
)

select
    numbered.record_number,
    numbered.source_system,
    -- Systems with one object of customers need not name it.
    coalesce(numbered.source_object, 'customers') as source_object,
    numbered.customer_id as source_record_id,
    numbered.is_organisation,
    numbered.given_name,
    numbered.family_name,
    given_names.name_forms,
    numbered.organisation_name,
    {{ normalise_email('numbered.email') }} as email_normalised,
    phones.phone_e164,
    -- Seven digits of a town, or a number of another country written as at home.
    case
        when
            phones.phone_e164 is null
            and regexp_matches(regexp_replace(numbered.phone, '[^0-9]', '', 'g'), '^[0-9]{6,15}$')
            then regexp_replace(numbered.phone, '[^0-9]', '', 'g')
    end as phone_digits,
    -- The website tells more than the mailbox; that of a provider or a network tells nothing.
    case
        when websites.domain is null and numbered.website_domain is not null
            then numbered.website_domain
        when mailboxes.domain is null then numbered.mail_domain
    end as web_domain,
    numbered.birth_date,
    {{ latin_text('numbered.street') }} as street,
    {{ latin_text('numbered.city') }} as city,
    nullif(regexp_replace(lower(numbered.postal_code), '[^a-z0-9]', '', 'g'), '') as postal_code,
    nullif(regexp_replace(lower(numbered.national_id), '[^a-z0-9]', '', 'g'), '') as national_id,
    nullif(regexp_replace(lower(numbered.loyalty_number), '[^a-z0-9]', '', 'g'), '')
        as loyalty_number,
    numbered.external_ids,
    parents.record_number as parent_record_number
from numbered
left join given_names on numbered.given_name = given_names.given_name
left join phones on numbered.phone = phones.phone
left join mail_providers as websites on numbered.website_domain = websites.domain
left join mail_providers as mailboxes on numbered.mail_domain = mailboxes.domain
left join numbered as parents
    on
        numbered.source_system = parents.source_system
        and numbered.parent_organisation_id = parents.customer_id
        and parents.is_organisation
