"""What the company does to win and keep customers: campaigns, loyalty programme, referrals.

The effects planted here are additional orders (see `purchases.Placed`); what the campaigns and
the programme cost and who took part is kept beside them. Consents and opportunities are here too.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from samples.draws import (
    NEVER,
    Bools,
    Floats,
    Instants,
    Ints,
    days_between,
    later,
    next_number,
    only_if,
    pick,
    rank_within,
    references,
    stack,
    table,
    words,
)
from samples.parameters import Acquisition, Campaigns, Loyalty
from samples.parameters import Opportunities as OpportunityParameters
from samples.people import People
from samples.purchases import (
    CAMPAIGN_UPLIFT,
    CANCELLED_ATTEMPT,
    LOYALTY_UPLIFT,
    Orders,
    Placed,
    PurchaseHistory,
    instants_of,
)

PAID_CHANNELS = ("search", "social", "affiliate")
RESPONSES = ("opened", "clicked", "unsubscribed")
_OPENED, _CLICKED, _UNSUBSCRIBED = range(3)
OBJECTIVES = ("retention", "cross_sell", "win_back")
# Days since the last order that make a customer qualify.
_DAYS_SINCE_ORDER = {"retention": (0, 180), "cross_sell": (0, 365), "win_back": (180, 540)}
# Records are made up to ten minutes before the first order; a campaign must have begun by then.
_REGISTRATION_DAYS = 11 / 1440
_ATTRIBUTION_DAYS = 14
STAGES = ("qualification", "proposal", "negotiation", "won", "lost")


def join_programme(
    rng: np.random.Generator, history: PurchaseHistory, ordered_at: Instants, loyalty: Loyalty
) -> Instants:
    """Let customers join at one of their orders: when each did, NaT for those who did not.

    `ordered_at` goes with history.purchases.
    """
    person = history.purchases.person
    joined_at = np.full(history.rate.size, NEVER)
    entries = np.flatnonzero(rng.random(person.size) < loyalty.join_probability)
    members, first = np.unique(person[entries], return_index=True)
    joined_at[members] = later(ordered_at[entries[first]], -1 / 1440)
    return joined_at


def loyalty_uplift(
    rng: np.random.Generator,
    history: PurchaseHistory,
    joined_at: Instants,
    start: np.datetime64,
    loyalty: Loyalty,
) -> Placed:
    """Add the orders that joining causes: a Poisson stream from joining until dropout."""
    members = np.flatnonzero(~np.isnat(joined_at))
    from_day = days_between(np.full(members.size, start), joined_at[members])
    days = np.maximum(history.end_day[members] - np.ceil(from_day), 0)
    count = rng.poisson(loyalty.rate_uplift * history.rate[members] * days)
    person = np.repeat(members, count)
    day = np.repeat(np.ceil(from_day), count) + np.repeat(days, count) * rng.random(person.size)
    return _additional(person, instants_of(rng, start, day), LOYALTY_UPLIFT)


def _additional(
    person: Ints, ordered_at: Instants, origin: int, campaign: Ints | None = None
) -> Placed:
    return Placed(
        person=person,
        ordered_at=ordered_at,
        is_last=np.zeros(person.size, dtype=np.bool_),
        campaign=np.full(person.size, -1) if campaign is None else campaign,
        origin=np.full(person.size, origin),
    )


@dataclass(frozen=True)
class CampaignPlan:
    """One entry per campaign in order of start; acquisition campaigns run a quarter per channel."""

    name: list[str]
    channel: list[str]
    objective: list[str]
    start: Instants
    end: Instants


def plan_campaigns(start: np.datetime64, end: np.datetime64) -> CampaignPlan:
    """Plan three acquisition campaigns and one to existing customers in every quarter."""
    first_quarter = start.astype("datetime64[M]").astype(int) // 3
    last_quarter = (end - np.timedelta64(1, "D")).astype("datetime64[M]").astype(int) // 3
    rows: list[tuple[str, str, str, np.datetime64, np.datetime64]] = []
    for quarter in range(first_quarter, last_quarter + 1):
        begins = np.datetime64(3 * quarter, "M").astype("datetime64[D]")
        ends = np.datetime64(3 * quarter + 3, "M").astype("datetime64[D]") - 1
        label = f"{1970 + quarter // 4} Q{quarter % 4 + 1}"
        for channel in PAID_CHANNELS:
            rows.append((f"{channel.title()} {label}", channel, "acquisition", begins, ends))
        objective = OBJECTIVES[quarter % 3]
        title = objective.replace("_", "-").title()
        if begins + 14 < end:
            rows.append((f"{title} {label}", "email", objective, begins + 14, begins + 42))
    name, channels, objectives, starts, stops = zip(*rows, strict=True)
    return CampaignPlan(
        list(name), list(channels), list(objectives), np.array(starts), np.array(stops)
    )


def acquisition_campaigns(
    plan: CampaignPlan, people: People, seen_at: Instants, acquisition: Acquisition
) -> Ints:
    """Name the campaign that won each customer; -1 for channels without campaigns."""
    seen_at = later(seen_at, -_REGISTRATION_DAYS)
    campaign = np.full(people.count, -1)
    codes = {name: code for code, name in enumerate(acquisition.channel_share)}
    for number, (channel, objective) in enumerate(zip(plan.channel, plan.objective, strict=True)):
        if objective == "acquisition":
            is_running = (seen_at >= plan.start[number]) & (seen_at < plan.end[number] + 1)
            campaign[is_running & (people.channel == codes[channel])] = number
    return campaign


@dataclass(frozen=True)
class Members:
    """One entry per customer in a campaign; control customers were not contacted."""

    campaign: Ints
    person: Ints
    is_control: Bools
    known_at: Instants
    sent_at: Instants
    responded_at: Instants
    response: Ints


def run_campaigns(
    rng: np.random.Generator,
    people: People,
    plan: CampaignPlan,
    placed: Placed,
    parameters: Campaigns,
) -> tuple[Members, Placed]:
    """Choose customers and control groups; return them with all orders.

    The campaigns cause additional orders, and orders that customers would have placed anyway
    within two weeks of reading the mail are attributed to them too, as companies do. Only
    customers who allow marketing by e-mail qualify; who unsubscribes is left alone after.
    """
    by_person = np.lexsort((placed.ordered_at, placed.person))
    person, ordered_at = placed.person[by_person], placed.ordered_at[by_person]
    may_contact = people.grants_email.copy()
    members: list[Members] = []
    campaign = placed.campaign.copy()
    caused: list[Placed] = []
    for number, objective in enumerate(plan.objective):
        if objective == "acquisition":
            continue
        start = plan.start[number].astype("datetime64[s]")
        days = _days_since_last_order(people.count, person, ordered_at, start)
        low, high = _DAYS_SINCE_ORDER[objective]
        target = np.flatnonzero((days >= low) & (days < high) & may_contact)
        target = target[rng.random(target.size) < parameters.target_share]
        is_control = rng.random(target.size) < parameters.control_share
        sent_at = later(np.full(target.size, start), rng.uniform(0.3, 3.0, target.size))
        buys = ~is_control & (rng.random(target.size) < parameters.order_uplift[objective])
        fate = np.where(is_control, 1.0, rng.random(target.size))
        response = np.select(
            [
                buys,
                fate < parameters.unsubscribed_share,
                fate < 0.2 * parameters.opened_share,
                fate < parameters.opened_share,
            ],
            [_CLICKED, _UNSUBSCRIBED, _CLICKED, _OPENED],
            -1,
        )
        may_contact[target[response == _UNSUBSCRIBED]] = False
        responded_at = later(sent_at, np.minimum(rng.exponential(0.5, target.size), 0.9))
        members.append(
            Members(
                campaign=np.full(target.size, number),
                person=target,
                is_control=is_control,
                known_at=np.where(is_control, np.full(target.size, start), sent_at),
                sent_at=only_if(~is_control, sent_at),
                responded_at=only_if(response >= 0, responded_at),
                response=response,
            )
        )
        days_later = rng.uniform(1, parameters.window_days, int(buys.sum()))
        caused.append(
            _additional(
                target[buys],
                later(sent_at[buys], days_later),
                CAMPAIGN_UPLIFT,
                np.full(days_later.size, number),
            )
        )
        reached_at = np.full(people.count, NEVER)
        reached_at[target] = only_if(response >= 0, sent_at)
        reached = reached_at[placed.person]
        is_within = (placed.ordered_at >= reached) & (
            placed.ordered_at < later(reached, _ATTRIBUTION_DAYS)
        )
        campaign[is_within & (campaign < 0)] = number
    return stack(members), stack([replace(placed, campaign=campaign), *caused])


def _days_since_last_order(
    count: int, person: Ints, ordered_at: Instants, before: np.datetime64
) -> Floats:
    """Measure for every customer the days since the last order before an instant; inf if none."""
    is_before = ordered_at < before
    buyers, times = person[is_before], ordered_at[is_before]
    is_last = np.r_[buyers[1:] != buyers[:-1], True][: buyers.size]
    days = np.full(count, np.inf)
    days[buyers[is_last]] = days_between(times[is_last], before)
    return days


def campaign_table(
    plan: CampaignPlan, members: Members, spent: Ints, parameters: Campaigns
) -> pa.Table:
    """Make the campaigns with their cost: `spent` cents on acquisition, mailing cost otherwise."""
    contacts = np.bincount(members.campaign[~members.is_control], minlength=len(plan.name))
    cost = spent + np.rint(100 * parameters.cost_per_contact * contacts).astype(np.int64)
    return table(
        campaign_number=np.arange(1, len(plan.name) + 1),
        name=pa.array(plan.name),
        channel=pa.array(plan.channel),
        objective=pa.array(plan.objective),
        start_date=plan.start,
        end_date=plan.end,
        budget=(cost * 1.1 / 100_00).astype(np.int64) * 100_00 + 100_00,
        cost=cost,
    )


def member_table(members: Members) -> pa.Table:
    """Make the campaign members."""
    return table(
        campaign_number=members.campaign + 1,
        person=members.person,
        is_control=members.is_control,
        known_at=members.known_at,
        sent_at=members.sent_at,
        responded_at=members.responded_at,
        response=words(members.response, RESPONSES),
    )


@dataclass(frozen=True)
class Referrals:
    """One entry per invitation in order of time; `referred` is -1 where nobody came."""

    referrer: Ints
    referred: Ints
    invited_at: Instants
    converted_at: Instants
    channel: Ints


def draw_referrals(
    rng: np.random.Generator,
    people: People,
    seen_at: Instants,
    start: np.datetime64,
    acquisition: Acquisition,
) -> Referrals:
    """Find a customer who recommended for everybody won by referral, and invitations in vain."""
    is_referred = people.channel == list(acquisition.channel_share).index("referral")
    referred = np.flatnonzero(is_referred)
    invited_at = later(seen_at[referred], -rng.uniform(1, 20, referred.size))
    in_vain = round(referred.size * (1 / acquisition.referral_conversion_rate - 1))
    days = rng.uniform(0, acquisition.history_days, in_vain)
    invited_at = np.concatenate([invited_at, instants_of(rng, start, days)])
    referred = np.concatenate([referred, np.full(in_vain, -1)])
    # Customers are in order of acquisition: those of earlier days come first.
    day = np.floor(days_between(np.full(referred.size, start), invited_at))
    earlier = np.searchsorted(people.first_day, day)
    referrer = (rng.random(referred.size) * earlier).astype(np.int64)
    kept = np.flatnonzero(earlier > 0)
    kept = kept[np.argsort(invited_at[kept], kind="stable")]
    is_converted = referred[kept] >= 0
    return Referrals(
        referrer=referrer[kept],
        referred=referred[kept],
        invited_at=invited_at[kept],
        converted_at=only_if(is_converted, seen_at[referred[kept]]),
        channel=pick(rng, (0.5, 0.3, 0.2), kept.size),
    )


def loyalty_table(
    rng: np.random.Generator, joined_at: Instants, orders: Orders, loyalty: Loyalty
) -> pa.Table:
    """Make the events of the programme: joining, points earned, burned, expired, changes of tier.

    A burn spends the points of the order before, as long as they are valid; what is not burned
    expires, so a balance never falls below zero.
    """
    points = orders.net_revenue // 100 * loyalty.points_per_unit
    is_earning = (orders.ordered_at >= joined_at[orders.person]) & (points > 0)
    is_earning &= orders.origin != CANCELLED_ATTEMPT
    order = np.flatnonzero(is_earning)
    order = order[np.argsort(orders.person[order], kind="stable")]
    person, points = orders.person[order], points[order]
    is_first = rank_within(person) == 0
    total = np.cumsum(points)
    before = (total - points)[is_first]
    total -= np.repeat(before, np.diff(np.r_[np.flatnonzero(is_first), person.size]))
    tier = np.searchsorted(np.array(list(loyalty.tiers.values())), total, side="right") - 1
    changes = tier > np.where(is_first, 0, np.roll(tier, 1))
    ordered_at = orders.ordered_at[order]
    expires_at = later(ordered_at, np.full(person.size, float(loyalty.days_valid)))
    burns = ~is_first & (rng.random(person.size) < loyalty.burn_probability)
    burns &= ordered_at < np.roll(expires_at, 1)
    expires = ~np.roll(burns, -1)
    # Orders stand by person and time: the tier at expiry is that of the last order before it.
    place = person * 2**40 + ordered_at.astype("datetime64[s]").astype(np.int64)
    at_expiry = person * 2**40 + expires_at.astype("datetime64[s]").astype(np.int64)
    tier_then = tier[np.searchsorted(place, at_expiry, side="right") - 1]

    members = np.flatnonzero(~np.isnat(joined_at))
    none = np.full(members.size, -1)
    columns = (
        np.concatenate([members, person, person[burns], person[changes], person[expires]]),
        np.concatenate(
            [
                joined_at[members],
                ordered_at,
                ordered_at[burns],
                ordered_at[changes],
                expires_at[expires],
            ]
        ),
        np.repeat(
            np.arange(5), [members.size, person.size, burns.sum(), changes.sum(), expires.sum()]
        ),
        np.concatenate(
            [
                0 * members,
                points,
                -np.roll(points, 1)[burns],
                np.zeros_like(points)[changes],
                -points[expires],
            ]
        ),
        np.concatenate([0 * members, tier, tier[burns], tier[changes], tier_then[expires]]),
        np.concatenate([none, order, order[burns], order[changes], order[expires]]),
    )
    by_time = np.argsort(columns[1], kind="stable")
    who, occurred_at, kind, amount, tiers, orders_of = (column[by_time] for column in columns)
    return table(
        event_number=np.arange(1, who.size + 1),
        person=who,
        occurred_at=occurred_at,
        kind=words(kind, ("join", "earn", "burn", "tier_change", "expire")),
        points=amount,
        tier=words(tiers, tuple(loyalty.tiers)),
        order_number=references(next_number(orders_of)),
    )


def consent_table(
    rng: np.random.Generator,
    people: People,
    seen_at: Instants,
    end: np.datetime64,
    members: Members,
) -> pa.Table:
    """Make consents: given or refused at registration, withdrawn later.

    Who unsubscribes from a campaign withdraws the consent to e-mail.
    """
    everybody = np.arange(people.count)
    with_phone = np.flatnonzero(people.has_phone)
    grants_sms = rng.random(with_phone.size) < 0.4
    withdraws_sms = grants_sms & (rng.random(with_phone.size) < 0.1)
    leavers = with_phone[withdraws_sms]
    share = rng.uniform(0.05, 0.95, leavers.size)
    unsubscribed = members.response == _UNSUBSCRIBED
    groups = (
        # customers, channel, is granted, recorded at
        (everybody, 0, people.grants_email, seen_at),
        (with_phone, 1, grants_sms, seen_at[with_phone]),
        (leavers, 1, False, later(seen_at[leavers], share * days_between(seen_at[leavers], end))),
        (members.person[unsubscribed], 0, False, members.responded_at[unsubscribed]),
    )
    sizes = [group[0].size for group in groups]
    recorded_at = np.concatenate([group[3] for group in groups])
    by_time = np.argsort(recorded_at, kind="stable")
    granted = np.concatenate([np.broadcast_to(group[2], group[0].size) for group in groups])
    return table(
        person=np.concatenate([group[0] for group in groups])[by_time],
        channel=words(np.repeat([group[1] for group in groups], sizes)[by_time], ("email", "sms")),
        is_granted=granted[by_time],
        recorded_at=recorded_at[by_time],
    )


def opportunity_table(
    rng: np.random.Generator,
    people: People,
    seen_at: Instants,
    end: np.datetime64,
    parameters: OpportunityParameters,
) -> pa.Table:
    """Make the sales opportunities of organisations with the times of their stages."""
    organisations = np.flatnonzero(people.is_organisation)
    days = days_between(seen_at[organisations], end)
    count = rng.poisson(parameters.per_year * days / 365)
    person = np.repeat(organisations, count)
    created_at = later(seen_at[person], rng.random(person.size) * np.repeat(days, count))
    by_time = np.argsort(created_at, kind="stable")
    person, created_at = person[by_time], created_at[by_time]
    duration = parameters.median_days * rng.lognormal(0, 0.6, person.size)
    return table(
        opportunity_number=np.arange(1, person.size + 1),
        person=person,
        amount=np.rint(100 * rng.lognormal(7.5, 0.9, person.size)).astype(np.int64),
        created_at=created_at,
        proposed_at=later(created_at, duration / 3),
        negotiated_at=later(created_at, duration * 2 / 3),
        closed_at=later(created_at, duration),
        is_won=rng.random(person.size) < parameters.win_rate,
    )


@dataclass(frozen=True)
class AcquisitionSpend:
    """One entry per channel and complete month; money in cents."""

    channel: Ints
    day: Instants  # last day of the month
    amount: Ints
    campaign: Ints


def spend_on_acquisition(
    rng: np.random.Generator,
    people: People,
    plan: CampaignPlan,
    seen_at: Instants,
    start: np.datetime64,
    end: np.datetime64,
    acquisition: Acquisition,
) -> AcquisitionSpend:
    """Spend the planted cost per customer won, give or take ten percent a month.

    Customers won are those seen for the first time in the month and not prospects.
    """
    first, last = start.astype("datetime64[M]"), end.astype("datetime64[M]")
    months = np.arange(first, last)  # the month of `end` is not complete
    channels = list(acquisition.channel_share)
    buyers = ~people.is_prospect
    month = (seen_at[buyers].astype("datetime64[M]") - first).astype(np.int64)
    cell = month * len(channels) + people.channel[buyers]
    won = np.bincount(cell, minlength=(months.size + 1) * len(channels))
    won = won[: months.size * len(channels)]
    channel = np.tile(np.arange(len(channels)), months.size)
    month_of_cell = np.repeat(months, len(channels))
    unit = np.array(list(acquisition.cost_per_customer.values()))[channel]
    amount = np.rint(100 * won * unit * rng.uniform(0.9, 1.1, won.size)).astype(np.int64)
    day = (month_of_cell + 1).astype("datetime64[D]") - 1
    campaign = np.full(won.size, -1)
    for number, (name, objective) in enumerate(zip(plan.channel, plan.objective, strict=True)):
        if objective == "acquisition":
            is_during = (day >= plan.start[number]) & (day <= plan.end[number])
            campaign[is_during & (channel == channels.index(name))] = number
    spent = amount > 0
    return AcquisitionSpend(channel[spent], day[spent], amount[spent], campaign[spent])
