"""Purchases as they happened, and what was known of the customers on any day.

What belongs here: cutting a log of purchases at a day into histories before and outcomes after it.
What does not: any model, any measure.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.value.sufficient_statistics import Array, Index


@dataclass(frozen=True)
class PurchaseLog:
    """Hold one entry per customer and purchase day, sorted by both.

    `customer` are codes from 0 without gaps, `day` whole numbers, `spend` the money of the day.
    """

    customer: Index
    day: Index
    spend: Array

    @property
    def first_entry(self) -> Index:
        """Give the entry of every customer's first purchase."""
        return np.flatnonzero(np.diff(self.customer, prepend=-1))


@dataclass(frozen=True)
class Cut:
    """Hold the customers known on a day: their histories, and what they did next.

    Times in days, counted from the first purchase; x, t_x, T and mean spend as in `scoring`.
    """

    frequency: Array
    recency: Array
    age: Array
    mean_spend: Array
    """Of the repeat purchases; 0 without one."""
    recent: Array
    """Repeat purchases in the window before the day that is as long as the one after it."""
    recent_year: Array
    """Repeat purchases in the 365 days before."""
    purchases: Array
    spend: Array


def purchase_log(customer: npt.ArrayLike, day: npt.ArrayLike, spend: npt.ArrayLike) -> PurchaseLog:
    """Make a log of columns sorted by customer and day, one row per both.

    Raises ValueError when they are not: an unsorted log would give wrong histories silently.
    """
    codes, days = (np.asarray(column, dtype=np.intp) for column in (customer, day))
    step, later = np.diff(codes), np.diff(days)
    if len(codes) and (
        codes[0] != 0 or ((step != 0) & (step != 1)).any() or (later[step == 0] <= 0).any()
    ):
        raise ValueError("purchases must be sorted by customer and day, customers coded 0, 1, 2, …")
    return PurchaseLog(codes, days, np.asarray(spend, dtype=np.float64))


def cut(log: PurchaseLog, origin: int, horizon: int) -> Cut:
    """Cut the log at the end of a day: histories up to it, outcomes of the `horizon` days after."""
    begin = log.first_entry
    n = len(begin)
    first = log.day[begin]
    known = first <= origin
    seen = log.day <= origin
    repeat = seen.copy()
    repeat[begin] = False
    coming = ~seen & (log.day <= origin + horizon)

    def per_customer(rows: npt.NDArray[np.bool_], weights: Array | None = None) -> Array:
        sums = np.bincount(
            log.customer[rows], weights=None if weights is None else weights[rows], minlength=n
        )
        counted: Array = sums[known].astype(np.float64)
        return counted

    last = np.zeros(n, dtype=np.intp)
    # entries are in order of time, so that the last assignment is the last purchase
    last[log.customer[seen]] = log.day[seen]
    frequency = per_customer(repeat)
    return Cut(
        frequency=frequency,
        recency=(last - first)[known].astype(np.float64),
        age=(origin - first[known]).astype(np.float64),
        mean_spend=per_customer(repeat, log.spend) / np.maximum(frequency, 1.0),
        recent=per_customer(repeat & (log.day > origin - horizon)),
        recent_year=per_customer(repeat & (log.day > origin - 365)),
        purchases=per_customer(coming),
        spend=per_customer(coming, log.spend),
    )
