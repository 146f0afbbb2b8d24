"""Predictions that papers, spreadsheets and other packages print, beside the fitted parameters.

Customers of the CDNOW sample in weeks unless said otherwise. Sources, by their usual names: the
sheets of Fader, Hardie & Lee 2005 (BG/NBD); Hardie's note 027 on numerical errors; the walkthrough
of the R package BTYD (Pareto/NBD, customer 1516); the test suites of lifetimes and pymc-marketing,
which print the same figures; Fader & Hardie 2010 (DERL).
"""

import math
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest

from models.value import contracts, gamma_gamma, transactions
from models.value.fitting import Fit
from models.value.status import Status
from models.value.sufficient_statistics import collapse
from tests.unit.models.value_model_data import Array

Summary = tuple[Array, Array, Array, Array]

WEEKS = np.array([0.1429, 1.0, 3.0, 31.8571, 32.0, 78.0])
BTYD = {"r": 0.5534, "alpha": 10.5802, "s": 0.6061, "beta": 11.6562}
"""What the walkthrough fitted; customer 1516 has x = 26, t_x = 30.86, T = 31."""


def fit_of(model: str, parameters: dict[str, float]) -> Fit:
    return Fit(model, parameters, {}, np.zeros((0, 0)), 0.0, 0.0, Status.OK)


@pytest.mark.parametrize(
    ("model", "history", "printed"),
    [
        ("bg_nbd", (0, 0, 40), -0.59947382),
        ("bg_nbd", (200, 38, 40), 100.7957),
        ("mbg_nbd", (0, 0, 40), -0.41792826),
        ("mbg_nbd", (200, 38, 40), 100.7869),
    ],
)
def test_likelihood_of_one_customer(
    model: str, history: tuple[float, float, float], printed: float
) -> None:
    """A customer of 200 purchases overflowed in the formula as first published."""
    histories = collapse(*(np.array([float(number)]) for number in history))
    found, _, _ = transactions.MODELS[model].log_likelihood(
        model, histories, np.array([0.25, 4.0, 0.8, 2.5])
    )
    assert found == pytest.approx(printed, abs=5e-5)


def test_new_customer_of_bg_nbd(cdnow_summary: Summary) -> None:
    """Whoever bought first just now, x = 0 and T = 0, is a customer of whom nothing is known."""
    x, t, T, _ = cdnow_summary
    fit = transactions.fit("bg_nbd", x, t, T, prior_scale=math.inf)
    found = [transactions.expected_purchases(fit, 0, 0, 0, week)[0] for week in WEEKS]
    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], abs=5e-4)


def test_new_customer_of_mbg_nbd_is_near_to_bg_nbd(cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    fit = transactions.fit("mbg_nbd", x, t, T, prior_scale=math.inf)
    found = [transactions.expected_purchases(fit, 0, 0, 0, week)[0] for week in WEEKS]
    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], rel=0.05)


def test_pareto_nbd_as_in_the_walkthrough(cdnow_summary: Summary) -> None:
    """A new customer's 52 weeks, and those of customer 1516."""
    x, t, T, _ = cdnow_summary
    customer = (26, 30.86, 31)
    for fit in (
        fit_of("pareto_nbd", BTYD),
        transactions.fit("pareto_nbd", x, t, T, prior_scale=math.inf),
    ):
        expected = transactions.expected_purchases(fit, *customer, 52.0)[0]
        assert expected == pytest.approx(25.46, abs=0.01)
        assert transactions.probability_alive(fit, *customer)[0] == pytest.approx(0.9979, abs=5e-5)
        new = transactions.expected_purchases(fit, 0, 0, 0, 52.0)[0]
        assert new == pytest.approx(1.473, abs=5e-4)


