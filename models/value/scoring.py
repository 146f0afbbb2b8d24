"""Score every customer with the model that was chosen: what to expect, and how sure.

What belongs here: days, money, discounting, intervals, and what to do when a model has no answer.
What does not: formulas of a model, the choice among models (`backtest`), reading or writing tables.

`score_histories` makes the lookup that the pipeline joins in SQL: everything but the size of a
purchase depends on the history alone. `score_customers` goes the whole way for single customers.

Fallbacks, each named in `model_status` of the row:
- Dropout that cannot be told, no repeaters, too few customers, no convergence: the NBD, which has
  no dropout and shrinks every rate to that of the population. With nobody ever coming back its
  prior leaves a small positive rate. Where not even the rates can be told (all of these but the
  first), purchases are counted no further ahead than the oldest customer's history reaches back,
  whatever the horizon.
- The NBD or a naive forecast as champion although dropout can be told: `outperformed`.
- Spend that cannot be told: own mean shrunk towards the observed mean by one purchase.
- A history that contradicts itself (negative, t_x > T, not a number): scored as a one-time buyer as
  old as the oldest customer, the least that a customer can be worth, and left out of the fit.

Who has left cannot be told by the NBD, a naive one, and by BG/NBD for one-time buyers (it holds all
of them for alive). `probability_alive` is then the probability of a purchase within a
year: a lower bound, and the only part that the data tell. Scores are always finite and never
negative.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from models.value import gamma_gamma, naive, outlook, transactions
from models.value.fitting import Fit
from models.value.intervals import spend_interval
from models.value.status import Status
from models.value.sufficient_statistics import (
    Array,
    collapse,
    valid_histories,
)

DAYS_PER_YEAR = 365.25
MONTHS_PER_YEAR = 12
YEAR = naive.YEAR
DEFAULT_MODEL = "mbg_nbd"
WITH_DROPOUT = ("mbg_nbd", "pareto_nbd", "bg_nbd")
_RATES_ARE_TOLD = (Status.OK, Status.DROPOUT_UNIDENTIFIED)


@dataclass(frozen=True)
class Horizon:
    """Hold the forecast of one horizon, one entry per history.

    `discounted` purchases and the ends of the 95 % interval around them are in units of the
    customer's expected spend per purchase.
    """

    expected_purchases: Array
    discounted_purchases: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class HistoryScores:
    """Hold one entry per history, in the order given, and the fits behind them."""

    probability_alive: Array
    probability_purchase_365d: Array
    quarter: Horizon
    year: Horizon
    lifetime: Horizon
    model_name: str
    """Model that made the forecasts."""
    status: Status
    """Of every history that is one; the others are `invalid`."""
    fit: Fit
    """The model asked for; the default one where that knows no dropout."""
    invalid: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CustomerScores:
    """Hold one entry per customer, in the order given, and the fits behind them.

    Values are discounted margin in the currency of `mean_spend`.
    """

    probability_alive: Array
    probability_purchase_365d: Array
    expected_purchases_90d: Array
    expected_purchases_365d: Array
    expected_purchases_lifetime: Array
    expected_spend: Array
    """Expected spend per future purchase."""
    predicted_value_90d: Array
    predicted_value_90d_low: Array
    predicted_value_90d_high: Array
    predicted_value_365d: Array
    predicted_value_365d_low: Array
    predicted_value_365d_high: Array
    predicted_value_lifetime: Array
    """Over `lifetime_days`."""
    predicted_value_lifetime_low: Array
    predicted_value_lifetime_high: Array
    model_name: npt.NDArray[np.str_]
    model_status: npt.NDArray[np.str_]
    fit: Fit
    """The model asked for, whether or not it was used; the default where that knows no dropout."""
    spend_fit: gamma_gamma.SpendFit
    invalid_histories: int


def fit_spend(
    frequency: npt.ArrayLike, mean_spend: npt.ArrayLike, first_orders: npt.ArrayLike = ()
) -> gamma_gamma.SpendFit:
    """Fit spend per purchase to the repeat buyers.

    `first_orders`, what one-time buyers spent, stands in for the mean if there is no repeat buyer.
    """
    x = np.asarray(frequency, dtype=np.float64)
    fit = gamma_gamma.fit(x, mean_spend)
    if (x > 0).any():
        return fit
    first = np.asarray(first_orders, dtype=np.float64)
    usable = np.sort(first[(first > 0) & np.isfinite(first)])  # a sum depends on the order
    return replace(fit, observed_mean=float(usable.mean()) if len(usable) else 0.0)


def score_histories(
    frequency: npt.ArrayLike,
    recency_days: npt.ArrayLike,
    age_days: npt.ArrayLike,
    recent_365d: npt.ArrayLike,
    spend_fit: gamma_gamma.SpendFit,
    *,
    generator: np.random.Generator,
    weights: npt.ArrayLike | None = None,
    annual_discount_rate: float = 0.1,
    lifetime_days: float = 3 * YEAR,
    model: str = DEFAULT_MODEL,
    fits: Mapping[str, Fit] = MappingProxyType({}),
) -> HistoryScores:
    """Fit a purchase model to all histories and forecast each of them.

    `weights[i]` customers have history i. `fits` are those of the same histories by model, as
    far as the caller has them. `recent_365d` counts the repeat purchases of the last 365
    days. Discounting is monthly, a purchase counting as made at the end of its month. The interval
    covers 95 % of customers individually; its upper end is raised to the expectation where a
    purchase is so unlikely that the quantile is 0. The generator serves the intervals only, which
    depend on the set of histories and not on their order.
    """
    given = [
        np.asarray(column, dtype=np.float64)
        for column in (frequency, recency_days, age_days, recent_365d)
    ]
    valid = valid_histories(*given[:3])
    oldest = float(given[2][valid].max(initial=0.0))
    x, t, recent = (np.where(valid, column, 0.0) for column in (given[0], given[1], given[3]))
    age = np.where(valid, given[2], oldest)

    @cache
    def fitted(name: str) -> Fit:
        if name in fits:
            return fits[name]
        weight = None if weights is None else np.asarray(weights, dtype=np.float64)[valid]
        return transactions.fit_histories(name, collapse(x[valid], t[valid], age[valid], weight))

    is_simple = model not in WITH_DROPOUT
    fit = fitted(DEFAULT_MODEL if is_simple else model)
    if model in naive.MODELS:
        used = naive.fit(model)
    elif model == fit.model and fit.status is Status.OK:
        used = fit
    else:
        used = fitted("nbd")
    view = outlook.outlook(used, x, t, age, recent, YEAR)
    has_rates = fit.status in _RATES_ARE_TOLD or model in naive.MODELS
    foreseen = math.inf if has_rates else oldest
    monthly_rate = (1.0 + annual_discount_rate) ** (1 / MONTHS_PER_YEAR) - 1.0

    month = DAYS_PER_YEAR / MONTHS_PER_YEAR
    ahead = [min(days, foreseen) for days in (90.0, YEAR, lifetime_days)]
    purchases = outlook.purchases_by_horizon(view, ahead, monthly_rate, month)

    def horizon(number: int) -> Horizon:
        """Put the interval around one horizon."""
        expected, discounted = purchases[number]
        # One discount for all of a customer's purchases: its spread is small against theirs.
        discount = np.divide(discounted, expected, out=np.ones(len(x)), where=expected > 0)
        low, high = spend_interval(
            view.fit,
            spend_fit,
            (view.pair_frequency, view.pair_age, view.pair),
            outlook.probability_of_purchase(view, ahead[number]),
            ahead[number],
            generator,
        )
        return Horizon(
            expected,
            discounted,
            np.minimum(low * discount, discounted),
            np.maximum(high * discount, discounted),
        )

    probability = outlook.probability_of_purchase(view, min(YEAR, foreseen))
    return HistoryScores(
        probability_alive=_probability_alive(view, x, probability),
        probability_purchase_365d=probability,
        quarter=horizon(0),
        year=horizon(1),
        lifetime=horizon(2),
        model_name=used.model,
        status=_status(fit.status, spend_fit.status, is_simple),
        fit=fit,
        invalid=~valid,
    )


def score_customers(
    frequency: npt.ArrayLike,
    recency_days: npt.ArrayLike,
    age_days: npt.ArrayLike,
    mean_spend: npt.ArrayLike,
    recent_365d: npt.ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    margin_rate: npt.ArrayLike = 1.0,
    annual_discount_rate: float = 0.1,
    lifetime_days: float = 3 * YEAR,
    model: str = DEFAULT_MODEL,
) -> CustomerScores:
    """Fit purchases and spend to all customers and score each of them.

    Pass every buyer, one row each: `frequency` = distinct purchase days less one, `recency_days` =
    first to last purchase, `age_days` = first purchase to as-of date. `mean_spend` is the mean
    spend of a *repeat* purchase day, the first one left out: x then counts exactly the purchases
    in the mean, as Gamma-Gamma demands, and it is what the published parameters were fitted to.
    For one-time buyers it may be NaN; a positive value there (the only order) is used if and only
    if no customer has a repeat purchase. `margin_rate` is one number or one per customer.
    `recent_365d` is needed for a naive model only.
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

    x = np.where(valid_histories(given_x, given_t, given_age), given_x, 0.0)
    spend_fit = fit_spend(x, spend, spend)
    scores = score_histories(
        given_x,
        given_t,
        given_age,
        np.zeros(len(x)) if recent_365d is None else recent_365d,
        spend_fit,
        generator=generator,
        annual_discount_rate=annual_discount_rate,
        lifetime_days=lifetime_days,
        model=model,
    )
    expected_spend = gamma_gamma.expected_mean_spend(spend_fit, x, spend)
    unit_value = expected_spend * margin
    quarter, year, lifetime = scores.quarter, scores.year, scores.lifetime
    return CustomerScores(
        probability_alive=scores.probability_alive,
        probability_purchase_365d=scores.probability_purchase_365d,
        expected_purchases_90d=quarter.expected_purchases,
        expected_purchases_365d=year.expected_purchases,
        expected_purchases_lifetime=lifetime.expected_purchases,
        expected_spend=expected_spend,
        predicted_value_90d=quarter.discounted_purchases * unit_value,
        predicted_value_90d_low=quarter.low * unit_value,
        predicted_value_90d_high=quarter.high * unit_value,
        predicted_value_365d=year.discounted_purchases * unit_value,
        predicted_value_365d_low=year.low * unit_value,
        predicted_value_365d_high=year.high * unit_value,
        predicted_value_lifetime=lifetime.discounted_purchases * unit_value,
        predicted_value_lifetime_low=lifetime.low * unit_value,
        predicted_value_lifetime_high=lifetime.high * unit_value,
        model_name=np.full(len(x), scores.model_name),
        model_status=np.where(scores.invalid, str(Status.INVALID_HISTORY), str(scores.status)),
        fit=scores.fit,
        spend_fit=spend_fit,
        invalid_histories=int(scores.invalid.sum()),
    )


def _probability_alive(view: outlook.Outlook, frequency: Array, purchase: Array) -> Array:
    """Give the probability of being active, or where it cannot be told its lower bound."""
    if view.fit.model == "bg_nbd":
        return np.where(frequency > 0, view.alive, purchase)
    return view.alive if view.fit.model in WITH_DROPOUT else purchase


def _status(purchases: Status, spend: Status, is_simple: bool) -> Status:
    """Give the first of: purchase model, simple champion, spend model not ok."""
    if purchases is Status.OK:
        return Status.OUTPERFORMED if is_simple else spend
    return purchases
