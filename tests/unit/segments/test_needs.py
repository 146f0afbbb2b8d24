"""Needs segments: planted groups are found and named, noise is not cut, strange data survived."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.segments.needs import (
    ALL_TOGETHER,
    FEATURES,
    FEWEST_CUSTOMERS,
    STABLE,
    needs_segments,
)

NAMES = [feature.name for feature in FEATURES]


def behaviour(count: int, seed: int = 3) -> NDArray[np.float64]:
    """Return average customers: every trait scatters a little around its usual value."""
    generator = np.random.default_rng(seed)
    usual = [2.0, 80.0, 3.0, 1.0, 2.0, 0.4, 0.3, 0.3, 0.05, 0.1]
    return np.array(usual) * np.exp(0.1 * generator.standard_normal((count, len(usual))))


def planted() -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Return three groups: average ones, weekend shoppers, frequent buyers with discounts."""
    rows, group = behaviour(900), np.repeat([0, 1, 2], [450, 300, 150])
    rows[group == 1, NAMES.index("weekend_order_share")] = 0.95
    rows[group == 2, NAMES.index("orders_per_year")] *= 6
    rows[group == 2, NAMES.index("discounted_order_share")] = 0.9
    return rows, group


def test_planted_groups_are_found_and_described() -> None:
    rows, group = planted()
    found = needs_segments(rows, np.random.default_rng(1))
    # Three are planted; a fourth would cut the largest of them, at .79.
    assert [segment.count_customers for segment in found.segments] == [450, 300, 150]
    assert (found.labels == group).all()
    assert found.stability > 0.99
    assert found.tried[3] > 0.99 and max(found.tried[k] for k in (4, 5, 6, 7)) < 0.9
    average, weekend, frequent = found.segments
    assert weekend.name == "Weekend shoppers" and "95 % of orders" in weekend.description
    assert frequent.name in ("Frequent", "Bargain hunters")
    assert "orders often" in frequent.description.lower()
    assert "buys with discounts (90 % of orders" in frequent.description.lower()
    assert len({average.name, weekend.name, frequent.name}) == 3


def test_a_small_share_is_told_by_its_rest() -> None:
    """Olist read "Orders during the day (0 % of orders, all 39 %)": the share of the evening."""
    rows, group = planted()
    rows[:, NAMES.index("evening_order_share")] = np.where(group == 1, 0.0, 0.6)
    _, weekend, _ = needs_segments(rows, np.random.default_rng(1)).segments
    assert "orders during the day (100 % of orders, all 60 %)" in weekend.description.lower()


def test_an_even_cloud_is_not_cut() -> None:
    """Ten independent traits without any group: no cut comes out the same twice."""
    found = needs_segments(behaviour(2_000), np.random.default_rng(1))
    assert [segment.name for segment in found.segments] == [ALL_TOGETHER]
    assert np.isnan(found.stability) and max(found.tried.values()) < STABLE


def test_equal_seeds_give_equal_segments_and_units_do_not_matter() -> None:
    rows, _ = planted()
    first, again = (needs_segments(rows, np.random.default_rng(5)) for _ in range(2))
    assert (first.labels == again.labels).all() and first.segments == again.segments
    in_cents = rows.copy()
    in_cents[:, NAMES.index("mean_order_revenue")] *= 100
    assert (needs_segments(in_cents, np.random.default_rng(5)).labels == first.labels).all()


def test_what_is_not_known_or_the_same_for_all_does_not_take_part() -> None:
    rows, group = planted()
    rows[:, NAMES.index("evening_order_share")] = np.nan
    rows[:, NAMES.index("refund_rate")] = 0.0
    rows[::3, NAMES.index("price_level")] = np.nan
    found = needs_segments(rows, np.random.default_rng(1))
    assert (found.labels == group).all()
    assert not any("evening" in segment.description for segment in found.segments)


def test_one_whale_is_no_segment() -> None:
    rows, group = planted()
    rows[0, NAMES.index("mean_order_revenue")] = 1e9
    rows[0, NAMES.index("units_per_order")] = 1e9
    found = needs_segments(rows, np.random.default_rng(1))
    assert (found.labels[1:] == group[1:]).all()


@pytest.mark.parametrize(
    "rows",
    [
        np.empty((0, len(FEATURES))),
        behaviour(FEWEST_CUSTOMERS - 1),
        np.ones((500, len(FEATURES))),
        np.full((500, len(FEATURES)), np.nan),
    ],
    ids=["nobody", "too few", "all alike", "nothing known"],
)
def test_without_anything_to_tell_apart_all_stay_together(rows: NDArray[np.float64]) -> None:
    found = needs_segments(rows, np.random.default_rng(1))
    assert [segment.name for segment in found.segments] == [ALL_TOGETHER]
    assert found.segments[0].count_customers == len(rows) == len(found.labels)
