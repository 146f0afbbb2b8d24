"""Pareto/NBD: a customer may drop out at any moment (Schmittlein, Morrison & Colombo 1987).

Purchase rates are Gamma(r, alpha), dropout rates Gamma(s, beta). The usual likelihood is a
difference of two 2F1, which cancels. Integrated by parts it is a sum of two positive terms,

  Gamma(r+x)/Gamma(r) alpha^r beta^s * [ K(x, T) + G(x, t_x) ],
  K = (r+x) int_T^inf   (alpha+u)^-(r+x+1) (beta+u)^-s     du   would have bought again after T,
  G = s     int_t_x^inf (alpha+u)^-(r+x)   (beta+u)^-(s+1) du   would have dropped out after t_x,

each a function of two of the three numbers of a history, so that both are computed per distinct
pair. The integrals are done by double-exponential quadrature.
"""

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import exprel

from models.value.along_time import along_time
from models.value.fitting import (
    Derivatives,
    Fit,
    Terms,
    alive_or_silent,
    log_rising_factorial,
    symmetric,
)
from models.value.nbd import draw_first_purchase
from models.value.quadrature import half_line_nodes
from models.value.sufficient_statistics import Array, Grid, Histories, distinct_pairs, grid

NAMES = ("r", "alpha", "s", "beta")
TIME_POWERS = (0, 1, 0, 1)

_PAIRS_AT_ONCE = 1 << 9  # the working arrays of a block stay in the processor's cache
# Error of the logarithm: 1e-12 for parameters like those of CDNOW with any; for alpha and beta
# four orders apart and x = 0 it is 3e-3, 1e-5 and 1e-12.
_NODES_TO_FIT = 40
_NODES_TO_FIT_FAR_APART = 64
_FAR_APART = 3.0
_NODES_TO_PREDICT = 144
_UPPER = tuple(combinations_with_replacement(range(4), 2))


def log_likelihood(model: str, histories: Histories, parameters: Array) -> Derivatives:
    """Give the log-likelihood of (r, alpha, s, beta) with derivatives."""
    r, alpha, s, beta = parameters
    value, gradient, hessian = alive_or_silent(
        histories,
        _buys_again_terms(parameters, histories.alive),
        _drops_out_terms(parameters, histories.silent),
    )
    n = histories.customers
    rising = log_rising_factorial(histories.frequency, histories.frequency_weight, r)
    value += rising[0] + n * (r * np.log(alpha) + s * np.log(beta))
    gradient += [rising[1] + n * np.log(alpha), n * r / alpha, n * np.log(beta), n * s / beta]
    upper = np.zeros((4, 4))
    upper[0, 0] = rising[2]
    upper[0, 1], upper[2, 3] = n / alpha, n / beta
    upper[1, 1], upper[3, 3] = -n * r / alpha**2, -n * s / beta**2
    return value, gradient, hessian + symmetric(upper)


def probability_alive(fit: Fit, frequency: Array, recency: Array, age: Array) -> Array:
    """Give the probability of still being active at T: the integrand at T over the likelihood."""
    r, alpha, s, beta = fit.parameters.values()
    parameters = np.array([r, alpha, s, beta])
    x, t, T = np.broadcast_arrays(frequency, recency, age)
    alive_x, alive_age, alive = distinct_pairs(x, T)
    silent_x, silent_recency, silent = distinct_pairs(x, t)
    now = -(r + alive_x) * np.log(alpha + alive_age) - s * np.log(beta + alive_age)
    again = _buys_again(parameters, alive_x, alive_age)
    gone = _drops_out(parameters, silent_x, silent_recency)
    log_alive = now[alive] - np.logaddexp(again[alive], gone[silent])
    probability: Array = np.exp(np.minimum(log_alive, 0.0))  # rounding, where nobody can be gone
    return probability


def expected_purchases_if_alive(fit: Fit, frequency: Array, age: Array, horizon: float) -> Array:
    """Give the expected number of purchases in (T, T + horizon] of an active customer.

    E[rate] * E[(1 - exp(-mu * horizon)) / mu], elementary, written with `exprel` so that s = 1 is
    no special case (Fader & Hardie 2005, note on deriving the Pareto/NBD).
    """
    r, alpha, s, beta = fit.parameters.values()
    growth = np.log1p(horizon / (beta + age))
    lifetime: Array = (beta + age) * growth * exprel((1.0 - s) * growth)
    return (r + frequency) / (alpha + age) * lifetime


