"""The effect of joining a programme on what customers do afterwards.

Belongs here: the comparison of those who joined with matched ones who did not. Does not: which
occasions there were to join, the matched difference itself, reading or writing tables.

Members join at a purchase, and frequent buyers have more occasions: the plain difference between
members and others overstates the effect. So the unit is an occasion, a purchase of somebody who is
no member yet, and those who joined on it are compared with those who did not on an occasion of the
same stratum (time, purchases so far, purchases in the window before). The others may join later;
leaving them out would leave out the busy ones. So they are followed until they join, and what
those who never do bought is weighted up by the inverse of their chance not to have joined (inverse
probability of censoring: Robins & Finkelstein 2000, Biometrics 56), over the number of all others
(Horvitz & Thompson 1952): over the weights it would be biased in small strata.

The effect is a difference in differences: what changed from the window before to the one after for
those who joined, minus the same for the others (Angrist & Pischke 2009, ch. 5). The trend before,
compared in the same way, should be nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.matched import Bools, Floats, Ints, MatchedDifference, matched_difference

LEAST_JOINED = 30  # matched occasions of joining; fewer say nothing


class Status(StrEnum):
    """Whether the effect can be used, and if not why."""

    OK = "ok"
    NO_PROGRAMME = "no_programme"
    TOO_FEW = "too_few"
    TREND_BEFORE = "trend_before"  # the groups already moved apart before


@dataclass(frozen=True)
class Occasions:
    """n purchases at which a customer could join; all arrays have length n.

    `stratum` is any number that equal occasions share. `after_free` is the number of purchases in
    the window after as long as he was no member; `is_censored` who joined later in the window.
    """

    customer: Ints
    stratum: Ints
    is_joining: Bools
    is_censored: Bools
    after_free: Ints
    before: Floats
    after: Floats
    long_before: Floats


@dataclass(frozen=True)
class Effect:
    """What joining changed in the mean of one outcome per window, with 95 % intervals."""

    status: Status
    count_joined: int
    count_matched: int
    count_others: int
    mean_joined: float
    mean_others: float
    effect: float
    effect_low: float
    effect_high: float
    trend_before: float
    trend_before_low: float
    trend_before_high: float


def programme_effect(occasions: Occasions) -> Effect:
    """Compare those who joined with matched ones who did not.

    The order of the occasions decides the last digits, so it has to be fixed by the caller.
    """
    joined = int(occasions.is_joining.sum())
    after = occasions.after * _weights(occasions)
    change = _compare(occasions, after - occasions.before)
    counts = (joined, change.count_compared, change.count_reference)
    if min(counts[1:]) < LEAST_JOINED or np.isnan(change.low):
        status = Status.TOO_FEW if joined else Status.NO_PROGRAMME
        return Effect(status, *counts, *[float("nan")] * 8)
    level = _compare(occasions, after)
    trend = _compare(occasions, occasions.before - occasions.long_before)
    parted = trend.low > 0 or trend.high < 0
    return Effect(
        status=Status.TREND_BEFORE if parted else Status.OK,
        count_joined=joined,
        count_matched=change.count_compared,
        count_others=change.count_reference,
        mean_joined=level.mean_compared,
        mean_others=level.mean_reference,
        effect=change.effect,
        effect_low=change.low,
        effect_high=change.high,
        trend_before=trend.effect,
        trend_before_low=trend.low,
        trend_before_high=trend.high,
    )


def _compare(occasions: Occasions, values: Floats) -> MatchedDifference:
    return matched_difference(
        values,
        stratum=occasions.stratum,
        customer=occasions.customer,
        is_compared=occasions.is_joining,
    )


def _weights(occasions: Occasions) -> Floats:
    """Weigh occasions: 1 for joining, 0 for who joined later, the others by the inverse chance.

    The chance to join at a purchase is the share of joining among all occasions.
    """
    chance = occasions.is_joining.mean() if occasions.is_joining.size else 0.0
    free = np.power(1 - chance, -occasions.after_free.astype(float))
    weight = np.where(occasions.is_joining, 1.0, np.where(occasions.is_censored, 0.0, free))
    return np.asarray(weight, dtype=float)
