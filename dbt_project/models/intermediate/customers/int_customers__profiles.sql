with

records as (
    select
        customers.*,
        identity.customer_key,
        identity.email_normalised,
        identity.phone_e164,
        -- Later numbers win. The record number breaks ties, so the winner is the same in every run.
        row_number() over (
            order by
                coalesce(customers.updated_at, customers.created_at, customers.first_exported_at),
                identity.record_number desc
        ) as recency_number,
        -- Not the record changed longest ago: a later change does not make a record younger.
        row_number() over (
            order by
                coalesce(customers.created_at, customers.first_exported_at),
                identity.record_number
        ) as seniority_number
    from {{ ref('int_customers__customers_unioned') }} as customers
    inner join {{ ref('int_identity__customer_records') }} as identity
        on
            customers.source_system = identity.source_system
            and customers.customer_id = identity.source_record_id
)

-- Survivorship: the most recently changed record that states the attribute.
select
    customer_key,
    max_by(customer_type, recency_number) filter (where customer_type is not null) as customer_type,
    max_by(first_name, recency_number) filter (where first_name is not null) as first_name,
    max_by(last_name, recency_number) filter (where last_name is not null) as last_name,
    max_by(full_name, recency_number) filter (where full_name is not null) as full_name,
    max_by(company_name, recency_number) filter (where company_name is not null) as company_name,
    max_by(email_normalised, recency_number) filter (where email_normalised is not null) as email,
    max_by(phone_e164, recency_number) filter (where phone_e164 is not null) as phone,
    max_by(birth_date, recency_number) filter (where birth_date is not null) as birth_date,
    max_by(gender, recency_number) filter (where gender is not null) as gender,
    max_by(street, recency_number) filter (where street is not null) as street,
    max_by(city, recency_number) filter (where city is not null) as city,
    max_by(region, recency_number) filter (where region is not null) as region,
    max_by(postal_code, recency_number) filter (where postal_code is not null) as postal_code,
    max_by(country_code, recency_number) filter (where country_code is not null) as country_code,
    max_by(preferred_channel, recency_number) filter (where preferred_channel is not null)
        as preferred_channel,
    -- Who won the customer is decided once: the record created first that says so.
    min_by(acquisition_channel, seniority_number) filter (where acquisition_channel is not null)
        as acquisition_channel,
    min_by(acquisition_campaign_id, seniority_number) filter (
        where acquisition_campaign_id is not null
    ) as acquisition_campaign_id,
    min(created_at) as first_created_at,
    max(updated_at) as last_updated_at,
    count(*) as count_source_records,
    count(distinct source_system) as count_source_systems
from records
group by customer_key
