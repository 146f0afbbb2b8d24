with

customers as (
    select * from {{ ref('int_customers__customers_unioned') }}
),

identity as (
    select * from {{ ref('int_identity__customer_records') }}
),

channels as (
    select * from {{ ref('int_channels__acquisition_names') }}
),

distrusted as (
    select
        record_number,
        bool_or(identifier_kind = 'email') as is_email_distrusted,
        bool_or(identifier_kind = 'phone') as is_phone_distrusted
    from {{ ref('int_identity__identifiers') }}
    where distrust_reason is not null
    group by record_number
)

select
    identity.customer_key,
    identity.record_number,
    customers.source_system,
    identity.source_object,
    customers.customer_id as source_record_id,
    customers.customer_type,
    customers.first_name,
    customers.last_name,
    customers.full_name,
    customers.company_name,
    identity.email_normalised,
    identity.phone_e164,
    customers.birth_date,
    customers.gender,
    customers.street,
    customers.city,
    customers.region,
    customers.postal_code,
    customers.country_code,
    customers.preferred_channel,
    channels.standard_channel as acquisition_channel,
    customers.acquisition_campaign_id,
    customers.created_at,
    customers.updated_at,
    customers.first_exported_at,
    -- A value that identifies nobody is still better than none.
    coalesce(distrusted.is_email_distrusted, false) as is_email_distrusted,
    coalesce(distrusted.is_phone_distrusted, false) as is_phone_distrusted,
    -- Place in the list of company.yml; systems that it does not name come last, all alike.
    coalesce(
        nullif(
            strpos({{ setting('trusted_systems') }}, ',' || customers.source_system || ','), 0
        ),
        1000000
    ) as trust_rank,
    coalesce(customers.updated_at, customers.created_at, customers.first_exported_at)
        as changed_at,
    count(*) over (partition by identity.customer_key) as count_customer_records
from customers
inner join identity
    on
        customers.source_system = identity.source_system
        and customers.customer_id = identity.source_record_id
left join distrusted on identity.record_number = distrusted.record_number
left join channels
    on
        customers.source_system = channels.source_system
        and customers.acquisition_channel = channels.channel
