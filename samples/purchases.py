"""What customers buy: the purchase process, orders, their lines, deliveries and payments.

The process is planted in days and never touched afterwards; effects of campaigns and of the
loyalty programme are orders on top of it, and cancelled orders are attempts beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from samples.draws import (
    DAY_SECONDS,
    NEVER,
    Bools,
    Floats,
    Instants,
    Ints,
    later,
    next_number,
    only_if,
    pick,
    rank_within,
    references,
    stack,
    table,
    time_of_day,
    words,
)
from samples.parameters import Orders as OrderParameters
from samples.parameters import Plan, PurchaseProcess, Spend
from samples.people import People
from samples.vocabulary import BRANDS, CATEGORIES, CITIES, PRODUCT_LINES

ORDER_CHANNELS = ("web", "app", "store", "phone")
PAYMENT_METHODS = ("card", "wallet", "transfer", "voucher", "invoice")
ORIGINS = (
    *("purchase_process", "loyalty_uplift", "campaign_uplift", "cancelled_attempt"),
    *("recovery_uplift", "subscription", "anonymous_sale"),
)
PROCESS, LOYALTY_UPLIFT, CAMPAIGN_UPLIFT, CANCELLED_ATTEMPT = range(4)
RECOVERY_UPLIFT, SUBSCRIPTION, ANONYMOUS_SALE = range(4, 7)

WEB, _APP, _STORE = range(3)
_CARD, _TRANSFER, _INVOICE = 0, 2, 4
SUBSCRIPTIONS = "Subscription"  # the category of contracts
_PLAN_COST_SHARE = 0.35
_FREE_SHIPPING_CENTS = 7_500
_SHIPPING_CENTS = 595
_REVENUE_PER_LINE_CENTS = 6_000
_DISCOUNTS = (0.0, 0.05, 0.10, 0.15, 0.20, 0.30)
_DISCOUNT_WEIGHTS = (0.68, 0.08, 0.10, 0.06, 0.05, 0.03)


@dataclass(frozen=True)
class Purchases:
    """One entry per purchase, by customer and time."""

    person: Ints
    day: Floats  # since the start of the history
    is_last: Bools  # the customer drops out after it


@dataclass(frozen=True)
class PurchaseHistory:
    """The planted process: every customer's rate and end, and every purchase."""

    purchases: Purchases
    rate: Floats  # purchases per day of each customer
    end_day: Floats  # day of dropout, or the end of the history


def simulate_purchases(
    rng: np.random.Generator, people: People, horizon_days: int, process: PurchaseProcess
) -> PurchaseHistory:
    """Let every customer buy by the MBG/NBD process until the horizon.

    Batislam, Denizel & Filiztekin 2007: exponential times between purchases, and after every
    purchase, the first included, the customer drops out with their own probability.
    """
    rate = rng.gamma(process.r, 1 / process.alpha, people.count)
    dropout = rng.beta(process.a, process.b, people.count)
    end_day = np.full(people.count, float(horizon_days))
    person = np.flatnonzero(~people.is_prospect)
    day = people.first_day[person]
    rounds: list[tuple[Ints, Floats, Bools]] = []
    while person.size:
        is_last = rng.random(person.size) < dropout[person]
        end_day[person[is_last]] = day[is_last]
        rounds.append((person, day, is_last))
        person, day = person[~is_last], day[~is_last]
        day = day + rng.exponential(size=person.size) / rate[person]
        is_inside = day < horizon_days
        person, day = person[is_inside], day[is_inside]
    persons, days, lasts = (np.concatenate(column) for column in zip(*rounds, strict=True))
    # Rounds are in order of time for every customer, so sorting by customer alone is enough.
    order = np.argsort(persons, kind="stable")
    return PurchaseHistory(Purchases(persons[order], days[order], lasts[order]), rate, end_day)


def left_at(history: PurchaseHistory, start: np.datetime64, horizon_days: int) -> Instants:
    """Say when each customer dropped out, right after a purchase; NaT for those who did not."""
    buyers = np.zeros(history.end_day.size, dtype=np.bool_)
    buyers[history.purchases.person] = True
    has_left = buyers & (history.end_day < horizon_days)
    start_of_history = np.full(has_left.size, start.astype("datetime64[s]"))
    return only_if(has_left, later(start_of_history, history.end_day))


