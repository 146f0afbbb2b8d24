"""Two groups compared within strata: the difference of their means, and how sure it is.

Belongs here: the matched difference and its interval, which all comparisons of customers with
their like share. Does not: what makes customers alike, which groups are compared, reading or
writing tables.

Units (orders, purchases) are compared within strata of units alike (exact matching on coarse
classes: Iacus, King & Porro 2012, Political Analysis 20). The difference is averaged over the
compared group: the effect on the treated. A unit of the compared group deviates from its stratum's
reference mean, a reference unit from its own mean, weighted as its stratum is (the variance of
matched differences: Abadie & Imbens 2006, Econometrica 74, who show as well that the bootstrap
fails after matching). The deviations of one customer are added before they are squared, for his
units are alike. A few customers may carry much of the weight: Student's quantile takes the degrees
of freedom of Satterthwaite (1946), by stratum and group. What customers spend is skewed, and so is
the effect; the interval leans with it by Hall's transformation (1992), as those of means in the
marts (macro `skewed_bound`).

How many intervals hold the truth was simulated for four shapes of outcome, without an effect and
with one: docs/decisions/0050-how-many-intervals-hold.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEWEST = 10  # customers; fewer in either group have no interval worth the name
# How much of the estimated skewness is straightened: that of thin strata is mostly chance. The
# quantile grows by its square. Both are measured (decision 0050).
STRAIGHTENED = 0.7


@dataclass(frozen=True)
class MatchedDifference:
    """The difference of two groups' means in the units of the data.

    Counts are of units that are compared. The reference mean is weighted to the strata of the
    compared. Means and effect are NaN where nobody is matched, the 95 % interval where there are
    fewer than FEWEST customers in a group or nothing differs.
    """

    count_compared: int
    count_reference: int
    count_strata: int
    mean_compared: float
    mean_reference: float
    effect: float
    low: float
    high: float


def matched_difference(
    values: Floats, *, stratum: Ints, customer: Ints, is_compared: Bools
) -> MatchedDifference:
    """Compare n units within their strata; all arrays have length n.

    `stratum` and `customer` are any numbers that equal ones share. A stratum counts with one
    compared unit, but needs two reference customers: one has no spread. The order of the units
    decides the last digits, so it has to be fixed by the caller.
    """
    strata, place = np.unique(stratum, return_inverse=True)
    size = 2 * len(strata)
    customers_in = _customers_by_cell(2 * place + is_compared, customer, size).reshape(-1, 2)
    usable = ((customers_in[:, 0] > 1) & (customers_in[:, 1] > 0))[place]
    values, place = values[usable], place[usable]
    customer, is_compared = customer[usable], is_compared[usable]
    cell = 2 * place + is_compared
    counts = np.bincount(cell, minlength=size).reshape(-1, 2)
    reference, compared = (int(count) for count in counts.sum(axis=0))
    if not compared:
        return MatchedDifference(0, 0, 0, *[float("nan")] * 5)
    means = np.bincount(cell, values, size).reshape(-1, 2) / np.maximum(counts, 1)
    share = counts[:, 1] / compared
    mean_reference, mean_compared = (float(mean) for mean in share @ means)
    effect = mean_compared - mean_reference

    # What each unit adds to the error; the mean of few takes much of their spread with it.
    few = customers_in[place, 0]
    deviations = values - means[place, 0]
    errors = np.where(
        is_compared,
        (deviations - effect) / compared,
        -share[place] / np.maximum(counts[place, 0], 1) * deviations * np.sqrt(few / (few - 1)),
    )
    low = high = float("nan")
    groups = [np.unique(customer[is_compared == side]).size for side in (False, True)]
    by_customer = _by(customer, errors)
    error = float(np.sqrt((by_customer**2).sum()))
    if min(groups) >= FEWEST and error > 0:
        skewness = float((by_customer**3).sum()) / error**3
        quantile = float(student.ppf(0.975, _degrees(cell, customer, errors))) * (1 + skewness**2)
        # The quantile of the other side: the interval turns the distribution round.
        low, high = (
            effect - error * _straightened(side * quantile, STRAIGHTENED * skewness)
            for side in (1, -1)
        )
    return MatchedDifference(
        compared,
        reference,
        int((counts[:, 1] > 0).sum()),
        mean_compared,
        mean_reference,
        effect,
        low,
        high,
    )


def _straightened(quantile: float, leaning: float) -> float:
    """Invert Hall's cubic transformation of a studentised estimate that leans."""
    if abs(leaning) < 1e-6:
        return quantile
    bent = 1 + leaning * (quantile - leaning / 6)
    return float(3 / leaning * (np.cbrt(bent) - 1))


def _customers_by_cell(cell: Ints, customer: Ints, size: int) -> Ints:
    pairs = np.unique(np.stack([cell, customer]), axis=1)
    return np.bincount(pairs[0], minlength=size)


def _by(keys: Ints, amounts: Floats) -> Floats:
    """Add up amounts by key, in the order of the keys."""
    return np.asarray(np.bincount(np.unique(keys, return_inverse=True)[1].ravel(), amounts), float)


def _degrees(cell: Ints, customer: Ints, errors: Floats) -> float:
    """Return Satterthwaite's degrees of freedom: a cell's variance has those of its customers."""
    pairs, position = np.unique(np.stack([cell, customer]), axis=1, return_inverse=True)
    squares = np.bincount(position.ravel(), errors) ** 2
    variances = np.bincount(pairs[0], squares)
    degrees = np.maximum(np.bincount(pairs[0]) - 1, 1)
    return float(variances.sum() ** 2 / (variances**2 / degrees).sum())
