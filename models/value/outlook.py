"""What a model says of given histories, whichever model it is.

What belongs here: applying a fitted or naive model to histories, by lookup. What does not: fitting,
money. Given that a customer is active, all predictions depend on (x, T) only, and whole days leave
few distinct pairs of them; the probability of being active is one factor per history.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.value import naive, transactions
from models.value.fitting import Fit
from models.value.sufficient_statistics import Array, Index, distinct_pairs


@dataclass(frozen=True)
class Outlook:
    """Hold histories as a model sees them, in the time unit of its fit."""

    fit: Fit
    frequency: Array
    age: Array
    alive: Array
    """Probability of being active now; 1 in models without dropout."""
    pair_frequency: Array
    pair_age: Array
    pair: Index


def outlook(
    fit: Fit, frequency: Array, recency: Array, age: Array, recent: Array, window: float
) -> Outlook:
    """Apply a model to histories; `recent` and `window` are what a naive one may go by."""
    if fit.model in naive.MODELS:
        frequency, age = naive.evidence(fit.model, frequency, age, recent, window)
    alive = transactions.probability_alive(fit, frequency, recency, age)
    return Outlook(fit, frequency, age, alive, *distinct_pairs(frequency, age))


def expected_purchases(view: Outlook, horizon: float) -> Array:
    """Give the expected number of purchases in the horizon."""
    lookup = transactions.expected_purchases_if_alive(
        view.fit, view.pair_frequency, view.pair_age, horizon
    )
    return lookup[view.pair] * view.alive


def purchases_by_horizon(
    view: Outlook, horizons: Sequence[float], discount_rate_per_period: float, period: float
) -> list[tuple[Array, Array]]:
    """Give expected purchases and the same, each discounted from the end of its period."""
    lookups = transactions.purchases_by_horizon_if_alive(
        view.fit, view.pair_frequency, view.pair_age, horizons, discount_rate_per_period, period
    )
    return [
        (expected[view.pair] * view.alive, discounted[view.pair] * view.alive)
        for expected, discounted in lookups
    ]


def probability_of_purchase(view: Outlook, horizon: float) -> Array:
    """Give the probability of at least one purchase in the horizon."""
    lookup = transactions.probability_of_purchase_if_alive(
        view.fit, view.pair_frequency, view.pair_age, horizon
    )
    return lookup[view.pair] * view.alive