def instants_of(rng: np.random.Generator, start: np.datetime64, day: Floats) -> Instants:
    """Place events of a day at a plausible hour of that day."""
    seconds = np.floor(day).astype(np.int64) * DAY_SECONDS + time_of_day(rng, day.size)
    return np.asarray(start.astype("datetime64[s]") + seconds.astype("timedelta64[s]"))


@dataclass(frozen=True)
class Placed:
    """Orders before they have an address, a basket and a fate."""

    person: Ints
    ordered_at: Instants
    is_last: Bools
    campaign: Ints
    origin: Ints


@dataclass(frozen=True)
class Orders:
    """One entry per order; money in cents. Those of the purchase process are in order of time."""

    person: Ints
    ordered_at: Instants
    is_last: Bools  # the customer drops out after it
    campaign: Ints
    origin: Ints
    channel: Ints
    net_revenue: Ints
    tax: Ints
    shipping: Ints
    refund: Ints
    promised_at: Instants
    shipped_at: Instants
    delivered_at: Instants
    cancelled_at: Instants
    refunded_at: Instants
    is_returned: Bools  # the whole order came back
    days_late: Floats

    @property
    def count(self) -> int:
        """Count the orders."""
        return self.person.size


def cancelled_attempts(
    rng: np.random.Generator, placed: Placed, parameters: OrderParameters
) -> Placed:
    """Let some purchases be preceded by an order that was cancelled."""
    entries = np.flatnonzero(rng.random(placed.person.size) < parameters.cancelled_share)
    hours = rng.uniform(1, 30, entries.size)
    return Placed(
        person=placed.person[entries],
        ordered_at=later(placed.ordered_at[entries], -hours / 24),
        is_last=np.zeros(entries.size, dtype=np.bool_),
        campaign=np.full(entries.size, -1),
        origin=np.full(entries.size, CANCELLED_ATTEMPT),
    )


def anonymous_sales(
    rng: np.random.Generator, orders: Orders, parameters: OrderParameters
) -> Placed:
    """Add sales in stores to people whom nobody knows, at the hours of the others.

    A customer stands in for taste and taxes while the orders are completed.
    """
    sales = np.flatnonzero((orders.channel == _STORE) & (orders.origin != CANCELLED_ATTEMPT))
    sales = sales[rng.random(sales.size) < parameters.anonymous_share]
    return Placed(
        person=rng.permutation(orders.person[sales]),
        ordered_at=later(orders.ordered_at[sales], -rng.uniform(0, 0.04, sales.size)),
        is_last=np.zeros(sales.size, dtype=np.bool_),
        campaign=np.full(sales.size, -1),
        origin=np.full(sales.size, ANONYMOUS_SALE),
    )


def over_the_counter(orders: Orders) -> Orders:
    """Turn orders into sales in the store: at once, and for good."""
    none = np.full(orders.count, NEVER)
    return replace(
        orders,
        channel=np.full(orders.count, _STORE),
        shipping=np.zeros(orders.count, dtype=np.int64),
        refund=np.zeros(orders.count, dtype=np.int64),
        promised_at=orders.ordered_at,
        shipped_at=none,
        delivered_at=orders.ordered_at,
        refunded_at=none,
        is_returned=np.zeros(orders.count, dtype=np.bool_),
        days_late=np.zeros(orders.count),
    )


def draw_spend_scales(rng: np.random.Generator, customers: int, spend: Spend) -> Floats:
    """Draw 1 / nu of every customer: the scale of what their orders are worth."""
    return np.asarray(1 / rng.gamma(spend.q, 1 / spend.gamma, customers))


