"""What the pipeline writes down of the value models, as tables.

What belongs here: from columns to `statistics.*` (documented column by column in dbt's
`_statistics__sources.yml`), one pure function at the top. What does not: statistics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.value import contracts, transactions
from models.value.backtest import Backtest, Trial, backtest, drift
from models.value.fitting import Fit
from models.value.gamma_gamma import SpendFit
from models.value.purchase_log import PurchaseLog
from models.value.scoring import YEAR, HistoryScores, fit_spend, score_histories
from models.value.status import Status
from models.value.sufficient_statistics import Index, collapse, distinct_rows

HISTORY = ["count_repeat_purchases", "recency_days", "age_days", "count_repeat_purchases_365d"]
CONTRACT_STATE = ["plan_key", "cohort_year", "renewal_number", "days_to_renewal"]
ALL = "all"
_EPOCH = date(1970, 1, 1)
_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class CustomerValue:
    """Hold the tables by name, the champion with the reason, and the fit of the default model."""

    tables: dict[str, pd.DataFrame]
    champion: str
    reason: str
    fit: Fit


@dataclass(frozen=True)
class Evaluation:
    """Hold one row of `model_evaluations`."""

    model_name: str
    origin_date: date
    target: str
    metric_name: str
    value: float
    count_customers: int
    model_status: str
    model_scope: str = ALL
    horizon_days: int | None = None
    decile: int | None = None
    standard_error: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    is_champion: bool = False
    is_flagged: bool = False
    note: str | None = None


def customer_value(
    customers: Sequence[npt.NDArray[np.integer]],
    mean_spend: npt.ArrayLike,
    log: PurchaseLog,
    renewals: pd.DataFrame,
    *,
    as_of: int,
    seed: int,
    annual_discount_rate: float,
    lifetime_years: int,
) -> CustomerValue:
    """Test all models, forecast with the champion, and give everything as tables.

    `customers`: their purchase histories (`HISTORY`), a column each, and `mean_spend`, one entry
    per customer, in any order. `log`: the purchases to test on, days counted from 1970-01-01 as
    `as_of` is. `renewals`: rows of `int_value__renewals` with `days_to_renewal` and `decided_day`.
    """
    histories, counts = distinct_rows(customers)
    weights = counts.astype(np.float64)
    x, t, age, recent = (column.astype(np.float64) for column in histories)
    collapsed = collapse(x, t, age, weights)
    fits = transactions.fit_all(collapsed)
    tested = backtest(log, as_of, {name: fit.status for name, fit in fits.items()})
    spend_fit = fit_spend(customers[0], mean_spend, mean_spend)
    scores = score_histories(
        x,
        t,
        age,
        recent,
        spend_fit,
        generator=np.random.default_rng(seed),
        weights=weights,
        annual_discount_rate=annual_discount_rate,
        lifetime_days=lifetime_years * YEAR,
        model=tested.champion,
        fits=fits,
    )
    today = _EPOCH + timedelta(as_of)
    models, renewal_fits = contract_models(renewals)
    races = _races(renewals, renewal_fits, as_of)
    rows = [
        *_purchase_evaluations(tested, fits, spend_fit, int(weights.sum()), today),
        *_contract_evaluations(renewals, renewal_fits, races, today),
    ]
    return CustomerValue(
        {
            "purchase_forecasts": _purchase_forecasts(histories, scores),
            "spend_model": _spend_model(spend_fit),
            "contract_models": models,
            "contract_forecasts": _contract_forecasts(
                renewals, models, races, annual_discount_rate, lifetime_years * YEAR
            ),
            "model_evaluations": _evaluation_table(rows),
        },
        tested.champion,
        tested.reason,
        scores.fit,
    )


def _purchase_forecasts(histories: Sequence[Index], scores: HistoryScores) -> pd.DataFrame:
    """Put the forecasts beside the histories that they are of."""
    table = pd.DataFrame(dict(zip(HISTORY, histories, strict=True)))
    table["probability_alive"] = scores.probability_alive
    table["probability_purchase_365d"] = scores.probability_purchase_365d
    for name, horizon in (
        ("90d", scores.quarter),
        ("365d", scores.year),
        ("lifetime", scores.lifetime),
    ):
        table[f"expected_purchases_{name}"] = horizon.expected_purchases
        table[f"discounted_purchases_{name}"] = horizon.discounted_purchases
        table[f"discounted_purchases_{name}_low"] = horizon.low
        table[f"discounted_purchases_{name}_high"] = horizon.high
    # A few words in some hundred thousand rows: as codes, never as so many strings.
    for column, codes, words in (
        ("model_name", np.zeros(len(table), dtype=np.int8), [scores.model_name]),
        (
            "model_status",
            scores.invalid.astype(np.int8),
            [str(scores.status), str(Status.INVALID_HISTORY)],
        ),
    ):
        table[column] = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(words))
    return table


def _spend_model(spend_fit: SpendFit) -> pd.DataFrame:
    """Give the one row with which SQL computes the expected spend."""
    parameters = spend_fit.fit.parameters
    return pd.DataFrame(
        {
            **{name: [float(value)] for name, value in parameters.items()},
            "is_usable": [spend_fit.usable],
            "observed_mean": [spend_fit.observed_mean],
        }
    )


def contract_models(renewals: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Fit]]:
    """Fit retention per plan and cohort; what is not told there is taken from a wider scope.

    A cohort's own renewals first, then those of its plan, then those of all plans with the same
    period: a year's renewal says nothing of a month's. Where none of them tells, the plan's own
    fit stands, which its prior draws towards one half. Also returns the fits of whole plans by key.
    """
    decided = renewals[renewals["is_decided"].astype(bool)]

    def fitted(rows: pd.DataFrame) -> Fit:
        return contracts.fit(contracts.count_renewals(rows["renewal_number"], rows["is_renewed"]))

    period_fits = {period: fitted(rows) for period, rows in decided.groupby("period_days")}
    plan_fits: dict[str, Fit] = {}
    found = []
    for (plan, name), of_plan in renewals.groupby(["plan_key", "plan_name"], sort=True):
        own = decided[decided["plan_key"] == plan]
        period = of_plan["period_days"].iloc[0]
        plan_fit = plan_fits[str(plan)] = fitted(own)
        scopes: list[tuple[int | None, list[tuple[str, Fit]]]] = [(None, [])]
        for year in sorted(of_plan["cohort_year"].unique().tolist()):
            cohort = fitted(own[own["cohort_year"] == year])
            scopes.append((int(year), [("cohort", cohort)]))
        for year, narrow in scopes:
            candidates = [*narrow, ("plan", plan_fit)]
            if period in period_fits:
                candidates.append(("period", period_fits[period]))
            scope, fit = next(
                (pair for pair in candidates if pair[1].status is Status.OK), ("plan", plan_fit)
            )
            found.append(
                {
                    "plan_key": plan,
                    "cohort_year": year,
                    "plan_name": name,
                    **fit.parameters,
                    "model_scope": scope,
                    "model_status": str(fit.status),
                }
            )
    table = pd.DataFrame(
        found,
        columns=[
            *("plan_key", "cohort_year", "plan_name", "alpha", "beta"),
            *("model_scope", "model_status"),
        ],
    )
    return table.astype({"cohort_year": "Int64"}), plan_fits


def _decided(renewals: pd.DataFrame, plan: str) -> pd.DataFrame:
    """Give the decided renewals of a plan."""
    return renewals[renewals["is_decided"].astype(bool) & (renewals["plan_key"] == plan)]


def _races(renewals: pd.DataFrame, plans: Iterable[str], as_of: int) -> dict[str, contracts.Race]:
    """Let the models of every plan compete."""
    found = {}
    for plan in plans:
        own = _decided(renewals, plan)
        found[plan] = contracts.race(
            own["renewal_number"], own["is_renewed"], own["decided_day"], as_of
        )
    return found


def _contract_forecasts(
    renewals: pd.DataFrame,
    models: pd.DataFrame,
    races: Mapping[str, contracts.Race],
    annual_discount_rate: float,
    lifetime_days: float,
) -> pd.DataFrame:
    """Forecast every state that a running contract is in, by the champion of its plan."""
    is_running = ~renewals["is_renewed"].astype(bool) & ~renewals["is_decided"].astype(bool)
    states = (
        renewals.loc[is_running, [*CONTRACT_STATE, "period_days"]]
        .drop_duplicates()
        .sort_values(CONTRACT_STATE, kind="stable")
        .merge(models, on=["plan_key", "cohort_year"], how="left", validate="many_to_one")
    )
    forecasts = [
        _forecasts_of_plan(
            of_plan,
            races[str(plan)].champion,
            _decided(renewals, str(plan)),
            annual_discount_rate,
            lifetime_days,
        )
        for plan, of_plan in states.groupby("plan_key", sort=True)
    ]
    # Without a running contract there is no row, but there are columns.
    nobody = (states.iloc[:0], contracts.MODEL, renewals.iloc[:0])
    return pd.concat(
        forecasts or [_forecasts_of_plan(*nobody, annual_discount_rate, lifetime_days)]
    )


def _forecasts_of_plan(
    states: pd.DataFrame,
    champion: str,
    decided: pd.DataFrame,
    annual_discount_rate: float,
    lifetime_days: float,
) -> pd.DataFrame:
    """Forecast the states of one plan's contracts."""
    number, days, period = (
        states[name].to_numpy(dtype=np.float64)
        for name in ("renewal_number", "days_to_renewal", "period_days")
    )
    known = contracts.count_renewals(decided["renewal_number"], decided["is_renewed"])
    of: contracts.Retention | contracts.Curve
    if champion == contracts.KAPLAN_MEIER:
        of = contracts.kaplan_meier(known)
    elif champion == contracts.NAIVE:
        of = contracts.constant(known)
    else:
        # Both parameters are columns here: each state has those of its own cohort.
        of = contracts.Retention(
            states["alpha"].to_numpy(dtype=np.float64), states["beta"].to_numpy(dtype=np.float64)
        )
    table = states[CONTRACT_STATE].copy()
    table["probability_renewal"] = contracts.retention(of, number)
    table["probability_renewal_365d"] = np.where(days <= YEAR, contracts.retention(of, number), 0.0)
    for name, horizon in (("90d", 90.0), ("365d", YEAR), ("lifetime", lifetime_days)):
        payments = contracts.expected_payments(
            of, number, days, period, horizon, annual_discount_rate
        )
        table[f"expected_payments_{name}"] = payments.expected
        table[f"discounted_payments_{name}"] = payments.discounted
        table[f"discounted_payments_{name}_low"] = payments.low
        table[f"discounted_payments_{name}_high"] = payments.high
    table["model_name"] = champion
    table["model_status"] = (
        states["model_status"] if champion == contracts.MODEL else str(Status.OK)
    )
    return table


