"""How much each driver contributes to overall satisfaction, with intervals.

Belongs here: the shares of R-squared by relative weights and by LMG, partial effects, and how sure
they are. Does not: choosing drivers, scales, wording.

Both measures give every driver a share of R-squared that is never negative, and the shares add up
to R-squared. That is not the driver's own effect: a twin of a driver that itself does nothing still
gets a part of its share, which is why the partial effect and the variance inflation stand beside
them.

Sources: J. W. Johnson (2000), A heuristic method for estimating the relative weight of predictor
variables in multiple regression, Multivariate Behavioral Research 35; R. H. Lindeman, P. F.
Merenda, R. Z. Gold (1980), Introduction to Bivariate and Multivariate Analysis, p. 120 (LMG);
S. Tonidandel, J. M. LeBreton, J. W. Johnson (2009), Determining the statistical significance of
relative weights, Psychological Methods 14; T. C. Hesterberg (2015), What teachers should know about
the bootstrap, The American Statistician 69 (expanded percentile intervals).
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LARGEST_LMG = 12  # drivers; LMG needs R-squared of every subset of them, 4,096 of twelve
LEAST_ANSWERS_PER_DRIVER = 10  # fewer, and the regression says nothing
INSEPARABLE_VIF = 5.0  # four fifths of a driver's variance is then explained by the others
_REPLICATES = 1000
_BLOCKS = 2000  # rows are resampled one by one up to so many, beyond that in as many random blocks
_CONFIDENCE = 0.95


class Status(StrEnum):
    """Whether the weights can be used, and if not why."""

    OK = "ok"
    TOO_FEW = "too_few"
    NO_DRIVERS = "no_drivers"
    CONSTANT_OUTCOME = "constant_outcome"


@dataclass(frozen=True)
class DriverWeights:
    """Weights of k drivers; arrays of length k in the order of the drivers, NaN where unknown.

    Weights and their intervals are shares of the outcome's variance and add up to `r_squared`.
    `effect` is the change of the outcome, in its own units, that goes with one unit of the driver
    when the others stay (least squares). `is_significant`: the relative weight is larger than that
    of a random variable (one-sided, 2.5 %). `is_separable` is false where the variance inflation
    factor reaches 5: the weight is then shared with other drivers in a way the data cannot tell.
    A constant driver has weight 0.
    """

    status: Status
    count_answers: int
    r_squared: float
    relative_weight: Floats
    relative_weight_low: Floats
    relative_weight_high: Floats
    lmg: Floats
    lmg_low: Floats
    lmg_high: Floats
    effect: Floats
    effect_low: Floats
    effect_high: Floats
    correlation: Floats
    variance_inflation: Floats
    is_significant: Bools
    is_separable: Bools


def driver_weights(
    drivers: Floats, outcome: Floats, *, generator: np.random.Generator
) -> DriverWeights:
    """Weigh k drivers of one outcome.

    `drivers` (n, k) and `outcome` (n,) are complete answers; the order of the rows decides the
    bootstrap's draws, so that it has to be fixed by the caller. LMG is NaN beyond twelve drivers.
    """
    count, width = drivers.shape
    varying = np.ptp(drivers, axis=0) > 0 if count else np.zeros(width, dtype=bool)
    status = _status(count, int(varying.sum()), outcome)
    if status is not Status.OK:
        return _nothing(status, count, width)

    # A random variable beside the drivers: what weight would pure chance get?
    chance = generator.standard_normal(count)
    columns = np.column_stack([drivers[:, varying], chance, outcome])
    products = _block_products(columns, generator)
    blocks = products.shape[0]
    draws = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=_REPLICATES)
    size = columns.shape[1] + 1
    replicates = (draws.astype(float) @ products.reshape(blocks, -1)).reshape(-1, size, size)
    usable = _all_vary(replicates)
    whole = products.sum(axis=0)[None]
    estimate = _Moments.of(whole)
    resampled = _Moments.of(replicates[usable])

    own = slice(0, -1)  # without the random variable
    point = _without_chance(estimate)
    drawn = _without_chance(resampled)
    relative = relative_weights(point.among, point.outcome)[0]
    relative_drawn = relative_weights(drawn.among, drawn.outcome)
    with_chance = relative_weights(resampled.among, resampled.outcome)
    over_chance = with_chance[:, own] - with_chance[:, -1:]
    few = int(varying.sum()) <= LARGEST_LMG
    lmg = lmg_weights(point.among, point.outcome)[0] if few else np.full(varying.sum(), np.nan)
    lmg_drawn = (
        lmg_weights(drawn.among, drawn.outcome) if few else np.full_like(relative_drawn, np.nan)
    )
    inflation = np.diagonal(np.linalg.pinv(point.among[0], hermitian=True)).copy()
    tail = (1 - _CONFIDENCE) / 2

    def placed(values: Floats, fill: float) -> Floats:
        full = np.full(width, fill)
        full[varying] = values
        return full

    # Resampled answers spread as if the model had cost none of them (expanded percentile interval).
    free = count - len(relative) - 1
    stretch = np.sqrt(count / free) * student.ppf(1 - tail, free) / norm.ppf(1 - tail)

    def interval(at: Floats, values: Floats, fill: float) -> tuple[Floats, Floats]:
        ends = at + stretch * (np.quantile(values, [tail, 1 - tail], axis=0) - at)
        return placed(ends[0], fill), placed(ends[1], fill)

    # A share of R-squared is never negative.
    relative_low, relative_high = np.maximum(interval(relative, relative_drawn, 0.0), 0)
    lmg_low, lmg_high = np.maximum(interval(lmg, lmg_drawn, 0.0), 0)
    effect_low, effect_high = interval(point.effects()[0], drawn.effects(), np.nan)
    return DriverWeights(
        status=Status.OK,
        count_answers=count,
        r_squared=float(relative.sum()),
        relative_weight=placed(relative, 0.0),
        relative_weight_low=relative_low,
        relative_weight_high=relative_high,
        lmg=placed(lmg, 0.0),
        lmg_low=lmg_low,
        lmg_high=lmg_high,
        effect=placed(point.effects()[0], np.nan),
        effect_low=effect_low,
        effect_high=effect_high,
        correlation=placed(point.outcome[0], np.nan),
        variance_inflation=placed(inflation, np.nan),
        is_significant=placed(np.quantile(over_chance, tail, axis=0), -1.0) > 0,
        is_separable=placed(inflation, 1.0) < INSEPARABLE_VIF,
    )


def relative_weights(among: Floats, outcome: Floats) -> Floats:
    """Return Johnson's relative weights (..., k) from correlations.

    `among` (..., k, k) are the correlations of the drivers, `outcome` (..., k) those with the
    outcome. The drivers are replaced by the orthogonal variables nearest to them (square root of
    their correlation matrix); each variable's share of R-squared goes back to the drivers by its
    squared correlation with them.
    """
    values, vectors = np.linalg.eigh(among)
    values = np.clip(values, 0.0, None)
    root = (vectors * np.sqrt(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    # Directions in which perfect twins do not differ explain nothing.
    inverse = np.where(values > _SMALLEST, 1 / np.sqrt(np.where(values > _SMALLEST, values, 1)), 0)
    back = (vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    slopes = (back @ outcome[..., None])[..., 0]
    return np.asarray((root**2 @ (slopes**2)[..., None])[..., 0], dtype=float)


def lmg_weights(among: Floats, outcome: Floats) -> Floats:
    """Return the LMG weights (..., k): the mean gain in R-squared over all orders of entry.

    Also known as the Shapley value of R-squared. Costs the R-squared of all 2^k subsets.
    """
    count = outcome.shape[-1]
    explained = {0: np.zeros(outcome.shape[:-1])}
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            r = outcome[..., chosen]
            inverse = np.linalg.pinv(among[..., chosen, :][..., chosen], hermitian=True)
            explained[_code(chosen)] = np.einsum("...i,...ij,...j->...", r, inverse, r)
    weights = np.zeros(outcome.shape)
    for driver in range(count):
        others = [other for other in range(count) if other != driver]
        for size in range(count):
            share = 1 / (count * comb(count - 1, size))
            for chosen in combinations(others, size):
                before = _code(chosen)
                weights[..., driver] += share * (
                    explained[before | 1 << driver] - explained[before]
                )
    return weights


_SMALLEST = 1e-10  # an eigenvalue of a correlation matrix below this is a perfect twin


@dataclass(frozen=True)
class _Moments:
    """Correlations and spreads of m samples of k drivers."""

    among: Floats  # (m, k, k)
    outcome: Floats  # (m, k)
    spread: Floats  # (m, k), standard deviations
    outcome_spread: Floats  # (m,)

    @classmethod
    def of(cls, products: Floats) -> "_Moments":
        """Take sums of products of (1, drivers..., outcome), shape (m, k + 2, k + 2)."""
        count = products[:, :1, :1]
        mean = products[:, :1, 1:] / count
        covariance = products[:, 1:, 1:] / count - np.swapaxes(mean, 1, 2) * mean
        spread = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        correlation = covariance / (spread[:, :, None] * spread[:, None, :])
        return cls(correlation[:, :-1, :-1], correlation[:, :-1, -1], spread[:, :-1], spread[:, -1])

    def effects(self) -> Floats:
        """Return the least-squares slopes (m, k) in the units of the data."""
        inverse = np.linalg.pinv(self.among, hermitian=True)
        slopes = (inverse @ self.outcome[..., None])[..., 0]
        return np.asarray(slopes * self.outcome_spread[:, None] / self.spread, dtype=float)


def _without_chance(moments: _Moments) -> _Moments:
    return _Moments(
        moments.among[:, :-1, :-1],
        moments.outcome[:, :-1],
        moments.spread[:, :-1],
        moments.outcome_spread,
    )


def _block_products(columns: Floats, generator: np.random.Generator) -> Floats:
    """Sum the products of every row with itself, by block: (blocks, k + 2, k + 2).

    Resampling rows and resampling random blocks of rows estimate the same variance; blocks keep
    the cost of a replicate independent of the number of answers. Columns are centred first, or
    subtracting the means would cost digits.
    """
    centred = columns - columns.mean(axis=0)
    rows = np.column_stack([np.ones(len(columns)), centred])
    if len(rows) <= _BLOCKS:
        return np.asarray(rows[:, :, None] * rows[:, None, :])
    order = generator.permutation(len(rows))
    return np.stack([part.T @ part for part in np.array_split(rows[order], _BLOCKS)])


def _all_vary(products: Floats) -> Bools:
    """Tell which samples have no constant column, which would have no correlation."""
    count = products[:, 0, 0]
    squares = np.diagonal(products, axis1=1, axis2=2)[:, 1:]
    variances = squares / count[:, None] - (products[:, 0, 1:] / count[:, None]) ** 2
    scale = np.diagonal(products.mean(axis=0))[1:] / count.mean()
    return np.asarray((variances > 1e-12 * scale).all(axis=1))


def _status(count: int, varying: int, outcome: Floats) -> Status:
    if varying == 0:
        return Status.NO_DRIVERS if count else Status.TOO_FEW
    if count < LEAST_ANSWERS_PER_DRIVER * (varying + 1):
        return Status.TOO_FEW
    if np.ptp(outcome) == 0:
        return Status.CONSTANT_OUTCOME
    return Status.OK


def _nothing(status: Status, count: int, width: int) -> DriverWeights:
    unknown = np.full(width, np.nan)
    no = np.zeros(width, dtype=bool)
    return DriverWeights(
        status=status,
        count_answers=count,
        r_squared=float("nan"),
        relative_weight=unknown,
        relative_weight_low=unknown,
        relative_weight_high=unknown,
        lmg=unknown,
        lmg_low=unknown,
        lmg_high=unknown,
        effect=unknown,
        effect_low=unknown,
        effect_high=unknown,
        correlation=unknown,
        variance_inflation=unknown,
        is_significant=no,
        is_separable=no,
    )


def _code(chosen: tuple[int, ...]) -> int:
    return sum(1 << driver for driver in chosen)
