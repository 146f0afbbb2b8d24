"""Which system knows whom, and where each thing that happened was recorded.

Every event of the company is in exactly one system, so that no revenue is counted twice; the same
people are in several, because each registers them for itself. What a system writes about its share
is in the module of the system.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from samples.company import Company
from samples.draws import (
    NEVER,
    Bools,
    Floats,
    Instants,
    Ints,
    days_between,
    later,
    rank_within,
    stream,
)
from samples.registrations import Persons, Registrations, draw_persons, register

# Where a customer is at home. Shoppers are served by Zendesk; an adviser serves some of them from
# Salesforce, as he does organisations; small organisations are in HubSpot.
SHOPPER, ADVISED, ACCOUNT, SMALL_ACCOUNT = range(4)

_MINUTE = 1 / 1440
_PROSPECT_LEAD_SHARE = 0.6  # of prospects that are leads in Salesforce
_CONVERTED_LEAD_SHARE = 0.4  # of first contacts of accounts that were leads before
_CONTACT_SHARE = 0.55  # of persons who allow e-mail: are contacts in HubSpot
_SHARED_CONTACT_SHARE = 0.35  # of contacts of accounts: are in HubSpot too
_LATE_REGISTRATION_SHARE = 0.1  # of shop accounts: made at the second order
_MOST_GUEST_ORDERS = 5  # of one person


@dataclass(frozen=True)
class Landscape:
    """The company as its systems see it."""

    company: Company
    persons: Persons
    seed: int
    home: Ints  # of every customer
    shopify: Registrations
    guests: Registrations  # one per order without an account
    order_rows: Ints  # of every order: row in `shopify`, or -1
    guest_rows: Ints  # of every order: row in `guests`, or -1
    salesforce: Registrations  # contacts and person accounts
    leads: Registrations
    hubspot: Registrations
    zendesk: Registrations
    loyalty: Registrations
    marketing: Registrations

    def actors(self, part: str, customer: Ints) -> Ints:
        """Choose the person who acts for each customer: themselves, or one of the contacts."""
        rng = stream(self.seed, f"actors of {part}")
        count = self.company.people.count
        colleagues = self.persons.customer[count:]
        start = np.searchsorted(colleagues, customer)
        choices = 1 + np.searchsorted(colleagues, customer, side="right") - start
        choice = (rng.random(customer.size) * choices).astype(np.int64)
        return np.where(choice == 0, customer, count + start + choice - 1)

    def is_at(self, customer: Ints, homes: tuple[int, ...]) -> Bools:
        """Say of each customer whether their home is one of these; nobody's is none."""
        return np.asarray((customer >= 0) & np.isin(self.home[np.maximum(customer, 0)], homes))

    def shop_order_numbers(self) -> Ints:
        """Count the orders of the shop by time, anonymous sales included; -1 for the others."""
        orders = self.company.tables["orders"]
        customer = column(orders, "person")
        rows = np.flatnonzero((customer < 0) | self.is_at(customer, (SHOPPER, ADVISED)))
        by_time = np.argsort(column(orders, "ordered_at")[rows], kind="stable")
        number = np.full(customer.size, -1)
        number[rows[by_time]] = 1001 + np.arange(rows.size)
        return number

    def order_names(self) -> pa.Array:
        """Name every order as the shop does; null for orders elsewhere."""
        number = self.shop_order_numbers()
        written = pa.array(number, mask=number < 0).cast(pa.string())
        return pc.binary_join_element_wise("#", written, "")

    def order_entries(self, content: pa.Table) -> pa.Array:
        """Find the order that each row of a table is about, null where none."""
        number = content["order_number"].combine_chunks()
        return pc.subtract(number, 1)

    def surveys_of(self, system: str) -> pa.Table:
        """Get the questions that are asked by one system.

        Small organisations are asked from HubSpot. Of everybody else Delighted asks for
        recommendation and reviews, Zendesk for satisfaction with its cases, Qualtrics the rest.
        """
        content = self.company.tables["survey_responses"]
        survey = np.asarray(content["survey"].cast(pa.string()))
        customer = column(content, "person")
        in_zendesk = (survey == "csat") & self.is_at(customer, (SHOPPER,))
        in_zendesk &= content["case_number"].is_valid().to_numpy()
        asked_by = np.select(
            [
                self.is_at(customer, (SMALL_ACCOUNT,)) & (survey != "other"),
                np.isin(survey, ("nps", "review")),
                in_zendesk,
            ],
            ["hubspot", "delighted", "zendesk"],
            "qualtrics",
        )
        return content.filter(pa.array(asked_by == system))

    def opted_out_at(self) -> Instants:
        """Find for every person when e-mail was refused or the consent withdrawn; NaT if not."""
        consents = self.company.tables["consents"]
        refused = ~column(consents, "is_granted") & np.asarray(
            pc.equal(consents["channel"].cast(pa.string()), "email")
        )
        instants = np.full(self.persons.count, NEVER)
        instants[column(consents, "person")[refused]] = column(consents, "recorded_at")[refused]
        return instants


