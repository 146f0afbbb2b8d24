"""The effect of joining a programme on what customers do afterwards.

Belongs here: the comparison of those who joined with matched ones who did not. Does not: which
occasions there were to join, reading or writing tables.

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
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEAST_JOINED = 30  # matched occasions of joining; fewer say nothing
_REPLICATES = 1000
_BLOCKS = 400  # customers, with all their occasions, are resampled in so many random blocks
_CONFIDENCE = 0.95


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
    """What joining changed in the mean of one outcome per window, with 95 % bootstrap intervals."""

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


def programme_effect(occasions: Occasions, *, generator: np.random.Generator) -> Effect:
    """Compare those who joined with matched ones who did not.

    The order of the occasions decides the bootstrap's draws, so it has to be fixed by the caller.
    """
    joined = int(occasions.is_joining.sum())
    if joined == 0:
        return _nothing(Status.NO_PROGRAMME, 0, 0, 0)
    strata, place = np.unique(occasions.stratum, return_inverse=True)
    # Where both are there, they can be compared.
    joining_in = np.bincount(place, occasions.is_joining, len(strata))
    others_in = np.bincount(place, ~occasions.is_joining, len(strata))
    matched = (joining_in > 0) & (others_in > 0)
    count_matched, count_others = int(joining_in[matched].sum()), int(others_in[matched].sum())
    if count_matched < LEAST_JOINED or count_others < LEAST_JOINED:
        return _nothing(Status.TOO_FEW, joined, count_matched, count_others)

    sums = _block_sums(occasions, place, len(strata), generator)
    blocks = len(sums)
    draws = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=_REPLICATES)
    estimate = _differences(sums.sum(axis=0)[None])
    resampled = _differences(
        (draws.astype(float) @ sums.reshape(blocks, -1)).reshape(_REPLICATES, *sums.shape[1:])
    )
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    parted = bool(low[1] > 0 or high[1] < 0)
    return Effect(
        status=Status.TREND_BEFORE if parted else Status.OK,
        count_joined=joined,
        count_matched=count_matched,
        count_others=count_others,
        mean_joined=float(estimate[0, 2]),
        mean_others=float(estimate[0, 3]),
        effect=float(estimate[0, 0]),
        effect_low=float(low[0]),
        effect_high=float(high[0]),
        trend_before=float(estimate[0, 1]),
        trend_before_low=float(low[1]),
        trend_before_high=float(high[1]),
    )


def _weights(occasions: Occasions) -> Floats:
    """Weigh occasions: 1 for joining, 0 for who joined later, the others by the inverse chance.

    The chance to join at a purchase is the share of joining among all occasions.
    """
    chance = occasions.is_joining.mean()
    free = np.power(1 - chance, -occasions.after_free.astype(float))
    weight = np.where(occasions.is_joining, 1.0, np.where(occasions.is_censored, 0.0, free))
    return np.asarray(weight, dtype=float)


def _block_sums(
    occasions: Occasions, place: Ints, count_strata: int, generator: np.random.Generator
) -> Floats:
    """Count occasions and sum outcomes by block, stratum and group: (blocks, strata, 2, 4)."""
    customers, number = np.unique(occasions.customer, return_inverse=True)
    blocks = min(_BLOCKS, len(customers))
    block = generator.permutation(np.arange(len(customers)) % blocks)[number]
    cell = (block * count_strata + place) * 2 + occasions.is_joining
    columns = (
        np.ones(len(cell)),
        occasions.after * _weights(occasions),
        occasions.before,
        occasions.long_before,
    )
    sums = [np.bincount(cell, column, blocks * count_strata * 2) for column in columns]
    return np.asarray(np.stack(sums, axis=-1).reshape(blocks, count_strata, 2, len(columns)), float)


def _differences(sums: Floats) -> Floats:
    """Return change and trend of the joined minus the others, and both means after: (m, 4).

    Strata count by how many joined in them.
    """
    counts = sums[..., 0]
    usable = (counts[..., 0] > 0) & (counts[..., 1] > 0)
    share = np.where(usable, counts[..., 1], 0.0)
    share = share / share.sum(axis=1, keepdims=True)
    means = sums[..., 1:] / np.where(usable[..., None], counts, 1.0)[..., None]
    means = np.where(usable[..., None, None], means, 0.0)
    others, joined = np.moveaxis((share[..., None, None] * means).sum(axis=1), 1, 0)
    gap = joined - others
    return np.column_stack(
        [gap[:, 0] - gap[:, 1], gap[:, 1] - gap[:, 2], joined[:, 0], others[:, 0]]
    )


def _nothing(status: Status, joined: int, matched: int, others: int) -> Effect:
    unknown = float("nan")
    return Effect(
        status, joined, matched, others,
        unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown,
    )  # fmt: skip