def complete_orders(
    rng: np.random.Generator,
    people: People,
    placed: Placed,
    spend_scale: Floats,
    spend: Spend,
    parameters: OrderParameters,
) -> Orders:
    """Give every order its value (Gamma-Gamma), its delivery and what came back."""
    order = np.argsort(placed.ordered_at, kind="stable")
    person, ordered_at = placed.person[order], placed.ordered_at[order]
    origin = placed.origin[order]
    size = person.size
    value = rng.gamma(spend.p, spend_scale[person])
    net_revenue = np.maximum(np.rint(100 * value).astype(np.int64), 1)

    main_channel = pick(rng, (0.60, 0.15, 0.18, 0.07), people.count)
    is_usual = rng.random(size) < 0.8
    channel = np.where(is_usual, main_channel[person], rng.integers(0, len(ORDER_CHANNELS), size))
    in_store = channel == _STORE
    tax_rate = np.array([city.tax_rate for city in CITIES])[people.addresses.city[person]]
    has_free_shipping = in_store | (net_revenue >= _FREE_SHIPPING_CENTS)

    is_cancelled = origin == CANCELLED_ATTEMPT
    is_late = (rng.random(size) < parameters.late_share) & ~in_store & ~is_cancelled
    days_late = np.where(is_late, rng.exponential(parameters.mean_days_late, size), 0.0)
    shipped_at = later(ordered_at, rng.uniform(0.2, 1.5, size))
    promised_at = later(ordered_at, np.floor(rng.uniform(3, 6, size)))
    in_time = later(promised_at, -rng.uniform(0, 1.4, size))
    delivered_at = np.where(is_late, later(promised_at, days_late), in_time)
    promised_at = np.where(in_store, ordered_at, promised_at)
    delivered_at = np.where(in_store, ordered_at, delivered_at)

    fate = rng.random(size)
    is_returned = ~is_cancelled & (fate < parameters.returned_share)
    share_back = np.where(is_returned, 1.0, rng.uniform(0.1, 0.8, size))
    is_refunded = ~is_cancelled & (
        fate < parameters.returned_share + parameters.partial_refund_share
    )
    refund = np.where(is_refunded, np.rint(share_back * net_revenue), 0).astype(np.int64)
    return Orders(
        person=person,
        ordered_at=ordered_at,
        is_last=placed.is_last[order],
        campaign=placed.campaign[order],
        origin=origin,
        channel=channel,
        net_revenue=net_revenue,
        tax=np.rint(tax_rate * net_revenue).astype(np.int64),
        shipping=np.where(has_free_shipping, 0, _SHIPPING_CENTS),
        refund=refund,
        promised_at=promised_at,
        shipped_at=only_if(~is_cancelled & ~in_store, shipped_at),
        delivered_at=only_if(~is_cancelled, delivered_at),
        cancelled_at=only_if(is_cancelled, later(ordered_at, rng.uniform(0.01, 0.15, size))),
        refunded_at=only_if(refund > 0, later(delivered_at, rng.uniform(2, 25, size))),
        is_returned=is_returned,
        days_late=days_late,
    )


@dataclass(frozen=True)
class Products:
    """One entry per product, by category and price; money in cents."""

    category: Ints
    noun: Ints  # position within the category's nouns
    product_line: Ints
    brand: Ints
    list_price: Ints
    unit_cost: Ints
    is_active: Bools

    @property
    def per_category(self) -> int:
        """Count the products of one category; all have the same number."""
        return self.category.size // len(CATEGORIES)

    def names(self) -> list[str]:
        """Write the names shown to customers."""
        return [
            f"{BRANDS[b]} {PRODUCT_LINES[pl]} {CATEGORIES[c].nouns[n]}"
            for c, n, pl, b in zip(
                self.category, self.noun, self.product_line, self.brand, strict=True
            )
        ]


def draw_products(rng: np.random.Generator) -> Products:
    """Draw the catalogue: in every category a ladder of prices from the cheapest noun up."""
    count = len(CATEGORIES[0].nouns) * len(PRODUCT_LINES)
    step = np.tile(np.arange(count), len(CATEGORIES))
    category = np.repeat(np.arange(len(CATEGORIES)), count)
    lowest = np.array([c.lowest_price for c in CATEGORIES])[category]
    highest = np.array([c.highest_price for c in CATEGORIES])[category]
    price = lowest * (highest / lowest) ** (step / (count - 1))
    list_price = np.rint(price * rng.uniform(0.95, 1.05, price.size)).astype(np.int64) * 100 - 1
    cost_rate = np.array([c.cost_rate for c in CATEGORIES])[category]
    return Products(
        category=category,
        noun=step // len(PRODUCT_LINES),
        product_line=step % len(PRODUCT_LINES),
        brand=rng.integers(0, len(BRANDS), price.size),
        list_price=list_price,
        unit_cost=np.rint(list_price * cost_rate * rng.uniform(0.94, 1.06, price.size)).astype(
            np.int64
        ),
        is_active=rng.random(price.size) < 0.95,
    )


@dataclass(frozen=True)
class OrderLines:
    """One entry per line, by order; money in cents. Lines of an order sum to its net revenue."""

    order: Ints
    line_number: Ints  # from 1
    product: Ints
    quantity: Ints
    unit_price: Ints
    list_price: Ints
    unit_cost: Ints


