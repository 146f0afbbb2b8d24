with

customers as (
    select * from {{ ref('int_customers__customers_unioned') }}
),

-- Numbers spelt alike are parsed once: parsing is the costly step.
phones as (
    select
        phone,
        to_e164(phone, {{ setting('phone_region') }}) as phone_e164
    from (
        select distinct phone
        from customers
        where phone is not null
    ) as spellings
)

select
    -- Seniority: the record that was exported first, then system and id. The smallest number of a
    -- cluster names the customer, whatever order the files arrived in.
    row_number() over (
        order by customers.first_exported_at, customers.source_system, customers.customer_id
    ) as record_number,
    customers.source_system,
    -- Systems with one object of customers need not name it.
    coalesce(customers.source_object, 'customers') as source_object,
    customers.customer_id as source_record_id,
    {{ normalise_email('customers.email') }} as email_normalised,
    phones.phone_e164,
    lower(trim(coalesce(customers.first_name, split_part(customers.full_name, ' ', 1))))
        as given_name,
    customers.external_ids
from customers
left join phones on customers.phone = phones.phone
