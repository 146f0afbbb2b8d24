"""Every trap ends in a machine-readable status and finite scores, never an error or a warning."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import pytest

from models.value import gamma_gamma, transactions
from models.value.fitting import Fit
from models.value.scoring import CustomerScores, score_customers
from models.value.status import Status
from tests.unit.models.value_model_data import Array, MadeUp, simulate


@dataclass(frozen=True)
class Trap:
    frequency: Array
    recency: Array
    age: Array
    mean_spend: Array
    expected: set[str]


def score(trap: Trap, model: str = "mbg_nbd") -> CustomerScores:
    return score_customers(
        trap.frequency,
        trap.recency,
        trap.age,
        trap.mean_spend,
        generator=np.random.default_rng(0),
        margin_rate=0.3,
        lifetime_days=1000,
        model=model,
    )


def traps() -> dict[str, Trap]:
    made: MadeUp = simulate(1000, 5)
    x, t, T = made.frequency, made.recency, made.age
    spend = made.mean_spend
    generator = np.random.default_rng(6)
    some = np.arange(1000) < 20

    def column(value: float, n: int = 1000) -> Array:
        return np.full(n, value)

    never_gone = generator.poisson(generator.gamma(1, 1 / 30, 1000) * 365).astype(float)
    last = np.where(never_gone > 0, np.floor(365 * generator.beta(never_gone + 1e-9, 1)), 0)
    repeaters = x > 0
    return {
        "whale": Trap(
            np.append(x, 2000.0),
            np.append(t, 720.0),
            np.append(T, 730.0),
            np.append(spend, 20.0),
            {"ok"},
        ),
        "all_bought_today": Trap(x * 0, t * 0, T * 0, column(20.0), {"no_repeaters"}),
        "some_bought_today": Trap(
            np.where(some, 0, x), np.where(some, 0, t), np.where(some, 0, T), spend, {"ok"}
        ),
        "no_repeaters": Trap(x * 0, t * 0, T, column(20.0), {"no_repeaters"}),
        "only_repeaters": Trap(x[repeaters], t[repeaters], T[repeaters], spend[repeaters], {"ok"}),
        "five_customers": Trap(x[:5], t[:5], T[:5], spend[:5], {"too_few"}),
        "one_customer": Trap(x[:1], t[:1], T[:1], spend[:1], {"too_few"}),
        "nobody": Trap(x[:0], t[:0], T[:0], spend[:0], set()),
        "no_churn": Trap(never_gone, last, column(365.0), column(9.0), {"dropout_unidentified"}),
        "ten_years_daily": Trap(
            np.append(x, 3650.0),
            np.append(t, 3650.0),
            np.append(T, 3651.0),
            np.append(spend, 5.0),
            {"ok"},
        ),
        "everybody_daily": Trap(column(3650), column(3650), column(3651), spend, {"too_few"}),
        "last_purchase_after_as_of": Trap(
            x, np.where(some, T + 5, t), T, spend, {"ok", "invalid_history"}
        ),
        "not_a_number": Trap(np.where(some, np.nan, x), t, T, spend, {"ok", "invalid_history"}),
        "negative_age": Trap(x, t, np.where(some, -1, T), spend, {"ok", "invalid_history"}),
        "all_invalid": Trap(x, t, column(-1.0), spend, {"invalid_history"}),
        "identical": Trap(column(3), column(20), column(30), column(9), {"too_few"}),
        "constant_spend": Trap(x, t, T, column(9.99), {"spend_unidentified"}),
        "no_spend": Trap(x, t, T, column(0.0), {"spend_unidentified"}),
        "spend_grows_with_frequency": Trap(x, t, T, 5 * (x + 1), {"spend_correlated"}),
        "everybody_gone": Trap(
            column(2), generator.integers(1, 20, 1000).astype(float), column(3000), spend, {"ok"}
        ),
    }


TRAPS = traps()


@pytest.mark.parametrize("model", transactions.MODELS)
@pytest.mark.parametrize("name", TRAPS)
def test_trap_ends_in_finite_scores(name: str, model: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(TRAPS[name], model)
    for field in fields(CustomerScores):
        values = getattr(scores, field.name)
        if isinstance(values, np.ndarray):
            assert len(values) == len(TRAPS[name].frequency)
            if values.dtype == np.float64:
                assert np.isfinite(values).all(), field.name
                assert (values >= 0).all(), field.name
    assert (scores.probability_alive <= 1).all()
    assert (scores.probability_purchase_365d <= scores.probability_alive + 1e-12).all()
    assert (scores.predicted_value_365d_low <= scores.predicted_value_365d).all()
    assert (scores.predicted_value_365d <= scores.predicted_value_365d_high).all()
    assert (scores.predicted_value_90d <= scores.predicted_value_365d * (1 + 1e-12)).all()
    assert all(np.isfinite(list(scores.fit.parameters.values())))
    assert all(np.isfinite(list(scores.fit.standard_errors.values())))


def extremes(seed: int) -> Trap:
    """Draw customers as nobody has met them: ages of minutes and decades, whales, broken rows."""
    generator = np.random.default_rng(seed)
    n = int(generator.choice([1, 2, 7, 49, 51, 300]))
    age = np.exp(generator.uniform(-3, 9, n))
    if generator.random() < 0.5:
        age = np.floor(age)
    x = np.minimum(generator.geometric(generator.choice([0.9, 0.3, 0.01]), n) - 1, 2000).astype(
        float
    )
    x[(generator.random(n) < generator.choice([0.0, 0.5, 0.99])) | (age == 0)] = 0.0
    t = np.where(x > 0, age * generator.beta(*generator.choice([0.05, 1.0, 20.0], 2), n), 0.0)
    spend = np.exp(
        generator.normal(generator.choice([-12, 3, 15]), generator.choice([1e-9, 1, 6]), n)
    )
    broken = np.where(
        generator.random(n) < generator.choice([0.0, 0.05, 0.5]), generator.integers(1, 7, n), 0
    )
    x = np.where(broken == 1, np.nan, x)
    x = np.where(broken == 2, x + 0.5, x)
    t = np.where(broken == 3, age + 1, t)
    age = np.where(broken == 4, -age - 1, age)
    spend = np.where(broken == 5, -spend, spend)
    return Trap(x, t, age, np.where(broken == 6, np.inf, spend), {str(each) for each in Status})


@pytest.mark.parametrize("model", transactions.MODELS)
@pytest.mark.parametrize("seed", range(5))
def test_extremes_end_in_finite_scores(seed: int, model: str) -> None:
    """Infinite spend once warned, and alpha and beta many orders apart once ended in NaN."""
    trap = extremes(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score(trap, model)
    for field in fields(CustomerScores):
        values = getattr(scores, field.name)
        if isinstance(values, np.ndarray) and values.dtype == np.float64:
            assert np.isfinite(values).all() and (values >= 0).all(), field.name
    assert (scores.probability_alive <= 1).all()
    for horizon in ("90d", "365d", "lifetime"):
        low, value, high = (
            getattr(scores, f"predicted_value_{horizon}{end}") for end in ("_low", "", "_high")
        )
        assert (low <= value).all() and (value <= high).all()
    assert set(scores.model_status.tolist()) <= trap.expected
    assert all(np.isfinite(list(scores.fit.standard_errors.values())))


@pytest.mark.parametrize(
    "parameters",
    [
        (0.55, 10.6, 0.6, 11.7),
        (0.55, 1000.0, 3.0, 1.0),
        (2.0, 500.0, 1.0, 0.01),
        (0.3, 1.0, 5.0, 2.0),
        (1.0, 1e4, 0.5, 1e-3),
        (1.0, 0.1, 40.0, 0.01),
    ],
)
def test_drawn_purchases_have_the_expected_mean(parameters: tuple[float, ...]) -> None:
    """Where nearly everybody leaves first, drawing from purchases alone never came to an end."""
    names = transactions.MODELS["pareto_nbd"].NAMES
    fit = Fit(
        "pareto_nbd",
        dict(zip(names, parameters, strict=True)),
        {},
        np.zeros((0, 0)),
        0.0,
        0.0,
        Status.OK,
    )
    for x, age in ((0.0, 5.0), (3.0, 20.0)):
        one, n = (np.array([x]), np.array([age])), 40_000
        drawn = transactions.draw_purchases(
            fit, np.full(n, x), np.full(n, age), 39.0, np.random.default_rng(1)
        )
        mean = transactions.expected_purchases_if_alive(fit, *one, 39.0)[0]
        mean /= transactions.probability_of_purchase_if_alive(fit, *one, 39.0)[0]
        assert drawn.mean() == pytest.approx(mean, abs=4 * drawn.std() / np.sqrt(n) + 1e-9)


@pytest.mark.parametrize("name", TRAPS)
def test_trap_ends_in_its_status(name: str) -> None:
    assert set(score(TRAPS[name]).model_status.tolist()) == TRAPS[name].expected


def test_fallback_is_the_model_without_dropout_and_says_so() -> None:
    trap = TRAPS["no_churn"]
    scores = score(trap)
    nbd = transactions.fit("nbd", trap.frequency, trap.recency, trap.age)
    assert set(scores.model_name.tolist()) == {"nbd"}
    assert scores.fit.model == "mbg_nbd"
    assert scores.expected_purchases_365d == pytest.approx(
        transactions.expected_purchases(nbd, trap.frequency, trap.recency, trap.age, 365.0)
    )
    assert np.array_equal(scores.probability_alive, scores.probability_purchase_365d)


def test_nobody_coming_back_predicts_nearly_nothing() -> None:
    """An unidentified rate must not be read off the prior: with T = 0 it once was one a day."""
    no_repeaters, today = score(TRAPS["no_repeaters"]), score(TRAPS["all_bought_today"])
    assert 0 < no_repeaters.expected_purchases_365d.max() < 0.01
    assert no_repeaters.expected_spend == pytest.approx(20.0)
    assert today.expected_purchases_365d.max() == 0.0


def test_invalid_history_is_scored_as_the_least_valuable_customer() -> None:
    trap = TRAPS["not_a_number"]
    scores = score(trap)
    invalid = scores.model_status == "invalid_history"
    assert scores.invalid_histories == invalid.sum() == 20
    one_time = ~invalid & (trap.frequency == 0)
    assert scores.predicted_value_365d[invalid].max() <= scores.predicted_value_365d[one_time].min()


def test_invalid_history_does_not_change_the_others(
    made_up: Callable[[int, int], MadeUp],
) -> None:
    made = made_up(500, 9)
    clean = transactions.fit("mbg_nbd", made.frequency, made.recency, made.age)
    dirty = transactions.fit(
        "mbg_nbd",
        np.append(made.frequency, [1, 0, 1.5, -1]),
        np.append(made.recency, [9, 3, 1, 0]),
        np.append(made.age, [8, 4, 2, 5]),
    )
    assert dirty.n == clean.n == 500
    assert dirty.parameters == clean.parameters


def test_zero_and_negative_spend_is_filtered_and_counted(
    made_up: Callable[[int, int], MadeUp],
) -> None:
    made = made_up(2000, 10)
    repeat = np.flatnonzero(made.frequency > 0)
    spend = made.mean_spend.copy()
    spend[repeat[:30]] = 0.0
    spend[repeat[30:50]] = -4.0
    spend[repeat[50:55]] = np.nan
    fit = gamma_gamma.fit(made.frequency, spend)
    kept = np.delete(np.arange(2000), repeat[:55])
    assert fit.excluded == 55
    assert fit.fit.n == len(repeat) - 55
    assert fit.fit.parameters == gamma_gamma.fit(made.frequency[kept], spend[kept]).fit.parameters
    expected = gamma_gamma.expected_mean_spend(fit, made.frequency, spend)
    p, q, gamma = fit.fit.parameters.values()
    assert expected[repeat[:55]] == pytest.approx(p * gamma / (q - 1))


def test_mean_of_fitted_spend_that_is_not_finite_is_not_used() -> None:
    """Spend with q <= 1 has no mean; a model with a huge one would price every one-time buyer."""
    generator = np.random.default_rng(3)
    x = generator.integers(1, 6, 3000).astype(float)
    spend = generator.gamma(5 * x, 1 / x) / generator.gamma(0.8, 1, 3000)
    fit = gamma_gamma.fit(x, spend)
    assert fit.status is Status.SPEND_UNIDENTIFIED
    expected = gamma_gamma.expected_mean_spend(fit, x, spend)
    assert expected == pytest.approx((fit.observed_mean + x * spend) / (1 + x))


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry per customer"):
        score_customers([1.0], [1.0], [2.0, 3.0], [1.0], generator=np.random.default_rng(0))


def test_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin_rate"):
        score_customers(
            [1.0], [1.0], [2.0], [1.0], generator=np.random.default_rng(0), margin_rate=-0.1
        )
