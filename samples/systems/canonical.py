"""The company's exports in the warehouse's own templates (system `canonical`).

One SELECT per object turns the tables of the company into the columns of the contract, as known at
the moment of an export: instants after it are not there yet. Deltas hold what is new or changed
since the export before. Nothing is simulated here.
"""

import numpy as np
import pyarrow as pa

from samples.company import Company
from samples.draws import next_number, numbered, references, stream, table, words
from samples.people import (
    FAMILY,
    GENDERS,
    GIVEN,
    ORGANISATIONS,
    PREFERRED_CHANNELS,
    Addresses,
    han_names,
)
from samples.records import Records, make_records
from samples.systems.exporting import NO_ORDERS, Export, System, identities
from samples.vocabulary import CITIES

# Instant by which a table's customers are turned into the record they had then.
_RECORD_INSTANTS = {
    "orders": "ordered_at",
    "cases": "opened_at",
    "survey_responses": "invited_at",
    "interactions": "occurred_at",
    "opportunities": "created_at",
    "campaign_members": "known_at",
    "loyalty_events": "occurred_at",
    "consents": "recorded_at",
    "costs": "known_at",
}

# Columns in the order of the contract; `changed_at` selects the rows of an export.
SELECTS = {
    "customers": """
        select
            identifier('C', number) as customer_id,
            customer_type,
            first_name,
            last_name,
            full_name,
            company_name,
            email,
            phone,
            birth_date,
            gender,
            if(seen(moved_at) is null, street, new_street) as street,
            if(seen(moved_at) is null, city, new_city) as city,
            if(seen(moved_at) is null, region, new_region) as region,
            if(seen(moved_at) is null, postal_code, new_postal_code) as postal_code,
            'US' as country_code,
            preferred_channel,
            acquisition_channel,
            identifier('CMP', campaign_number) as acquisition_campaign_id,
            identifier('C', referrer_number) as referred_by_customer_id,
            'canonical:' || identifier('C', linked_number) as external_ids,
            created_at,
            greatest(seen(created_at), seen(moved_at)) as updated_at,
            false as is_deleted
        from customers
        where is_new(greatest(seen(created_at), seen(moved_at)))
    """,
    "orders": """
        select
            identifier('O', order_number) as order_id,
            identifier('C', customer_number) as customer_id,
            ordered_at,
            case
                when seen(cancelled_at) is not null then 'cancelled'
                when is_returned and seen(refunded_at) is not null then 'returned'
                when seen(delivered_at) is not null then 'delivered'
                when seen(shipped_at) is not null then 'shipped'
                when seen(paid_at) is not null then 'paid'
                else 'placed'
            end as order_status,
            channel,
            'USD' as currency_code,
            money(net_revenue) as net_revenue,
            money(discount) as discount_amount,
            money(tax) as tax_amount,
            money(shipping) as shipping_amount,
            money(if(seen(refunded_at) is null, 0, refund)) as refund_amount,
            promised_at,
            seen(delivered_at) as delivered_at,
            identifier('CMP', campaign_number) as campaign_id,
            changed_at as updated_at,
            false as is_deleted
        from (
            select
                *,
                greatest(
                    seen(ordered_at), seen(paid_at), seen(shipped_at), seen(delivered_at),
                    seen(cancelled_at), seen(refunded_at)
                ) as changed_at
            from orders
        )
        where is_new(changed_at)
    """,
    "order_lines": """
        select
            identifier('O', order_number) as order_id,
            line_number,
            identifier('PR', product_number) as product_id,
            quantity,
            money(unit_price) as unit_price,
            money(list_price) as list_price,
            money(unit_price * quantity) as net_revenue,
            money(unit_cost) as unit_cost,
            false as is_deleted
        from order_lines
        where is_new(seen(ordered_at))
    """,
    "payments": """
        select
            identifier('PAY', payment_number) as payment_id,
            identifier('O', order_number) as order_id,
            method as payment_method,
            money(amount) as amount,
            installments,
            due_at,
            seen(paid_at) as paid_at,
            false as is_deleted
        from payments
        where is_new(greatest(seen(known_at), seen(paid_at)))
    """,
    "products": """
        select
            identifier('PR', product_number) as product_id,
            name as product_name,
            category,
            brand,
            money(list_price) as list_price,
            money(unit_cost) as unit_cost,
            is_active,
            false as is_deleted
        from products
        where is_new(timestamp '1970-01-01')
    """,
    "cases": """
        select
            identifier('CS', case_number) as case_id,
            identifier('C', customer_number) as customer_id,
            identifier('O', order_number) as order_id,
            opened_at,
            seen(replied_at) as first_response_at,
            coalesce(
                seen(resolved_at), if(seen(reopened_at) is null, seen(solved_at), null)
            ) as resolved_at,
            seen(closed_at) as closed_at,
            case
                when seen(closed_at) is not null then 'closed'
                when seen(resolved_at) is not null then 'solved'
                when seen(reopened_at) is not null then 'open'
                when seen(solved_at) is not null then 'solved'
                when seen(proposed_at) is not null then 'pending'
                when seen(analysed_at) is not null then 'open'
                else 'new'
            end as status,
            priority,
            category,
            if(seen(analysed_at) is null, null, reason) as reason,
            channel,
            subject,
            is_complaint,
            null as is_promise_kept, -- the service desk keeps no verdict of its own
            changed_at as updated_at,
            false as is_deleted
        from (
            select
                *,
                greatest(
                    seen(opened_at), seen(replied_at), seen(analysed_at), seen(proposed_at),
                    seen(solved_at), seen(reopened_at), seen(resolved_at), seen(closed_at)
                ) as changed_at
            from cases
        )
        where is_new(changed_at)
    """,
    "case_events": """
        select
            identifier('CE', event_number) as case_event_id,
            identifier('CS', case_number) as case_id,
            occurred_at,
            kind as event_type,
            from_value,
            to_value,
            actor as actor_type,
            false as is_deleted
        from case_events
        where is_new(seen(occurred_at))
    """,
    "survey_responses": """
        select
            identifier('SR', response_number) as response_id,
            question as dimension,
            identifier('C', customer_number) as customer_id,
            identifier('O', order_number) as order_id,
            identifier('CS', case_number) as case_id,
            null as product_id, -- asked about orders, not about products
            survey as survey_type,
            if(seen(responded_at) is null, null, score) as score,
            scale_min,
            scale_max,
            if(seen(responded_at) is null, null, comment) as comment,
            channel,
            invited_at,
            seen(responded_at) as responded_at,
            false as is_deleted
        from survey_responses
        where is_new(greatest(seen(invited_at), seen(responded_at)))
    """,
    "interactions": """
        select
            identifier('I', interaction_number) as interaction_id,
            identifier('C', customer_number) as customer_id,
            occurred_at,
            channel,
            direction,
            kind as interaction_type,
            subject,
            identifier('CS', case_number) as case_id,
            null as campaign_id,
            seconds as duration_seconds,
            identifier('AG', agent) as agent_id,
            false as is_deleted
        from interactions
        where is_new(seen(occurred_at))
    """,
    "opportunities": """
        select
            identifier('OP', opportunity_number) as opportunity_id,
            identifier('C', customer_number) as customer_id,
            'Supply contract ' || opportunity_number as opportunity_name,
            stage,
            money(amount) as amount,
            'USD' as currency_code,
            case stage
                when 'qualification' then 0.2
                when 'proposal' then 0.4
                when 'negotiation' then 0.6
                when 'won' then 1.0
                when 'lost' then 0.0
            end as probability,
            created_at,
            seen(closed_at) as closed_at,
            if(seen(closed_at) is null, null, is_won) as is_won,
            null as campaign_id,
            changed_at as updated_at,
            false as is_deleted
        from (
            select
                *,
                case
                    when seen(closed_at) is not null then if(is_won, 'won', 'lost')
                    when seen(negotiated_at) is not null then 'negotiation'
                    when seen(proposed_at) is not null then 'proposal'
                    else 'qualification'
                end as stage,
                greatest(
                    seen(created_at), seen(proposed_at), seen(negotiated_at), seen(closed_at)
                ) as changed_at
            from opportunities
        )
        where is_new(changed_at)
    """,
    "campaigns": """
        select
            identifier('CMP', campaign_number) as campaign_id,
            name as campaign_name,
            channel,
            objective,
            start_date,
            end_date,
            money(budget) as budget_amount,
            if(seen(end_date::timestamp) is null, null, money(cost)) as actual_cost,
            false as is_deleted
        from campaigns
        where is_new(greatest(seen(start_date::timestamp), seen(end_date::timestamp)))
    """,
    "campaign_members": """
        select
            identifier('CMP', campaign_number) as campaign_id,
            identifier('C', customer_number) as customer_id,
            is_control,
            sent_at,
            seen(responded_at) as responded_at,
            if(seen(responded_at) is null, null, response) as response_type,
            false as is_deleted
        from campaign_members
        where is_new(greatest(seen(known_at), seen(responded_at)))
    """,
    "referrals": """
        select
            identifier('R', referral_number) as referral_id,
            identifier('C', referrer_number) as referrer_customer_id,
            if(seen(converted_at) is null, null, identifier('C', referred_number))
                as referred_customer_id,
            invited_at,
            seen(converted_at) as converted_at,
            channel,
            false as is_deleted
        from referrals
        where is_new(greatest(seen(invited_at), seen(converted_at)))
    """,
    "loyalty_events": """
        select
            identifier('L', event_number) as loyalty_event_id,
            identifier('C', customer_number) as customer_id,
            occurred_at,
            kind as event_type,
            points,
            tier,
            identifier('O', order_number) as order_id,
            false as is_deleted
        from loyalty_events
        where is_new(seen(occurred_at))
    """,
    "consents": """
        select
            identifier('C', customer_number) as customer_id,
            channel,
            'marketing' as purpose,
            is_granted,
            recorded_at,
            false as is_deleted
        from consents
        where is_new(seen(recorded_at))
    """,
    "costs": """
        select
            identifier('CO', cost_number) as cost_id,
            kind as cost_type,
            known_at::date as incurred_on,
            money(amount) as amount,
            'USD' as currency_code,
            channel,
            identifier('CMP', campaign_number) as campaign_id,
            identifier('C', customer_number) as customer_id,
            false as is_deleted
        from costs
        where is_new(seen(known_at))
    """,
}
EXPORTS = tuple(
    Export(name=name, path=f"{name}_{{date}}.csv", select=select)
    for name, select in SELECTS.items()
)


