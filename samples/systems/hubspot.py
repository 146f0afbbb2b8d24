"""HubSpot: marketing's contacts, and small organisations with their deals, tickets and feedback.

CSV exports under human labels, one of which occurs twice; all of an object in every file. Times are
to the minute, of tickets and feedback in the American form. Contacts that were merged are gone from
the file and named by the winner.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Bools, Instants, Ints, later, only_if, stream, table, text, words
from samples.people import ORGANISATIONS
from samples.registrations import organisation_domains
from samples.surveys import OVERALL, QUESTIONS
from samples.systems.exporting import (
    Export,
    System,
    identities,
    order_records,
    with_columns,
)
from samples.systems.ids import hubspot_ids, spaced
from samples.systems.landscape import ACCOUNT, SMALL_ACCOUNT, Landscape, column
from samples.vocabulary import CITIES

_MERGED_SHARE = 0.6  # of second records of a person
_SHARED_COMPANY_SHARE = 0.4  # of accounts in Salesforce: are companies here too
_INDUSTRIES = ("RETAIL", "HOSPITALITY", "HOSPITAL_HEALTH_CARE", "CONSTRUCTION", "MEDIA_PRODUCTION")
_OLD_PORTAL_UNTIL = "2025-01-01"  # satisfaction was asked on 0-2 before

MACROS = (
    "create macro american(instant) as strftime(instant::timestamp, '%-m/%-d/%Y %-I:%M %p')",
    """
    create macro clock(start, stop) as printf(
        '%02d:%02d:%02d',
        datediff('second', start::timestamp, stop::timestamp) // 3600,
        datediff('second', start::timestamp, stop::timestamp) // 60 % 60,
        datediff('second', start::timestamp, stop::timestamp) % 60
    )
    """,
)

# Label and value; two columns are called "Email hard bounce reason".
_CONTACT_CELLS = (
    ("Record ID", "record_id"),
    ("First Name", "given"),
    ("Last Name", "if(seen(renamed_at) is null, family, new_family)"),
    ("Email", "email"),
    ("Phone Number", "landline"),
    ("Mobile Phone Number", "mobile"),
    ("Contact owner", "null"),
    ("Lead Status", "if(is_prospect, 'Open', null)"),
    ("Lifecycle Stage", "if(is_prospect, 'Lead', 'Customer')"),
    ("Create Date", "to_minute(created_at)"),
    ("Last Activity Date", "to_minute(seen(opted_out_at))"),
    ("Last Modified Date", "to_minute(changed_at)"),
    ("Company Name", "company"),
    ("Associated Company IDs", "company_id"),
    ("Job Title", "null"),
    ("City", "if(seen(moved_at) is null, city, new_city)"),
    ("State/Region", "if(seen(moved_at) is null, region, new_region)"),
    ("Postal Code", "if(seen(moved_at) is null, postal_code, new_postal_code)"),
    ("Country/Region", "if(city is null, null, 'United States')"),
    ("Preferred language", "'English'"),
    ("Original Traffic Source", "traffic_source"),
    ("Unsubscribed from all email", "seen(opted_out_at) is not null"),
    (
        "Legal basis for processing contact's data",
        "if(seen(opted_out_at) is null, 'Freely given consent from contact', null)",
    ),
    ("Last NPS survey date", "to_minute(nps_at)"),
    ("Last NPS survey rating", "nps"),
    ("Merged Contact IDs", "merged_ids"),
    ("Date of birth", "birth_date"),
    ("Gender", "gender"),
    ("Email hard bounce reason", "null"),
    ("Email hard bounce reason", "null"),
)
_CONTACTS = f"""
    with
    merges as (
        select winner, string_agg(record_id, ';' order by number) as merged_ids,
            max(merged_at) as last_merged_at
        from contacts where seen(merged_at) is not null group by winner
    ),
    answers as (
        select contact_number as number, arg_max(score, responded_at) as nps,
            max(responded_at) as nps_at
        from feedback where survey = 'nps' and seen(responded_at) is not null
        group by contact_number
    ),
    known as (
        select
            *,
            greatest(
                seen(created_at), seen(renamed_at), seen(moved_at), seen(opted_out_at),
                last_merged_at, nps_at
            ) as changed_at
        from contacts
        left join merges on contacts.number = merges.winner
        left join answers using (number)
        where seen(created_at) is not null and seen(merged_at) is null
    )
    select {", ".join(f'{value} as "{n}"' for n, (_, value) in enumerate(_CONTACT_CELLS))}
    from known
    order by number