def fill_baskets(
    rng: np.random.Generator,
    people: People,
    orders: Orders,
    products: Products,
    parameters: OrderParameters,
) -> OrderLines:
    """Fill every order with products worth exactly its net revenue.

    Products come in variants (sizes, sets), so the price of a line lies around the product's list
    price. The first line holds one unit and takes what is left after the others.
    """
    affordable = orders.net_revenue // 100 + 1
    more = np.minimum(rng.poisson(orders.net_revenue / _REVENUE_PER_LINE_CENTS), 9)
    count = np.minimum(1 + more, affordable)
    start = np.cumsum(count) - count
    order = np.repeat(np.arange(orders.count), count)
    line_number = np.arange(order.size) - np.repeat(start, count) + 1

    share = rng.exponential(size=order.size)
    share /= np.add.reduceat(share, start)[order]
    target = 1 + ((orders.net_revenue - count)[order] * share).astype(np.int64)
    product = _choose_products(
        rng, people.home_category[orders.person[order]], target, products, parameters
    )
    quantity = np.clip(np.rint(target / products.list_price[product]).astype(np.int64), 1, 20)
    quantity = np.minimum(quantity, target)
    is_first = line_number == 1
    quantity[is_first] = 1
    unit_price = target // quantity
    others = np.add.reduceat(np.where(is_first, 0, unit_price * quantity), start)
    unit_price[start] = orders.net_revenue - others

    discount = np.array(_DISCOUNTS)[pick(rng, _DISCOUNT_WEIGHTS, orders.count)][order]
    list_price = np.rint(unit_price / (1 - discount)).astype(np.int64)
    cost_rate = products.unit_cost / products.list_price
    return OrderLines(
        order=order,
        line_number=line_number,
        product=product,
        quantity=quantity,
        unit_price=unit_price,
        list_price=list_price,
        unit_cost=np.rint(list_price * cost_rate[product]).astype(np.int64),
    )


def _choose_products(
    rng: np.random.Generator,
    home_category: Ints,
    target: Ints,
    products: Products,
    parameters: OrderParameters,
) -> Ints:
    """Choose a category by affinity, then a product whose price suits the target amount."""
    names = [c.name for c in CATEGORIES]
    companion = np.array([names.index(parameters.category_companions[name]) for name in names])
    kind = pick(
        rng,
        (
            parameters.home_category_share,
            parameters.companion_category_share,
            1 - parameters.home_category_share - parameters.companion_category_share,
        ),
        target.size,
    )
    category = np.select(
        [kind == 0, kind == 1],
        [home_category, companion[home_category]],
        rng.integers(0, len(CATEGORIES), target.size),
    )
    ladder = products.list_price.reshape(len(CATEGORIES), products.per_category)
    step = np.zeros(target.size, dtype=np.int64)
    for prices in ladder.T:
        step += prices[category] <= 1.3 * target
    # Usually one of the four most expensive that fit.
    step = np.maximum(step - 1 - (4 * rng.random(target.size) ** 1.5).astype(np.int64), 0)
    return category * products.per_category + step


@dataclass(frozen=True)
class Payments:
    """One entry per payment or instalment, by order; money in cents."""

    order: Ints
    method: Ints
    amount: Ints
    installments: Ints
    known_at: Instants
    due_at: Instants
    paid_at: Instants