def canonical_system(company: Company, seed: int) -> System:
    """Register the company's customers in this system and show it all that happened."""
    records = make_records(
        stream(seed, "canonical records"),
        company.people,
        company.seen_at,
        company.end,
        company.parameters.identity,
    )
    by_number = np.argsort(records.number)
    person = records.person[by_number]
    return System(
        name="canonical",
        exports=EXPORTS,
        tables=_tables(company, records),
        identities=identities(
            source_object="customers",
            record=numbered("C", records.number[by_number]),
            person=person,
            known_at=records.created_at[by_number],
            is_organisation=company.people.is_organisation[person],
        ),
        orders=NO_ORDERS,
    )


def _tables(company: Company, records: Records) -> dict[str, pa.Table]:
    """Put the numbers of customer records into the company's tables and add the records."""
    tables = dict(company.tables)
    for name, instant in _RECORD_INSTANTS.items():
        content = tables[name]
        person = content["person"].to_numpy()
        number = records.at(np.maximum(person, 0), content[instant].to_numpy())
        tables[name] = content.append_column(
            "customer_number", references(np.where(person < 0, -1, number))
        )
    tables["customers"] = _customers(company, records)
    tables["referrals"] = _referrals(company, records)
    return tables


def _referrals(company: Company, records: Records) -> pa.Table:
    made = company.referrals
    referred = records.at(np.maximum(made.referred, 0), made.converted_at)
    return table(
        referral_number=np.arange(1, made.referrer.size + 1),
        referrer_number=records.at(made.referrer, made.invited_at),
        referred_number=references(np.where(made.referred < 0, -1, referred)),
        invited_at=made.invited_at,
        converted_at=made.converted_at,
        channel=words(made.channel, ("email", "social", "chat")),
    )


