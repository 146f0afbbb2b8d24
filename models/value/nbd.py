"""NBD: everybody buys forever, at a rate of their own.

The purchase process without dropout (Ehrenberg 1959): rates are Gamma(r, alpha) distributed. It is
what every model with dropout becomes when dropout cannot be told, so it serves as the yardstick of
`dropout_unidentified` and as the fallback.
"""

import numpy as np

from models.value.fitting import Derivatives, Fit, log_rising_factorial, symmetric
from models.value.sufficient_statistics import Array, Histories

NAMES = ("r", "alpha")
TIME_POWERS = (0, 1)


def log_likelihood(model: str, histories: Histories, parameters: Array) -> Derivatives:
    """Give the log-likelihood of (r, alpha) with derivatives."""
    r, alpha = parameters
    weight, age = histories.alive_weight, histories.alive_age
    count = r + histories.alive_frequency
    n = float(weight.sum())
    value, first, second = log_rising_factorial(histories.frequency, histories.frequency_weight, r)
    log_age, inverse = np.log(alpha + age), 1.0 / (alpha + age)
    value += n * r * np.log(alpha) - float((weight * count * log_age).sum())
    gradient = np.array(
        [
            first + n * np.log(alpha) - (weight * log_age).sum(),
            n * r / alpha - (weight * count * inverse).sum(),
        ]
    )
    upper = np.zeros((2, 2))
    upper[0, 0] = second
    upper[0, 1] = n / alpha - (weight * inverse).sum()
    upper[1, 1] = -n * r / alpha**2 + (weight * count * inverse**2).sum()
    return value, gradient, symmetric(upper)


def probability_alive(fit: Fit, frequency: Array, recency: Array, age: Array) -> Array:
    """Give 1: nobody drops out."""
    return np.ones(np.broadcast_shapes(frequency.shape, recency.shape, age.shape))


def expected_purchases_if_alive(fit: Fit, frequency: Array, age: Array, horizon: float) -> Array:
    """Give the expected number of purchases in (T, T + horizon]."""
    r, alpha = fit.parameters["r"], fit.parameters["alpha"]
    return (r + frequency) / (alpha + age) * horizon


def probability_of_purchase_if_alive(
    fit: Fit, frequency: Array, age: Array, horizon: float
) -> Array:
    """Give the probability of at least one purchase in (T, T + horizon]."""
    r, alpha = fit.parameters["r"], fit.parameters["alpha"]
    return -np.expm1(-(r + frequency) * np.log1p(horizon / (alpha + age)))


def draw_purchases(
    fit: Fit, frequency: Array, age: Array, horizon: float, generator: np.random.Generator
) -> Array:
    """Draw the number of purchases in (T, T + horizon], given that there is at least one."""
    r, alpha = fit.parameters["r"], fit.parameters["alpha"]
    first = draw_first_purchase(r, alpha, frequency, age, horizon, generator)
    rate = generator.standard_gamma(r + frequency + 1) / (alpha + age + first)
    drawn: Array = 1.0 + generator.poisson(rate * (horizon - first)).astype(np.float64)
    return drawn


def draw_first_purchase(
    r: float,
    alpha: float,
    frequency: Array,
    age: Array,
    horizon: float,
    generator: np.random.Generator,
) -> Array:
    """Draw the time from T to the next purchase of an active customer, given it is <= horizon.

    The time is Lomax distributed, survival ((alpha + T) / (alpha + T + u))^(r + x): inversion.
    """
    count, scale = r + frequency, alpha + age
    reached = -np.expm1(-count * np.log1p(horizon / scale))
    survival = np.log1p(-reached * generator.random(np.broadcast_shapes(count.shape, scale.shape)))
    return np.minimum(scale * np.expm1(-survival / count), horizon)
