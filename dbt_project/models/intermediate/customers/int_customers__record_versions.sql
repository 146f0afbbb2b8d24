{%- set attributes = [
    'customer_type', 'first_name', 'last_name', 'full_name', 'company_name', 'email_normalised',
    'phone_e164', 'birth_date', 'gender', 'street', 'city', 'region', 'postal_code', 'country_code',
    'preferred_channel',
] -%}
with

records as (
    select
        *,
        -- A file without a date counts as exported before all others, which tells no time.
        nullif(first_exported_at, cast('1970-01-01' as timestamp)) as first_dated_export_at
    from {{ ref('int_customers__records_ranked') }}
),

exported as (
    select * from {{ ref('int_customers__customer_versions_unioned') }}
),

-- Numbers spelt alike are parsed once: parsing is the costly step.
phones as (
    select
        phone,
        to_e164(phone, {{ setting('phone_region') }}) as phone_e164
    from (
        select distinct phone
        from exported
        where phone is not null
    ) as spellings
),

distrusted as (
    select distinct -- a value is distrusted or not, whoever states it
        identifier_kind,
        identifier_value
    from {{ ref('int_identity__identifiers') }}
    where distrust_reason is not null
),

-- Versions of the records that a customer has today; deleted ones belong to nobody.
keyed as (
    select
        records.customer_key,
        records.record_number,
        records.trust_rank,
        exported.version_number,
        exported.exported_at,
        exported.changed_at,
        exported.is_deleted,
        exported.customer_type,
        exported.first_name,
        exported.last_name,
        exported.full_name,
        exported.company_name,
        {{ normalise_email('exported.email') }} as email_normalised,
        phones.phone_e164,
        exported.birth_date,
        exported.gender,
        exported.street,
        exported.city,
        exported.region,
        exported.postal_code,
        exported.country_code,
        exported.preferred_channel
    from exported
    inner join records
        on
            exported.source_system = records.source_system
            and exported.customer_id = records.source_record_id
    left join phones on exported.phone = phones.phone
),

compared as (
    select
        *,
        {{ surrogate_key(['is_deleted'] + attributes) }} as state,
        lag(changed_at) over (partition by record_number order by version_number)
            as previous_changed_at,
        lag(exported_at) over (partition by record_number order by version_number)
            as previous_exported_at
    from keyed
),

-- A version holds from when its system says it was changed, else from the export that showed it
-- first: where the system says nothing, nothing new or something that is still to come. Of many
-- exports only the day is known.
dated as (
    select
        *,
        case
            when changed_at is null or changed_at >= {{ days_after('exported_at', 1) }}
                then exported_at
            when previous_exported_at is null then changed_at
            when changed_at > coalesce(previous_changed_at, previous_exported_at) then changed_at
            else exported_at
        end as stated_from,
        -- The first version is new.
        coalesce(
            state <> lag(state) over (partition by record_number order by version_number), true
        ) as is_new_state
    from compared
),

-- Times of change that run backwards: a version does not begin before the one it follows.
states as (
    select
        *,
        max(stated_from) over (
            partition by record_number
            order by version_number
            rows between unbounded preceding and current row
        ) as known_from
    from dated
    where is_new_state
),

numbered as (
    select
        *,
        row_number() over (partition by record_number order by version_number) as state_number,
        row_number() over (partition by record_number order by version_number desc) = 1 as is_last
    from states
),

newest as (
    select
        record_number,
        known_from,
        state_number
    from numbered
    where is_last
),

versions as (
    select
        numbered.customer_key,
        numbered.record_number,
        numbered.trust_rank,
        numbered.state_number,
        numbered.known_from,
        numbered.is_deleted,
        coalesce(numbered.changed_at, numbered.exported_at) as changed_at,
        is_email_distrusted.identifier_value is not null as is_email_distrusted,
        is_phone_distrusted.identifier_value is not null as is_phone_distrusted,
        numbered.{{ attributes | join(',\n        numbered.') }}
    from numbered
    left join distrusted as is_email_distrusted
        on
            is_email_distrusted.identifier_kind = 'email'
            and numbered.email_normalised = is_email_distrusted.identifier_value
    left join distrusted as is_phone_distrusted
        on
            is_phone_distrusted.identifier_kind = 'phone'
            and numbered.phone_e164 = is_phone_distrusted.identifier_value
    where not numbered.is_last
    union all
    -- The last version is the record as it stands in staging, whatever its row says of itself.
    select
        records.customer_key,
        records.record_number,
        records.trust_rank,
        coalesce(newest.state_number, 1) as state_number, -- exported once
        coalesce(
            newest.known_from,
            case
                when records.updated_at < {{ days_after('records.first_dated_export_at', 1) }}
                    then records.updated_at
            end,
            records.first_dated_export_at,
            records.created_at,
            records.first_exported_at
        ) as known_from,
        false as is_deleted,
        records.changed_at,
        records.is_email_distrusted,
        records.is_phone_distrusted,
        records.{{ attributes | join(',\n        records.') }}
    from records
    left join newest on records.record_number = newest.record_number
),

-- What held before the first export is not known; the earliest known values stand in for it from
-- the record's creation on.
begun as (
    select
        versions.*,
        case
            when versions.state_number = 1
                then least(coalesce(records.created_at, versions.known_from), versions.known_from)
            else versions.known_from
        end as valid_from
    from versions
    inner join records on versions.record_number = records.record_number
),

bounded as (
    select
        *,
        lead(valid_from) over (partition by record_number order by state_number) as valid_to
    from begun
)

select
    customer_key,
    record_number,
    state_number as version_number,
    valid_from,
    valid_to,
    known_from,
    trust_rank,
    changed_at,
    is_email_distrusted,
    is_phone_distrusted,
    {{ attributes | join(',\n    ') }}
from bounded
-- Two versions of one moment: the later one is right about it.
where not is_deleted and (valid_to is null or valid_from < valid_to)
