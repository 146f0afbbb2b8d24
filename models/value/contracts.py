"""Customers under contract, who leave at a renewal or stay: sBG (Fader & Hardie 2007) and rivals.

A contract is renewed with a probability of its own, Beta(beta, alpha) across customers, so that the
retention of a cohort rises with every renewal although nobody becomes more loyal:

  r_t = (beta + t - 1) / (alpha + beta + t - 1)                          (eq. 8)
  S(t) = B(alpha, beta + t) / B(alpha, beta) = r_1 r_2 ... r_t            (eq. 6)

What belongs here: fit, predictions and backtests of renewals. What does not: what a contract is
(SQL), prices. The likelihood is that of the renewals that were decided, one hazard each: a contract
that is still running says nothing about the renewal that lies ahead of it, and contracts of all
ages enter together. Renewals are numbered from 1.

Rivals are the shares that were renewed so far, number by number (Kaplan & Meier 1958), which go on
at the last one told, and one rate for all renewals (the constant churn of the paper). `race` lets
them forecast the renewals that came up after a day, from several days; the least Brier score wins,
or the first of `PREFERENCE` within `TOLERANCE` of it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.value import measures
from models.value.fitting import PRIOR_SCALE, Derivatives, Fit, maximise, named_fit, symmetric
from models.value.status import Status
from models.value.sufficient_statistics import Array, Index

NAMES = ("alpha", "beta")
MODEL = "sbg"
KAPLAN_MEIER = "kaplan_meier"
NAIVE = "naive_renewal"
PREFERENCE = (MODEL, KAPLAN_MEIER, NAIVE)
# Of the Brier score: forecasts that are three points of retention off on average. Less is chance
# with some hundred renewals, and only sBG foresees renewals that nobody has reached yet.
TOLERANCE = 0.001
HORIZONS = (90, 365)
MOST_ORIGINS = 3
LEAST_RENEWALS_TESTED = 10

# Simulated contracts of the High-end segment of the paper, one to three renewals observed: the
# retention rate of the second renewal is off by .04 on average with 25 of them, .03 with 50, .02
# with 100.
LEAST_CONTRACTS = 50
LEAST_LEAVERS = 10


@dataclass(frozen=True)
class Renewals:
    """Hold the decided renewals: how many came up as number t, how many of them were renewed."""

    number: Array
    at_risk: Array
    renewed: Array

    @property
    def retention(self) -> float:
        """Give the share renewed of all that came up; a half where none did."""
        return float((self.renewed.sum() + 0.5) / (self.at_risk.sum() + 1.0))


def count_renewals(number: npt.ArrayLike, renewed: npt.ArrayLike) -> Renewals:
    """Count decided renewals, one entry each."""
    t = np.asarray(number, dtype=np.intp)
    was_renewed = np.asarray(renewed, dtype=np.float64)
    at_risk = np.bincount(t).astype(np.float64)
    numbers = np.flatnonzero(at_risk)
    kept = np.bincount(t, weights=was_renewed).astype(np.float64)
    return Renewals(numbers.astype(np.float64), at_risk[numbers], kept[numbers])


def fit(renewals: Renewals, *, prior_scale: float = PRIOR_SCALE) -> Fit:
    """Fit (alpha, beta); always finite, whether they mean anything is in `status`.

    Whether customers differ can only be told from retention at more than one renewal number.
    """
    optimum = maximise(
        lambda parameters: _log_likelihood(renewals, parameters), [1.0, 1.0], prior_scale
    )
    contracts = float(renewals.at_risk[renewals.number == 1].sum())
    leavers = float((renewals.at_risk - renewals.renewed).sum())
    status = Status.OK
    if contracts < LEAST_CONTRACTS or (renewals.number > 1).sum() == 0:
        status = Status.TOO_FEW
    elif leavers < LEAST_LEAVERS:
        status = Status.DROPOUT_UNIDENTIFIED
    elif not optimum.converged:
        status = Status.NOT_CONVERGED
    return named_fit(
        MODEL,
        NAMES,
        (1.0, 1.0),
        optimum,
        log_likelihood=optimum.log_likelihood,
        n=contracts,
        status=status,
    )


@dataclass(frozen=True)
class Retention:
    """Hold alpha and beta of sBG: of one model, or one entry per contract."""

    alpha: float | Array
    beta: float | Array


@dataclass(frozen=True)
class Curve:
    """Hold a rate for each renewal from the first on; the last one holds for all after it."""

    rates: Array


def fitted(fit: Fit) -> Retention:
    """Give the parameters of a fit."""
    return Retention(fit.parameters["alpha"], fit.parameters["beta"])


def kaplan_meier(renewals: Renewals) -> Curve:
    """Give the share renewed by number, as far as `LEAST_CONTRACTS` came up without a gap.

    Half a renewal of each kind is added, so that nobody is certain to stay or to leave. Where not
    even the first renewal is told so, the rate of all stands for it.
    """
    is_told = (renewals.at_risk >= LEAST_CONTRACTS) & (
        renewals.number == np.arange(1, len(renewals.number) + 1)
    )
    told = int(np.logical_and.accumulate(is_told).sum())
    if told == 0:
        return constant(renewals)
    return Curve((renewals.renewed[:told] + 0.5) / (renewals.at_risk[:told] + 1.0))


def constant(renewals: Renewals) -> Curve:
    """Give one rate for all renewals."""
    return Curve(np.array([renewals.retention]))


def retention(of: Retention | Curve, number: npt.ArrayLike) -> Array:
    """Give r_t, the probability that a contract that got so far is renewed for the t-th time."""
    t = np.asarray(number, dtype=np.float64)
    if isinstance(of, Curve):
        told: Array = of.rates[np.minimum(t.astype(np.intp), len(of.rates)) - 1]
        return told
    rate: Array = (of.beta + t - 1) / (of.alpha + of.beta + t - 1)
    return rate


def survival(of: Retention | Curve, number: npt.ArrayLike) -> Array:
    """Give S(t), the share of a cohort that is renewed t times, for one model; S(0) = 1."""
    t = np.asarray(number, dtype=np.intp)
    curve = np.cumprod(np.append(1.0, retention(of, np.arange(1, int(t.max(initial=0)) + 1))))
    share: Array = curve[t]
    return share


@dataclass(frozen=True)
class Payments:
    """Hold what contracts still pay within a horizon, in payments; one entry per contract."""

    expected: Array
    discounted: Array
    low: Array
    """Ends of the central 95 % interval of the discounted payments."""
    high: Array


def expected_payments(
    of: Retention | Curve,
    next_number: Array,
    days_to_next: Array,
    period_days: Array,
    horizon_days: float,
    annual_discount_rate: float,
) -> Payments:
    """Forecast the renewals of running contracts, each discounted from the day it is due.

    `next_number` is the number of the next renewal, due in `days_to_next` (an overdue one today),
    later ones every `period_days`. Intervals are exact: who leaves pays nothing more, so that the
    number of payments has the survival function r_n, r_n r_(n+1), …
    """
    due = np.maximum(days_to_next, 0.0)
    count = np.where(
        due <= horizon_days, np.floor((horizon_days - due) / period_days) + 1, 0
    ).astype(np.intp)
    size = len(due)
    expected, discounted = np.zeros(size), np.zeros(size)
    low, high = np.zeros(size), np.zeros(size)
    alive = np.ones(size)
    for k in range(int(count.max(initial=0))):
        within = k < count
        alive = np.where(within, alive * retention(of, next_number + k), alive)
        discount = (1.0 + annual_discount_rate) ** (-(due + k * period_days) / 365.25)
        expected += np.where(within, alive, 0.0)
        discounted += np.where(within, alive * discount, 0.0)
        # P(more than k payments) = alive: a quantile is the first count not exceeded so often.
        low += np.where(within & (alive > 0.975), discount, 0.0)
        high += np.where(within & (alive > 0.025), discount, 0.0)
    return Payments(expected, discounted, np.minimum(low, discounted), np.maximum(high, discounted))


@dataclass(frozen=True)
class RenewalTrial:
    """Hold how one model did at the renewals decided in a window after its origin."""

    model: str
    origin: int
    horizon: int
    renewals: int
    status: Status
    measures: dict[tuple[str, str], float]


@dataclass(frozen=True)
class Race:
    """Hold all trials of the models of one plan and what follows from them."""

    trials: list[RenewalTrial]
    champion: str
    reason: str
    horizon: int | None
    """Days over which the champion was chosen; None where nothing could be tested."""


def race(
    number: npt.ArrayLike, renewed: npt.ArrayLike, decided_day: npt.ArrayLike, as_of: int
) -> Race:
    """Let all models forecast the decided renewals of a plan from several days; choose a champion.

    One entry per decided renewal. Origins lie one, two and three horizons before the as-of day, as
    far as `LEAST_CONTRACTS` first renewals were decided by then.
    """
    t, day = np.asarray(number, dtype=np.intp), np.asarray(decided_day, dtype=np.intp)
    happened = np.asarray(renewed, dtype=np.bool_)
    trials: list[RenewalTrial] = []
    for horizon in HORIZONS:
        for origin in (as_of - k * horizon for k in range(1, MOST_ORIGINS + 1)):
            before, after = day <= origin, (day > origin) & (day <= origin + horizon)
            if (t[before] == 1).sum() < LEAST_CONTRACTS or after.sum() < LEAST_RENEWALS_TESTED:
                continue
            known = count_renewals(t[before], happened[before])
            trials += _trials(known, t[after], happened[after], origin, horizon)
    long = max((trial.horizon for trial in trials), default=None)
    champion, reason = _choose([trial for trial in trials if trial.horizon == long], long)
    return Race(trials, champion, reason, long)


def _trials(
    known: Renewals, number: Index, happened: npt.NDArray[np.bool_], origin: int, horizon: int
) -> list[RenewalTrial]:
    """Forecast each renewal by each model."""
    known_fit = fit(known)
    trials = []
    for model, of in (
        (MODEL, fitted(known_fit)),
        (KAPLAN_MEIER, kaplan_meier(known)),
        (NAIVE, constant(known)),
    ):
        probability = retention(of, number)
        ranks = measures.average_ranks(probability)
        trials.append(
            RenewalTrial(
                model,
                origin,
                horizon,
                len(number),
                known_fit.status if model == MODEL else Status.OK,
                {
                    ("renewed", "auc"): measures.area_under_curve(ranks, happened),
                    ("renewed", "brier"): measures.brier_score(probability, happened),
                    ("renewed", "ece"): measures.expected_calibration_error(probability, happened),
                    ("renewed", "bias"): measures.bias(probability, happened.astype(np.float64)),
                },
            )
        )
    return trials


def _choose(trials: list[RenewalTrial], horizon: int | None) -> tuple[str, str]:
    """Choose the champion by the rule of this module and say why."""
    if not trials:
        return MODEL, "no backtest: too few renewals have been decided"
    scores = {
        model: [trial.measures["renewed", "brier"] for trial in trials if trial.model == model]
        for model in PREFERENCE
    }
    mean = {model: float(np.mean(of_model)) for model, of_model in scores.items()}
    champion = next(model for model in PREFERENCE if mean[model] <= min(mean.values()) + TOLERANCE)
    others = ", ".join(
        f"{model} {mean[model] - mean[champion]:+.4f}"
        for model in sorted(PREFERENCE, key=lambda name: mean[name])
        if model != champion
    )
    return champion, (
        f"least Brier score of renewals over {horizon} days in {len(scores[champion])} backtests "
        f"({mean[champion]:.4f} on average), or within {TOLERANCE} of it and earlier in the list; "
        f"others: {others}"
    )


def _log_likelihood(renewals: Renewals, parameters: Array) -> Derivatives:
    """Give the log-likelihood of (alpha, beta) with derivatives, from the hazards."""
    alpha, beta = parameters
    t, n, kept = renewals.number, renewals.at_risk, renewals.renewed
    left = float((n - kept).sum())
    stay, both = beta + t - 1, alpha + beta + t - 1
    value = left * math.log(alpha) + float((kept * np.log(stay) - n * np.log(both)).sum())
    tossed = float((n / both).sum())
    gradient = np.array([left / alpha - tossed, float((kept / stay).sum()) - tossed])
    bent = float((n / both**2).sum())
    upper = np.array(
        [
            [bent - left / alpha**2, bent],
            [0.0, bent - float((kept / stay**2).sum())],
        ]
    )
    return value, gradient, symmetric(upper)
