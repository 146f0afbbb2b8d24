"""Data for the tests of the value models: CDNOW windows and customers of a known process."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Histories up to a calibration date, and what happened after it."""

    frequency: Array
    recency: Array
    age: Array
    mean_spend: Array
    purchases: Array
    spend: Array
    purchases_before: Array
    """Repeat purchases in the window of equal length before the calibration date."""
    spend_before: Array


@dataclass(frozen=True)
class MadeUp:
    """Customers of a known MBG/NBD and Gamma-Gamma process, in days."""

    frequency: Array
    recency: Array
    age: Array
    mean_spend: Array
    future_purchases: Array
    future_value: Array
    """Spend over 365 days after the as-of date, discounted continuously at 10 % a year."""


def split_window(
    customers: npt.NDArray[np.int64],
    days: npt.NDArray[np.int64],
    amounts: Array,
    calibrated_to: int,
    observed_to: int,
) -> Window:
    """One purchase per customer and day; both dates inclusive."""
    keys, row = np.unique(np.stack([customers, days], axis=1), axis=0, return_inverse=True)
    amount: Array = np.bincount(row.ravel(), weights=amounts).astype(float)
    day = keys[:, 1]
    distinct, begin, who = np.unique(keys[:, 0], return_index=True, return_inverse=True)
    first = day[begin]
    n = len(distinct)
    repeat = (day <= calibrated_to) & (day > first[who])
    after = (day > calibrated_to) & (day <= observed_to)
    before = repeat & (day > 2 * calibrated_to - observed_to)

    def per_customer(rows: npt.NDArray[np.bool_], weights: Array) -> Array:
        sums: Array = np.bincount(who[rows], weights=weights[rows], minlength=n).astype(float)
        return sums[first <= calibrated_to]

    one = np.ones(len(day))
    last = np.zeros(n)
    np.maximum.at(last, who[repeat], day[repeat])
    frequency = per_customer(repeat, one)
    known = first <= calibrated_to
    return Window(
        frequency=frequency,
        recency=np.where(frequency > 0, last[known] - first[known], 0.0),
        age=(calibrated_to - first[known]).astype(float),
        mean_spend=per_customer(repeat, amount) / np.maximum(frequency, 1),
        purchases=per_customer(after, one),
        spend=per_customer(after, amount),
        purchases_before=per_customer(before, one),
        spend_before=per_customer(before, amount),
    )


TRUTH = {"r": 0.55, "alpha": 60.0, "a": 0.8, "b": 2.5}
SPEND_TRUTH = {"p": 6.2, "q": 3.7, "gamma": 15.4}


FREQUENT = {"r": 3.0, "alpha": 40.0, "a": 0.2, "b": 6.0}
"""Buyers every two weeks who rarely leave: most will certainly buy within a year."""


def simulate(
    n: int,
    seed: int,
    truth: Mapping[str, float] = TRUTH,
    horizon: float = 365.0,
    oldest: int = 730,
) -> MadeUp:
    """Play the MBG/NBD story event by event, independently of the code under test."""
    generator = np.random.default_rng(seed)
    age = generator.integers(1, oldest + 1, n).astype(float)
    rate = generator.gamma(truth["r"], 1 / truth["alpha"], n)
    dropout = generator.beta(truth["a"], truth["b"], n)
    taste = generator.gamma(SPEND_TRUTH["q"], 1 / SPEND_TRUTH["gamma"], n)
    frequency, recency, total = np.zeros(n), np.zeros(n), np.zeros(n)
    future, value, now = np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.flatnonzero(generator.random(n) >= dropout)
    while len(active):
        now[active] += generator.exponential(size=len(active)) / rate[active]
        active = active[now[active] <= age[active] + horizon]
        amount = generator.gamma(SPEND_TRUTH["p"], 1 / taste[active])
        seen = now[active] <= age[active]
        past, coming = active[seen], active[~seen]
        frequency[past] += 1
        recency[past] = now[past]
        total[past] += amount[seen]
        future[coming] += 1
        value[coming] += amount[~seen] * 1.1 ** (-(now[coming] - age[coming]) / 365.25)
        active = active[generator.random(len(active)) >= dropout[active]]
    mean_spend = np.divide(total, frequency, out=np.full(n, np.nan), where=frequency > 0)
    return MadeUp(frequency, recency, age, mean_spend, future, value)
