"""Predictions against 30-digit references, including parameters and histories nobody has met."""

import itertools
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest

from models.value import pareto_nbd, transactions
from models.value.fitting import Fit
from models.value.quadrature import beta_nodes, half_line_nodes, wide_beta_nodes
from models.value.status import Status
from models.value.sufficient_statistics import collapse

BETA_GEOMETRIC = [
    (0.2426, 4.4135, 0.7929, 2.4258),
    (0.05, 0.1, 0.01, 0.02),
    (2.0, 500.0, 1.0, 3.0),  # a = 1: the closed form is 0/0
    (0.3, 1.0, 0.5, 0.4),  # a + b < 1
    (1.0, 10.0, 0.001, 100.0),
    (0.5, 5.0, 30.0, 0.1),
]
PARETO = [
    (0.5533, 10.5776, 0.6062, 11.6679),
    (0.05, 0.1, 0.01, 500.0),
    (2.0, 500.0, 1.0, 0.01),  # s = 1: the closed form is 0/0
    (0.3, 1.0, 5.0, 2.0),
    (1.0, 1.0, 1.0, 1.0),
    (0.001, 3.0, 0.001, 0.001),
]
HISTORIES = [
    (0, 0.0, 0.0),
    (0, 0.0, 39.0),
    (1, 0.1, 39.0),
    (2, 30.43, 38.86),
    (10, 1.0, 39.0),
    (3, 3650.0, 3650.0),
    (2000, 38.0, 39.0),
    (2000, 3000.0, 3650.0),
]
HORIZONS = [1.0, 39.0, 3650.0]


def fit_of(model: str, parameters: tuple[float, ...]) -> Fit:
    names = transactions.MODELS[model].NAMES
    return Fit(
        model=model,
        parameters=dict(zip(names, parameters, strict=True)),
        standard_errors={},
        covariance=np.zeros((0, 0)),
        log_likelihood=0.0,
        n=0.0,
        status=Status.OK,
    )


def exact(*numbers: float) -> list[Any]:
    return [mpmath.mpf(number) for number in numbers]


@pytest.fixture(autouse=True)
def thirty_digits() -> Any:
    with mpmath.workdps(30):
        yield


@pytest.mark.parametrize("parameters", BETA_GEOMETRIC)
@pytest.mark.parametrize(("model", "first_toss"), [("bg_nbd", 0), ("mbg_nbd", 1)])
def test_beta_geometric_probability_alive(
    model: str, first_toss: int, parameters: tuple[float, ...]
) -> None:
    fit = fit_of(model, parameters)
    r, alpha, a, b = exact(*parameters)
    for history in HISTORIES:
        x, t, T = exact(*history)
        odds = mpmath.mpf(0)
        if x + first_toss > 0:
            odds = a / (b + x + first_toss - 1) * ((alpha + T) / (alpha + t)) ** (r + x)
        found = transactions.probability_alive(fit, *history)[0]
        assert abs(found - 1 / (1 + odds)) <= 1e-10, history


@pytest.mark.parametrize("parameters", BETA_GEOMETRIC)
@pytest.mark.parametrize(("model", "first_toss"), [("bg_nbd", 0), ("mbg_nbd", 1)])
def test_beta_geometric_expected_purchases(
    model: str, first_toss: int, parameters: tuple[float, ...]
) -> None:
    """The closed form in 2F1, which cancels, hence with 60 digits inside."""
    fit = fit_of(model, parameters)
    r, alpha, a, b = exact(*parameters)
    for (frequency, _, age), length in itertools.product(HISTORIES, HORIZONS):
        with mpmath.workdps(60):
            x, T, horizon = exact(frequency, age, length)
            coins = b + x + first_toss
            # next to the removable singularity at a = 1
            a_here = a + mpmath.mpf(10) ** -25 if a == 1 else a
            shrink = ((alpha + T) / (alpha + T + horizon)) ** (r + x)
            series = mpmath.hyp2f1(
                r + x, coins, a_here + coins - 1, horizon / (alpha + T + horizon)
            )
            reference = (a_here + coins - 1) / (a_here - 1) * (1 - shrink * series)
        found = transactions.expected_purchases_if_alive(
            fit, np.array([float(frequency)]), np.array([age]), length
        )[0]
        assert abs(found / reference - 1) <= 1e-9, (frequency, age, length)


@pytest.mark.parametrize("parameters", PARETO)
def test_pareto_predictions(parameters: tuple[float, ...]) -> None:
    fit = fit_of("pareto_nbd", parameters)
    r, alpha, s, beta = exact(*parameters)
    for history in HISTORIES:
        x, t, T = exact(*history)

        def silent(u: Any, x: Any = x) -> Any:
            return s * (alpha + u) ** -(r + x) * (beta + u) ** -(s + 1)

        def next_purchase(u: Any, x: Any = x, T: Any = T) -> Any:
            return (
                (r + x)
                / (alpha + T + u)
                * ((alpha + T) / (alpha + T + u)) ** (r + x)
                * ((beta + T) / (beta + T + u)) ** s
            )

        now = (alpha + T) ** -(r + x) * (beta + T) ** -s
        gone = mpmath.quad(silent, graded(t, T)) if t < T else 0
        found = transactions.probability_alive(fit, *history)[0]
        assert 0 <= found <= 1
        assert abs(found - now / (now + gone)) <= 1e-10, history
        for length in HORIZONS:
            horizon = mpmath.mpf(length)
            ratio = (beta + T) / (beta + T + horizon)
            lifetime = -mpmath.log(ratio) if s == 1 else (1 - ratio ** (s - 1)) / (s - 1)
            reference = (r + x) / (alpha + T) * (beta + T) * lifetime
            frequency, age = np.array([float(history[0])]), np.array([history[2]])
            expected = transactions.expected_purchases_if_alive(fit, frequency, age, length)[0]
            assert abs(expected / reference - 1) <= 1e-9, (history, length)
            probability = transactions.probability_of_purchase_if_alive(
                fit, frequency, age, length
            )[0]
            reference = mpmath.quad(next_purchase, graded(mpmath.mpf(0), horizon))
            assert abs(probability - reference) <= 1e-10, (history, length)


