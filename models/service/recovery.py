"""What becomes of complainers: recovered and unrecovered against each other and against others.

Belongs here: matching, differences and their intervals. Does not: who complained and what they did
before and after (the dbt model `int_service__recovery_candidates`).

Customers who complain differ from others before they complain: they buy more, and so have more to
complain about. Orders are therefore compared within strata of customers alike in what they had
spent and how long and how often they had bought (exact matching on coarse classes, Iacus, King &
Porro 2012); the difference is averaged over the compared group (effect on the treated). What the
strata do not hold is not removed: the numbers say what followed, not all that recovery caused.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GROUPS = ("recovered", "unrecovered", "never_complained")
CONTRASTS = (
    ("recovered", "never_complained"),
    ("unrecovered", "never_complained"),
    ("recovered", "unrecovered"),
)
RESAMPLES = 999
_Z_95 = NormalDist().inv_cdf(0.975)
# Fewer customers than this in either group have no interval worth the name.
_FEWEST = 10
# The mean of so many customers is normal enough, and memory stays bounded at any size.
_LARGE = 5000


@dataclass(frozen=True)
class Comparison:
    """One outcome of two groups of customers alike in the strata.

    Counts are orders of matched customers; of the compared groups everybody has one. Means and
    effect (`mean_compared - mean_reference`) are those of the matched, references weighted to the
    strata of the compared; NaN where none are matched.
    """

    outcome: str
    compared_group: str
    reference_group: str
    count_matched: int
    count_reference: int
    count_strata: int
    mean_compared: float
    mean_reference: float
    effect: float
    ci_low: float
    ci_high: float

    @property
    def is_significant(self) -> bool:
        """Tell whether the 95 % interval leaves out zero."""
        return self.ci_low > 0 or self.ci_high < 0


def strata(spend_before: Floats, count_purchases: Ints, tenure_days: Ints) -> Ints:
    """Give each customer the number of the class within which customers are compared.

    Quintile of spend before (ties kept together, over all candidates); first, second, third or
    fourth, fifth to eighth or a later purchase; and whether the first is more than a year ago.
    """
    if not spend_before.size:
        return np.empty(0, dtype=np.int64)
    ordered = np.sort(spend_before)
    quintile = 5 * np.searchsorted(ordered, spend_before, side="left") // spend_before.size
    purchases = np.searchsorted([2, 3, 5, 9], count_purchases, side="right")
    return ((quintile * 5 + purchases) * 2 + (tenure_days > 365)).astype(np.int64)


def compare_recovery(
    group: Sequence[str],
    stratum: Ints,
    customer: Ints,
    outcomes: Mapping[str, Floats],
    generator: np.random.Generator,
) -> list[Comparison]:
    """Compare every pair of CONTRASTS by every outcome; NaN in an outcome is not observed.

    One entry per order; `customer` numbers the customers, whose orders are not independent.
    """
    members = np.asarray(group, dtype=object)
    found = []
    for name, values in outcomes.items():
        is_observed = ~np.isnan(values)
        cells = {
            one: _cells(values, stratum, customer, np.flatnonzero((members == one) & is_observed))
            for one in GROUPS
        }
        for compared, reference in CONTRASTS:
            names = (name, compared, reference)
            found.append(_compare(names, cells[compared], cells[reference], generator))
    return found


@dataclass(frozen=True)
class _Cell:
    """The orders of one group in one stratum: mean, customers, what each order adds to its error.

    A residual is the deviation from the mean over the count, stretched by sqrt(n / (n - 1)) for n
    customers: the mean of few takes much of their spread with it.
    """

    count: int
    mean: float
    customers: Ints
    residuals: Floats


def _cells(
    values: Floats, stratum: Ints, customer: Ints, members: npt.NDArray[np.intp]
) -> dict[int, _Cell]:
    """Return the cells of a group; one needs two customers, without whom it has no spread."""
    found = {}
    in_order = members[np.argsort(stratum[members], kind="stable")]
    numbers, firsts = np.unique(stratum[in_order], return_index=True)
    bounds = [*firsts, in_order.size]
    for number, (first, last) in zip(numbers, itertools.pairwise(bounds), strict=True):
        rows = in_order[first:last]
        size = np.unique(customer[rows]).size
        if size > 1:
            mean = values[rows].mean()
            residuals = (values[rows] - mean) / rows.size * np.sqrt(size / (size - 1))
            found[int(number)] = _Cell(rows.size, float(mean), customer[rows], residuals)
    return found


def _compare(
    names: tuple[str, str, str],
    compared: Mapping[int, _Cell],
    reference: Mapping[int, _Cell],
    generator: np.random.Generator,
) -> Comparison:
    """Average the differences of the strata that both groups have, over the compared orders."""
    pairs = [(compared[number], reference[number]) for number in compared if number in reference]
    matched = sum(ours.count for ours, _ in pairs)
    counts = (matched, sum(theirs.count for _, theirs in pairs), len(pairs))
    if not pairs:
        return Comparison(*names, *counts, *[float("nan")] * 5)
    weights = [ours.count / matched for ours, _ in pairs]
    mean_compared = math.fsum(w * ours.mean for w, (ours, _) in zip(weights, pairs, strict=True))
    mean_reference = math.fsum(
        w * theirs.mean for w, (_, theirs) in zip(weights, pairs, strict=True)
    )
    effect = mean_compared - mean_reference
    low, high = _interval(effect, weights, pairs, generator)
    return Comparison(*names, *counts, mean_compared, mean_reference, effect, low, high)


def _interval(
    effect: float,
    weights: Sequence[float],
    pairs: Sequence[tuple[_Cell, _Cell]],
    generator: np.random.Generator,
) -> tuple[float, float]:
    """Return the 95 % interval by the symmetric studentised bootstrap over customers (Hall 1988).

    Spend is skewed and full of zeros: percentiles of the plain bootstrap, and the normal interval,
    cover too little at moderate n. A customer is drawn with all orders, in whatever strata and
    groups they lie. NaN where there are too few customers or nothing differs between them.
    """
    cells = [
        (sign * weight, cell)
        for weight, pair in zip(weights, pairs, strict=True)
        for sign, cell in zip((1, -1), pair, strict=True)
    ]
    fewest = min(np.unique(np.concatenate([p[i].customers for p in pairs])).size for i in (0, 1))
    customers, positions = np.unique(
        np.concatenate([cell.customers for _, cell in cells]), return_inverse=True
    )
    errors = np.bincount(
        positions, np.concatenate([weight * cell.residuals for weight, cell in cells])
    )
    error = float(np.sqrt((errors**2).sum()))
    if fewest < _FEWEST or error == 0:
        return float("nan"), float("nan")
    size = customers.size
    if size > _LARGE:
        return effect - _Z_95 * error, effect + _Z_95 * error
    drawn = errors[generator.integers(0, size, (RESAMPLES, size))]
    spread = np.sqrt(size * drawn.var(axis=1))
    is_spread = spread > 0
    ratios = drawn.sum(axis=1)[is_spread] / spread[is_spread]
    reach = float(np.quantile(np.abs(ratios), 0.95)) * error
    return effect - reach, effect + reach