def column(content: pa.Table, name: str) -> npt.NDArray[Any]:
    """Get a column of numbers, booleans or instants as an array; null instants are NaT."""
    return np.asarray(content[name].to_numpy())


def draw_landscape(company: Company, seed: int) -> Landscape:
    """Spread the company over its systems."""
    parameters = company.parameters.people
    people = company.people
    history = np.timedelta64(company.parameters.acquisition.history_days, "D")
    persons = draw_persons(
        stream(seed, "persons"), people, company.end - history, company.end, parameters
    )
    rng = stream(seed, "homes")
    draw = rng.random(people.count)
    home = np.where(
        people.is_organisation,
        np.where(draw < parameters.small_organisation_share, SMALL_ACCOUNT, ACCOUNT),
        np.where(draw < parameters.person_account_share, ADVISED, SHOPPER),
    )
    shopify, guests, order_rows, guest_rows = _shop(company, persons, seed, home)
    salesforce, leads = _salesforce(company, persons, seed, home)
    return Landscape(
        company=company,
        persons=persons,
        seed=seed,
        home=home,
        shopify=shopify,
        guests=guests,
        order_rows=order_rows,
        guest_rows=guest_rows,
        salesforce=salesforce,
        leads=leads,
        hubspot=_hubspot(company, persons, seed, home),
        zendesk=_zendesk(company, persons, seed, home),
        loyalty=_loyalty(company, persons, seed),
        marketing=_marketing(company, persons, seed, home),
    )


def first_instants(count: int, person: Ints, instants: Instants) -> Instants:
    """Find the first instant of every person; the distant future for those without."""
    first = np.full(count, np.datetime64("9999-01-01", "s"))
    np.minimum.at(first, person, instants)
    return first


def _again(
    rng: np.random.Generator,
    person: Ints,
    created_at: Instants,
    share: float | Floats,
    end: np.datetime64,
) -> tuple[Ints, Instants]:
    """Add a second registration of some, later on."""
    twice = np.flatnonzero(rng.random(person.size) < share)
    wait = rng.uniform(0.05, 0.9, twice.size) * days_between(created_at[twice], end)
    return (
        np.concatenate([person, person[twice]]),
        np.concatenate([created_at, later(created_at[twice], np.maximum(wait, 0.01))]),
    )


def _shop(
    company: Company, persons: Persons, seed: int, home: Ints
) -> tuple[Registrations, Registrations, Ints, Ints]:
    """Register shoppers at their first or second order; the others order as guests.

    Who has ordered often as a guest registers, too, so that nobody has records without end.
    Returns accounts, guests, and of every order the row in one of the two; -1 for both where the
    order belongs to an organisation or to nobody.
    """
    rng = stream(seed, "shop")
    parameters = company.parameters.people
    manner = parameters.registration["shopify"]
    orders = company.tables["orders"]
    customer, ordered_at = column(orders, "person"), column(orders, "ordered_at")
    in_shop = (customer >= 0) & np.isin(home, (SHOPPER, ADVISED))[np.maximum(customer, 0)]
    rows = np.flatnonzero(in_shop)
    rows = rows[np.argsort(ordered_at[rows], kind="stable")]

    buyers = np.unique(customer[rows])
    is_personal = np.array(
        [_is_personal(box) for box in persons.email.take(pa.array(buyers)).to_pylist()],
        dtype=np.bool_,
    )
    is_guest = ~is_personal | (rng.random(buyers.size) < parameters.guest_share)
    is_late = rng.random(buyers.size) < _LATE_REGISTRATION_SHARE
    orders_before = np.full(persons.count, 0)
    orders_before[buyers] = np.select([is_guest, is_late], [_MOST_GUEST_ORDERS, 1], 0)
    rank = rank_within(customer[rows])
    opening = rows[rank == orders_before[customer[rows]]]
    person = customer[opening]
    created_at = later(ordered_at[opening], -_MINUTE * rng.integers(1, 8, person.size))
    # An account has a mailbox of its own.
    usable = persons.email.take(pa.array(buyers)).filter(pa.array(is_personal))
    is_usable = pc.is_in(persons.email, value_set=usable)
    with_mailbox = replace(persons, email=pc.if_else(is_usable, persons.email, persons.other_email))
    # Only who has two mailboxes opens a second account.
    again = manner.second_record * np.asarray(is_usable)[person]
    person, created_at = _again(rng, person, created_at, again, company.end)
    accounts = register(rng, with_mailbox, person, created_at, manner, mailbox_is_key=True)

    account = np.full(customer.size, -1)
    account[rows] = accounts.at(customer[rows], ordered_at[rows])
    has_account = account >= 0
    is_open = np.zeros(customer.size, dtype=np.bool_)
    is_open[has_account] = accounts.created_at[account[has_account]] <= ordered_at[has_account]
    account = np.where(is_open, account, -1)
    guest_orders = np.flatnonzero(in_shop & ~is_open)
    guests = register(
        rng,
        persons,
        customer[guest_orders],
        ordered_at[guest_orders],
        parameters.registration["guest"],
        one_per_event=True,
        taken_mailboxes=accounts.columns["email"],
    )
    guest = np.full(customer.size, -1)
    in_order = np.lexsort((customer[guest_orders], ordered_at[guest_orders]))  # as `register` does
    guest[guest_orders[in_order]] = np.arange(guest_orders.size)
    return accounts, guests, account, guest


