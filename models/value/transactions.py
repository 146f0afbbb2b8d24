"""Fit and predict purchases with any of the models, by name.

What belongs here: everything that the purchase models have in common, namely scaling, status,
predictions composed of "alive" and "if alive". What does not: formulas of one model, spend, money.

All predictions take equally long vectors (or scalars) in the time unit of the fit and return an
array; they are conditional on the history (x, t_x, T) and cover (T, T + horizon].
"""

import math
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import numpy.typing as npt

from models.value import beta_geometric, naive, nbd, pareto_nbd
from models.value.along_time import along_time
from models.value.fitting import (
    PRIOR_SCALE,
    SCALED_AGE,
    Fit,
    maximise_in_two,
    named_fit,
)
from models.value.status import Status
from models.value.sufficient_statistics import (
    Array,
    Histories,
    collapse,
    grid,
    rescale,
    valid_histories,
)

MODELS: dict[str, ModuleType] = {
    "mbg_nbd": beta_geometric,
    "bg_nbd": beta_geometric,
    "pareto_nbd": pareto_nbd,
    "nbd": nbd,
}
# A naive forecast predicts as an NBD does; there is nothing to fit.
_PREDICTORS = MODELS | dict.fromkeys(naive.MODELS, nbd)

# Half the 5 % quantile of chi-squared with the two parameters of dropout: less gain in
# log-likelihood over the NBD than this, and dropout may as well not exist.
DROPOUT_EVIDENCE = 3.0
# Simulated customers: MBG/NBD misses a customer's true expectation by .29 of the mean with 20 of
# them (worst tenth .49), by .19 with 50 (.30), by .07 with 500 (.12).
LEAST_CUSTOMERS = 50
LEAST_REPEATERS = 10


def fit(
    model: str,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    prior_scale: float = PRIOR_SCALE,
) -> Fit:
    """Fit a purchase model to all buyers, one-time buyers included.

    Rows that are no history (`valid_histories`) are left out of the fit and of `n`. Always returns
    finite parameters; whether they mean anything is in `status`. Published parameters are maximum
    likelihood: `prior_scale=math.inf` gives those.
    """
    x, t, T = (np.asarray(column, dtype=np.float64) for column in (frequency, recency, age))
    valid = valid_histories(x, t, T)
    given = None if weights is None else np.asarray(weights, dtype=np.float64)[valid]
    return fit_histories(model, collapse(x[valid], t[valid], T[valid], given), prior_scale)


def fit_all(histories: Histories) -> dict[str, Fit]:
    """Fit every purchase model to the same histories, by name."""
    without_dropout = fit_histories("nbd", histories)
    return {
        model: without_dropout
        if model == "nbd"
        else fit_histories(model, histories, without_dropout=without_dropout)
        for model in MODELS
    }


def fit_histories(
    model: str,
    histories: Histories,
    prior_scale: float = PRIOR_SCALE,
    *,
    without_dropout: Fit | None = None,
) -> Fit:
    """Fit a purchase model to collapsed histories.

    `without_dropout` is the NBD of the same histories and prior, for who has fitted it already.
    """
    module = MODELS[model]
    oldest = float(histories.alive_age.max(initial=0.0))
    unit = oldest / SCALED_AGE if oldest > 0 else 1.0
    scaled = rescale(histories, 1.0 / unit)
    coarse = rescale(histories.coarse, 1.0 / unit)
    optimum = maximise_in_two(
        lambda parameters: module.log_likelihood(model, coarse, parameters),
        lambda parameters: module.log_likelihood(model, scaled, parameters),
        len(module.NAMES),
        prior_scale,
    )
    # a density of x event times per unit of time each
    log_likelihood = optimum.log_likelihood - histories.purchases * math.log(unit)
    evidence = 0.0
    if module is not nbd:
        without_dropout = without_dropout or fit_histories("nbd", histories, prior_scale)
        evidence = log_likelihood - without_dropout.log_likelihood
    return named_fit(
        model,
        module.NAMES,
        [unit**power for power in module.TIME_POWERS],
        optimum,
        log_likelihood=log_likelihood,
        n=histories.customers,
        status=_status(model, histories, optimum.converged, evidence),
        dropout_evidence=evidence,
    )


def probability_alive(
    fit: Fit, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike
) -> Array:
    """Give the probability that the customer has not dropped out by T."""
    x, t, T = _vectors(frequency, recency, age)
    alive: Array = _PREDICTORS[fit.model].probability_alive(fit, x, t, T)
    return alive


def expected_purchases(
    fit: Fit,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    horizon: float,
) -> Array:
    """Give the expected number of purchases in the horizon."""
    x, t, T = _vectors(frequency, recency, age)
    return probability_alive(fit, x, t, T) * expected_purchases_if_alive(fit, x, T, horizon)


