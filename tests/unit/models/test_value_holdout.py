"""Forecasts of what real customers did next, against the bars and against naive forecasts."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import rankdata

from models.value import gamma_gamma, transactions
from models.value.status import Status
from tests.unit.models.value_model_data import Array, Window, split_window

ONLINE_RETAIL = Path(__file__).parents[4] / "shared" / "data" / "online_retail"


def mae(predicted: Array, actual: Array) -> float:
    return float(np.abs(predicted - actual).mean())


def rmse(predicted: Array, actual: Array) -> float:
    return float(np.sqrt(((predicted - actual) ** 2).mean()))


def gini(predicted: Array, actual: Array) -> float:
    """Area under the cumulative-gains curve over that of the perfect order."""

    def area(order: npt.NDArray[np.intp]) -> float:
        return float((np.cumsum(actual[order]) / actual.sum()).mean() - 0.5)

    return area(np.argsort(-predicted, kind="stable")) / area(np.argsort(-actual, kind="stable"))


def top_decile_share(predicted: Array, actual: Array) -> float:
    best = np.argsort(-predicted, kind="stable")[: len(actual) // 10]
    return float(actual[best].sum() / actual.sum())


def auc(predicted: Array, happened: npt.NDArray[np.bool_]) -> float:
    ranks, positives = rankdata(predicted), happened.sum()
    negatives = len(happened) - positives
    return float(
        (ranks[happened].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    )


def calibration_error(predicted: Array, happened: npt.NDArray[np.bool_]) -> float:
    bins = np.minimum((predicted * 10).astype(int), 9)
    return float(
        sum(
            abs(predicted[bins == k].mean() - happened[bins == k].mean()) * (bins == k).mean()
            for k in np.unique(bins)
        )
    )


def naive_rate(window: Window, horizon: float) -> Array:
    return np.divide(
        window.frequency * horizon, window.age, out=np.zeros(len(window.age)), where=window.age > 0
    )


@pytest.fixture(scope="module")
def half(cdnow_window: Callable[[date, date], Window]) -> Window:
    return cdnow_window(date(1997, 9, 30), date(1998, 6, 30))


@pytest.fixture(scope="module")
def two_thirds(cdnow_window: Callable[[date, date], Window]) -> Window:
    return cdnow_window(date(1997, 12, 31), date(1998, 6, 30))


def test_cdnow_39_39_purchases(half: Window) -> None:
    horizon = 273.0
    histories = half.frequency, half.recency, half.age
    fit = transactions.fit("mbg_nbd", *histories)
    expected = transactions.expected_purchases(fit, *histories, horizon)
    assert mae(expected, half.purchases) <= 0.80
    assert rmse(expected, half.purchases) <= 1.75
    assert gini(expected, half.purchases) >= 0.66
    assert top_decile_share(expected, half.purchases) >= 0.45
    for naive in (naive_rate(half, horizon), half.purchases_before):
        assert mae(expected, half.purchases) <= 0.9 * mae(naive, half.purchases)
        assert rmse(expected, half.purchases) <= 0.9 * rmse(naive, half.purchases)


def test_cdnow_39_39_probability_of_purchase(half: Window) -> None:
    histories = half.frequency, half.recency, half.age
    fit = transactions.fit("mbg_nbd", *histories)
    probability = transactions.probability_of_purchase(fit, *histories, 273.0)
    bought = half.purchases > 0
    assert ((probability - bought) ** 2).mean() <= 0.168
    assert auc(probability, bought) >= 0.75
    assert calibration_error(probability, bought) <= 0.065


def test_cdnow_39_39_spend(half: Window) -> None:
    histories = half.frequency, half.recency, half.age
    fit = transactions.fit("mbg_nbd", *histories)
    spend_fit = gamma_gamma.fit(half.frequency, half.mean_spend)
    expected = transactions.expected_purchases(
        fit, *histories, 273.0
    ) * gamma_gamma.expected_mean_spend(spend_fit, half.frequency, half.mean_spend)
    assert gini(expected, half.spend) >= 0.66
    assert top_decile_share(expected, half.spend) >= 0.45
    for naive in (naive_rate(half, 273.0) * half.mean_spend, half.spend_before):
        assert mae(expected, half.spend) <= 0.9 * mae(naive, half.spend)
        assert rmse(expected, half.spend) <= 0.9 * rmse(naive, half.spend)


@pytest.mark.parametrize("model", ["mbg_nbd", "pareto_nbd"])
def test_cdnow_52_26(model: str, two_thirds: Window) -> None:
    """AUC is of the ranking by expected purchases."""
    horizon = 181.0
    histories = two_thirds.frequency, two_thirds.recency, two_thirds.age
    fit = transactions.fit(model, *histories)
    expected = transactions.expected_purchases(fit, *histories, horizon)
    actual = two_thirds.purchases
    assert mae(expected, actual) <= 0.54
    assert rmse(expected, actual) <= 1.13
    assert gini(expected, actual) >= 0.70
    assert auc(expected, actual > 0) >= 0.795
    assert abs(expected.sum() / actual.sum() - 1) <= 0.08


def test_bg_nbd_ranks_one_time_buyers_as_certainly_alive(half: Window) -> None:
    """Why MBG/NBD is the default: BG/NBD cannot tell who is still there."""
    histories = half.frequency, half.recency, half.age
    bought = half.purchases > 0
    ranked = {
        model: auc(
            transactions.probability_alive(transactions.fit(model, *histories), *histories), bought
        )
        for model in ("bg_nbd", "mbg_nbd")
    }
    assert ranked["bg_nbd"] < 0.4
    assert ranked["mbg_nbd"] > 0.65


@pytest.mark.shared_data
@pytest.mark.skipif(
    not ONLINE_RETAIL.exists(),
    reason="needs online_retail in the shared data folder beside the project",
)
@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd", "pareto_nbd"])
def test_online_retail_dropout_is_not_identified(model: str, online_retail: Window) -> None:
    histories = online_retail.frequency, online_retail.recency, online_retail.age
    fit = transactions.fit(model, *histories)
    assert fit.status is Status.DROPOUT_UNIDENTIFIED
    assert fit.n == 2775


@pytest.mark.shared_data
@pytest.mark.skipif(
    not ONLINE_RETAIL.exists(),
    reason="needs online_retail in the shared data folder beside the project",
)
def test_online_retail_fallback_beats_the_naive_rate(online_retail: Window) -> None:
    histories = online_retail.frequency, online_retail.recency, online_retail.age
    fit = transactions.fit("nbd", *histories)
    expected = transactions.expected_purchases(fit, *histories, 182.0)
    naive = naive_rate(online_retail, 182.0)
    assert mae(expected, online_retail.purchases) < 0.95 * mae(naive, online_retail.purchases)
    assert rmse(expected, online_retail.purchases) < 0.65 * rmse(naive, online_retail.purchases)


@pytest.fixture(scope="module")
def online_retail() -> Window:
    """27 weeks and the next 26; purchases of named customers."""
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            select "CustomerID"::double::bigint, "InvoiceDate"::date - date '2010-12-01',
                sum("Quantity" * "UnitPrice")
            from read_csv(?)
            where "CustomerID" is not null and "Quantity" > 0 and "UnitPrice" > 0
            group by all
            order by all
            """,
            [str(ONLINE_RETAIL / "OnlineRetail.csv.gz")],
        ).fetchnumpy()
    customers, days, amounts = (np.asarray(column) for column in rows.values())
    return split_window(customers, days, amounts.astype(float), 27 * 7 - 1, 53 * 7 - 1)