def test_probability_of_no_purchase_of_bg_nbd() -> None:
    fit = fit_of("bg_nbd", {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    nothing = 1.0 - transactions.probability_of_purchase(fit, 0, 0, 0, 39.0)[0]
    assert nothing == pytest.approx(0.5737864, abs=5e-8)


@pytest.mark.parametrize(
    "history", [(400.0, 5.0, 6.0), (500.0, 1.0, 37.0), (500.0, 4.0, 37.0), (50.0, 1.0, 37.0)]
)
def test_pareto_nbd_where_others_overflowed(history: tuple[float, float, float]) -> None:
    parameters = {"r": 10.465, "alpha": 7.98565181e-03, "s": 3.0516, "beta": 2.820}
    fit = fit_of("pareto_nbd", parameters)
    found, gradient, _ = transactions.MODELS["pareto_nbd"].log_likelihood(
        "pareto_nbd",
        collapse(*(np.array([number]) for number in history)),
        np.array(list(parameters.values())),
    )
    assert np.isfinite(found) and np.isfinite(gradient).all()
    assert 0.0 <= transactions.probability_alive(fit, *history)[0] <= 1.0


def test_pareto_nbd_of_one_purchase_more_is_no_jump() -> None:
    """132 and 133 purchases in 200 weeks, as the test suite of lifetimes notes them."""
    fit = fit_of("pareto_nbd", {"r": 0.55, "alpha": 10.58, "s": 0.61, "beta": 11.67})
    found = transactions.expected_purchases(fit, [132, 133], 200, 200, 10.0)
    assert found == pytest.approx([6.2060517889632418, 6.2528722475748113], rel=1e-9)


@pytest.mark.parametrize("x", range(1, 11))
def test_discounted_residual_purchases_of_pareto_nbd(x: int) -> None:
    """DERT (Fader, Hardie & Lee 2005, RFM and CLV) at 15 % a year, .0027 a week continuously.

    Parameters and customers of BTYD's help page. The reference is the integral that the paper
    solves, of the purchase rate at T + u of a customer alive at T, discounted by exp(-.0027 u);
    ours sums periods, here of two weeks, up to a horizon beyond which exp(-.0027 u) leaves nothing.
    """
    r, alpha, s, beta = 0.5629966, 12.5590370, 0.4081095, 10.5148048
    t, T, rate = 30.0, 77.86, 0.0027
    fit = fit_of("pareto_nbd", {"r": r, "alpha": alpha, "s": s, "beta": beta})
    with mpmath.workdps(20):
        integral = mpmath.quad(
            lambda u: ((beta + T) / (beta + T + u)) ** s * mpmath.exp(-rate * u),
            [0, 10, 100, 1000, 10_000, 20_000],
        )
    alive = transactions.probability_alive(fit, x, t, T)[0]
    reference = float(alive * (r + x) / (alpha + T) * integral)
    period = 2.0
    found = transactions.discounted_expected_purchases(
        fit, x, t, T, 10_000.0, math.expm1(rate * period), period
    )[0]
    # a purchase counts at the end of its two weeks: half of that too late on average
    assert found == pytest.approx(reference * math.exp(-rate * period / 2), rel=1e-5)


@pytest.mark.parametrize(("alpha", "beta"), [(0.668, 3.806), (0.704, 1.182)])
@pytest.mark.parametrize("renewals", [0, 1, 2, 3, 4])
def test_discounted_residual_lifetime_of_sbg(alpha: float, beta: float, renewals: int) -> None:
    """DERL of a contract about to be renewed for the next time (Fader & Hardie 2010, eq. 6).

    High-end and regular customers of 2007 at 10 % a year; renewed `renewals` times so far.
    """
    found = contracts.expected_payments(
        contracts.Retention(alpha, beta),
        np.array([renewals + 1.0]),
        np.zeros(1),
        np.array([365.25]),
        365.25 * 400,
        0.1,
    ).discounted[0]
    closed: Any = mpmath.hyp2f1(1, beta + renewals + 1, alpha + beta + renewals + 1, 1 / 1.1)
    reference = (beta + renewals) / (alpha + beta + renewals) * float(closed)
    assert found == pytest.approx(reference, rel=1e-9)


def test_spend_of_a_customer_whose_history_says_everything() -> None:
    """Its own mean with 1,000 purchases, that of all with none (Fader & Hardie 2013, eq. 5)."""
    fit = gamma_gamma.SpendFit(
        fit_of("gamma_gamma", {"p": 6.0, "q": 4.0, "gamma": 15.0}), 30.0, 0.0, 0
    )
    own = gamma_gamma.expected_mean_spend(fit, [1000.0], [55.0])[0]
    assert own == pytest.approx(55.0, rel=1e-3)
    assert gamma_gamma.expected_mean_spend(fit, [0.0], [0.0])[0] == pytest.approx(6 * 15 / 3)


def test_quickstart_of_lifetimes(cdnow_summary: Summary) -> None:
    """Spend, value and purchases of the first ten customers, as its documentation prints them.

    Its value sums twelve periods of 30 at 1 % each, weeks taken for days.
    """
    x, t, T, spend = cdnow_summary
    purchases = transactions.fit("bg_nbd", x, t, T, prior_scale=math.inf)
    money = gamma_gamma.fit(x, spend, prior_scale=math.inf)
    expected = gamma_gamma.expected_mean_spend(money, x, spend)
    assert expected[[0, 1, 2, 5, 8]] == pytest.approx(
        [24.658619, 18.911489, 35.170981, 71.462843, 27.282408], rel=1e-6
    )
    assert expected.mean() == pytest.approx(35.2529588, rel=1e-6)
    discounted = transactions.discounted_expected_purchases(purchases, x, t, T, 360.0, 0.01, 30.0)
    assert (discounted * expected)[[0, 1, 2, 5, 6, 8]] == pytest.approx(
        [140.096211, 18.943467, 38.180574, 1003.868107, 28.109683, 167.418216], rel=1e-4
    )


def test_walkthrough_of_bg_nbd(cdnow_summary: Summary) -> None:
    """A new customer's 52 weeks and those of customer 1516, as BTYD's vignette prints them."""
    x, t, T, _ = cdnow_summary
    fit = transactions.fit("bg_nbd", x, t, T, prior_scale=math.inf)
    assert transactions.expected_purchases(fit, 0, 0, 0, 52.0)[0] == pytest.approx(1.444, abs=5e-4)
    customer = (26, 30.86, 31)
    assert transactions.expected_purchases(fit, *customer, 52.0)[0] == pytest.approx(
        25.76, abs=0.01
    )
    assert transactions.probability_alive(fit, *customer)[0] == pytest.approx(0.9688, abs=5e-4)


def test_more_purchases_long_ago_promise_less() -> None:
    """The increasing frequency paradox of the Pareto/NBD vignette: x of 20 weeks, T = 39."""
    found = transactions.expected_purchases(
        fit_of("pareto_nbd", BTYD), [10, 15, 20, 25], 20, 39, 52.0
    )
    assert found == pytest.approx([0.7062, 0.1442, 0.02250, 0.003092], rel=1e-3)
