-- Every export typed, trimmed and reduced to the newest row of each key.

create schema staging;

create table staging.customers as
select
    nullif(trim(customer_id), '') as customer_id,
    nullif(trim(customer_type), '') as customer_type,
    nullif(trim(first_name), '') as first_name,
    nullif(trim(last_name), '') as last_name,
    nullif(trim(full_name), '') as full_name,
    nullif(trim(company_name), '') as company_name,
    nullif(trim(email), '') as email,
    nullif(trim(phone), '') as phone,
    cast(birth_date as date) as birth_date,
    nullif(trim(gender), '') as gender,
    nullif(trim(street), '') as street,
    nullif(trim(city), '') as city,
    nullif(trim(region), '') as region,
    nullif(trim(postal_code), '') as postal_code,
    nullif(trim(country_code), '') as country_code,
    nullif(trim(preferred_channel), '') as preferred_channel,
    nullif(trim(acquisition_channel), '') as acquisition_channel,
    nullif(trim(acquisition_campaign_id), '') as acquisition_campaign_id,
    nullif(trim(referred_by_customer_id), '') as referred_by_customer_id,
    nullif(trim(external_ids), '') as external_ids,
    cast(created_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at,
    min(filename) over (partition by customer_id) as first_exported_in
from read_csv(getvariable('landing') || '/customers_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by customer_id
        order by filename desc, cast(updated_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.orders as
select
    nullif(trim(order_id), '') as order_id,
    nullif(trim(customer_id), '') as customer_id,
    cast(ordered_at as timestamp) as ordered_at,
    nullif(trim(order_status), '') as order_status,
    nullif(trim(channel), '') as channel,
    nullif(trim(currency_code), '') as currency_code,
    cast(net_revenue as decimal(18, 4)) as net_revenue,
    cast(discount_amount as decimal(18, 4)) as discount_amount,
    cast(tax_amount as decimal(18, 4)) as tax_amount,
    cast(shipping_amount as decimal(18, 4)) as shipping_amount,
    cast(refund_amount as decimal(18, 4)) as refund_amount,
    cast(promised_at as timestamp) as promised_at,
    cast(delivered_at as timestamp) as delivered_at,
    nullif(trim(campaign_id), '') as campaign_id,
    cast(updated_at as timestamp) as updated_at
from read_csv(getvariable('landing') || '/orders_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by order_id
        order by filename desc, cast(updated_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.order_lines as
select
    nullif(trim(order_id), '') as order_id,
    cast(line_number as bigint) as line_number,
    nullif(trim(product_id), '') as product_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(unit_price as decimal(18, 4)) as unit_price,
    cast(list_price as decimal(18, 4)) as list_price,
    cast(net_revenue as decimal(18, 4)) as net_revenue,
    cast(unit_cost as decimal(18, 4)) as unit_cost
from read_csv(getvariable('landing') || '/order_lines_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by order_id, line_number
        order by filename desc
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.payments as
select
    nullif(trim(payment_id), '') as payment_id,
    nullif(trim(order_id), '') as order_id,
    nullif(trim(payment_method), '') as payment_method,
    cast(amount as decimal(18, 4)) as amount,
    cast(installments as bigint) as installments,
    cast(due_at as timestamp) as due_at,
    cast(paid_at as timestamp) as paid_at
from read_csv(getvariable('landing') || '/payments_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by payment_id
        order by filename desc
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.products as
select
    nullif(trim(product_id), '') as product_id,
    nullif(trim(product_name), '') as product_name,
    nullif(trim(category), '') as category,
    nullif(trim(brand), '') as brand,
    cast(list_price as decimal(18, 4)) as list_price,
    cast(unit_cost as decimal(18, 4)) as unit_cost,
    cast(is_active as boolean) as is_active
from read_csv(getvariable('landing') || '/products_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by product_id
        order by filename desc
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.cases as
select
    nullif(trim(case_id), '') as case_id,
    nullif(trim(customer_id), '') as customer_id,
    nullif(trim(order_id), '') as order_id,
    cast(opened_at as timestamp) as opened_at,
    cast(first_response_at as timestamp) as first_response_at,
    cast(resolved_at as timestamp) as resolved_at,
    cast(closed_at as timestamp) as closed_at,
    nullif(trim(status), '') as status,
    nullif(trim(priority), '') as priority,
    nullif(trim(category), '') as category,
    nullif(trim(reason), '') as reason,
    nullif(trim(channel), '') as channel,
    nullif(trim(subject), '') as subject,
    cast(is_complaint as boolean) as is_complaint,
    cast(updated_at as timestamp) as updated_at
from read_csv(getvariable('landing') || '/cases_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by case_id
        order by filename desc, cast(updated_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.case_events as
select
    nullif(trim(case_event_id), '') as case_event_id,
    nullif(trim(case_id), '') as case_id,
    cast(occurred_at as timestamp) as occurred_at,
    nullif(trim(event_type), '') as event_type,
    nullif(trim(from_value), '') as from_value,
    nullif(trim(to_value), '') as to_value,
    nullif(trim(actor_type), '') as actor_type
from read_csv(getvariable('landing') || '/case_events_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by case_event_id
        order by filename desc, cast(occurred_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.survey_responses as
select
    nullif(trim(response_id), '') as response_id,
    nullif(trim(dimension), '') as dimension,
    nullif(trim(customer_id), '') as customer_id,
    nullif(trim(order_id), '') as order_id,
    nullif(trim(case_id), '') as case_id,
    nullif(trim(survey_type), '') as survey_type,
    cast(score as decimal(18, 4)) as score,
    cast(scale_min as decimal(18, 4)) as scale_min,
    cast(scale_max as decimal(18, 4)) as scale_max,
    nullif(trim(comment), '') as comment,
    nullif(trim(channel), '') as channel,
    cast(invited_at as timestamp) as invited_at,
    cast(responded_at as timestamp) as responded_at
from
    read_csv(
        getvariable('landing') || '/survey_responses_*.csv', all_varchar = true, filename = true
    )
qualify
    row_number() over (
        partition by response_id, dimension
        order by filename desc, cast(responded_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.interactions as
select
    nullif(trim(interaction_id), '') as interaction_id,
    nullif(trim(customer_id), '') as customer_id,
    cast(occurred_at as timestamp) as occurred_at,
    nullif(trim(channel), '') as channel,
    nullif(trim(direction), '') as direction,
    nullif(trim(interaction_type), '') as interaction_type,
    nullif(trim(subject), '') as subject,
    nullif(trim(case_id), '') as case_id,
    nullif(trim(campaign_id), '') as campaign_id,
    cast(duration_seconds as decimal(18, 4)) as duration_seconds,
    nullif(trim(agent_id), '') as agent_id
from read_csv(getvariable('landing') || '/interactions_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by interaction_id
        order by filename desc, cast(occurred_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.opportunities as
select
    nullif(trim(opportunity_id), '') as opportunity_id,
    nullif(trim(customer_id), '') as customer_id,
    nullif(trim(opportunity_name), '') as opportunity_name,
    nullif(trim(stage), '') as stage,
    cast(amount as decimal(18, 4)) as amount,
    nullif(trim(currency_code), '') as currency_code,
    cast(probability as decimal(18, 4)) as probability,
    cast(created_at as timestamp) as created_at,
    cast(closed_at as timestamp) as closed_at,
    cast(is_won as boolean) as is_won,
    nullif(trim(campaign_id), '') as campaign_id,
    cast(updated_at as timestamp) as updated_at
from read_csv(getvariable('landing') || '/opportunities_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by opportunity_id
        order by filename desc, cast(updated_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.campaigns as
select
    nullif(trim(campaign_id), '') as campaign_id,
    nullif(trim(campaign_name), '') as campaign_name,
    nullif(trim(channel), '') as channel,
    nullif(trim(objective), '') as objective,
    cast(start_date as date) as start_date,
    cast(end_date as date) as end_date,
    cast(budget_amount as decimal(18, 4)) as budget_amount,
    cast(actual_cost as decimal(18, 4)) as actual_cost
from read_csv(getvariable('landing') || '/campaigns_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by campaign_id
        order by filename desc
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.campaign_members as
select
    nullif(trim(campaign_id), '') as campaign_id,
    nullif(trim(customer_id), '') as customer_id,
    cast(is_control as boolean) as is_control,
    cast(sent_at as timestamp) as sent_at,
    cast(responded_at as timestamp) as responded_at,
    nullif(trim(response_type), '') as response_type
from
    read_csv(
        getvariable('landing') || '/campaign_members_*.csv', all_varchar = true, filename = true
    )
qualify
    row_number() over (
        partition by campaign_id, customer_id
        order by filename desc, cast(sent_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.referrals as
select
    nullif(trim(referral_id), '') as referral_id,
    nullif(trim(referrer_customer_id), '') as referrer_customer_id,
    nullif(trim(referred_customer_id), '') as referred_customer_id,
    cast(invited_at as timestamp) as invited_at,
    cast(converted_at as timestamp) as converted_at,
    nullif(trim(channel), '') as channel
from read_csv(getvariable('landing') || '/referrals_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by referral_id
        order by filename desc, cast(invited_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.loyalty_events as
select
    nullif(trim(loyalty_event_id), '') as loyalty_event_id,
    nullif(trim(customer_id), '') as customer_id,
    cast(occurred_at as timestamp) as occurred_at,
    nullif(trim(event_type), '') as event_type,
    cast(points as bigint) as points,
    nullif(trim(tier), '') as tier,
    nullif(trim(order_id), '') as order_id
from
    read_csv(getvariable('landing') || '/loyalty_events_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by loyalty_event_id
        order by filename desc, cast(occurred_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.consents as
select
    nullif(trim(customer_id), '') as customer_id,
    nullif(trim(channel), '') as channel,
    nullif(trim(purpose), '') as purpose,
    cast(is_granted as boolean) as is_granted,
    cast(recorded_at as timestamp) as recorded_at
from read_csv(getvariable('landing') || '/consents_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by customer_id, channel, purpose, recorded_at
        order by filename desc, cast(recorded_at as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);

create table staging.costs as
select
    nullif(trim(cost_id), '') as cost_id,
    nullif(trim(cost_type), '') as cost_type,
    cast(incurred_on as date) as incurred_on,
    cast(amount as decimal(18, 4)) as amount,
    nullif(trim(currency_code), '') as currency_code,
    nullif(trim(channel), '') as channel,
    nullif(trim(campaign_id), '') as campaign_id,
    nullif(trim(customer_id), '') as customer_id
from read_csv(getvariable('landing') || '/costs_*.csv', all_varchar = true, filename = true)
qualify
    row_number() over (
        partition by cost_id
        order by filename desc, cast(incurred_on as timestamp) desc nulls last
    ) = 1
    and not coalesce(cast(is_deleted as boolean), false);
