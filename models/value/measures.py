"""How good a forecast was: error, ranking, calibration.

What belongs here: numbers from a vector of forecasts and a vector of what happened. What does not:
where either comes from, thresholds. Customers with equal forecasts are equal: no measure depends on
the order in which customers are given.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.value.sufficient_statistics import Array

BINS = 10


@dataclass(frozen=True)
class Decile:
    """Hold one tenth of the customers by forecast, 1 the lowest."""

    number: int
    count: int
    predicted: float
    actual: float


def average_ranks(values: Array) -> Array:
    """Rank from 1; equal values share the mean of their ranks."""
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def mean_absolute_error(predicted: Array, actual: Array) -> float:
    """Give the mean distance between forecast and actual."""
    return float(np.abs(predicted - actual).mean())


def root_mean_squared_error(predicted: Array, actual: Array) -> float:
    """Give the root of the mean squared error; the expectation has the smallest."""
    return float(np.sqrt(np.square(predicted - actual).mean()))


def bias(predicted: Array, actual: Array) -> float:
    """Give forecast total over actual total less one; 0 where nothing happened."""
    total = float(actual.sum())
    return float(predicted.sum()) / total - 1.0 if total > 0 else 0.0


def normalised_gini(ranks: Array, actual: Array, actual_ranks: Array) -> float:
    """Give how well forecasts order the actuals: 1 like the actuals themselves, 0 by chance.

    Gini of the actuals along the forecast over that along themselves, both from average ranks; 0
    where all actuals are equal.
    """
    centre = (len(actual) + 1) / 2
    best = float(((actual_ranks - centre) * actual).sum())
    return float(((ranks - centre) * actual).sum()) / best if best > 0 else 0.0


def top_decile(ranks: Array, values: Array) -> float:
    """Give the share of `values` with the tenth of the customers ranked highest.

    Where the tenth cuts through equal forecasts, those customers count in part.
    """
    total = float(values.sum())
    if total <= 0:
        return 0.0
    n = len(ranks)
    places = n / 10
    order = np.argsort(-ranks, kind="stable")
    edge = ranks[order[min(int(np.ceil(places)), n) - 1]]
    above, tied = ranks > edge, ranks == edge
    share = (places - above.sum()) / tied.sum()
    return float(values[above].sum() + share * values[tied].sum()) / total


def area_under_curve(ranks: Array, happened: npt.NDArray[np.bool_]) -> float:
    """Give the chance that a customer to whom it happened was ranked above one to whom not.

    .5 where it happened to all or nobody.
    """
    positives = int(happened.sum())
    negatives = len(happened) - positives
    if not positives or not negatives:
        return 0.5
    return float(
        (ranks[happened].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    )


def brier_score(probability: Array, happened: npt.NDArray[np.bool_]) -> float:
    """Give the mean squared error of a probability (Brier 1950)."""
    return float(np.square(probability - happened).mean())


def expected_calibration_error(probability: Array, happened: npt.NDArray[np.bool_]) -> float:
    """Give the mean distance of probability and frequency over ten bins of equal width."""
    bins = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    predicted = np.bincount(bins, weights=probability, minlength=BINS)
    actual = np.bincount(bins, weights=happened.astype(np.float64), minlength=BINS)
    return float(np.abs(predicted - actual).sum() / len(probability))


def deciles(ranks: Array, predicted: Array, actual: Array) -> list[Decile]:
    """Give mean forecast and mean actual per tenth of the customers; equal forecasts stay together.

    With many equal forecasts there are fewer than ten.
    """
    number = np.minimum(((ranks - 0.5) * BINS / len(ranks)).astype(np.intp), BINS - 1)
    counts = np.bincount(number, minlength=BINS)
    sums = [np.bincount(number, weights=values, minlength=BINS) for values in (predicted, actual)]
    return [
        Decile(k + 1, int(counts[k]), float(sums[0][k] / counts[k]), float(sums[1][k] / counts[k]))
        for k in np.flatnonzero(counts).tolist()
    ]
