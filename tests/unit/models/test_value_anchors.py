"""The fits reproduce published parameters, the truth behind made-up data, and lifetimes."""

import math
import warnings
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from models.value import gamma_gamma, transactions
from models.value.fitting import Fit
from models.value.status import Status
from models.value.sufficient_statistics import collapse
from tests.unit.models.value_model_data import SPEND_TRUTH, TRUTH, Array, MadeUp, Window

Summary = tuple[Array, Array, Array, Array]

SAMPLE = {
    "bg_nbd": ((0.2426, 4.4135, 0.7929, 2.4258), -9582.43),
    "pareto_nbd": ((0.5533, 10.5776, 0.6062, 11.6679), -9594.97),
    "mbg_nbd": ((0.5248, 6.1830, 0.8914, 1.6140), -9582.13),
}
FULL = {
    "bg_nbd": ((0.2516, 4.7889, 0.7234, 2.1611), -95368.44),
    "mbg_nbd": ((0.6371, 7.3103, 0.8075, 1.2284), -95336.96),
    "pareto_nbd": ((0.5974, 11.5857, 0.5222, 8.8278), -95415.12),
}


def assert_published(fit: Fit, expected: tuple[float, ...], likelihood: float) -> None:
    assert list(fit.parameters.values()) == pytest.approx(list(expected), rel=1e-3)
    # published figures are rounded to .01
    assert fit.log_likelihood == pytest.approx(likelihood, abs=0.01)
    assert fit.status is Status.OK