def _purchase_evaluations(
    tested: Backtest,
    fits: Mapping[str, Fit],
    spend_fit: SpendFit,
    customers: int,
    today: date,
) -> Iterator[Evaluation]:
    """Give trials, parameters, champion, drift and the band around the total."""
    champion = tested.champion
    for trial in tested.trials:
        yield from _trial_rows(trial, champion)
    for fit in (*fits.values(), spend_fit.fit):
        yield from _parameter_rows(fit, today, ALL, fit.model in (champion, spend_fit.fit.model))
    spend_facts = {
        "correlation": spend_fit.correlation,
        "excluded_customers": float(spend_fit.excluded),
        "observed_mean": spend_fit.observed_mean,
    }
    for name, value in spend_facts.items():
        yield _fact(spend_fit.fit, today, name, value)
    chosen = fits[champion].status if champion in fits else Status.OK
    yield Evaluation(
        model_name=champion,
        origin_date=today,
        horizon_days=tested.long_horizon,
        target="choice",
        metric_name="is_champion",
        value=1.0,
        count_customers=customers,
        model_status=str(chosen),
        is_champion=True,
        note=tested.reason,
    )
    for moved in drift(tested.trials):
        yield Evaluation(
            model_name=moved.model,
            origin_date=_EPOCH + timedelta(moved.origin),
            horizon_days=moved.horizon,
            target="drift",
            metric_name=moved.measure,
            value=moved.value,
            value_low=moved.low,
            value_high=moved.high,
            count_customers=moved.customers,
            model_status=str(moved.status),
            is_champion=moved.model == champion,
            is_flagged=moved.is_flagged,
        )
    band = tested.total_band("spend")
    if band is not None:
        newest = tested.champion_trials()[0]
        yield Evaluation(
            model_name=champion,
            origin_date=today,
            horizon_days=tested.long_horizon,
            target="total",
            metric_name="revenue_ratio",
            value=1.0,
            value_low=band[0],
            value_high=band[1],
            count_customers=newest.customers,
            model_status=str(chosen),
            is_champion=True,
        )