def draw_payments(
    rng: np.random.Generator, people: People, orders: Orders, parameters: OrderParameters
) -> Payments:
    """Let every order that was not cancelled be paid, at once, by invoice or in instalments."""
    entries = np.flatnonzero(orders.origin != CANCELLED_ATTEMPT)
    method = pick(rng, (0.70, 0.16, 0.11, 0.03), entries.size)
    method[people.is_organisation[orders.person[entries]]] = _INVOICE
    total = (orders.net_revenue + orders.tax + orders.shipping)[entries]
    in_parts = (method == _CARD) & (total > 10_000) & (rng.random(entries.size) < 0.15)
    count = np.where(in_parts, 3, 1)
    row = np.repeat(np.arange(entries.size), count)
    part = rank_within(row)
    amount = (total // count)[row]
    amount[part == 0] += total % count

    ordered_at = orders.ordered_at[entries][row]
    method = method[row]
    days_granted = np.select([method == _INVOICE, method == _TRANSFER], [30, 14], 30 * part)
    due_at = later(ordered_at, days_granted.astype(np.float64))
    fate = rng.random(row.size)
    is_late = fate < parameters.paid_late_share
    is_never = fate > 1 - parameters.never_paid_share
    is_immediate = (days_granted == 0) & ~is_late
    in_time = later(
        due_at, np.where(is_immediate, 0.001, -rng.uniform(0, 0.8, row.size) * days_granted)
    )
    paid_at = np.where(is_late, later(due_at, rng.exponential(20, row.size)), in_time)
    return Payments(
        order=entries[row],
        method=method,
        amount=amount,
        installments=count[row],
        known_at=ordered_at,
        due_at=due_at,
        paid_at=np.where(is_never, NEVER, paid_at),
    )


Sales = tuple[Orders, OrderLines, Payments]


def paid_at_once(orders: Orders) -> Payments:
    """Let every order be paid by card when it is placed."""
    return Payments(
        order=np.arange(orders.count),
        method=np.full(orders.count, _CARD),
        amount=orders.net_revenue + orders.tax + orders.shipping,
        installments=np.ones(orders.count, dtype=np.int64),
        known_at=orders.ordered_at,
        due_at=orders.ordered_at,
        paid_at=later(orders.ordered_at, 0.001),
    )


def append_orders(orders: Sales, more: Sales) -> Sales:
    """Put orders with their lines and payments behind others; numbers before stay."""
    count = orders[0].count
    lines = replace(more[1], order=more[1].order + count)
    payments = replace(more[2], order=more[2].order + count)
    return (
        stack([orders[0], more[0]]),
        stack([orders[1], lines]),
        stack([orders[2], payments]),
    )


def order_table(orders: Orders, lines: OrderLines, payments: Payments) -> pa.Table:
    """Make the orders with the instants of their delivery."""
    starts = np.flatnonzero(lines.line_number == 1)
    discount = np.add.reduceat((lines.list_price - lines.unit_price) * lines.quantity, starts)
    paid_at = np.full(orders.count, NEVER)
    is_first = rank_within(payments.order) == 0
    paid_at[payments.order[is_first]] = payments.paid_at[is_first]
    return table(
        order_number=np.arange(1, orders.count + 1),
        person=orders.person,
        ordered_at=orders.ordered_at,
        channel=words(orders.channel, ORDER_CHANNELS),
        campaign_number=references(next_number(orders.campaign)),
        net_revenue=orders.net_revenue,
        discount=discount,
        tax=orders.tax,
        shipping=orders.shipping,
        refund=orders.refund,
        promised_at=orders.promised_at,
        paid_at=paid_at,
        shipped_at=orders.shipped_at,
        delivered_at=orders.delivered_at,
        cancelled_at=orders.cancelled_at,
        refunded_at=orders.refunded_at,
        is_returned=orders.is_returned,
    )


def line_table(orders: Orders, lines: OrderLines) -> pa.Table:
    """Make the order lines."""
    return table(
        order_number=lines.order + 1,
        ordered_at=orders.ordered_at[lines.order],
        line_number=lines.line_number,
        product_number=lines.product + 1,
        quantity=lines.quantity,
        unit_price=lines.unit_price,
        list_price=lines.list_price,
        unit_cost=lines.unit_cost,
    )


def product_table(products: Products, plans: Mapping[str, Plan]) -> pa.Table:
    """Make the catalogue: the products, and behind them the subscriptions."""
    prices = np.array([round(100 * plan.price) for plan in plans.values()], dtype=np.int64)
    count = products.category.size
    return table(
        product_number=np.arange(1, count + prices.size + 1),
        name=pa.array([*products.names(), *plans]),
        category=words(
            np.r_[products.category, np.full(prices.size, len(CATEGORIES))],
            [*(c.name for c in CATEGORIES), SUBSCRIPTIONS],
        ),
        brand=words(np.r_[products.brand, np.zeros(prices.size, dtype=np.int64)], BRANDS),
        list_price=np.r_[products.list_price, prices],
        unit_cost=np.r_[products.unit_cost, plan_costs(prices)],
        is_active=np.r_[products.is_active, np.ones(prices.size, dtype=np.bool_)],
    )


def plan_costs(prices: Ints) -> Ints:
    """Say what serving a payment of a subscription costs, in cents."""
    return np.asarray(np.rint(_PLAN_COST_SHARE * prices), dtype=np.int64)


def payment_table(payments: Payments) -> pa.Table:
    """Make the payments."""
    return table(
        payment_number=np.arange(1, payments.order.size + 1),
        order_number=payments.order + 1,
        method=words(payments.method, PAYMENT_METHODS),
        amount=payments.amount,
        installments=payments.installments,
        known_at=payments.known_at,
        due_at=payments.due_at,
        paid_at=payments.paid_at,
    )