def _is_personal(mailbox: str | None) -> bool:
    return mailbox is not None and not mailbox.startswith(("info@", "test@"))


def _salesforce(
    company: Company, persons: Persons, seed: int, home: Ints
) -> tuple[Registrations, Registrations]:
    """Make contacts and person accounts; some were leads before, and prospects are leads."""
    rng = stream(seed, "salesforce")
    people = company.people
    manner = company.parameters.people.registration["salesforce"]
    home_of = home[persons.customer]
    person = np.flatnonzero(np.isin(home_of, (ADVISED, ACCOUNT)))
    is_colleague = person >= people.count
    seen_at = company.seen_at[persons.customer[person]]
    wait = np.where(is_colleague, rng.uniform(0, 60, person.size), -_MINUTE * 5)
    created_at = later(seen_at, wait)
    is_known = created_at < company.end
    person, created_at = person[is_known], created_at[is_known]
    contacts = register(
        rng, persons, *_again(rng, person, created_at, manner.second_record, company.end), manner
    )

    prospects = np.flatnonzero(people.is_prospect & (home == SHOPPER))
    prospects = prospects[rng.random(prospects.size) < _PROSPECT_LEAD_SHARE]
    first_contacts = np.flatnonzero(home == ACCOUNT)
    converted = first_contacts[rng.random(first_contacts.size) < _CONVERTED_LEAD_SHARE]
    leads = np.concatenate([prospects, converted])
    met_at = np.concatenate(
        [
            company.seen_at[prospects],
            later(company.seen_at[converted], -rng.uniform(1, 20, converted.size)),
        ]
    )
    return contacts, register(rng, persons, leads, met_at, manner)


def _hubspot(company: Company, persons: Persons, seed: int, home: Ints) -> Registrations:
    """Make marketing's contacts: who allows e-mail, prospects, and those in organisations."""
    rng = stream(seed, "hubspot")
    people = company.people
    manner = company.parameters.people.registration["hubspot"]
    home_of = home[persons.customer]
    draw = rng.random(persons.count)
    allows = people.grants_email[persons.customer] & (draw < _CONTACT_SHARE)
    is_contact = np.select(
        [home_of == SMALL_ACCOUNT, home_of == ACCOUNT],
        [True, draw < _SHARED_CONTACT_SHARE],
        allows | people.is_prospect[persons.customer],
    )
    person = np.flatnonzero(is_contact)
    # The first contact of a small organisation is there before its first deal.
    must_precede = (home_of[person] == SMALL_ACCOUNT) & (person < people.count)
    wait = np.where(must_precede, -_MINUTE * 5, rng.exponential(3, person.size))
    created_at = later(company.seen_at[persons.customer[person]], wait)
    is_known = created_at < company.end
    person, created_at = person[is_known], created_at[is_known]
    again = _again(rng, person, created_at, manner.second_record, company.end)
    return register(rng, persons, *again, manner, mailbox_is_key=True)


def _zendesk(company: Company, persons: Persons, seed: int, home: Ints) -> Registrations:
    """Register shoppers with their first case."""
    rng = stream(seed, "zendesk")
    manner = company.parameters.people.registration["zendesk"]
    cases = company.tables["cases"]
    customer, opened_at = column(cases, "person"), column(cases, "opened_at")
    is_here = home[customer] == SHOPPER
    first = first_instants(persons.count, customer[is_here], opened_at[is_here])
    person = np.unique(customer[is_here])
    created_at = later(first[person], -_MINUTE / 6)
    again = _again(rng, person, created_at, manner.second_record, company.end)
    return register(rng, persons, *again, manner, mailbox_is_key=True)


def _loyalty(company: Company, persons: Persons, seed: int) -> Registrations:
    """Make the members of the programme, and those who only recommend or were recommended."""
    manner = company.parameters.people.registration["loyalty"]
    events = company.tables["loyalty_events"]
    made = company.referrals
    came = made.referred >= 0
    first = first_instants(
        persons.count,
        np.concatenate([column(events, "person"), made.referrer, made.referred[came]]),
        np.concatenate([column(events, "occurred_at"), made.invited_at, made.converted_at[came]]),
    )
    person = np.flatnonzero(first < company.end)
    return register(stream(seed, "loyalty members"), persons, person, first[person], manner)


def _marketing(company: Company, persons: Persons, seed: int, home: Ints) -> Registrations:
    """Make the recipients of campaigns when they are first chosen for one."""
    manner = company.parameters.people.registration["marketing"]
    members = company.tables["campaign_members"]
    customer, known_at = column(members, "person"), column(members, "known_at")
    is_here = np.isin(home[customer], (SHOPPER, SMALL_ACCOUNT))
    first = first_instants(persons.count, customer[is_here], known_at[is_here])
    person = np.unique(customer[is_here])
    return register(stream(seed, "recipients"), persons, person, first[person], manner)