def probability_of_purchase(
    fit: Fit,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    horizon: float,
) -> Array:
    """Give the probability of at least one purchase in the horizon; observable, hence testable."""
    x, t, T = _vectors(frequency, recency, age)
    return probability_alive(fit, x, t, T) * probability_of_purchase_if_alive(fit, x, T, horizon)


def discounted_expected_purchases(
    fit: Fit,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    age: npt.ArrayLike,
    horizon: float,
    discount_rate_per_period: float,
    period: float = 1.0,
) -> Array:
    """Give sum over periods t of (E[Y(t)] - E[Y(t-1)]) / (1 + d)^t."""
    x, t, T = _vectors(frequency, recency, age)
    ((_, discounted),) = purchases_by_horizon_if_alive(
        fit, x, T, [horizon], discount_rate_per_period, period
    )
    return probability_alive(fit, x, t, T) * discounted


def expected_purchases_if_alive(fit: Fit, frequency: Array, age: Array, horizon: float) -> Array:
    """Give the expected number of purchases of an active customer: of (x, T) only, a lookup."""
    expected: Array = _PREDICTORS[fit.model].expected_purchases_if_alive(
        fit, frequency, age, horizon
    )
    return expected


def probability_of_purchase_if_alive(
    fit: Fit, frequency: Array, age: Array, horizon: float
) -> Array:
    """Give the probability of a purchase of an active customer: of (x, T) only, a lookup."""
    module = _PREDICTORS[fit.model]
    probability: Array = module.probability_of_purchase_if_alive(fit, frequency, age, horizon)
    return probability


def purchases_by_horizon_if_alive(
    fit: Fit,
    frequency: Array,
    age: Array,
    horizons: Sequence[float],
    discount_rate_per_period: float,
    period: float = 1.0,
) -> list[tuple[Array, Array]]:
    """Give expected and discounted purchases of an active customer: of (x, T) only, a lookup.

    A purchase counts as made at the end of its period; a last incomplete one ends at the horizon.
    Horizons share the periods before them.
    """
    whole = [max(math.ceil(horizon / period - 1e-9) - 1, 0) for horizon in horizons]

    def by_horizon(frequency: Array, age: Array) -> Array:
        """Give both per horizon, one after the other."""
        found = np.zeros((2 * len(horizons), len(frequency)))
        discounted = np.zeros(len(frequency))
        before = np.zeros(len(frequency))
        for number in range(max(whole, default=0) + 1):
            if number > 0:
                until = expected_purchases_if_alive(fit, frequency, age, number * period)
                discount = (1.0 + discount_rate_per_period) ** -number
                discounted = discounted + (until - before) * discount
                before = until
            for at, horizon in enumerate(horizons):
                if whole[at] == number:
                    until = expected_purchases_if_alive(fit, frequency, age, horizon)
                    discount = (1.0 + discount_rate_per_period) ** (-horizon / period)
                    found[2 * at] = until
                    found[2 * at + 1] = discounted + (until - before) * discount
        return found

    if fit.model in naive.MODELS or min(horizons) <= 0:
        found = by_horizon(frequency, age)
    else:
        # logarithms, so that the smallest are as right as the largest
        offset = min(fit.parameters["alpha"], fit.parameters.get("beta", math.inf))
        logs = along_time(
            lambda x, age: np.log(np.maximum(by_horizon(x, age), 1e-300)),
            grid(frequency, age),
            offset,
        )
        found = np.exp(logs)
    return list(zip(found[::2], found[1::2], strict=True))


def draw_purchases(
    fit: Fit, frequency: Array, age: Array, horizon: float, generator: np.random.Generator
) -> Array:
    """Draw numbers of purchases in the horizon, given that there is at least one."""
    draws: Array = _PREDICTORS[fit.model].draw_purchases(fit, frequency, age, horizon, generator)
    return draws


def _vectors(*columns: npt.ArrayLike) -> tuple[Array, ...]:
    """Give the columns as equally long vectors."""
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(c, np.float64)) for c in columns))
    return tuple(arrays)


def _status(model: str, histories: Histories, converged: bool, evidence: float) -> Status:
    """Judge a fit: what the data lack comes before what the optimiser did."""
    if histories.customers > 0 and histories.repeaters == 0:
        return Status.NO_REPEATERS if histories.customers >= LEAST_CUSTOMERS else Status.TOO_FEW
    if (
        histories.customers < LEAST_CUSTOMERS
        or histories.repeaters < LEAST_REPEATERS
        or len(histories.weight) <= len(MODELS[model].NAMES)
    ):
        return Status.TOO_FEW
    if not converged:
        return Status.NOT_CONVERGED
    if MODELS[model] is not nbd and evidence < DROPOUT_EVIDENCE:
        return Status.DROPOUT_UNIDENTIFIED
    return Status.OK
