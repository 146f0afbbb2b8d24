"""The made-up company as a whole: everything that happened, up to a day.

Puts the parts together in the order in which they depend on each other and returns one table per
subject, in terms of customers, not of any system's records; systems are written from it. Events
may lie after the end: a writer shows only what was known on the day of its export.
"""

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
import pyarrow as pa

from samples import marketing, purchases, service, surveys
from samples.clock_cases import draw_clock_cases
from samples.contracts import draw_renewals, renewal_orders
from samples.draws import (
    Bools,
    Floats,
    Instants,
    Ints,
    next_number,
    numbered,
    references,
    stack,
    stream,
    table,
    words,
)
from samples.marketing import AcquisitionSpend, Referrals
from samples.opening_hours import closed_days
from samples.parameters import Acquisition, Parameters
from samples.people import People, draw_people
from samples.purchases import ORIGINS, Placed, Products, Sales, append_orders
from samples.remarks import comment_table
from samples.service import Cases


@dataclass(frozen=True)
class Company:
    """What happened; `tables` hold entries of customers as `person`, counted from 0."""

    people: People
    seen_at: Instants  # first order attempt, for prospects the registration
    acquisition_campaign: Ints  # of each customer, -1 for none
    referrals: Referrals
    end: np.datetime64
    parameters: Parameters
    tables: dict[str, pa.Table]
    truths: dict[str, pa.Table]  # what an analysis should find, by subject
    realised: dict[str, int]
    closed_days: list[str]  # of the service, beside weekends


def found_company(customers: int, seed: int, end: np.datetime64, parameters: Parameters) -> Company:
    """Simulate the company's history; `end` is the first day that has not happened yet."""
    acquisition = parameters.acquisition
    start = end - np.timedelta64(acquisition.history_days, "D")
    people = draw_people(stream(seed, "people"), customers, start, acquisition, parameters.identity)
    history = purchases.simulate_purchases(
        stream(seed, "purchases"), people, acquisition.history_days, parameters.purchase_process
    )
    bought = history.purchases
    rng = stream(seed, "instants")
    ordered_at = purchases.instants_of(rng, start, bought.day)
    registered_at = purchases.instants_of(rng, start, people.first_day)
    placed = Placed(
        person=bought.person,
        ordered_at=ordered_at,
        is_last=bought.is_last,
        campaign=np.full(bought.person.size, -1),
        origin=np.full(bought.person.size, purchases.PROCESS),
    )
    attempts = purchases.cancelled_attempts(stream(seed, "attempts"), placed, parameters.orders)
    attempts = _select(attempts, attempts.ordered_at >= start)
    seen_at = np.where(people.is_prospect, registered_at, end.astype("datetime64[s]"))
    for orders_of in (placed, attempts):
        np.minimum.at(seen_at, orders_of.person, orders_of.ordered_at)

    joined_at = marketing.join_programme(
        stream(seed, "membership"), history, ordered_at, parameters.loyalty
    )
    extra = marketing.loyalty_uplift(
        stream(seed, "loyalty uplift"), history, joined_at, start, parameters.loyalty
    )
    plan = marketing.plan_campaigns(start, end)
    won_by = marketing.acquisition_campaigns(plan, people, seen_at, acquisition)
    is_first = bought.day == people.first_day[bought.person]
    placed = replace(placed, campaign=np.where(is_first, won_by[bought.person], -1))
    members, placed = marketing.run_campaigns(
        stream(seed, "campaigns"), people, plan, stack([placed, extra]), parameters.campaigns
    )
    placed = stack([placed, attempts])
    placed = _select(placed, placed.ordered_at < end)  # an effect may fall after the end

    products = purchases.draw_products(stream(seed, "products"))
    order_rng = stream(seed, "orders")
    spend_scale = purchases.draw_spend_scales(order_rng, people.count, parameters.spend)
    orders = purchases.complete_orders(
        order_rng, people, placed, spend_scale, parameters.spend, parameters.orders
    )
    lines = purchases.fill_baskets(
        stream(seed, "baskets"), people, orders, products, parameters.orders
    )
    payments = purchases.draw_payments(stream(seed, "payments"), people, orders, parameters.orders)
    clock = parameters.service_clock
    cases = service.draw_cases(stream(seed, "cases"), orders, parameters.service, clock)
    follow_ups = service.draw_follow_ups(
        stream(seed, "follow-ups"), cases, parameters.service, clock
    )
    clock_cases, clock_minutes = draw_clock_cases(
        stream(seed, "clock cases"), orders, start, end, clock
    )
    all_cases = stack([cases, clock_cases])
    renewals = draw_renewals(stream(seed, "renewals"), people, seen_at, end, parameters.contracts)
    sold = append_orders(
        (orders, lines, payments),
        renewal_orders(renewals, products.category.size, parameters.contracts),
    )
    sold = _append_later_sales(sold, seed, people, spend_scale, cases, products, end, parameters)
    case_costs = service.service_costs(stream(seed, "service costs"), cases, parameters.service)
    is_subscriber = np.zeros(people.count, dtype=np.bool_)
    is_subscriber[renewals.person] = True
    people = replace(people, is_prospect=people.is_prospect & ~is_subscriber)
    spend = marketing.spend_on_acquisition(
        stream(seed, "acquisition spend"), people, plan, seen_at, start, end, acquisition
    )
    referrals = marketing.draw_referrals(
        stream(seed, "referrals"), people, seen_at, start, acquisition
    )
    return Company(
        people=people,
        seen_at=seen_at,
        acquisition_campaign=won_by,
        referrals=referrals,
        end=end,
        parameters=parameters,
        tables={
            "products": purchases.product_table(products, parameters.contracts.plans),
            "orders": purchases.order_table(*sold),
            "order_lines": purchases.line_table(sold[0], sold[1]),
            "payments": purchases.payment_table(sold[2]),
            "cases": service.case_table(all_cases),
            "case_events": service.case_event_table(cases, clock_cases, follow_ups),
            "interactions": service.interaction_table(
                stream(seed, "interactions"),
                people,
                cases,
                seen_at,
                end,
                parameters.service,
                stream(seed, "channel shift"),
            ),
            "survey_responses": surveys.survey_table(
                stream(seed, "surveys"),
                people.count,
                orders,
                cases,
                parameters.satisfaction,
                stream(seed, "exits"),
                purchases.left_at(history, start, acquisition.history_days),
                parameters.exits,
                stream(seed, "needs"),
                seen_at,
                end,
                parameters.needs,
            ),
            "campaigns": marketing.campaign_table(
                plan, members, _per_campaign(spend, len(plan.name)), parameters.campaigns
            ),
            "campaign_members": marketing.member_table(members),
            "loyalty_events": marketing.loyalty_table(
                stream(seed, "loyalty"), joined_at, orders, parameters.loyalty
            ),
            "consents": marketing.consent_table(
                stream(seed, "consents"), people, seen_at, end, members
            ),
            "opportunities": marketing.opportunity_table(
                stream(seed, "opportunities"), people, seen_at, end, parameters.opportunities
            ),
            "costs": _cost_table(spend, cases, case_costs, acquisition),
        },
        truths={
            "comments": comment_table(),
            "service_clocks": clock_minutes.add_column(
                0,
                "case_id",
                numbered("CS", np.arange(cases.count + 1, all_cases.count + 1)),
            ),
        },
        closed_days=[day.isoformat() for day in closed_days(start.astype(date), end.astype(date))],
        realised={
            "customers": people.count,
            "prospects": int(people.is_prospect.sum()),
            "subscribers": int(np.unique(renewals.person).size),
            **{
                f"orders_from_{origin}": int((sold[0].origin == code).sum())
                for code, origin in enumerate(ORIGINS)
            },
            "loyalty_members": int((~np.isnat(joined_at)).sum()),
            "campaign_members_treated": int((~members.is_control).sum()),
            "campaign_members_control": int(members.is_control.sum()),
        },
    )


