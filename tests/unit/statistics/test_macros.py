"""The SQL that computes intervals, evaluated as it is written in the macros.

The texts of the macros are plain Jinja: rendered without dbt and run by DuckDB, they are held
against published examples and exact coverage.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from jinja2 import Environment
from scipy.stats import binom, binomtest, multinomial

MACROS = Path(__file__).resolve().parents[3] / "dbt_project" / "macros"
Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def macros() -> Any:
    text = (MACROS / "intervals.sql").read_text(encoding="utf-8")
    return Environment().from_string(text).module


def evaluate(expression: str, **columns: Any) -> Array:
    """Return one value per row of an SQL expression over integer columns."""
    arrays = {name: np.atleast_1d(np.asarray(values)) for name, values in columns.items()}
    names = ", ".join(f"unnest(${name}) as {name}" for name in arrays)
    with duckdb.connect() as con:
        found = con.execute(
            f"select cast({expression} as double) from (select {names})",
            {name: array.tolist() for name, array in arrays.items()},
        ).fetchall()
    return np.array([value for (value,) in found], dtype=np.float64)  # NULL is NaN


@pytest.fixture(scope="module")
def wilson(macros: Any) -> Callable[[Any, Any], tuple[Array, Array]]:
    def bounds(hits: Any, responses: Any) -> tuple[Array, Array]:
        low, high = (
            evaluate(macros.wilson_bound("hits", "responses", side), hits=hits, responses=responses)
            for side in ("low", "high")
        )
        return low, high

    return bounds


@pytest.fixture(scope="module")
def nps(macros: Any) -> Callable[[Any, Any, Any], tuple[Array, Array]]:
    def bounds(promoters: Any, detractors: Any, responses: Any) -> tuple[Array, Array]:
        low, high = (
            evaluate(
                macros.nps_bound("promoters", "detractors", "responses", side),
                promoters=promoters,
                detractors=detractors,
                responses=responses,
            )
            for side in ("low", "high")
        )
        return low, high

    return bounds


def test_wilson_gives_the_published_examples(wilson: Any) -> None:
    # Newcombe 1998, table I, method 3.
    low, high = wilson([81, 15, 0, 1], [263, 148, 20, 29])
    assert np.round(low, 4) == pytest.approx([0.2553, 0.0624, 0.0000, 0.0061], abs=1e-12)
    assert np.round(high, 4) == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718], abs=1e-12)


def test_wilson_equals_scipy_for_every_share_of_small_and_large_samples(wilson: Any) -> None:
    pairs = [(k, n) for n in (1, 2, 7, 30) for k in range(n + 1)] + [(3, 10**7), (10**7, 10**7)]
    low, high = wilson(*zip(*pairs, strict=True))
    expected = [binomtest(k, n).proportion_ci(method="wilson") for k, n in pairs]
    assert low == pytest.approx([interval.low for interval in expected], abs=1e-12)
    assert high == pytest.approx([interval.high for interval in expected], abs=1e-12)


def test_wilson_ends_exactly_where_shares_end(wilson: Any) -> None:
    """16 of 16 once ended at 0.9999999999999998, below the share itself."""
    n = np.arange(1, 2001)
    assert (wilson(n, n)[1] == 1).all()
    assert (wilson(0 * n, n)[0] == 0).all()
    low, high = wilson([None, 0, 3], [5, 0, None])
    assert np.isnan(low).all() and np.isnan(high).all()


def test_nps_interval_by_hand(nps: Any) -> None:
    # 5 promoters, 2 detractors of 10: p = 5.75/13 = .4423077, d = 2.75/13 = .2115385,
    # p - d = .2307692, variance p + d - (p - d)^2 = .6005917, standard error
    # sqrt(.6005917/13) = .2149404, half width 1.959964 * .2149404 = .4212754.
    low, high = nps([5], [2], [10])
    assert low == pytest.approx([100 * (0.2307692 - 0.4212754)], abs=1e-4)
    assert high == pytest.approx([100 * (0.2307692 + 0.4212754)], abs=1e-4)


def test_nps_interval_stays_within_its_scale(nps: Any) -> None:
    low, high = nps([1, 0, 0, 0, 1000], [0, 1, 0, 0, 0], [1, 1, 1, 1000, 1000])
    assert low.min() >= -100 and high.max() <= 100
    assert (low < high).all()


@pytest.mark.parametrize("n", [30, 100, 300])
def test_wilson_covers_95_percent(wilson: Any, n: int) -> None:
    """Exact coverage, no simulation: the chance of every count times whether its interval holds p.

    For one p it jumps as counts are whole; the mean over p is what "95 %" promises (Agresti & Coull
    1998). Measured: .9530, .9505, .9498.
    """
    hits = np.arange(n + 1)
    low, high = wilson(hits, np.full(n + 1, n))
    shares = np.linspace(0.02, 0.98, 193)[:, np.newaxis]
    covers = (low <= shares) & (shares <= high)
    coverage = (binom.pmf(hits, n, shares) * covers).sum(axis=1)
    assert 0.945 <= coverage.mean() <= 0.96
    assert coverage.min() >= 0.90


@pytest.mark.parametrize("n", [30, 100])
def test_nps_interval_covers_95_percent(nps: Any, n: int) -> None:
    """Exact coverage over all outcomes of the trinomial, for usual mixes of respondents.

    Measured: .9424 to .9568 at 30 responses, .9483 to .9548 at 100.
    """
    promoters, detractors = (
        counts.ravel() for counts in np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    )
    possible = promoters + detractors <= n
    promoters, detractors = promoters[possible], detractors[possible]
    low, high = nps(promoters, detractors, np.full(len(promoters), n))
    outcomes = np.stack([promoters, detractors, n - promoters - detractors], axis=1)
    mixes = [(0.1, 0.6), (0.2, 0.2), (0.3, 0.4), (0.5, 0.2), (0.6, 0.1), (0.75, 0.05)]
    coverage = [
        multinomial.pmf(outcomes, n, [p, d, 1 - p - d])
        @ ((low <= 100 * (p - d)) & (100 * (p - d) <= high))
        for p, d in mixes
    ]
    assert 0.945 <= np.mean(coverage) <= 0.96
    assert min(coverage) >= 0.93


def test_uplift_covers_95_percent_and_finds_nothing_where_nothing_is(macros: Any) -> None:
    """Exact coverage over all outcomes of both groups, as campaigns are judged by their control.

    Measured, 80 treated and 40 control: .944 to .977; with equal rates .015 to .051 are found.
    """
    treated, control = 80, 40
    hits = [h.ravel() for h in np.meshgrid(np.arange(treated + 1), np.arange(control + 1))]
    low, high = (
        evaluate(
            macros.difference_bound(
                *(macros.adjusted_share("a", treated), macros.adjusted_share_error("a", treated)),
                *(macros.adjusted_share("b", control), macros.adjusted_share_error("b", control)),
                side,
            ),
            a=hits[0],
            b=hits[1],
        )
        for side in ("low", "high")
    )

    def chance(outcome: Array, p: float, q: float) -> float:
        weights = binom.pmf(hits[0], treated, p) * binom.pmf(hits[1], control, q)
        return float(weights @ outcome)

    effects = [(0.1, 0.05), (0.2, 0.1), (0.3, 0.3), (0.15, 0.15), (0.5, 0.35), (0.4, 0.6)]
    coverage = [chance((low <= p - q) & (p - q <= high), p, q) for p, q in effects]
    assert 0.945 <= np.mean(coverage) <= 0.965
    assert min(coverage) >= 0.94
    found = [chance((low > 0) | (high < 0), p, p) for p in (0.05, 0.1, 0.2, 0.35, 0.5)]
    assert max(found) <= 0.055


@pytest.mark.parametrize("n", [4, 15, 50, 150])
def test_means_on_a_scale_cover_95_percent(macros: Any, n: int) -> None:
    """Satisfaction and effort are means of answers on few steps; so are changes between months.

    Simulated with 8,000 samples a mix, standard error .003. Changes are judged as the mart judges
    them, by Welch's degrees of freedom.
    """
    rng = np.random.default_rng(n)
    mixes = np.array(
        [[0.05, 0.05, 0.15, 0.35, 0.4], [0.2, 0.2, 0.2, 0.2, 0.2], [0.02, 0.08, 0.2, 0.5, 0.2]]
    )
    steps = np.array([0, 25, 50, 75, 100.0])
    held, found = [], []
    for mix in mixes:
        counts = rng.multinomial(n, mix, size=8_000)
        mean = counts @ steps / n
        variance = (counts @ steps**2 - n * mean**2) / (n - 1)
        low, high = (
            evaluate(macros.mean_bound("m", "v", n, side), m=mean, v=variance)
            for side in ("low", "high")
        )
        truth = mix @ steps
        held.append(((low <= truth) & (truth <= high)).mean())
        change_low, change_high = (
            evaluate(
                macros.difference_bound(
                    *("a", f"v / {n}", "b", f"w / {n}", side),
                    macros.student_95(macros.welch_degrees(f"v / {n}", n, f"w / {n}", n)),
                ),
                a=mean[::2],
                b=mean[1::2],
                v=variance[::2],
                w=variance[1::2],
            )
            for side in ("low", "high")
        )
        found.append(((change_low > 0) | (change_high < 0)).mean())
    if n >= 50:
        assert 0.94 <= np.mean(held) <= 0.96, held
        assert min(held) >= 0.935, held
    assert max(found) <= 0.06, "changes where nothing changed"


def test_changes_of_nps_are_found_no_more_often_than_the_level_says(macros: Any) -> None:
    """Two months of the same mix, 80 answers each, adjusted as the mart does. Measured: .052."""
    n, mix = 80, (0.5, 0.2, 0.3)
    counts = np.random.default_rng(8).multinomial(n, mix, size=12_000)
    p, d = (counts[:, 0] + 0.75) / (n + 3), (counts[:, 1] + 0.75) / (n + 3)
    value, error = 100 * (p - d), 10_000 * (p + d - (p - d) ** 2) / (n + 3)
    low, high = (
        evaluate(
            macros.difference_bound("a", "v", "b", "w", side),
            a=value[::2],
            b=value[1::2],
            v=error[::2],
            w=error[1::2],
        )
        for side in ("low", "high")
    )
    assert 0.04 <= ((low > 0) | (high < 0)).mean() <= 0.06


def skewed_bounds(macros: Any, samples: Array) -> tuple[Array, Array]:
    """Return the interval of the mean of each row."""
    n = samples.shape[1]
    mean, deviation = samples.mean(axis=1), samples.std(axis=1, ddof=1)
    skewness = (((samples - mean[:, np.newaxis]) / deviation[:, np.newaxis]) ** 3).mean(axis=1)
    low, high = (
        evaluate(
            macros.skewed_bound("m", "e", "s", n - 1, side),
            m=mean,
            e=deviation / np.sqrt(n),
            s=skewness / np.sqrt(n),
        )
        for side in ("low", "high")
    )
    return low, high


@pytest.mark.parametrize("n", [50, 150])
def test_means_of_spend_cover_95_percent(macros: Any, n: int) -> None:
    """What customers spend: nothing for half or most of them, and a long tail; and its trend.

    Simulated with 2,000 samples each, standard error .005. Measured on 20,000: decision 0050.
    """
    rng = np.random.default_rng(n)
    buys = rng.random((2, 2_000, n))
    lognormal = rng.lognormal(4, 1, buys[0].shape)
    samples = [
        (np.where(buys[0] < 0.5, 0, rng.gamma(1.2, 50, buys[0].shape)), 30.0),
        (np.where(buys[1] < 0.7, 0, rng.lognormal(4, 0.8, buys[1].shape)), 0.3 * np.exp(4.32)),
        (rng.gamma(2, 30, buys[0].shape), 60.0),
        (rng.normal(50, 10, buys[0].shape), 50.0),
        (lognormal, np.exp(4.5)),
    ]
    held, found = [], []
    for values, truth in samples:
        low, high = skewed_bounds(macros, values)
        held.append(((low <= truth) & (truth <= high)).mean())
        # The scorecard's trend: two periods of the same, their intervals joined (Newcombe 1998).
        below, above = (values.mean(axis=1) - low), (high - values.mean(axis=1))
        change = values[::2].mean(axis=1) - values[1::2].mean(axis=1)
        reach = np.where(
            change > 0,
            np.hypot(below[::2], above[1::2]),
            np.hypot(above[::2], below[1::2]),
        )
        found.append((np.abs(change) > reach).mean())
    assert max(found) <= 0.07, found
    assert 0.94 <= np.mean(held) <= 0.96, held
    assert min(held) >= 0.93 and max(held) <= 0.97, held


def test_margins_of_a_campaign_cover_95_percent(macros: Any) -> None:
    """The difference of two skewed means, 300 treated and 100 control, combined as the mart does.

    Most buy nothing; the effect is nothing or makes half as many buy again as much. Simulated with
    1,500 campaigns each.
    """
    rng = np.random.default_rng(5)
    held = []
    for treated_share in (0.2, 0.3):
        groups = [
            np.where(rng.random((1_500, n)) < share, rng.lognormal(3, 0.7, (1_500, n)), 0)
            for n, share in ((300, treated_share), (100, 0.2))
        ]
        truth = (treated_share - 0.2) * np.exp(3 + 0.7**2 / 2)
        sizes = [values.shape[1] for values in groups]
        errors = [values.var(axis=1, ddof=1) / values.shape[1] for values in groups]
        thirds = [
            ((values - values.mean(axis=1, keepdims=True)) ** 3).mean(axis=1) / n**2
            for values, n in zip(groups, sizes, strict=True)
        ]
        both = errors[0] + errors[1]
        degrees = both**2 / sum(e**2 / (n - 1) for e, n in zip(errors, sizes, strict=True))
        low, high = (
            evaluate(
                macros.skewed_bound("m", "e", "s", "d", side, "w"),
                w=sum(thirds) / both**1.5,
                m=groups[0].mean(axis=1) - groups[1].mean(axis=1),
                e=np.sqrt(both),
                s=(thirds[0] - thirds[1]) / both**1.5,
                d=degrees,
            )
            for side in ("low", "high")
        )
        held.append(((low <= truth) & (truth <= high)).mean())
    assert all(0.935 <= share <= 0.965 for share in held), held


@pytest.mark.parametrize("spread", [None, 0.3])
def test_events_per_head_cover_95_percent(macros: Any, spread: float | None) -> None:
    """Customers won per customer: rare, and many by few (gamma-mixed Poisson).

    Simulated with 2,000 companies each. Measured on 4,000 of 600 to 3,000 customers: .942 to .957;
    at one event in 100 customers .92.
    """
    rng = np.random.default_rng(9)
    held = []
    for heads, rate in ((600, 0.02), (1_500, 0.05), (600, 0.3)):
        mean = (
            rng.gamma(spread, rate / spread, (2_000, heads))
            if spread
            else np.full((2_000, heads), rate)
        )
        counts = rng.poisson(mean)
        low, high = (
            evaluate(
                macros.per_head_bound("t", "q", heads, side),
                t=counts.sum(axis=1),
                q=(counts**2).sum(axis=1),
            )
            for side in ("low", "high")
        )
        held.append(((low <= rate) & (rate <= high)).mean())
    assert 0.94 <= np.mean(held) <= 0.965, held
    assert min(held) >= 0.93, held


def test_nobody_won_is_still_an_interval(macros: Any) -> None:
    assert evaluate(macros.per_head_bound("t", "q", 100, "low"), t=[0], q=[0]) == [0]
    (high,) = evaluate(macros.per_head_bound("t", "q", 100, "high"), t=[0], q=[0])
    assert high == pytest.approx(1.959964**2 / 100)


def test_elasticity_covers_95_percent_and_finds_nothing_where_nothing_is(macros: Any) -> None:
    """Exact coverage over all outcomes of two neighbouring scores. Measured: .945 to .960."""
    held, found = [], []
    for n, m, p, q in (
        (60, 60, 0.6, 0.4),
        (100, 80, 0.8, 0.5),
        (40, 60, 0.3, 0.3),
        (90, 50, 0.5, 0.5),
    ):
        hits = [h.ravel() for h in np.meshgrid(np.arange(n + 1), np.arange(m + 1))]
        low, high = (
            evaluate(macros.log_ratio_bound("a", n, "b", m, side), a=hits[0], b=hits[1])
            for side in ("low", "high")
        )
        weights = binom.pmf(hits[0], n, p) * binom.pmf(hits[1], m, q)
        held.append(float(weights @ ((low <= np.log(p / q)) & (np.log(p / q) <= high))))
        if p == q:
            found.append(float(weights @ ((low > 0) | (high < 0))))
    assert 0.94 <= np.mean(held) <= 0.965, held
    assert min(held) >= 0.94, held
    assert max(found) <= 0.055, found