def _trial_rows(trial: Trial, champion: str) -> Iterator[Evaluation]:
    """Give the measures and the deciles of one trial."""
    yield from _measure_rows(trial, trial.customers, champion)
    for decile in trial.deciles:
        for name, value in (
            ("predicted_probability", decile.predicted),
            ("actual_share", decile.actual),
        ):
            row = _trial_row(trial, decile.count, champion, "bought", name, value)
            yield replace(row, decile=decile.number)


def _measure_rows(
    trial: Trial | contracts.RenewalTrial, count: int, champion: str
) -> Iterator[Evaluation]:
    for (target, name), value in trial.measures.items():
        yield _trial_row(trial, count, champion, target, name, value)


def _trial_row(
    trial: Trial | contracts.RenewalTrial,
    count: int,
    champion: str,
    target: str,
    name: str,
    value: float,
) -> Evaluation:
    return Evaluation(
        model_name=trial.model,
        origin_date=_EPOCH + timedelta(trial.origin),
        horizon_days=trial.horizon,
        target=target,
        metric_name=name,
        value=value,
        count_customers=count,
        model_status=str(trial.status),
        is_champion=trial.model == champion,
    )


def _parameter_rows(fit: Fit, today: date, scope: str, is_champion: bool) -> Iterator[Evaluation]:
    """Give the parameters of a fit with their 95 % intervals, and how likely the data were."""
    for name, value in fit.parameters.items():
        error = fit.standard_errors[name]
        yield replace(
            _fact(fit, today, name, value),
            model_scope=scope,
            standard_error=error,
            # on the logarithm: all parameters are positive
            value_low=value * float(np.exp(-min(_Z_95 * error / value, 700.0))),
            value_high=value * float(np.exp(min(_Z_95 * error / value, 300.0))),
            is_champion=is_champion,
        )
    for name, value in (
        ("log_likelihood", fit.log_likelihood),
        ("dropout_evidence", fit.dropout_evidence),
    ):
        fact = _fact(fit, today, name, value)
        yield replace(fact, model_scope=scope, is_champion=is_champion)