def graded(begin: Any, end: Any) -> list[Any]:
    """Halve the interval towards its beginning, where the integrands are steep."""
    return [begin] + [begin + (end - begin) * mpmath.mpf(2) ** -k for k in range(20, -1, -1)]


@pytest.mark.parametrize("model", transactions.MODELS)
def test_discounting_is_the_sum_of_the_definition(model: str) -> None:
    parameters = (0.5, 60.0, 0.8, 250.0)[: len(transactions.MODELS[model].NAMES)]
    fit = fit_of(model, parameters)
    history = (3, 100.0, 200.0)
    until = [
        float(transactions.expected_purchases(fit, *history, end)[0])
        for end in (30.0, 60.0, 90.0, 100.0)
    ]
    by_hand = sum(
        (y - before) / 1.01**period
        for y, before, period in zip(until, [0.0, *until[:-1]], (1, 2, 3, 10 / 3), strict=True)
    )
    found = transactions.discounted_expected_purchases(fit, *history, 100.0, 0.01, 30.0)[0]
    assert found == pytest.approx(by_hand, rel=1e-12)
    undiscounted = transactions.discounted_expected_purchases(fit, *history, 100.0, 0.0, 30.0)[0]
    assert undiscounted == pytest.approx(until[-1], rel=1e-12)


@pytest.mark.parametrize("rule", [beta_nodes, wide_beta_nodes])
@pytest.mark.parametrize(("a", "b"), [(0.8, 2.4), (0.01, 0.02), (30.0, 2000.0), (1.0, 1.0)])
def test_beta_rules_give_moments(rule: Any, a: float, b: float) -> None:
    nodes, weights = rule(a, [b])
    expected = 1.0
    for power in range(1, 6):
        expected *= (a + power - 1) / (a + b + power - 1)
        assert (weights * nodes**power).sum() == pytest.approx(expected, rel=1e-9)


def test_half_line_rule_gives_gamma_function() -> None:
    nodes, log_weights = half_line_nodes(144)
    for shape in (0.7, 1.0, 3.0):
        integral = np.exp(log_weights + (shape - 1) * np.log(nodes) - nodes).sum()
        assert integral == pytest.approx(float(mpmath.gamma(shape)), rel=1e-9)


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        *(("mbg_nbd", parameters) for parameters in BETA_GEOMETRIC),
        *(("pareto_nbd", parameters) for parameters in PARETO),
    ],
)
def test_many_ages_are_interpolated_to_the_digits_of_one(
    model: str, parameters: tuple[float, ...]
) -> None:
    """Of five thousand days a hundred are computed; of single ones every one."""
    fit = fit_of(model, parameters)
    days = np.arange(5000.0)
    ahead = ([90.0, 1096.0], 0.008, 30.4375)
    for x in (0.0, 3.0, 50.0):
        many = transactions.purchases_by_horizon_if_alive(fit, np.full(5000, x), days, *ahead)
        some = [0, 1, 7, 100, 2711, 4998, 4999]
        few = transactions.purchases_by_horizon_if_alive(fit, np.full(7, x), days[some], *ahead)
        np.testing.assert_allclose(np.array(many)[:, :, some], np.array(few), rtol=1e-10)


def test_customers_of_one_age_are_not_interpolated() -> None:
    """A thousand customers of one day have no ages to interpolate between."""
    fit = fit_of("mbg_nbd", BETA_GEOMETRIC[0])
    found = transactions.discounted_expected_purchases(fit, [3] * 1000, 20, 39, 52.0, 0.01)
    one = transactions.discounted_expected_purchases(fit, 3, 20, 39, 52.0, 0.01)
    assert found.tolist() == one.tolist() * 1000


@pytest.mark.parametrize("parameters", PARETO)
def test_likelihood_over_many_days_is_that_of_single_ones(parameters: tuple[float, ...]) -> None:
    fitted = np.array(parameters)
    x, day = np.repeat([0.0, 1.0, 20.0], 4000), np.tile(np.arange(4000.0), 3)
    t = np.where(x > 0, np.floor(day / 2), 0.0)
    some = slice(None, None, 611)
    many = pareto_nbd.probability_alive(fit_of("pareto_nbd", parameters), x, t, day)
    few = pareto_nbd.probability_alive(
        fit_of("pareto_nbd", parameters), x[some], t[some], day[some]
    )
    np.testing.assert_allclose(many[some], few, atol=1e-10)
    whole = pareto_nbd.log_likelihood("pareto_nbd", collapse(x, t, day), fitted)
    parts = [
        pareto_nbd.log_likelihood(
            "pareto_nbd", collapse(*(c[at::240] for c in (x, t, day))), fitted
        )
        for at in range(240)
    ]
    for number in range(3):
        total = np.sum([np.asarray(part[number]) for part in parts], axis=0)
        np.testing.assert_allclose(whole[number], total, rtol=1e-8, atol=1e-8)
