with

records as (
    select * from {{ ref('int_customers__records_ranked') }}
),

sources as (
    select * from {{ ref('int_customers__attribute_sources') }}
),

-- Who won the customer is decided once: the record created first that says so. A record changed
-- longest ago is not the eldest, and a later change does not make a record younger.
beginnings as (
    select
        customer_key,
        min_by(acquisition_channel, seniority_number) filter (where acquisition_channel is not null)
            as acquisition_channel,
        min_by(acquisition_campaign_id, seniority_number) filter (
            where acquisition_campaign_id is not null
        ) as acquisition_campaign_id,
        min(created_at) as first_created_at,
        max(updated_at) as last_updated_at,
        count(*) as count_source_records,
        count(distinct source_system) as count_source_systems
    from (
        select
            *,
            row_number() over (
                partition by customer_key
                order by coalesce(created_at, first_exported_at), record_number
            ) as seniority_number
        from records
    ) as numbered
    group by customer_key
),

surviving as (
    select
        customer_key,
        {{ surviving_columns() }}
    from records
    where count_customer_records = 1
    union all
    {{ surviving_records('sources', 'records', ['customer_key']) }}
)

-- A customer of several records that state nothing at all has no winner and keeps its row.
select
    beginnings.customer_key,
    surviving.customer_type,
    surviving.first_name,
    surviving.last_name,
    surviving.full_name,
    surviving.company_name,
    surviving.email_normalised as email,
    surviving.phone_e164 as phone,
    surviving.birth_date,
    surviving.gender,
    surviving.street,
    surviving.city,
    surviving.region,
    surviving.postal_code,
    surviving.country_code,
    surviving.preferred_channel,
    beginnings.acquisition_channel,
    beginnings.acquisition_campaign_id,
    beginnings.first_created_at,
    beginnings.last_updated_at,
    beginnings.count_source_records,
    beginnings.count_source_systems
from beginnings
left join surviving on beginnings.customer_key = surviving.customer_key
