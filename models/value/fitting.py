"""Maximum a posteriori by Newton steps, shared by all models.

What belongs here: the optimiser, the prior, standard errors, the likelihood of "still alive or
silent since". What does not: any particular model, any judgement whether a fit is good enough.

Sums are written as `einsum` over vectors, not as matrix products: threads of a linear-algebra
library cost more than the work on four parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln, polygamma

from models.value.status import Status
from models.value.sufficient_statistics import Array, Histories

Derivatives = tuple[float, Array, Array]
"""Log-likelihood, gradient (k,) and Hessian (k, k) with respect to the natural parameters."""

# Standard deviation of the normal prior on log-parameters once the longest age is 10 and the median
# spend is 1. It keeps parameters off the boundary and moves those of CDNOW by less than 1 %.
PRIOR_SCALE = 3.0
SCALED_AGE = 10.0

_BLOCK = 1 << 15  # rows per block: the working arrays of a block stay in the processor's cache
_LARGEST_STEP = 1.5  # in log-parameters; a full step from far away would overshoot into overflow
_MOST_STEPS = 100  # made-up and real companies need five to thirty
_MOST_HALVINGS = 20  # a step of a millionth that still does not gain is none
_GAIN_AT_END = 1e-9  # expected gain of log-posterior below which the optimum is reached
# A Newton step about squares what is missing: of 2e-4 it left 2e-12. So the function, the dear
# part, is not looked at again after a step that promises this little. Twenty times as much would be
# enough for the parameters, but not for their standard errors (.4 % off for CDNOW).
_LAST_GAIN, _LAST_STEP = 1e-5, 1e-2


@dataclass(frozen=True)
class Fit:
    """Hold a fitted model.

    `log_likelihood` is the true one, without the prior. Standard errors and covariance are
    Laplace's at the optimum, in the units of the data.
    """

    model: str
    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float]
    covariance: Array
    log_likelihood: float
    n: float
    status: Status
    dropout_evidence: float = 0.0
    """Log-likelihood gained over the same purchases without dropout (NBD)."""


@dataclass(frozen=True)
class Optimum:
    """Hold the optimum in scaled natural parameters."""

    parameters: Array
    covariance: Array
    log_likelihood: float
    converged: bool


@dataclass(frozen=True)
class Terms:
    """Hold a log-term per pair with its first and (sparse, upper) second derivatives.

    `value` (pairs,), `first` (k, pairs), `second` maps (i, j), i <= j, to (pairs,).
    """

    value: Array
    first: Array
    second: Mapping[tuple[int, int], Array]


def maximise(
    log_likelihood: Callable[[Array], Derivatives], start: Sequence[float], prior_scale: float
) -> Optimum:
    """Maximise a log-likelihood plus the prior N(0, prior_scale^2) on log-parameters.

    Newton steps on log-parameters; where the Hessian is indefinite its eigenvalues are taken
    absolute, which turns a saddle into a descent direction. `prior_scale` may be `math.inf`.

    The last, small step is taken unseen: the log-likelihood after it is the one that the quadratic
    promised (right within 1e-7), the covariance is that before it.
    """
    precision = 1.0 / prior_scale**2
    point = np.log(np.asarray(start, dtype=np.float64))
    current = _log_scale(log_likelihood(np.exp(point)), point, precision)
    converged = False
    for _ in range(_MOST_STEPS):
        posterior, gradient, curvature, value = current
        values, vectors = np.linalg.eigh(curvature)
        bent = np.maximum(np.abs(values), 1e-9 * max(float(np.abs(values).max()), 1e-9))
        step = (vectors * ((vectors * gradient[:, None]).sum(axis=0) / bent)).sum(axis=1)
        gain = float((gradient * step).sum())
        if values.min() > 0:
            if gain < _LAST_GAIN and np.abs(step).max() < _LAST_STEP:
                moved = point + step
                value += gain / 2 + precision / 2 * float((moved * moved - point * point).sum())
                point, converged = moved, True
                break
            if gain < _GAIN_AT_END:
                converged = True
                break
        step *= min(1.0, _LARGEST_STEP / float(np.abs(step).max()))
        # Rounding of a sum over all customers, below which "worse" means nothing.
        noise = 1e-13 * abs(posterior)
        for _ in range(_MOST_HALVINGS):
            candidate = _log_scale(log_likelihood(np.exp(point + step)), point + step, precision)
            if candidate[0] >= posterior - noise:
                break
            step /= 2
        else:
            break
        point, current = point + step, candidate
    else:
        value = current[3]  # given up, at a point not judged yet
    variance = 1.0 / np.maximum(values, 1e-12)
    parameters = np.exp(point)
    covariance = (vectors[:, None, :] * vectors[None, :, :] * variance).sum(axis=2)
    return Optimum(
        parameters=parameters,
        covariance=covariance * np.outer(parameters, parameters),
        log_likelihood=value,
        converged=converged,
    )


def maximise_in_two(
    cheap: Callable[[Array], Derivatives],
    dear: Callable[[Array], Derivatives],
    count: int,
    prior_scale: float,
) -> Optimum:
    """Maximise `dear` over `count` parameters, starting where `cheap` has its maximum.

    `cheap` is nearly the same function of fewer rows, which leaves two or three steps to do. Where
    it is not (histories nobody has met) the search may get stuck, and begins anew from 1.
    """
    ones = [1.0] * count
    found = maximise(dear, maximise(cheap, ones, prior_scale).parameters.tolist(), prior_scale)
    return found if found.converged else maximise(dear, ones, prior_scale)


def alive_or_silent(histories: Histories, alive: Terms, silent: Terms) -> Derivatives:
    """Sum log(exp(alive) + exp(silent)) over customers, with derivatives.

    A customer is either still active at T, a term of (x, T), or has dropped out since the last
    purchase, a term of (x, t_x). A silent term of -inf (impossible) is allowed.
    """
    k = len(alive.first)
    total = 0.0
    hessian = np.zeros((k, k))
    weight_alive = np.zeros(len(alive.value))
    weight_silent = np.zeros(len(silent.value))
    for begin in range(0, len(histories.weight), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        at_alive, at_silent = histories.alive_pair[rows], histories.silent_pair[rows]
        weight = histories.weight[rows]
        value_alive = alive.value[at_alive]
        odds = silent.value[at_silent] - value_alive
        exponential = np.exp(-np.abs(odds))
        total += float(
            np.einsum("i,i->", weight, value_alive + np.maximum(odds, 0) + np.log1p(exponential))
        )
        share = np.where(odds > 0, 1.0, exponential) / (1.0 + exponential)
        weighted = weight * share
        weight_silent += np.bincount(at_silent, weights=weighted, minlength=len(weight_silent))
        weight_alive += np.bincount(
            at_alive, weights=weight - weighted, minlength=len(weight_alive)
        )
        mixed = weighted * (1.0 - share)
        difference = [silent.first[i][at_silent] - alive.first[i][at_alive] for i in range(k)]
        for i in range(k):
            scaled = mixed * difference[i]
            for j in range(i, k):
                hessian[i, j] += np.einsum("i,i->", scaled, difference[j])
    gradient = np.zeros(k)
    for terms, weight in ((alive, weight_alive), (silent, weight_silent)):
        gradient += np.einsum("ij,j->i", terms.first, weight)
        for (i, j), second in terms.second.items():
            hessian[i, j] += np.einsum("i,i->", second, weight)
    return total, gradient, symmetric(hessian)


def log_rising_factorial(
    frequency: Array, weight: Array, shape: float
) -> tuple[float, float, float]:
    """Sum log(Gamma(shape + x) / Gamma(shape)) over customers, with two derivatives in shape."""
    value = gammaln(shape + frequency) - gammaln(shape)
    first = digamma(shape + frequency) - digamma(shape)
    second = polygamma(1, shape + frequency) - polygamma(1, shape)
    return (
        float((weight * value).sum()),
        float((weight * first).sum()),
        float((weight * second).sum()),
    )


def symmetric(upper: Array) -> Array:
    """Mirror the upper triangle into the lower one."""
    return np.triu(upper) + np.triu(upper, 1).T


def named_fit(
    model: str,
    names: Sequence[str],
    units: npt.ArrayLike,
    optimum: Optimum,
    *,
    log_likelihood: float,
    n: float,
    status: Status,
    dropout_evidence: float = 0.0,
) -> Fit:
    """Put an optimum into the units of the data: parameter i is `units[i]` times its scaled one."""
    unit = np.asarray(units, dtype=np.float64)
    covariance = optimum.covariance * np.outer(unit, unit)
    return Fit(
        model=model,
        parameters=dict(zip(names, (optimum.parameters * unit).tolist(), strict=True)),
        standard_errors=dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True)),
        covariance=covariance,
        log_likelihood=log_likelihood,
        n=n,
        status=status,
        dropout_evidence=dropout_evidence,
    )


def _log_scale(
    derivatives: Derivatives, point: Array, precision: float
) -> tuple[float, Array, Array, float]:
    """Give log-posterior with gradient and negative Hessian over log-parameters, likelihood."""
    value, natural_gradient, natural_hessian = derivatives
    parameters = np.exp(point)
    gradient = parameters * natural_gradient
    hessian = np.outer(parameters, parameters) * natural_hessian + np.diag(gradient)
    posterior = value - 0.5 * precision * float((point * point).sum())
    if not (np.isfinite(posterior) and np.isfinite(hessian).all()):
        posterior, hessian = -np.inf, np.zeros_like(hessian)
    return (
        posterior,
        gradient - precision * point,
        precision * np.eye(len(point)) - hessian,
        value,
    )