"""


def _stage_clocks() -> str:
    """Write the three columns that HubSpot keeps for every stage of a pipeline."""
    spans = {
        "New": ("opened_at", "seen(analysed_at)"),
        "Waiting on us": (
            "coalesce(seen(reopened_at), seen(analysed_at))",
            "if(seen(reopened_at) is null, seen(proposed_at), seen(resolved_at))",
        ),
        "Waiting on contact": ("seen(proposed_at)", "seen(solved_at)"),
        "Closed": (
            "if(seen(reopened_at) is null, seen(solved_at), seen(resolved_at))",
            "null::timestamp",
        ),
    }
    return ",\n            ".join(
        f"""american({start}) as "Date entered ""{stage} (Support Pipeline)""\",
            american({stop}) as "Date exited ""{stage} (Support Pipeline)""\",
            clock({start}, coalesce({stop}, getvariable('until')))
                as "Cumulative time in ""{stage} (Support Pipeline)""\""""
        for stage, (start, stop) in spans.items()
    )


_FILE = "{{date}}/hubspot-crm-exports-all-{}-{{date}}.csv"
EXPORTS = (
    Export(
        "contacts",
        _FILE.format("contacts"),
        _CONTACTS,
        full=True,
        header=[[label for label, _ in _CONTACT_CELLS]],
        quote_all=True,
    ),
    Export(
        "companies",
        _FILE.format("companies"),
        """
        select
            record_id as "Record ID",
            name as "Company name",
            domain as "Company Domain Name",
            industry as "Industry",
            city as "City",
            region as "State/Region",
            'United States' as "Country/Region",
            employees as "Number of Employees",
            null as "Annual Revenue",
            to_minute(created_at) as "Create Date",
            null as "Parent Company",
            contact_ids as "Associated Contact IDs"
        from companies
        left join (
            select company_id as record_id, string_agg(record_id, ';' order by number)
                as contact_ids
            from contacts
            where seen(created_at) is not null and seen(merged_at) is null
            group by company_id
        ) using (record_id)
        where seen(created_at) is not null
        order by number
        """,
        full=True,
        quote_all=True,
    ),
    Export(
        "deals",
        _FILE.format("deals"),
        """
        select
            deal_id as "Record ID",
            name as "Deal Name",
            stage as "Deal Stage",
            'Sales Pipeline' as "Pipeline",
            amount as "Amount",
            amount as "Amount in company currency",
            'USD' as "Currency",
            to_minute(closed_at) as "Close Date",
            to_minute(created_at) as "Create Date",
            null as "Deal owner",
            type as "Deal Type",
            company_id as "Associated Company IDs",
            contact_id as "Associated Contact IDs"
        from (
            select
                deal_id, company_id, contact_id, printf('Order %d', order_number) as name,
                if(seen(cancelled_at) is null, 'Closed Won', 'Closed Lost') as stage,
                money(net_revenue) as amount, ordered_at as closed_at, ordered_at as created_at,
                'Existing Business' as type
            from deals
            where seen(ordered_at) is not null
            union all
            select
                deal_id, company_id, contact_id,
                printf('Frame contract %d', opportunity_number),
                case
                    when seen(closed_at) is not null then if(is_won, 'Closed Won', 'Closed Lost')
                    when seen(negotiated_at) is not null then 'Contract Sent'
                    when seen(proposed_at) is not null then 'Presentation Scheduled'
                    else 'Qualified To Buy'
                end,
                if(seen(closed_at) is not null and is_won, null, money(amount)),
                seen(closed_at), created_at, 'New Business'
            from pipeline
            where seen(created_at) is not null
        )
        order by created_at, deal_id
        """,
        full=True,
        quote_all=True,
    ),
    Export(
        "tickets",
        _FILE.format("tickets"),
        f"""
        select
            ticket_id as "Ticket ID",
            subject as "Ticket name",
            subject || E'\\nOrder ' || order_number as "Ticket description",
            'Support Pipeline' as "Pipeline",
            case
                when seen(resolved_at) is not null then 'Closed'
                when seen(reopened_at) is not null then 'Waiting on us'
                when seen(solved_at) is not null then 'Closed'
                when seen(proposed_at) is not null then 'Waiting on contact'
                when seen(analysed_at) is not null then 'Waiting on us'
                else 'New'
            end as "Ticket status",
            case priority
                when 'low' then 'Low' when 'normal' then 'Medium' when 'high' then 'High'
                else 'Urgent'
            end as "Priority",
            if(is_complaint, 'Complaint', upper(category[1]) || category[2:]) as "Category",
            case channel
                when 'phone' then 'Phone' when 'chat' then 'Chat' when 'email' then 'Email'
                else 'Form'
            end as "Source",
            null as "Ticket owner",
            american(opened_at) as "Create date",
            american(
                if(seen(reopened_at) is null, seen(solved_at), seen(resolved_at))
            ) as "Close date",
            american(seen(reopened_at)) as "Ticket reopen date",
            american(seen(replied_at)) as "First agent response date",
            clock(
                opened_at, if(seen(reopened_at) is null, seen(solved_at), seen(resolved_at))
            ) as "Time to close",
            if(seen(resolved_at) is null, null, reopened_at is null)
                as "First contact resolution",
            2 as "Number of touches",
            null as "Merged Ticket IDs",
            {_stage_clocks()},
            contact_id as "Associated Contact IDs",
            company_id as "Associated Company IDs"
        from tickets
        where seen(opened_at) is not null
        order by case_number
        """,
        full=True,
        quote_all=True,
    ),
    Export(
        "feedback_submissions",
        "{date}/feedback-submissions-{date}.csv",
        f"""
        select
            submission_id as "Record ID",
            case
                when survey = 'nps' then 'Relationship survey'
                when survey = 'ces' then 'Service effort'
                when is_old then 'Delivery check'
                else 'Satisfaction survey'
            end as "Survey name",
            case survey when 'nps' then 'NPS' when 'ces' then 'CES' else 'CSAT' end
                as "Survey type",
            case
                when not is_old then score
                when score >= 4 then 2
                when score = 3 then 1
                else 0
            end as "Rating",
            case
                when survey <> 'nps' then null
                when score >= 9 then 'Promoter'
                when score >= 7 then 'Passive'
                else 'Detractor'
            end as "Sentiment",
            comment as "Follow-up text",
            american(responded_at) as "Date",
            contact as "Contact"
        from (
            select
                *,
                survey in ('csat', 'review') and responded_at < timestamp '{_OLD_PORTAL_UNTIL}'
                    as is_old
            from feedback
        )
        where seen(responded_at) is not null
        order by responded_at, submission_id
        """,
        full=True,
        quote_all=True,
    ),
)