def probability_of_purchase_if_alive(
    fit: Fit, frequency: Array, age: Array, horizon: float
) -> Array:
    """Give the probability of at least one purchase in (T, T + horizon] of an active customer."""
    r, alpha, s, beta = fit.parameters.values()
    parameters = np.array([r, alpha, s, beta])
    now = -(r + frequency) * np.log(alpha + age) - s * np.log(beta + age)
    eventually = np.exp(_buys_again(parameters, frequency, age) - now)
    later = np.exp(_buys_again(parameters, frequency, age + horizon) - now)
    probability: Array = np.clip(eventually - later, 0.0, 1.0)
    return probability


def draw_purchases(
    fit: Fit, frequency: Array, age: Array, horizon: float, generator: np.random.Generator
) -> Array:
    """Draw the number of purchases in (T, T + horizon], given that there is at least one.

    The density of the first one, u days from now, is that of the NBD times that of still being
    active, (alpha+T+u)^-(r+x+1) (beta+T+u)^-s up to a factor. It is drawn from either of both and
    kept with the probability of the other (rejection): from the one that falls off first, as most
    of what the other gives would be thrown away.
    """
    r, alpha, s, beta = fit.parameters.values()
    frequency, age = np.broadcast_arrays(frequency, age)
    first = np.empty(frequency.shape)
    open_rows = np.ones(frequency.shape, dtype=np.bool_)
    while open_rows.any():
        x, T = frequency[open_rows], age[open_rows]
        soon = np.minimum((alpha + T) / (r + x), horizon)
        gone = np.minimum((beta + T) / max(s - 1.0, 1e-9), horizon)
        buys_first = s * np.log1p(soon / (beta + T)) <= (r + x + 1) * np.log1p(gone / (alpha + T))
        proposal = np.where(
            buys_first,
            draw_first_purchase(r, alpha, x, T, horizon, generator),
            _draw_while_active(s, beta + T, horizon, generator),
        )
        kept = np.log(generator.random(len(x))) < np.where(
            buys_first,
            -s * np.log1p(proposal / (beta + T)),
            -(r + x + 1) * np.log1p(proposal / (alpha + T)),
        )
        chosen = np.flatnonzero(open_rows)[kept]
        first.flat[chosen] = proposal[kept]
        open_rows.flat[chosen] = False
    rate = generator.gamma(r + frequency + 1, 1 / (alpha + age + first))
    dropout = np.maximum(generator.gamma(s, 1 / (beta + age + first)), 1e-300)
    lifetime = generator.exponential(size=first.shape) / dropout
    drawn: Array = 1.0 + generator.poisson(rate * np.minimum(lifetime, horizon - first)).astype(
        np.float64
    )
    return drawn


def _draw_while_active(
    s: float, scale: Array, horizon: float, generator: np.random.Generator
) -> Array:
    """Draw a time in (0, horizon] with density proportional to (scale + u)^-s, by inversion."""
    growth = np.log1p(horizon / scale)
    share = generator.random(len(scale))
    power = (1.0 - s) * growth
    # log((scale + u) / scale), the fraction of growth that has passed; s = 1 is no special case
    near = np.abs(power) < 1e-9
    bounded = np.where(near, 1.0, np.minimum(power, 700.0))
    passed = np.where(near, share, np.log1p(share * np.expm1(bounded)) / bounded)
    drawn: Array = np.minimum(scale * np.expm1(passed * growth), horizon)
    return drawn


def _buys_again(parameters: Array, x: Array, start: Array) -> Array:
    """Give log K(x, start)."""
    r, alpha, s, beta = parameters

    def log_integral(x: Array, start: Array) -> Array:
        return _log_integral(r + x + 1, alpha, np.full(len(x), s), beta, start)[None]

    again: Array = np.log(r + x) + along_time(log_integral, grid(x, start), min(alpha, beta))[0]
    return again


def _drops_out(parameters: Array, x: Array, start: Array) -> Array:
    """Give log G(x, start)."""
    r, alpha, s, beta = parameters

    def log_integral(x: Array, start: Array) -> Array:
        return _log_integral(r + x, alpha, np.full(len(x), s + 1), beta, start)[None]

    gone: Array = np.log(s) + along_time(log_integral, grid(x, start), min(alpha, beta))[0]
    return gone


def _buys_again_terms(parameters: Array, pairs: Grid) -> Terms:
    """Give log K with derivatives."""
    r, alpha, s, beta = parameters
    terms = _integral_terms(lambda x: r + x + 1, alpha, s, beta, pairs)
    count = (r + pairs.first)[pairs.of_first]
    terms.first[0] += 1.0 / count
    terms.second[0, 0][:] -= 1.0 / count**2
    return Terms(terms.value + np.log(count), terms.first, terms.second)


def _drops_out_terms(parameters: Array, pairs: Grid) -> Terms:
    """Give log G with derivatives."""
    r, alpha, s, beta = parameters
    terms = _integral_terms(lambda x: r + x, alpha, s + 1, beta, pairs)
    terms.first[2] += 1.0 / s
    terms.second[2, 2][:] -= 1.0 / s**2
    return Terms(terms.value + np.log(s), terms.first, terms.second)