@pytest.mark.parametrize("model", SAMPLE)
def test_cdnow_sample_parameters(model: str, cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    fit = transactions.fit(model, x, t, T, prior_scale=math.inf)
    assert_published(fit, *SAMPLE[model])
    assert fit.n == 2357


@pytest.mark.parametrize("model", FULL)
def test_full_cdnow_parameters(model: str, cdnow_window: Callable[[date, date], Window]) -> None:
    window = cdnow_window(date(1997, 9, 30), date(1998, 6, 30))
    fit = transactions.fit(
        model, window.frequency, window.recency / 7, window.age / 7, prior_scale=math.inf
    )
    assert_published(fit, *FULL[model])
    assert fit.n == 23570


def test_pareto_standard_errors(cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    fit = transactions.fit("pareto_nbd", x, t, T, prior_scale=math.inf)
    expected = [0.0476, 0.8427, 0.1873, 6.211]
    assert list(fit.standard_errors.values()) == pytest.approx(expected, rel=2e-3)


def test_gamma_gamma_parameters(cdnow_summary: Summary) -> None:
    x, _, _, spend = cdnow_summary
    fit = gamma_gamma.fit(x, spend, prior_scale=math.inf)
    assert list(fit.fit.parameters.values()) == pytest.approx([6.249, 3.745, 15.448], rel=1e-3)
    assert fit.fit.log_likelihood == pytest.approx(-4055.92, abs=0.01)
    assert fit.fit.n == 946 and fit.status is Status.OK


def test_spot_value_of_fader_hardie_and_lee(cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    fit = transactions.fit("bg_nbd", x, t, T, prior_scale=math.inf)
    assert transactions.expected_purchases(fit, 2, 30.43, 38.86, 39)[0] == pytest.approx(
        1.226, abs=5e-4
    )


def test_first_customers_as_in_the_guide_of_lifetimes(cdnow_summary: Summary) -> None:
    """Ten expected mean spends, and the coming week of the five best, are printed there."""
    x, t, T, spend = cdnow_summary
    spend_fit = gamma_gamma.fit(x, spend, prior_scale=math.inf)
    printed = [
        *(24.658616, 18.911480, 35.171002, 35.171002, 35.171002),
        *(71.462851, 18.911480, 35.171002, 27.282408, 35.171002),
    ]
    expected = gamma_gamma.expected_mean_spend(spend_fit, x[:10], spend[:10])
    assert expected == pytest.approx(printed, rel=1e-4)
    fit = transactions.fit("bg_nbd", x, t, T, prior_scale=math.inf)
    best = np.array(
        [
            *((18, 35.14, 35.86), (19, 34.00, 34.14), (17, 28.43, 28.86)),
            *((29, 37.71, 38.00), (26, 30.86, 31.00)),
        ]
    ).T
    assert transactions.expected_purchases(fit, *best, 1.0) == pytest.approx(
        [0.424877, 0.474738, 0.486526, 0.662396, 0.710623], rel=1e-3
    )


@pytest.mark.parametrize(("model", "most"), [("bg_nbd", 0.01), ("mbg_nbd", 0.01), ("nbd", 0.001)])
def test_prior_hardly_moves_an_identified_fit(
    model: str, most: float, cdnow_summary: Summary
) -> None:
    x, t, T, _ = cdnow_summary
    with_prior = transactions.fit(model, x, t, T).parameters
    without = transactions.fit(model, x, t, T, prior_scale=math.inf).parameters
    assert list(with_prior.values()) == pytest.approx(list(without.values()), rel=most)


def test_planted_truth_is_recovered_within_three_standard_errors(
    made_up: Callable[[int, int], MadeUp],
) -> None:
    customers = made_up(20_000, 11)
    fit = transactions.fit("mbg_nbd", customers.frequency, customers.recency, customers.age)
    spend = gamma_gamma.fit(customers.frequency, customers.mean_spend)
    for found, truth in ((fit, TRUTH), (spend.fit, SPEND_TRUTH)):
        for name, value in truth.items():
            assert abs(found.parameters[name] - value) < 3 * found.standard_errors[name], name


@pytest.mark.parametrize("model", transactions.MODELS)
def test_derivatives_match_finite_differences(model: str, cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    histories = collapse(x[:300], t[:300] / 4, T[:300] / 4)
    module = transactions.MODELS[model]
    point = np.array([0.5, 2.0, 0.7, 1.8])[: len(module.NAMES)]

    def at(parameters: Array) -> tuple[float, Array, Array]:
        derivatives: tuple[float, Array, Array] = module.log_likelihood(
            model, histories, parameters
        )
        return derivatives

    _, gradient, hessian = at(point)
    for i in range(len(point)):
        step = np.zeros(len(point))
        step[i] = 1e-5 * point[i]
        up, down = at(point + step), at(point - step)
        assert gradient[i] == pytest.approx((up[0] - down[0]) / (2 * step[i]), rel=1e-5)
        assert hessian[i] == pytest.approx((up[1] - down[1]) / (2 * step[i]), rel=1e-4, abs=1e-5)


def test_weights_stand_for_repeated_customers(cdnow_summary: Summary) -> None:
    x, t, T, _ = (column[:400] for column in cdnow_summary)
    weights = np.arange(400) % 3
    weighted = transactions.fit("mbg_nbd", x, t, T, weights)
    repeated = transactions.fit("mbg_nbd", x.repeat(weights), t.repeat(weights), T.repeat(weights))
    assert weighted.n == repeated.n == weights.sum()
    assert weighted.log_likelihood == pytest.approx(repeated.log_likelihood, rel=1e-12)
    assert list(weighted.parameters.values()) == pytest.approx(
        list(repeated.parameters.values()), rel=1e-7
    )


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_lifetimes_agrees(model: str, cdnow_summary: Summary) -> None:
    """lifetimes is given our parameters: its own optimiser stops early."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes  # type: ignore[import-untyped,unused-ignore]
    import pandas as pd

    x, t, T, _ = cdnow_summary
    fit = transactions.fit(model, x, t, T, prior_scale=math.inf)
    oracle = {
        "bg_nbd": lifetimes.BetaGeoFitter,
        "mbg_nbd": lifetimes.ModifiedBetaGeoFitter,
        "pareto_nbd": lifetimes.ParetoNBDFitter,
    }[model]()
    oracle.params_ = pd.Series(fit.parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alive = np.asarray(oracle.conditional_probability_alive(x, t, T))
        expected = np.asarray(
            oracle.conditional_expected_number_of_purchases_up_to_time(39.0, x, t, T)
        )
    assert transactions.probability_alive(fit, x, t, T) == pytest.approx(alive, rel=1e-6)
    assert transactions.expected_purchases(fit, x, t, T, 39.0) == pytest.approx(expected, rel=1e-6)


def test_lifetimes_agrees_on_spend(cdnow_summary: Summary) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes  # type: ignore[import-untyped,unused-ignore]
    import pandas as pd

    x, _, _, spend = cdnow_summary
    fit = gamma_gamma.fit(x, spend, prior_scale=math.inf)
    oracle = lifetimes.GammaGammaFitter()
    p, q, gamma = fit.fit.parameters.values()
    oracle.params_ = pd.Series({"p": p, "q": q, "v": gamma})
    expected = np.asarray(oracle.conditional_expected_average_profit(x, spend))
    assert gamma_gamma.expected_mean_spend(fit, x, spend) == pytest.approx(expected, rel=1e-9)
