"""sBG: published parameters, truth behind made-up contracts, exact intervals, statuses."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.value import contracts
from models.value.contracts import Renewals, Retention
from models.value.purchase_log import purchase_log
from models.value.status import Status
from models.value.tables import contract_models, customer_value
from tests.unit.models.value_model_data import Array

# Per cent of customers surviving year 0 to 12 (Fader & Hardie 2007, table 1).
HIGH_END = [100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]
REGULAR = [100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]
SEGMENTS = {
    "high_end": (HIGH_END, (0.668, 3.806), 0.012),
    "regular": (REGULAR, (0.704, 1.182), 0.003),
}


def seven_years(survivors: list[float]) -> Renewals:
    alive = np.array(survivors) * 10
    return Renewals(np.arange(1.0, 8.0), alive[:7], alive[1:8])


@pytest.mark.parametrize("segment", SEGMENTS)
def test_published_parameters_and_projection(segment: str) -> None:
    """Fitted to seven years, projected to twelve: far nearer than one constant rate of leaving."""
    survivors, parameters, error = SEGMENTS[segment]
    renewals = seven_years(survivors)
    fit = contracts.fit(renewals, prior_scale=math.inf)
    assert list(fit.parameters.values()) == pytest.approx(parameters, rel=1e-3)
    assert fit.status is Status.OK and fit.n == 1000
    ahead = np.arange(8, 13)
    actual = np.array(survivors)[ahead] / 100
    projected = contracts.survival(contracts.fitted(fit), ahead)
    assert np.abs(projected - actual).mean() == pytest.approx(error, abs=5e-4)
    constant = renewals.retention**ahead
    assert np.abs(constant - actual).mean() > 0.06


def test_weak_prior_hardly_moves_the_fit() -> None:
    for survivors, parameters, _ in SEGMENTS.values():
        fit = contracts.fit(seven_years(survivors))
        assert list(fit.parameters.values()) == pytest.approx(parameters, rel=0.01)


def made_up(
    size: int, truth: Retention, seed: int
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Let contracts of one to six decided renewals be renewed or not, each by its own coin."""
    generator = np.random.default_rng(seed)
    leaving = generator.beta(truth.alpha, truth.beta, size)
    left_at = generator.geometric(leaving)
    decided = generator.integers(1, 7, size)
    number: list[Array] = []
    renewed: list[Array] = []
    for t in range(1, 7):
        up = (left_at >= t) & (decided >= t)
        number.append(np.full(int(up.sum()), float(t)))
        renewed.append((left_at[up] > t).astype(float))
    half = len(number) // 2
    early, late = slice(0, half), slice(half, None)
    return (
        (np.concatenate(number[early]), np.concatenate(renewed[early])),
        (np.concatenate(number[late]), np.concatenate(renewed[late])),
    )


def test_planted_truth_is_recovered_within_three_standard_errors() -> None:
    truth = Retention(0.8, 2.0)
    early, late = made_up(4000, truth, 3)
    fit = contracts.fit(
        contracts.count_renewals(*(np.concatenate(pair) for pair in zip(early, late, strict=True)))
    )
    for name, value in fit.parameters.items():
        assert abs(value - getattr(truth, name)) < 3 * fit.standard_errors[name]


def decided_by_month(
    rates: Callable[[Array], Array], seed: int, size: int = 4000
) -> tuple[Array, Array, Array]:
    """Let monthly contracts of two years come up for renewal; `rates` of each contract's own."""
    generator = np.random.default_rng(seed)
    leaving = rates(generator.random(size))
    began = generator.integers(0, 720, size)
    left_at = generator.geometric(leaving)
    rows = [
        (np.full(up.sum(), t), left_at[up] > t, began[up] + 30 * t)
        for t in range(1, 24)
        for up in [(left_at >= t) & (began + 30 * t <= 720)]
    ]
    number, renewed, day = (np.concatenate(column) for column in zip(*rows, strict=True))
    return number, renewed, day