def _log_integrand(
    c: Array, alpha: float, d: Array, beta: float, start: Array, count: int
) -> tuple[Array, Array, Array, Array]:
    """Give, per pair and node, the log-integrand and the logs of both factors relative to `start`.

    u is replaced by w = log((alpha+u)/(alpha+start)), in which the integrand decays like
    exp(-(c+d-1) w). Returns log-integrand (weights included), its largest value per pair,
    log((alpha+u)/(alpha+start)), log((beta+u)/(beta+start)).
    """
    nodes, log_weights = half_line_nodes(count)
    decay = (c + d - 1)[:, None]
    ratio = ((alpha + start) / (beta + start))[:, None]
    alpha_growth = nodes / decay
    # a sum of positive terms: nothing cancels where alpha and beta are many orders apart
    beta_growth = alpha_growth + np.log(np.exp(-alpha_growth) - ratio * np.expm1(-alpha_growth))
    logs = (1 - c)[:, None] * alpha_growth - d[:, None] * beta_growth + log_weights - np.log(decay)
    return logs, logs.max(axis=1, keepdims=True), alpha_growth, beta_growth


def _log_integral(c: Array, alpha: float, d: Array, beta: float, start: Array) -> Array:
    """Give log int_start^inf (alpha+u)^-c (beta+u)^-d du."""
    value = (1 - c) * np.log(alpha + start) - d * np.log(beta + start)
    for begin in range(0, len(c), _PAIRS_AT_ONCE):
        rows = slice(begin, begin + _PAIRS_AT_ONCE)
        logs, top, _, _ = _log_integrand(
            c[rows], alpha, d[rows], beta, start[rows], _NODES_TO_PREDICT
        )
        value[rows] += top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
    return value


def _integral_terms(
    c: Callable[[Array], Array], alpha: float, d: float, beta: float, pairs: Grid
) -> Terms:
    """Give log int_start^inf (alpha+u)^-c(x) (beta+u)^-d du for pairs (x, start), with derivatives.

    In (c, alpha, d, beta): gradient and covariance of the log-integrand's own.
    """
    found = along_time(
        lambda x, start: _moments(c(x), alpha, d, beta, start), pairs, min(alpha, beta)
    )
    return Terms(found[0], found[1:5], dict(zip(_UPPER, found[5:], strict=True)))


def _moments(c: Array, alpha: float, d: float, beta: float, start: Array) -> Array:
    """Give the log-integral, its gradient and its second derivatives (`_UPPER`) as rows."""
    d_all = np.full(len(c), d)
    is_far = max(alpha / beta, beta / alpha) > _FAR_APART
    nodes = _NODES_TO_FIT_FAR_APART if is_far else _NODES_TO_FIT
    found = np.empty((5 + len(_UPPER), len(c)))
    value, first, second = found[0], found[1:5], dict(zip(_UPPER, found[5:], strict=True))
    value[:] = (1 - c) * np.log(alpha + start) - d * np.log(beta + start)
    for begin in range(0, len(c), _PAIRS_AT_ONCE):
        rows = slice(begin, begin + _PAIRS_AT_ONCE)
        logs, top, alpha_growth, beta_growth = _log_integrand(
            c[rows], alpha, d_all[rows], beta, start[rows], nodes
        )
        density = np.exp(logs - top)
        total = density.sum(axis=1)
        value[rows] += top[:, 0] + np.log(total)
        density /= total[:, None]
        at_alpha, at_beta = alpha + start[rows], beta + start[rows]
        # each column of the score is `size` times `shape`, the former constant per pair
        shapes = (alpha_growth, np.exp(-alpha_growth), beta_growth, np.exp(-beta_growth))
        sizes = (-np.ones(len(total)), -c[rows] / at_alpha, -np.ones(len(total)), -d / at_beta)
        weighted = [density * shape for shape in shapes]
        means = [part.sum(axis=1) for part in weighted]
        for i in range(4):
            first[i, rows] = sizes[i] * means[i]
            for j in range(i, 4):
                product = np.einsum("ij,ij->i", weighted[i], shapes[j])
                covariance = product - means[i] * means[j]
                second[i, j][rows] = sizes[i] * sizes[j] * covariance
                if i == j == 1:
                    second[i, j][rows] += c[rows] / at_alpha**2 * product
                if i == j == 3:
                    second[i, j][rows] += d / at_beta**2 * product
        first[0, rows] -= np.log(at_alpha)
        first[2, rows] -= np.log(at_beta)
        second[0, 1][rows] -= means[1] / at_alpha
        second[2, 3][rows] -= means[3] / at_beta
    return found
