-- Identity, keyed orders, costed lines and the purchase histories that the model is fitted to.

create schema intermediate;

create table intermediate.records as
with phones as (
    select phone, to_e164(phone, getvariable('phone_region')) as phone_e164
    from (select distinct phone from staging.customers where phone is not null)
),
addresses as (
    select customer_id, lower(trim(email)) as address
    from staging.customers
),
mailboxes as (
    select
        customer_id,
        split_part(address, '@', 2) as domain,
        split_part(split_part(address, '@', 1), '+', 1) as mailbox
    from addresses
    where regexp_matches(address, '^[.]*[^@ .+][^@ ]*@[^@ ]+[.][^@ .]+$')
)
select
    row_number() over (order by first_exported_in, customer_id) as record_number,
    customer_id,
    case
        when domain in ('gmail.com', 'googlemail.com')
            then replace(mailbox, '.', '') || '@gmail.com'
        else mailbox || '@' || domain
    end as email_normalised,
    phone_e164,
    lower(trim(coalesce(first_name, split_part(full_name, ' ', 1)))) as given_name,
    external_ids
from staging.customers
left join phones using (phone)
left join mailboxes using (customer_id);

create table intermediate.identifiers as
with mentioned as (
    select record_number, trim(external_id) as external_id
    from (
        select record_number, unnest(string_split(external_ids, ';')) as external_id
        from intermediate.records
    )
    where trim(external_id) != ''
),
stated as (
    select record_number, 'external_id' as kind, external_id as value from mentioned
    union
    select record_number, 'external_id', 'canonical:' || customer_id
    from intermediate.records
    where 'canonical:' || customer_id in (select external_id from mentioned)
    union
    select record_number, 'email', email_normalised
    from intermediate.records
    where email_normalised is not null
    union
    select record_number, 'phone', phone_e164 || '|' || given_name
    from intermediate.records
    where phone_e164 is not null and given_name is not null
),
shared as (
    select kind, value, min(record_number) as first_record_number
    from stated
    left join placeholders on kind = placeholder_kind and value = placeholder
    left join mailboxes on kind = 'email' and split_part(value, '@', 1) = mailbox
    where placeholder is null and mailbox is null
    group by kind, value
    having
        count(*) > 1
        and (kind != 'email' or count(*) <= getvariable('email_limit'))
        and (kind != 'phone' or count(*) <= getvariable('phone_limit'))
)
select record_number, kind, first_record_number
from stated
inner join shared using (kind, value);

create table intermediate.customer_records as
with recursive edges as (
    select distinct first_record_number as node_a, record_number as node_b
    from intermediate.identifiers
    where first_record_number != record_number
),
both_ways as (
    select node_a, node_b from edges
    union all
    select node_b, node_a from edges
),
labels(node, component) using key (node) as (
    select node_a, min(least(node_a, node_b))
    from both_ways
    group by node_a
    union
    select both_ways.node_b, min(labels.component)
    from labels
    inner join both_ways on labels.node = both_ways.node_a
    inner join recurring.labels as best on both_ways.node_b = best.node
    where labels.component < best.component
    group by both_ways.node_b
),
rules as (
    select
        record_number,
        min(case kind when 'external_id' then 1 when 'email' then 2 else 3 end) as rule
    from intermediate.identifiers
    group by record_number
)
select
    records.record_number,
    records.customer_id,
    md5('canonical|customers|' || senior.customer_id) as customer_key,
    records.email_normalised,
    records.phone_e164,
    case rule
        when 1 then 'external_id'
        when 2 then 'email'
        when 3 then 'phone_and_given_name'
        else 'single_record'
    end as link_rule,
    case rule when 1 then 1.0 when 2 then 0.98 when 3 then 0.95 else 1.0 end as link_score
from intermediate.records
left join labels on records.record_number = labels.node
left join rules using (record_number)
inner join intermediate.records as senior
    on senior.record_number = coalesce(labels.component, records.record_number);

create table intermediate.profiles as
with records as (
    select
        customers.*,
        customer_key,
        email_normalised,
        phone_e164,
        row_number() over (
            order by coalesce(updated_at, created_at), record_number desc
        ) as recency,
        row_number() over (order by created_at, record_number) as seniority
    from staging.customers
    inner join intermediate.customer_records using (customer_id)
)
select
    customer_key,
    max_by(customer_type, recency) filter (where customer_type is not null) as customer_type,
    max_by(first_name, recency) filter (where first_name is not null) as first_name,
    max_by(last_name, recency) filter (where last_name is not null) as last_name,
    max_by(full_name, recency) filter (where full_name is not null) as full_name,
    max_by(company_name, recency) filter (where company_name is not null) as company_name,
    max_by(email_normalised, recency) filter (where email_normalised is not null) as email,
    max_by(phone_e164, recency) filter (where phone_e164 is not null) as phone,
    max_by(birth_date, recency) filter (where birth_date is not null) as birth_date,
    max_by(gender, recency) filter (where gender is not null) as gender,
    max_by(street, recency) filter (where street is not null) as street,
    max_by(city, recency) filter (where city is not null) as city,
    max_by(region, recency) filter (where region is not null) as region,
    max_by(postal_code, recency) filter (where postal_code is not null) as postal_code,
    max_by(country_code, recency) filter (where country_code is not null) as country_code,
    max_by(preferred_channel, recency)
        filter (where preferred_channel is not null) as preferred_channel,
    min_by(acquisition_channel, seniority)
        filter (where acquisition_channel is not null) as acquisition_channel,
    min_by(acquisition_campaign_id, seniority)
        filter (where acquisition_campaign_id is not null) as acquisition_campaign_id,
    min(created_at) as first_created_at,
    count(*) as count_source_records
from records
group by customer_key;

create table intermediate.orders as
select
    md5('canonical|' || order_id) as order_key,
    orders.* exclude (customer_id, order_status, refund_amount, updated_at),
    customer_key,
    coalesce(order_status, 'placed') as order_status,
    coalesce(order_status, 'placed') != 'cancelled' as is_sale,
    coalesce(refund_amount, 0) as refund_amount
from staging.orders
left join intermediate.customer_records using (customer_id)
where ordered_at < getvariable('as_of') + interval 1 day;

create table intermediate.order_lines as
select
    order_key,
    lines.*,
    md5('canonical|' || product_id) as product_key,
    products.category as product_category,
    customer_key,
    ordered_at,
    is_sale,
    currency_code,
    coalesce(
        lines.net_revenue - quantity * coalesce(lines.unit_cost, products.unit_cost),
        lines.net_revenue * getvariable('margin_rate')
    )::decimal(18, 4) as margin_amount
from staging.order_lines as lines
inner join intermediate.orders using (order_id)
left join staging.products using (product_id);

create table intermediate.histories as
with days as (
    select customer_key, ordered_at::date as day, sum(net_revenue - refund_amount) as spend
    from intermediate.orders
    where is_sale and customer_key is not null
    group by customer_key, ordered_at::date
),
firsts as (
    select customer_key, min(day) as first_day, max(day) as last_day, count(*) - 1 as repeats
    from days
    group by customer_key
)
select
    customer_key,
    any_value(repeats) as repeats,
    any_value(last_day - first_day) as recency_days,
    any_value(getvariable('as_of') - first_day) as age_days,
    sum(spend)::double / count(*) as mean_spend
from firsts
inner join days using (customer_key)
where day > first_day or repeats = 0
group by customer_key
order by customer_key;