@pytest.mark.parametrize(
    ("rates", "champion", "worst"),
    [
        # everybody alike: one rate is as good as any, and sBG finds it too
        (lambda u: np.full(len(u), 0.2), "sbg", None),
        (lambda u: stats.beta(0.8, 2.0).ppf(u), "sbg", "naive_renewal"),
    ],
)
def test_race_of_contract_models(
    rates: Callable[[Array], Array], champion: str, worst: str | None
) -> None:
    number, renewed, day = decided_by_month(rates, 4)
    race = contracts.race(number, renewed, day, 720)
    assert race.champion == champion and race.horizon == 365
    trials = {(trial.model, trial.horizon, trial.origin): trial for trial in race.trials}
    assert {key[0] for key in trials} == set(contracts.PREFERENCE)
    assert {key[1:] for key in trials} == {(90, 630), (90, 540), (90, 450), (365, 355)}
    after = (day > 630) & (day <= 720)
    known = day <= 630
    for model in contracts.PREFERENCE:
        assert trials[model, 90, 630].renewals == after.sum()
    # the naive forecast by hand, in one line each
    rate = (renewed[known].sum() + 0.5) / (known.sum() + 1.0)
    brier = trials["naive_renewal", 90, 630].measures["renewed", "brier"]
    assert brier == pytest.approx(((rate - renewed[after]) ** 2).mean())
    if worst is not None:
        errors = {
            model: trials[model, 365, 355].measures["renewed", "brier"]
            for model in contracts.PREFERENCE
        }
        assert max(errors, key=errors.__getitem__) == worst
        ece = {
            model: trials[model, 365, 355].measures["renewed", "ece"]
            for model in contracts.PREFERENCE
        }
        assert ece["sbg"] < 0.03 < ece["naive_renewal"]


def price_rises_after_two_months() -> tuple[Array, Array, Array]:
    """Give decided renewals of monthly contracts of which four in ten end at the third."""
    generator = np.random.default_rng(7)
    size = 4000
    began = generator.integers(0, 720, size)
    alive = np.ones(size, dtype=np.bool_)
    rows = []
    for t in range(1, 24):
        up = alive & (began + 30 * t <= 720)
        stays = generator.random(size) < (0.6 if t == 3 else 0.95)
        rows.append((np.full(up.sum(), t), stays[up], began[up] + 30 * t))
        alive &= stays
    number, renewed, day = (np.concatenate(column) for column in zip(*rows, strict=True))
    return number, renewed, day


def test_rate_that_falls_with_the_third_renewal_needs_kaplan_and_meier() -> None:
    """That is no difference between customers, so that sBG cannot say it."""
    race = contracts.race(*price_rises_after_two_months(), 720)
    assert race.champion == "kaplan_meier"
    assert "sbg +0.0" in race.reason and "naive_renewal +0.0" in race.reason


def test_champion_of_a_plan_makes_its_forecasts() -> None:
    number, renewed, day = price_rises_after_two_months()
    decided = pd.DataFrame(
        {"renewal_number": number, "is_renewed": renewed, "decided_day": day, "is_decided": True}
    )
    running = pd.DataFrame(
        {"renewal_number": [2, 3], "is_renewed": False, "decided_day": 740, "is_decided": False}
    )
    renewals = pd.concat([decided, running], ignore_index=True).assign(
        plan_key="box", plan_name="Box", cohort_year=2026, period_days=30, days_to_renewal=5
    )
    value = customer_value(
        [np.array([days]) for days in (0, 0, 10, 0)],
        [5.0],
        purchase_log([0], [710], [5.0]),
        renewals,
        as_of=720,
        seed=1,
        annual_discount_rate=0.1,
        lifetime_years=3,
    )
    forecasts = value.tables["contract_forecasts"]
    assert forecasts["model_name"].tolist() == ["kaplan_meier"] * 2
    shares = [renewed[number == t].mean() for t in (2, 3)]
    assert forecasts["probability_renewal"].tolist() == pytest.approx(shares, abs=1e-3)
    rows = value.tables["model_evaluations"].query("model_scope == 'Box (box)'")
    (choice,) = rows.query("target == 'choice'").itertuples()
    assert choice.model_name == "kaplan_meier" and "Brier" in choice.note
    of_models = rows.query("target == 'renewed'")
    assert set(of_models["model_name"]) == set(contracts.PREFERENCE)
    assert set(of_models[of_models["is_champion"]]["model_name"]) == {"kaplan_meier"}


def test_too_few_renewals_are_no_race() -> None:
    race = contracts.race([1, 1, 2], [True, True, False], [10, 20, 40], 50)
    assert (race.champion, race.trials, race.horizon) == ("sbg", [], None)
    assert race.reason.startswith("no backtest")


def test_shares_go_on_at_the_last_one_told() -> None:
    """The third renewal came up for ten contracts only, too few to tell."""
    curve = contracts.kaplan_meier(
        Renewals(np.arange(1.0, 4.0), np.array([99.0, 79.0, 10.0]), np.array([79.5, 59.5, 0.0]))
    )
    assert contracts.retention(curve, [1, 2, 3, 50]) == pytest.approx([0.8, 0.75, 0.75, 0.75])
    assert contracts.survival(curve, [0, 1, 2, 3]) == pytest.approx([1.0, 0.8, 0.6, 0.45])
    nobody = contracts.kaplan_meier(contracts.count_renewals([], []))
    assert contracts.retention(nobody, [1, 9]) == pytest.approx([0.5, 0.5])