def _customers(company: Company, records: Records) -> pa.Table:
    """Make the customer records in order of their numbers."""
    people, person = company.people, records.person
    made = company.referrals
    is_converted = made.referred >= 0
    referrer = np.full(people.count, -1)
    referrer[made.referred[is_converted]] = records.at(made.referrer, made.invited_at)[is_converted]
    is_han = people.is_han[person]
    columns = {
        "number": records.number,
        "customer_type": words(people.is_organisation[person] * 1, ("person", "organisation")),
        "first_name": words(np.where(is_han, -1, people.given[person]), GIVEN),
        "last_name": words(np.where(is_han, -1, people.family[person]), FAMILY),
        "full_name": han_names(people).take(pa.array(person)),
        "company_name": words(people.organisation[person], ORGANISATIONS),
        "email": records.email,
        "phone": records.phone,
        "birth_date": people.birth_date[person],
        "gender": words(people.gender[person], GENDERS),
        "preferred_channel": words(people.preferred_channel[person], PREFERRED_CHANNELS),
        "acquisition_channel": words(
            people.channel[person], tuple(company.parameters.acquisition.channel_share)
        ),
        "campaign_number": references(next_number(company.acquisition_campaign[person])),
        "referrer_number": references(referrer[person]),
        "linked_number": references(records.linked_number),
        "created_at": records.created_at,
        "moved_at": records.moved_at,
        **_address_columns(people.addresses.take(person), ""),
        **_address_columns(records.new_addresses, "new_"),
    }
    return table(**columns).take(pa.array(np.argsort(records.number)))


def _address_columns(addresses: Addresses, prefix: str) -> dict[str, pa.Array]:
    return {
        f"{prefix}street": addresses.street_lines(),
        f"{prefix}city": words(addresses.city, [city.name for city in CITIES]),
        f"{prefix}region": words(addresses.city, [city.state for city in CITIES]),
        f"{prefix}postal_code": addresses.postal_codes(),
    }
