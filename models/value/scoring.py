"""Score every customer: the one function of this package that the pipeline calls.

What belongs here: days, money, discounting, intervals, and what to do when a model has no answer.
What does not: formulas of a model, reading or writing tables.

Fallbacks, each named in `model_status` of the row:
- Dropout that cannot be told, no repeaters, too few customers, no convergence: the NBD, which has
  no dropout and shrinks every rate to that of the population. With nobody ever coming back its
  prior leaves a small positive rate. `model_name` then says `nbd`, and `probability_alive` is the
  probability of a purchase within a year: a lower bound, and the only part that the data tell.
  Where not even the rates can be told (all of these but the first), purchases are counted no
  further ahead than the oldest customer's history reaches back, whatever the horizon.
- Spend that cannot be told: own mean shrunk towards the observed mean by one purchase.
- A history that contradicts itself (negative, t_x > T, not a number): scored as a one-time buyer as
  old as the oldest customer, the least that a customer can be worth, and left out of the fit.
Scores are always finite and never negative.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.value import gamma_gamma, transactions
from models.value.fitting import Fit
from models.value.intervals import spend_interval
from models.value.status import Status
from models.value.sufficient_statistics import Array, collapse, distinct_pairs, valid_histories

DAYS_PER_YEAR = 365.25
MONTHS_PER_YEAR = 12

_RATES_ARE_TOLD = (Status.OK, Status.DROPOUT_UNIDENTIFIED)


@dataclass(frozen=True)
class CustomerScores:
    """Hold one entry per customer, in the order given, and the fits behind them.

    Values are discounted margin in the currency of `mean_spend`.
    """

    probability_alive: Array
    probability_purchase_365d: Array
    expected_purchases_90d: Array
    expected_purchases_365d: Array
    expected_spend: Array
    """Expected spend per future purchase."""
    predicted_value_90d: Array
    predicted_value_365d: Array
    predicted_value_365d_low: Array
    predicted_value_365d_high: Array
    predicted_value_horizon: Array
    """Over `forecast_horizon_days`."""
    model_name: npt.NDArray[np.str_]
    model_status: npt.NDArray[np.str_]
    fit: Fit
    """The model asked for, whether or not it was used."""
    spend_fit: gamma_gamma.SpendFit
    invalid_histories: int


def score_customers(
    frequency: npt.ArrayLike,
    recency_days: npt.ArrayLike,
    age_days: npt.ArrayLike,
    mean_spend: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    margin_rate: npt.ArrayLike = 1.0,
    annual_discount_rate: float = 0.1,
    forecast_horizon_days: float = 365.0,
    model: str = "mbg_nbd",
) -> CustomerScores:
    """Fit purchases and spend to all customers and score each of them.

    Pass every buyer, one row each: `frequency` = distinct purchase days less one, `recency_days` =
    first to last purchase, `age_days` = first purchase to as-of date. `mean_spend` is the mean
    spend of a *repeat* purchase day, the first one left out: x then counts exactly the purchases
    in the mean, as Gamma-Gamma demands, and it is what the published parameters were fitted to.
    For one-time buyers it may be NaN; a positive value there (the only order) is used if and only
    if no customer has a repeat purchase. `margin_rate` is one number or one per customer.

    Costs follow the distinct pairs of (frequency, age_days): whole days keep them few. The
    generator serves the interval only; the same seed gives the same scores.

    Discounting is monthly, a purchase counting as made at the end of its month. The interval
    covers 95 % of customers' actual values individually; its upper end is raised to the predicted
    value where a purchase is so unlikely that the quantile is 0.
    """
    given_x, given_t, given_age, spend, margin = (
        np.asarray(column, dtype=np.float64)
        for column in (frequency, recency_days, age_days, mean_spend, margin_rate)
    )
    if not (given_x.ndim == 1 and given_x.shape == given_t.shape == given_age.shape == spend.shape):
        raise ValueError(
            "frequency, recency_days, age_days and mean_spend must be vectors of equal length, got "
            f"shapes {given_x.shape}, {given_t.shape}, {given_age.shape}, {spend.shape}: "
            "pass one entry per customer"
        )
    if margin.shape not in ((), given_x.shape):
        raise ValueError(f"margin_rate must be one number or one per customer, got {margin.shape}")
    if not (np.isfinite(margin).all() and (margin >= 0).all()):
        raise ValueError("margin_rate must be finite and >= 0: correct the margins in company.yml")

    valid = valid_histories(given_x, given_t, given_age)
    oldest = float(given_age[valid].max(initial=0.0))
    x = np.where(valid, given_x, 0.0)
    t = np.where(valid, given_t, 0.0)
    age = np.where(valid, given_age, oldest)

    histories = collapse(x[valid], t[valid], age[valid])
    fit = transactions.fit_histories(model, histories)
    used = fit if fit.status is Status.OK else transactions.fit_histories("nbd", histories)
    foreseen = math.inf if fit.status in _RATES_ARE_TOLD else oldest
    spend_fit = gamma_gamma.fit(x, spend)
    if not (x > 0).any():
        spend_fit = _with_first_orders(spend_fit, spend)

    pair_x, pair_age, pair = distinct_pairs(x, age)
    alive = transactions.probability_alive(used, x, t, age)
    period = DAYS_PER_YEAR / MONTHS_PER_YEAR
    monthly_rate = (1.0 + annual_discount_rate) ** (1 / MONTHS_PER_YEAR) - 1.0

    def purchases(days: float) -> Array:
        """Give expected purchases, by lookup of the distinct (x, T)."""
        lookup = transactions.expected_purchases_if_alive(
            used, pair_x, pair_age, min(days, foreseen)
        )
        return lookup[pair] * alive

    def discounted(days: float) -> Array:
        """Give discounted expected purchases, by the same lookup."""
        lookup = transactions.discounted_expected_purchases_if_alive(
            used, pair_x, pair_age, min(days, foreseen), monthly_rate, period
        )
        return lookup[pair] * alive

    year = min(365.0, foreseen)
    probability = (
        transactions.probability_of_purchase_if_alive(used, pair_x, pair_age, year)[pair] * alive
    )
    expected_spend = gamma_gamma.expected_mean_spend(spend_fit, x, spend)
    unit_value = expected_spend * margin
    expected_365d, discounted_365d = purchases(365.0), discounted(365.0)
    predicted_365d = discounted_365d * unit_value
    low, high = spend_interval(used, spend_fit, x, age, probability, year, generator)
    # one discount for the whole year: its spread between purchases is small against theirs
    value_of_one = unit_value * np.divide(
        discounted_365d, expected_365d, out=np.ones(len(x)), where=expected_365d > 0
    )
    return CustomerScores(
        probability_alive=alive if used is fit else probability,
        probability_purchase_365d=probability,
        expected_purchases_90d=purchases(90.0),
        expected_purchases_365d=expected_365d,
        expected_spend=expected_spend,
        predicted_value_90d=discounted(90.0) * unit_value,
        predicted_value_365d=predicted_365d,
        predicted_value_365d_low=np.minimum(low * value_of_one, predicted_365d),
        predicted_value_365d_high=np.maximum(high * value_of_one, predicted_365d),
        predicted_value_horizon=(
            predicted_365d
            if forecast_horizon_days == 365.0
            else discounted(forecast_horizon_days) * unit_value
        ),
        model_name=np.full(len(x), used.model),
        model_status=_row_status(valid, fit.status, spend_fit.status),
        fit=fit,
        spend_fit=spend_fit,
        invalid_histories=int((~valid).sum()),
    )


def _with_first_orders(spend_fit: gamma_gamma.SpendFit, spend: Array) -> gamma_gamma.SpendFit:
    """Take the mean of first orders as the observed mean, for want of repeat orders."""
    usable = spend[(spend > 0) & np.isfinite(spend)]
    return replace(spend_fit, observed_mean=float(usable.mean()) if len(usable) else 0.0)


def _row_status(
    valid: npt.NDArray[np.bool_], purchases: Status, spend: Status
) -> npt.NDArray[np.str_]:
    """Give the first of: own history, purchase model, spend model that is not ok."""
    shared = spend if purchases is Status.OK else purchases
    return np.where(valid, str(shared), str(Status.INVALID_HISTORY))