def test_expected_payments_are_the_survival_of_their_days() -> None:
    """A monthly contract before its third renewal, recomputed payment by payment."""
    truth = Retention(0.7, 2.1)
    found = contracts.expected_payments(
        truth, np.array([3.0]), np.array([12.0]), np.array([30.0]), 100.0, 0.1
    )
    alive, expected, discounted = 1.0, 0.0, 0.0
    for number, day in ((3, 12), (4, 42), (5, 72)):
        alive *= (2.1 + number - 1) / (0.7 + 2.1 + number - 1)
        expected += alive
        discounted += alive * 1.1 ** (-day / 365.25)
    assert found.expected == pytest.approx([expected], rel=1e-12)
    assert found.discounted == pytest.approx([discounted], rel=1e-12)


def test_overdue_and_far_renewals() -> None:
    """What is overdue is due today; a renewal beyond the horizon brings nothing within it."""
    truth = Retention(1.0, 3.0)
    found = contracts.expected_payments(
        truth, np.ones(2), np.array([-5.0, 91.0]), np.full(2, 365.0), 90.0, 0.1
    )
    assert found.discounted.tolist() == pytest.approx([0.75, 0.0])
    assert found.high.tolist() == pytest.approx([1.0, 0.0])


def test_interval_covers_simulated_payments() -> None:
    """Every contract has its own coin; the interval is of the number of payments, discounted."""
    truth = Retention(0.8, 2.0)
    generator = np.random.default_rng(5)
    leaving = generator.beta(truth.alpha, truth.beta, 20_000)
    payments = np.minimum(generator.geometric(leaving) - 1, 12)
    values = np.append(0.0, np.cumsum(1.1 ** (-(10 + 30 * np.arange(12)) / 365.25)))[payments]
    found = contracts.expected_payments(
        truth, np.ones(1), np.full(1, 10.0), np.full(1, 30.0), 350.0, 0.1
    )
    assert values.mean() == pytest.approx(found.discounted[0], abs=4 * values.std() / 141)
    assert (values < found.low[0]).mean() <= 0.025
    assert (values > found.high[0]).mean() <= 0.025
    assert found.low[0] <= found.discounted[0] <= found.high[0]


@pytest.mark.parametrize(
    ("number", "renewed", "status"),
    [
        ([], [], Status.TOO_FEW),
        ([1] * 20, [1, 0] * 10, Status.TOO_FEW),
        ([1] * 200, [1, 0] * 100, Status.TOO_FEW),  # one renewal number tells no difference
        ([1] * 200 + [2] * 200, [1] * 400, Status.DROPOUT_UNIDENTIFIED),
        ([1] * 100 + [2] * 80, [1] * 80 + [0] * 20 + [1] * 70 + [0] * 10, Status.OK),
    ],
)
def test_traps_end_in_a_status_and_finite_parameters(
    number: list[int], renewed: list[int], status: Status
) -> None:
    fit = contracts.fit(contracts.count_renewals(number, renewed))
    assert fit.status is status
    rates = contracts.retention(contracts.fitted(fit), np.arange(1, 50))
    assert np.isfinite(rates).all() and (rates > 0).all() and (rates < 1).all()
    assert (np.diff(rates) > 0).all(), "retention rises with every renewal"


def test_what_a_cohort_does_not_tell_comes_from_plans_of_the_same_period() -> None:
    """The old monthly plan tells itself; the new one is like it; the only annual one is alone."""

    def payments(plan: str, year: int, period: int, renewals: tuple[Array, Array]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "plan_key": plan,
                "plan_name": plan,
                "cohort_year": year,
                "period_days": period,
                "renewal_number": renewals[0].astype(int),
                "is_renewed": renewals[1].astype(bool),
                "is_decided": True,
            }
        )

    many, _ = made_up(2000, Retention(0.8, 2.0), 6)
    few = (np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    models, plan_fits = contract_models(
        pd.concat(
            [
                payments("old", 2024, 30, many),
                payments("old", 2025, 30, few),
                payments("new", 2025, 30, few),
                payments("annual", 2025, 365, few),
            ]
        )
    )
    found = {
        (row.plan_key, None if pd.isna(row.cohort_year) else row.cohort_year): row
        for row in models.itertuples()
    }
    assert {key: (row.model_scope, row.model_status) for key, row in found.items()} == {
        ("old", None): ("plan", "ok"),
        ("old", 2024): ("cohort", "ok"),
        ("old", 2025): ("plan", "ok"),
        ("new", None): ("period", "ok"),
        ("new", 2025): ("period", "ok"),
        ("annual", None): ("plan", "too_few"),
        ("annual", 2025): ("plan", "too_few"),
    }
    assert found["old", 2025].alpha == plan_fits["old"].parameters["alpha"]
    annual = found["annual", None]
    assert annual.beta / (annual.alpha + annual.beta) == pytest.approx(0.5, abs=0.05)
