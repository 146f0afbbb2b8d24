"""Subscriptions: contracts that are renewed every month or year until the customer stops.

Every payment is an order of one line in the category of their own. They lie beside the purchase
process, which knows nothing of them.
"""

from dataclasses import dataclass

import numpy as np

from samples.draws import (
    NEVER,
    Floats,
    Instants,
    Ints,
    days_between,
    later,
    pick,
)
from samples.parameters import Contracts
from samples.people import People
from samples.purchases import SUBSCRIPTION, WEB, OrderLines, Orders, Sales, paid_at_once, plan_costs


@dataclass(frozen=True)
class Renewals:
    """One entry per payment of a contract, in order of time; `plan` points into the parameters."""

    person: Ints
    plan: Ints
    paid_at: Instants


def draw_renewals(
    rng: np.random.Generator,
    people: People,
    seen_at: Instants,
    end: np.datetime64,
    parameters: Contracts,
) -> Renewals:
    """Let some customers subscribe once, and renew by sBG until they stop.

    Fader & Hardie 2007: every customer has their own chance to stop, Beta distributed over the
    customers of a plan, the same at every renewal.
    """
    plans = list(parameters.plans.values())
    chosen = ~people.is_organisation & (rng.random(people.count) < parameters.subscriber_share)
    person = np.flatnonzero(chosen)
    # Contracts begin after the customer is known.
    wait = rng.random(person.size) ** 2 * days_between(seen_at[person], end)
    begins = later(seen_at[person], np.maximum(wait, 0.01))
    plan = pick(rng, [p.share for p in plans], person.size)
    alpha, beta = (np.array([getattr(p, name) for p in plans])[plan] for name in ("alpha", "beta"))
    months = np.array([p.months for p in plans])[plan]
    stops: Floats = rng.beta(alpha, beta)
    rounds: list[tuple[Ints, Ints, Instants]] = []
    entry, count = np.arange(person.size), 0
    while entry.size or not rounds:
        paid_at = _months_later(begins[entry], count * months[entry])
        entry, paid_at = entry[paid_at < end], paid_at[paid_at < end]
        rounds.append((person[entry], plan[entry], paid_at))
        entry = entry[rng.random(entry.size) >= stops[entry]]
        count += 1
    persons, codes, times = (np.concatenate(column) for column in zip(*rounds, strict=True))
    by_time = np.lexsort((persons, times))
    return Renewals(persons[by_time], codes[by_time], times[by_time])


def _months_later(instants: Instants, months: Ints) -> Instants:
    """Move instants by calendar months; the last day of a short month stands for missing days."""
    month = instants.astype("datetime64[M]")
    within = instants - month.astype("datetime64[s]")
    first = (month + months.astype("timedelta64[M]")).astype("datetime64[s]")
    following = (month + (months + 1).astype("timedelta64[M]")).astype("datetime64[s]")
    day_seconds = np.timedelta64(86_400, "s")
    latest = following - day_seconds + (within % day_seconds)
    return np.asarray(np.minimum(first + within, latest))


def renewal_orders(renewals: Renewals, first_product: int, parameters: Contracts) -> Sales:
    """Turn payments into orders, their lines and payments; plans are products from a number on."""
    size = renewals.person.size
    price = np.array([round(100 * p.price) for p in parameters.plans.values()])[renewals.plan]
    zeros, none = np.zeros(size, dtype=np.int64), np.full(size, NEVER)
    orders = Orders(
        person=renewals.person,
        ordered_at=renewals.paid_at,
        is_last=np.zeros(size, dtype=np.bool_),
        campaign=np.full(size, -1),
        origin=np.full(size, SUBSCRIPTION),
        channel=np.full(size, WEB),
        net_revenue=price,
        tax=zeros,
        shipping=zeros,
        refund=zeros,
        promised_at=renewals.paid_at,
        shipped_at=none,
        delivered_at=renewals.paid_at,
        cancelled_at=none,
        refunded_at=none,
        is_returned=np.zeros(size, dtype=np.bool_),
        days_late=np.zeros(size),
    )
    lines = OrderLines(
        order=np.arange(size),
        line_number=np.ones(size, dtype=np.int64),
        product=first_product + renewals.plan,
        quantity=np.ones(size, dtype=np.int64),
        unit_price=price,
        list_price=price,
        unit_cost=plan_costs(price),
    )
    return orders, lines, paid_at_once(orders)