def _fact(fit: Fit, today: date, name: str, value: float) -> Evaluation:
    return Evaluation(
        model_name=fit.model,
        origin_date=today,
        target="parameter",
        metric_name=name,
        value=value,
        count_customers=int(fit.n),
        model_status=str(fit.status),
    )


def _contract_evaluations(
    renewals: pd.DataFrame,
    plan_fits: Mapping[str, Fit],
    races: Mapping[str, contracts.Race],
    today: date,
) -> Iterator[Evaluation]:
    """Give the parameters per plan, how well renewals were foreseen, and who won."""
    names = dict(zip(renewals["plan_key"], renewals["plan_name"], strict=True))
    for plan, fit in plan_fits.items():
        race = races[plan]
        # Names may repeat; the key tells plans apart.
        scope = f"{names[plan]} ({plan[:8]})"
        yield from _parameter_rows(fit, today, scope, race.champion == contracts.MODEL)
        for trial in race.trials:
            for row in _measure_rows(trial, trial.renewals, race.champion):
                yield replace(row, model_scope=scope)
        yield Evaluation(
            model_name=race.champion,
            model_scope=scope,
            origin_date=today,
            horizon_days=race.horizon,
            target="choice",
            metric_name="is_champion",
            value=1.0,
            count_customers=len(_decided(renewals, plan)),
            model_status=str(fit.status if race.champion == contracts.MODEL else Status.OK),
            is_champion=True,
            note=race.reason,
        )


def _evaluation_table(rows: list[Evaluation]) -> pd.DataFrame:
    """Make the table, in an order of its own."""
    table = pd.DataFrame([asdict(row) for row in rows])
    key = ["model_name", "model_scope", "origin_date", "horizon_days", "target", "metric_name"]
    return (
        table.astype({"horizon_days": "Int64", "decile": "Int64"})
        .sort_values([*key, "decile"], kind="stable")
        .reset_index(drop=True)
    )
