"""Gamma-Gamma: what a customer spends per purchase (Fader, Hardie & Lee 2005; Fader & Hardie 2013).

Single purchases are Gamma(p, nu) and nu is Gamma(q, gamma) across customers; spend is assumed to be
independent of how often a customer buys, which `correlation` checks. Which customers carry a usable
average is decided here; what the average is of, is the caller's business, as long as it is the mean
of x purchases with the x that is passed.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, polygamma

from models.value.fitting import (
    PRIOR_SCALE,
    Derivatives,
    Fit,
    maximise_in_two,
    named_fit,
    symmetric,
)
from models.value.status import Status
from models.value.sufficient_statistics import Array, encode

NAMES = ("p", "q", "gamma")

LEAST_REPEATERS = 10
# Coefficient of variation of spend below which there is nothing to fit.
LEAST_VARIATION = 1e-6
# q near 1 makes the fitted population mean, p gamma / (q - 1), explode; it must stay near the data.
MOST_MEAN_OVER_OBSERVED = 2.0
_SOME_REPEATERS = 20_000
# Spend and frequency correlate by .11 among the repeat buyers of CDNOW, where the model works.
MOST_CORRELATION = 0.3


@dataclass(frozen=True)
class SpendFit:
    """Hold the fitted spend model with what was seen on the way."""

    fit: Fit
    observed_mean: float
    """Mean over customers of their mean spend: the fallback, 0 if nobody has any."""
    correlation: float
    """Pearson correlation of frequency and mean spend; 0 where either is constant."""
    excluded: int
    """Customers with x >= 1 whose mean spend is zero, negative or not a number."""

    @property
    def status(self) -> Status:
        """Give the status of the fit."""
        return self.fit.status

    @property
    def usable(self) -> bool:
        """Tell whether predictions come from the model."""
        return self.status in (Status.OK, Status.SPEND_CORRELATED)


def usable_spend(frequency: Array, mean_spend: Array) -> npt.NDArray[np.bool_]:
    """Tell which customers have a mean spend that the model can take."""
    usable: npt.NDArray[np.bool_] = (
        (frequency > 0) & (mean_spend > 0) & np.isfinite(mean_spend) & np.isfinite(frequency)
    )
    return usable


def fit(
    frequency: npt.ArrayLike, mean_spend: npt.ArrayLike, *, prior_scale: float = PRIOR_SCALE
) -> SpendFit:
    """Fit spend per purchase to customers with x >= 1 and a positive mean spend.

    The unit of money does not matter: the prior applies after dividing by the median. Nor does the
    order of customers, to the last digit.
    """
    all_x = np.asarray(frequency, dtype=np.float64)
    all_spend = np.asarray(mean_spend, dtype=np.float64)
    usable = usable_spend(all_x, all_spend)
    # Sums of doubles depend on the order; complex numbers are sorted by both parts.
    both = np.sort(all_spend[usable] + 1j * all_x[usable])
    x, spend = both.imag.copy(), both.real.copy()
    n = len(x)
    excluded = int((all_x > 0).sum()) - n
    unit = float(np.median(spend)) if n else 1.0
    some = slice(None, None, n // _SOME_REPEATERS + 1)
    optimum = maximise_in_two(
        lambda parameters: _log_likelihood(x[some], spend[some] / unit, parameters),
        lambda parameters: _log_likelihood(x, spend / unit, parameters),
        len(NAMES),
        prior_scale,
    )
    observed = float(spend.mean()) if n else 0.0
    varies = n > 1 and float(spend.std()) > LEAST_VARIATION * observed
    correlation = 0.0
    if varies and float(x.std()) > 0:
        deviations = (x - x.mean()) * (spend - observed)
        correlation = float(deviations.mean() / (x.std() * spend.std()))
    p, q, gamma = optimum.parameters
    status = Status.OK
    if n < LEAST_REPEATERS or not varies:
        status = Status.SPEND_UNIDENTIFIED
    elif not optimum.converged:
        status = Status.NOT_CONVERGED
    elif q <= 1 or p * gamma * unit / (q - 1) > MOST_MEAN_OVER_OBSERVED * observed:
        status = Status.SPEND_UNIDENTIFIED
    elif abs(correlation) > MOST_CORRELATION:
        status = Status.SPEND_CORRELATED
    return SpendFit(
        fit=named_fit(
            "gamma_gamma",
            NAMES,
            (1.0, 1.0, unit),
            optimum,
            log_likelihood=optimum.log_likelihood - n * math.log(unit),
            n=float(n),
            status=status,
        ),
        observed_mean=observed,
        correlation=correlation,
        excluded=excluded,
    )


def expected_mean_spend(
    fit: SpendFit, frequency: npt.ArrayLike, mean_spend: npt.ArrayLike
) -> Array:
    """Give the expected spend per future purchase, p (gamma + x m) / (p x + q - 1).

    A customer without usable spend gets the population mean. If the model is not usable, the own
    mean is shrunk towards the observed one with the weight of a single purchase.
    """
    x = np.atleast_1d(np.asarray(frequency, dtype=np.float64))
    spend = np.atleast_1d(np.asarray(mean_spend, dtype=np.float64))
    usable = usable_spend(x, spend)
    count = np.where(usable, x, 0.0)
    total = count * np.where(usable, spend, 0.0)  # spend that is not usable may be infinite
    if not fit.usable:
        return (fit.observed_mean + total) / (1.0 + count)
    p, q, gamma = fit.fit.parameters.values()
    return p * (gamma + total) / (p * count + q - 1)


def _log_likelihood(x: Array, spend: Array, parameters: Array) -> Derivatives:
    """Give the log-likelihood of (p, q, gamma) with derivatives (Fader & Hardie 2013, eq. 1a)."""
    p, q, gamma = parameters
    n = len(x)
    distinct, code = encode(x)
    weight = np.bincount(code, minlength=len(distinct)).astype(np.float64)
    shape = p * distinct
    total = gamma + x * spend
    log_total, inverse = np.log(total), 1.0 / total
    digamma_sum = digamma(shape + q)
    trigamma_sum = polygamma(1, shape + q)
    log_sum = float(np.einsum("i,i->", x, np.log(spend) + np.log(x) - log_total))
    value = (
        float((weight * (gammaln(shape + q) - gammaln(shape))).sum())
        + n * (q * np.log(gamma) - gammaln(q))
        + p * log_sum
        - float(np.log(spend).sum())
        - q * float(log_total.sum())
    )
    count_inverse = float(np.einsum("i,i->", x, inverse))
    gradient = np.array(
        [
            float((weight * distinct * (digamma_sum - digamma(shape))).sum()) + log_sum,
            float((weight * digamma_sum).sum())
            + n * (np.log(gamma) - digamma(q))
            - float(log_total.sum()),
            n * q / gamma - p * count_inverse - q * float(inverse.sum()),
        ]
    )
    upper = np.zeros((3, 3))
    upper[0, 0] = (weight * distinct**2 * (trigamma_sum - polygamma(1, shape))).sum()
    upper[0, 1] = (weight * distinct * trigamma_sum).sum()
    upper[0, 2] = -count_inverse
    upper[1, 1] = (weight * trigamma_sum).sum() - n * polygamma(1, q)
    upper[1, 2] = n / gamma - inverse.sum()
    upper[2, 2] = -n * q / gamma**2 + np.einsum("i,i,i->", p * x + q, inverse, inverse)
    return value, gradient, symmetric(upper)
