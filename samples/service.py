"""How the company serves its customers: cases with their stages, other contacts, costs of service.

Cases follow orders; a late delivery makes them more likely, and they take longer before a customer
drops out. Answers to surveys about cases are in `surveys`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from samples.draws import (
    Bools,
    Instants,
    Ints,
    days_between,
    later,
    next_number,
    only_if,
    pick,
    references,
    table,
    words,
)
from samples.opening_hours import at_work
from samples.parameters import Service, ServiceClock
from samples.people import People
from samples.purchases import RECOVERY_UPLIFT, Orders, Placed

CASE_CHANNELS = ("email", "phone", "chat", "web", "social")
CATEGORIES = ("delivery", "return", "product", "billing", "account")
REASONS = (
    ("carrier delay", "lost parcel", "wrong address"),
    ("not as expected", "wrong size", "changed mind"),
    ("defect", "missing part", "how to use"),
    ("charged twice", "voucher not applied", "invoice copy"),
    ("password", "change of data", "newsletter"),
)
SUBJECTS = (
    ("Where is my order?", "Delivery late", "Parcel not received"),
    ("I want to return an item", "Return label", "Refund for my order"),
    ("Item broken", "Part missing", "Question about the product"),
    ("Wrong amount charged", "Voucher", "Invoice"),
    ("Cannot log in", "Change my address", "Newsletter"),
)
PRIORITIES = ("low", "normal", "high", "urgent")
NORMAL, URGENT = 1, 3
_PRIORITY_FACTORS = np.array([1.6, 1.0, 0.6, 0.3])
# Median hours of a stage at normal priority; what falls outside opening hours waits for morning.
_HOURS_TO = {"reply": 2.0, "analyse": 2.0, "propose": 5.0, "carry_out": 8.0, "feed_back": 20.0}
CONTACT_CHANNELS = ("phone", "email", "chat", "social", "store", "face_to_face")
CONTACT_KINDS = ("call", "message", "message", "message", "visit", "meeting")
_PHONE, _CHAT = 0, 2
_TALKING = (0, 2, 5)  # contact channels whose length is known
CONTACT_SUBJECTS = ("Advice before purchase", "Order status", "Opening hours", "Product care")
AGENTS = 40


@dataclass(frozen=True)
class Cases:
    """One entry per case in order of time, with the instants of its stages."""

    person: Ints
    order: Ints
    opened_at: Instants
    replied_at: Instants
    analysed_at: Instants
    proposed_at: Instants
    solved_at: Instants  # carried out for the first time
    reopened_at: Instants
    resolved_at: Instants  # carried out for good
    closed_at: Instants  # fed back to the customer
    priority: Ints
    category: Ints
    detail: Ints  # position in REASONS and SUBJECTS of the category
    channel: Ints
    is_complaint: Bools
    agent: Ints

    @property
    def count(self) -> int:
        """Count the cases."""
        return self.person.size


def draw_cases(
    rng: np.random.Generator, orders: Orders, service: Service, clock: ServiceClock
) -> Cases:
    """Draw which orders lead to a case and how long its stages take.

    What is urgent is worked on day and night, the rest when the service is open.
    """
    days_late = np.minimum(orders.days_late, 5)
    chance = service.case_share + service.case_share_per_day_late * days_late
    chance = np.where(orders.refund > 0, chance + 0.3, chance)
    has_case = (rng.random(orders.count) < chance) & ~np.isnat(orders.delivered_at)
    order = np.flatnonzero(has_case)
    late = orders.days_late[order]
    while_late = later(orders.promised_at[order], late * rng.uniform(0.1, 1, order.size))
    afterwards = later(orders.delivered_at[order], 0.02 + rng.exponential(1.2, order.size))
    opened_at = np.where(late > 0, while_late, afterwards)
    by_time = np.argsort(opened_at, kind="stable")
    order, opened_at, late = order[by_time], opened_at[by_time], late[by_time]

    size = order.size
    priority = pick(rng, (0.15, 0.6, 0.2, 0.05), size)
    factor = _PRIORITY_FACTORS[priority] / 24
    factor *= np.where(orders.is_last[order], service.slower_before_dropout, 1.0)

    def after(instants: Instants, stage: str) -> Instants:
        done = later(instants, _HOURS_TO[stage] * factor * rng.lognormal(0, 0.8, size))
        return at_work(done, priority != URGENT, clock)

    replied_at = after(opened_at, "reply")
    analysed_at = after(replied_at, "analyse")
    proposed_at = after(analysed_at, "propose")
    solved_at = after(proposed_at, "carry_out")
    is_reopened = rng.random(size) < service.reopened_share
    reopened_at = only_if(is_reopened, later(solved_at, rng.uniform(0.1, 3, size)))
    resolved_at = np.where(is_reopened, after(reopened_at, "carry_out"), solved_at)
    is_fed_back = rng.random(size) < service.fed_back_share
    share_complaints = np.where(late > 0, service.complaint_share_late, service.complaint_share)
    category = np.select(
        [late > 0, orders.refund[order] > 0], [0, 1], pick(rng, (1, 1, 4, 3, 2), size)
    )
    return Cases(
        person=orders.person[order],
        order=order,
        opened_at=opened_at,
        replied_at=replied_at,
        analysed_at=analysed_at,
        proposed_at=proposed_at,
        solved_at=solved_at,
        reopened_at=reopened_at,
        resolved_at=resolved_at,
        closed_at=only_if(is_fed_back, after(resolved_at, "feed_back")),
        priority=priority,
        category=category,
        detail=rng.integers(0, len(REASONS[0]), size),
        channel=pick(rng, (0.4, 0.25, 0.15, 0.15, 0.05), size),
        is_complaint=rng.random(size) < share_complaints,
        agent=rng.integers(1, AGENTS + 1, size),
    )


def recovery_orders(rng: np.random.Generator, cases: Cases, service: Service) -> Placed:
    """Add the orders that handling complaints well causes."""
    is_well = cases.is_complaint & ~np.isnat(cases.closed_at) & np.isnat(cases.reopened_at)
    chosen = np.flatnonzero(is_well & (rng.random(cases.count) < service.recovery_uplift))
    days = rng.uniform(2, service.recovery_days, chosen.size)
    return Placed(
        person=cases.person[chosen],
        ordered_at=later(cases.closed_at[chosen], days),
        is_last=np.zeros(chosen.size, dtype=np.bool_),
        campaign=np.full(chosen.size, -1),
        origin=np.full(chosen.size, RECOVERY_UPLIFT),
    )


def case_table(cases: Cases) -> pa.Table:
    """Make the cases with the instants of their stages."""
    detail = cases.category * len(REASONS[0]) + cases.detail
    return table(
        case_number=np.arange(1, cases.count + 1),
        person=cases.person,
        order_number=cases.order + 1,
        opened_at=cases.opened_at,
        replied_at=cases.replied_at,
        analysed_at=cases.analysed_at,
        proposed_at=cases.proposed_at,
        solved_at=cases.solved_at,
        reopened_at=cases.reopened_at,
        resolved_at=cases.resolved_at,
        closed_at=cases.closed_at,
        priority=words(cases.priority, PRIORITIES),
        category=words(cases.category, CATEGORIES),
        reason=words(detail, [reason for group in REASONS for reason in group]),
        channel=words(cases.channel, CASE_CHANNELS),
        subject=words(detail, [subject for group in SUBJECTS for subject in group]),
        is_complaint=cases.is_complaint,
    )


@dataclass(frozen=True)
class FollowUps:
    """One entry per message that a customer writes while the case is being worked on."""

    case: Ints
    asked_at: Instants
    answered_at: Instants


def draw_follow_ups(
    rng: np.random.Generator, cases: Cases, service: Service, clock: ServiceClock
) -> FollowUps:
    """Let some customers write again between the first answer and the solution."""
    chosen = np.flatnonzero(rng.random(cases.count) < service.follow_up_share)
    begin, end = cases.replied_at[chosen], cases.solved_at[chosen]
    asked_at = later(begin, rng.uniform(0.05, 0.8, chosen.size) * days_between(begin, end))
    hours = _HOURS_TO["reply"] * _PRIORITY_FACTORS[cases.priority[chosen]]
    waited = hours * rng.lognormal(0, 0.8, chosen.size) / 24
    is_urgent = cases.priority[chosen] == URGENT
    return FollowUps(chosen, asked_at, at_work(later(asked_at, waited), ~is_urgent, clock))


def case_event_table(cases: Cases, clock_cases: Cases, follow_ups: FollowUps) -> pa.Table:
    """Make the history of the cases: registered, analysed, solution, carried out, fed back.

    Those of the clock cases, then the messages in between are numbered after all the rest.
    """
    stages = _stage_events(cases, 0, 0)
    more = _stage_events(clock_cases, cases.count, stages.num_rows)
    stages = pa.concat_tables([stages, more.cast(stages.schema)])
    count = follow_ups.case.size
    by_time = np.argsort(np.r_[follow_ups.asked_at, follow_ups.answered_at], kind="stable")
    messages = table(
        event_number=stages.num_rows + np.arange(1, 2 * count + 1),
        case_number=np.r_[follow_ups.case, follow_ups.case][by_time] + 1,
        occurred_at=np.r_[follow_ups.asked_at, follow_ups.answered_at][by_time],
        kind=words(np.zeros(2 * count, dtype=np.int64), ("reply",)),
        from_value=pa.nulls(2 * count, pa.string()),
        to_value=words(np.zeros(2 * count, dtype=np.int64), ("public",)),
        actor=words((by_time >= count) * 1, ("customer", "agent")),
    )
    return pa.concat_tables([stages, messages.cast(stages.schema)]).unify_dictionaries()


def _stage_events(cases: Cases, cases_before: int, events_before: int) -> pa.Table:
    changes = (
        # instant, event, from, to, actor
        (cases.opened_at, "status", None, "new", "customer"),
        (cases.replied_at, "reply", None, "public", "agent"),
        (cases.analysed_at, "status", "new", "open", "agent"),
        (cases.proposed_at, "status", "open", "pending", "agent"),
        (cases.solved_at, "status", "pending", "solved", "agent"),
        (cases.reopened_at, "status", "solved", "open", "customer"),
        (
            only_if(~np.isnat(cases.reopened_at), cases.resolved_at),
            *("status", "open", "solved", "agent"),
        ),
        (cases.closed_at, "feedback", None, "told the customer", "agent"),
        (cases.closed_at, "status", "solved", "closed", "agent"),
    )
    taken = [np.flatnonzero(~np.isnat(change[0])) for change in changes]
    case = np.concatenate(taken)
    occurred_at = np.concatenate([c[0][rows] for c, rows in zip(changes, taken, strict=True)])
    kind = np.repeat(np.arange(len(changes)), [rows.size for rows in taken])
    by_time = np.lexsort((kind, case, occurred_at))
    kind = pa.array(kind[by_time])
    return table(
        event_number=events_before + np.arange(1, case.size + 1),
        case_number=cases_before + case[by_time] + 1,
        occurred_at=occurred_at[by_time],
        kind=pa.DictionaryArray.from_arrays(kind, [change[1] for change in changes]),
        from_value=pa.array([change[2] for change in changes]).take(kind),
        to_value=pa.DictionaryArray.from_arrays(kind, [change[3] for change in changes]),
        actor=pa.DictionaryArray.from_arrays(kind, [change[4] for change in changes]),
    )


def interaction_table(
    rng: np.random.Generator,
    people: People,
    cases: Cases,
    seen_at: Instants,
    end: np.datetime64,
    service: Service,
    shift_rng: np.random.Generator,
) -> pa.Table:
    """Make the contacts: two per case and now and then one without a case.

    From year to year more of those who used to call write in the chat.
    """
    days = days_between(seen_at, end)
    count = rng.poisson(service.contacts_per_year * days / 365)
    person = np.repeat(np.arange(people.count), count)
    occurred_at = later(seen_at[person], rng.random(person.size) * np.repeat(days, count))
    usual = pick(rng, (0.3, 0.35, 0.12, 0.08, 0.14, 0.01), person.size)
    of_organisation = pick(rng, (0.35, 0.25, 0.05, 0.0, 0.05, 0.3), person.size)
    channel = np.where(people.is_organisation[person], of_organisation, usual)
    years = days_between(np.full(person.size, seen_at.min()), occurred_at) / 365
    shifts = shift_rng.random(person.size) < service.phone_to_chat_per_year * years
    channel = np.where((channel == _PHONE) & shifts, _CHAT, channel)
    case_channel = np.array([1, 0, 2, 6, 3])[cases.channel]  # into `channels`
    channels = (*CONTACT_CHANNELS, "web")
    size = person.size
    case = np.arange(cases.count)
    case_subject = len(CONTACT_SUBJECTS) + cases.category * len(SUBJECTS[0]) + cases.detail
    columns = (
        np.concatenate([person, cases.person, cases.person]),
        np.concatenate([occurred_at, cases.opened_at, cases.replied_at]),
        np.concatenate([channel, case_channel, case_channel]),
        np.concatenate([np.full(size, -1), case, case]),
        np.r_[rng.random(size) < 0.3, np.repeat([False, True], cases.count)],
        np.concatenate([rng.integers(1, AGENTS + 1, size), cases.agent, cases.agent]),
        np.concatenate([rng.integers(0, len(CONTACT_SUBJECTS), size), case_subject, case_subject]),
    )
    by_time = np.argsort(columns[1], kind="stable")
    who, when, via, about, is_outbound, agent, subject = (column[by_time] for column in columns)
    is_talk = np.isin(via, _TALKING)
    seconds = np.rint(rng.lognormal(5.6, 0.7, who.size)).astype(np.int64)
    return table(
        interaction_number=np.arange(1, who.size + 1),
        person=who,
        occurred_at=when,
        channel=words(via, channels),
        direction=words(is_outbound.astype(np.int64), ("inbound", "outbound")),
        kind=words(via, (*CONTACT_KINDS, "message")),
        subject=words(subject, (*CONTACT_SUBJECTS, *(s for group in SUBJECTS for s in group))),
        case_number=references(next_number(about)),
        seconds=references(np.where(is_talk, seconds, -1)),
        agent=agent,
    )


def service_costs(rng: np.random.Generator, cases: Cases, service: Service) -> Ints:
    """Draw the cost of every case in cents, around the planted mean."""
    return np.rint(100 * service.cost_per_case * rng.gamma(4, 0.25, cases.count)).astype(np.int64)