def hubspot_system(landscape: Landscape) -> System:
    """Make what HubSpot holds."""
    companies, entry = _companies(landscape)
    contacts = _contacts(landscape, companies, entry)
    orders = landscape.company.tables["orders"]
    deals = _of_small(landscape, orders, contacts, "ordered_at")
    deals = with_columns(deals, deal_id=spaced(9_700_000_000, 211, column(deals, "order_number")))
    records = landscape.hubspot
    return System(
        name="hubspot",
        exports=EXPORTS,
        tables={
            "contacts": contacts,
            "companies": companies,
            "deals": deals,
            "pipeline": _pipeline(landscape, contacts),
            "tickets": _tickets(landscape, contacts),
            "feedback": _feedback(landscape, contacts),
        },
        identities=pa.concat_tables(
            [
                identities(
                    source_object="companies",
                    # HubSpot numbers companies and contacts apart; staging tells them by the kind.
                    record=pc.binary_join_element_wise(
                        "company", companies["record_id"].combine_chunks(), ":"
                    ),
                    person=column(companies, "organisation"),
                    known_at=column(companies, "created_at"),
                    is_organisation=True,
                ),
                identities(
                    source_object="contacts",
                    record=hubspot_ids(np.arange(1, records.count + 1)),
                    person=records.person,
                    known_at=records.created_at,
                ),
            ]
        ),
        orders=order_records(
            "deals", deals["deal_id"].combine_chunks(), column(deals, "order_number")
        ),
        macros=MACROS,
    )


def _companies(landscape: Landscape) -> tuple[pa.Table, Ints]:
    """Make the companies; returns them and each customer's entry, -1 for none."""
    rng = stream(landscape.seed, "hubspot companies")
    company, people = landscape.company, landscape.company.people
    is_here = landscape.home == SMALL_ACCOUNT
    is_here |= (landscape.home == ACCOUNT) & (rng.random(people.count) < _SHARED_COMPANY_SHARE)
    organisation = np.flatnonzero(is_here)
    organisation = organisation[np.argsort(company.seen_at[organisation], kind="stable")]
    entry = np.full(people.count, -1)
    entry[organisation] = np.arange(organisation.size)
    numbers = np.arange(1, organisation.size + 1)
    name = text(people.organisation[organisation], ORGANISATIONS)
    without_form = pc.replace_substring_regex(name, " (Inc|LLC|Co)$", "")
    spelled = pc.replace_substring_regex(name, " Inc$", ", Incorporated")
    draw = rng.random(organisation.size)
    name = pc.if_else(pa.array(draw < 0.2), without_form, name)
    name = pc.if_else(pa.array(draw > 0.8), spelled, name)
    addresses = people.addresses.take(organisation)
    return table(
        number=numbers,
        organisation=organisation,
        record_id=spaced(8_300_000_000, 127, numbers),
        name=name,
        domain=organisation_domains(people).take(pa.array(organisation)),
        industry=text(rng.integers(0, len(_INDUSTRIES), organisation.size), _INDUSTRIES),
        city=words(addresses.city, [city.name for city in CITIES]),
        region=words(addresses.city, [city.state for city in CITIES]),
        employees=np.rint(rng.lognormal(2.0, 0.8, organisation.size)).astype(np.int64) + 1,
        created_at=later(company.seen_at[organisation], -10 / 1440),
    ), entry