def _append_later_sales(
    sold: Sales,
    seed: int,
    people: People,
    spend_scale: Floats,
    cases: Cases,
    products: Products,
    end: np.datetime64,
    parameters: Parameters,
) -> Sales:
    """Put orders that cases cause, and anonymous sales, behind the others.

    They have streams of their own: without them everything else is as it is with them.
    """
    orders = sold[0]
    effects = {
        "recovery": service.recovery_orders(stream(seed, "recovery"), cases, parameters.service),
        "anonymous": purchases.anonymous_sales(
            stream(seed, "anonymous"), orders, parameters.orders
        ),
    }
    for part, placed in effects.items():
        placed = _select(placed, placed.ordered_at < end)
        if not placed.person.size:
            continue
        rng = stream(seed, f"{part} orders")
        more = purchases.complete_orders(
            rng, people, placed, spend_scale, parameters.spend, parameters.orders
        )
        is_anonymous = part == "anonymous"
        more = purchases.over_the_counter(more) if is_anonymous else more
        lines = purchases.fill_baskets(rng, people, more, products, parameters.orders)
        if is_anonymous:
            payments = purchases.paid_at_once(more)
            more = replace(more, person=np.full(more.count, -1))
        else:
            payments = purchases.draw_payments(rng, people, more, parameters.orders)
        sold = append_orders(sold, (more, lines, payments))
    return sold


def _select(placed: Placed, chosen: Bools) -> Placed:
    """Pick some of the orders."""
    return Placed(**{field.name: getattr(placed, field.name)[chosen] for field in fields(placed)})


def _per_campaign(spend: AcquisitionSpend, count: int) -> Ints:
    """Sum acquisition spend by campaign."""
    has_campaign = spend.campaign >= 0
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, spend.campaign[has_campaign], spend.amount[has_campaign])
    return total


def _cost_table(
    spend: AcquisitionSpend, cases: Cases, case_costs: Ints, acquisition: Acquisition
) -> pa.Table:
    """Make the costs of winning customers, by channel and month, and of serving them, by case."""
    channels = (*acquisition.channel_share, *service.CASE_CHANNELS)
    none = np.full(spend.day.size, -1)
    known_at = np.concatenate([spend.day.astype("datetime64[s]"), cases.resolved_at])
    by_time = np.argsort(known_at, kind="stable")
    is_service = np.repeat([0, 1], [spend.day.size, cases.count])[by_time]
    channel = np.concatenate([spend.channel, cases.channel + len(acquisition.channel_share)])
    return table(
        cost_number=np.arange(1, by_time.size + 1),
        kind=words(is_service, ("acquisition", "service")),
        known_at=known_at[by_time],
        amount=np.concatenate([spend.amount, case_costs])[by_time],
        channel=words(channel[by_time], channels),
        campaign_number=references(
            next_number(np.concatenate([spend.campaign, np.full(cases.count, -1)]))[by_time]
        ),
        person=np.concatenate([none, cases.person])[by_time],
    )
