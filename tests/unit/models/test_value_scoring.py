"""Scores: units do not matter, intervals cover, simulation agrees with formula."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from models.value import gamma_gamma, transactions
from models.value.scoring import CustomerScores, score_customers
from models.value.sufficient_statistics import distinct_rows
from tests.unit.models.value_model_data import FREQUENT, TRUTH, Array, MadeUp, simulate

Summary = tuple[Array, Array, Array, Array]


def score(customers: MadeUp, *, money: float = 1.0, **options: object) -> CustomerScores:
    return score_customers(
        customers.frequency,
        np.floor(customers.recency),
        customers.age,
        customers.mean_spend * money,
        generator=np.random.default_rng(1),
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("model", transactions.MODELS)
def test_weeks_or_days_give_the_same_predictions(model: str, cdnow_summary: Summary) -> None:
    x, t, T, _ = cdnow_summary
    weeks = transactions.fit(model, x, t, T)
    days = transactions.fit(model, x, t * 7, T * 7)
    for predict in (transactions.expected_purchases, transactions.probability_of_purchase):
        assert predict(days, x, t * 7, T * 7, 52 * 7.0) == pytest.approx(
            predict(weeks, x, t, T, 52.0), rel=1e-6
        )


def test_money_in_cents_gives_the_same_values(made_up: Callable[[int, int], MadeUp]) -> None:
    customers = made_up(2000, 21)
    euros, cents = score(customers), score(customers, money=100.0)
    for name in (
        "expected_spend",
        "predicted_value_90d",
        "predicted_value_365d",
        "predicted_value_365d_high",
    ):
        assert getattr(cents, name) == pytest.approx(100 * getattr(euros, name), rel=1e-6), name


def test_same_seed_gives_the_same_scores(made_up: Callable[[int, int], MadeUp]) -> None:
    customers = made_up(1000, 22)
    first, second = score(customers), score(customers)
    assert np.array_equal(first.predicted_value_365d_high, second.predicted_value_365d_high)
    assert np.array_equal(first.predicted_value_365d, second.predicted_value_365d)


def test_order_of_customers_does_not_matter(made_up: Callable[[int, int], MadeUp]) -> None:
    customers = made_up(1000, 23)
    forward = score(customers)
    backward = score(MadeUp(**{name: values[::-1] for name, values in vars(customers).items()}))
    for name in ("probability_alive", "predicted_value_365d", "predicted_value_365d_high"):
        assert getattr(backward, name)[::-1] == pytest.approx(getattr(forward, name), rel=1e-9)


@pytest.mark.parametrize(("truth", "tail_below"), [(TRUTH, False), (FREQUENT, True)])
def test_interval_covers_and_values_are_unbiased(truth: dict[str, float], tail_below: bool) -> None:
    """Customers with much at stake must be covered too, not only the many who buy nothing.

    The upper tail holds 2.5 % wherever a purchase is likely enough; the lower one where it is
    nearly certain, else a probable zero takes its place and the interval is wider.
    """
    customers = simulate(20_000, 24, truth)
    scores = score(customers)
    value = customers.future_value
    above = value > scores.predicted_value_365d_high
    below = value < scores.predicted_value_365d_low
    assert 0.945 <= 1 - (above | below).mean() <= 0.99
    probability = scores.probability_purchase_365d
    for tail, least in ((above, 0.2), (above, 0.8), *([(below, 0.99)] if tail_below else [])):
        rows = probability > least
        assert rows.sum() > 500
        allowed = 3.5 * np.sqrt(0.025 * 0.975 / rows.sum())
        assert tail[rows].mean() == pytest.approx(0.025, abs=allowed), least

    difference = value - scores.predicted_value_365d
    error = difference.std() / np.sqrt(len(value))
    # end-of-month discounting understates continuous discounting by about .4 %
    assert abs(difference.mean()) < 3 * error + 0.005 * value.mean()


def test_probabilities_are_calibrated(made_up: Callable[[int, int], MadeUp]) -> None:
    customers = made_up(40_000, 25)
    scores = score(customers)
    probability = scores.probability_purchase_365d
    bought = customers.future_purchases > 0
    for low in np.arange(0.0, 1.0, 0.2):
        rows = (probability >= low) & (probability < low + 0.2)
        if rows.sum() > 300:
            error = np.sqrt(0.25 / rows.sum())
            assert abs(bought[rows].mean() - probability[rows].mean()) < 3.5 * error


@pytest.mark.parametrize("model", transactions.MODELS)
def test_drawn_purchases_have_the_expected_mean(model: str, cdnow_summary: Summary) -> None:
    """Draws are given one purchase or more: their mean is E[Y] over the probability of any."""
    x, t, T, _ = cdnow_summary
    fit = transactions.fit(model, x, t, T)
    for frequency, age in ((0.0, 30.0), (2.0, 39.0), (20.0, 39.0)):
        one_x, one_age = np.array([frequency]), np.array([age])
        expected = transactions.expected_purchases_if_alive(fit, one_x, one_age, 52.0)
        probability = transactions.probability_of_purchase_if_alive(fit, one_x, one_age, 52.0)
        draws = transactions.draw_purchases(
            fit, one_x.repeat(40_000), one_age.repeat(40_000), 52.0, np.random.default_rng(2)
        )
        assert draws.min() >= 1
        error = draws.std() / np.sqrt(len(draws))
        assert abs(draws.mean() - (expected / probability)[0]) < 4 * error


def test_value_is_the_sum_of_its_definition(made_up: Callable[[int, int], MadeUp]) -> None:
    """Margin per customer x spend x discounted purchases, recomputed month by month."""
    customers = made_up(300, 26)
    x, t, T = customers.frequency, np.floor(customers.recency), customers.age
    margin = np.linspace(0.1, 0.6, 300)
    scores = score(customers, margin_rate=margin, annual_discount_rate=0.12)
    fit = transactions.fit("mbg_nbd", x, t, T)
    spend = gamma_gamma.expected_mean_spend(
        gamma_gamma.fit(x, customers.mean_spend), x, customers.mean_spend
    )
    month = 365.25 / 12
    purchases, before = np.zeros(300), np.zeros(300)
    for end in [month * k for k in range(1, 12)] + [365.0]:
        until = transactions.expected_purchases(fit, x, t, T, end)
        purchases += (until - before) * 1.12 ** (-end / 365.25)
        before = until
    assert scores.predicted_value_365d == pytest.approx(purchases * spend * margin, rel=1e-9)


def test_longer_horizon_is_worth_more(made_up: Callable[[int, int], MadeUp]) -> None:
    scores = score(made_up(300, 27), lifetime_days=3 * 365.0)
    assert (scores.predicted_value_lifetime > scores.predicted_value_365d).all()


def test_distinct_rows_are_counted_and_sorted() -> None:
    generator = np.random.default_rng(4)
    columns = [generator.integers(0, most, 5000) for most in (3, 900, 1, 20)]
    found, counts = distinct_rows(columns)
    expected = pd.DataFrame(dict(enumerate(columns))).value_counts().sort_index()
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected.index.tolist()
    assert counts.tolist() == expected.tolist()
    empty, none = distinct_rows([np.zeros(0, dtype=np.int64)] * 2)
    assert len(empty) == 2 and len(none) == 0
    with pytest.raises(OverflowError, match="dates far out of range"):
        distinct_rows([np.array([1 << 40]), np.array([1 << 30])])