def _contacts(landscape: Landscape, companies: pa.Table, entry: Ints) -> pa.Table:
    """Make the contacts; the second record of a person may be merged into the first."""
    rng = stream(landscape.seed, "hubspot contacts")
    records, people = landscape.hubspot, landscape.company.people
    customer = landscape.persons.customer[records.person]
    numbers = np.arange(1, records.count + 1)
    _, first, inverse = np.unique(records.person, return_index=True, return_inverse=True)
    winner = first[inverse]
    is_merged = (winner != numbers - 1) & (rng.random(records.count) < _MERGED_SHARE)
    merged_at = later(records.created_at, rng.uniform(2, 60, records.count))
    own = entry[customer]
    sources = ("Organic Search", "Paid Search", "Paid Social", "Referrals", "Referrals", "Offline")
    return records.as_table(
        record_id=hubspot_ids(numbers),
        winner=np.where(is_merged, winner + 1, -1),
        merged_at=only_if(is_merged, merged_at),
        is_prospect=people.is_prospect[customer],
        company=text(people.organisation[customer], ORGANISATIONS),
        company_id=companies["record_id"].combine_chunks().take(pa.array(own, mask=own < 0)),
        traffic_source=text(people.channel[customer], sources),
        opted_out_at=landscape.opted_out_at()[records.person],
    )


def _acting(
    landscape: Landscape, contacts: pa.Table, part: str, customer: Ints, instants: Instants
) -> dict[str, pa.Array]:
    """Name contact and company behind events: a contact who was known then."""
    records = landscape.hubspot
    row = records.at(landscape.actors(part, customer), instants)
    is_known: Bools = (row >= 0) & (records.created_at[np.maximum(row, 0)] <= instants)
    row = np.where(is_known, row, records.at(customer, instants))
    rows = pa.array(row)
    return {
        "contact_number": pa.array(row + 1),
        "contact_id": contacts["record_id"].combine_chunks().take(rows),
        "company_id": contacts["company_id"].combine_chunks().take(rows),
        "contact": pc.coalesce(
            contacts["email"].combine_chunks().take(rows),
            contacts["record_id"].combine_chunks().take(rows),
        ),
    }


def _of_small(
    landscape: Landscape, content: pa.Table, contacts: pa.Table, instant: str
) -> pa.Table:
    """Keep what happened with small organisations, with who acted."""
    is_here = landscape.is_at(column(content, "person"), (SMALL_ACCOUNT,))
    content = content.filter(pa.array(is_here))
    customer, instants = column(content, "person"), column(content, instant)
    return with_columns(content, **_acting(landscape, contacts, instant, customer, instants))


def _pipeline(landscape: Landscape, contacts: pa.Table) -> pa.Table:
    """Make the deals that are not orders; a frame contract that is won has no amount of its own."""
    content = landscape.company.tables["opportunities"]
    content = _of_small(landscape, content, contacts, "created_at")
    number = landscape.company.tables["orders"].num_rows + column(content, "opportunity_number")
    return with_columns(content, deal_id=spaced(9_700_000_000, 211, number))


def _tickets(landscape: Landscape, contacts: pa.Table) -> pa.Table:
    content = _of_small(landscape, landscape.company.tables["cases"], contacts, "opened_at")
    return with_columns(
        content, ticket_id=spaced(1_400_000_000, 89, column(content, "case_number"))
    )


def _feedback(landscape: Landscape, contacts: pa.Table) -> pa.Table:
    content = landscape.surveys_of("hubspot")
    content = content.filter(pc.equal(content["question"].cast(pa.string()), QUESTIONS[OVERALL]))
    content = _of_small(landscape, content, contacts, "invited_at")
    number = column(content, "response_number")
    return with_columns(content, submission_id=spaced(2_200_000_000, 61, number))
