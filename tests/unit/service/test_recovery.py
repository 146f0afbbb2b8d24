"""What became of complainers: matching, intervals that hold, and nothing found where nothing is."""

import numpy as np
import pytest

from models.service.recovery import Comparison, Floats, Ints, compare_recovery, strata

GROUPS = ("recovered", "unrecovered", "never_complained")


def find(found: list[Comparison], *names: str) -> Comparison:
    (one,) = (c for c in found if (c.outcome, c.compared_group, c.reference_group) == names)
    return one


def company(
    rng: np.random.Generator, effect: float
) -> tuple[list[str], Ints, Ints, dict[str, Floats]]:
    """Draw orders of 640 customers: complainers spend more before, and hence later, anyway.

    Those who never complained have one to four orders each, alike by a trait of the customer.
    Spend is skewed and half of it zero; recovery adds `effect` on average.
    """
    groups, customers = [], []
    for group, size, orders in zip(GROUPS, (80, 80, 480), (1, 1, 4), strict=True):
        count = rng.integers(1, orders + 1, size)
        first = max(customers, default=-1) + 1
        customers += list(np.repeat(np.arange(first, first + size), count))
        groups += [group] * int(count.sum())
    group, customer = np.array(groups), np.array(customers, dtype=np.int64)
    before = rng.lognormal(4, 0.8, group.size) * np.where(group == "never_complained", 1, 1.4)
    count_purchases = rng.poisson(1, group.size) + 1
    stratum = strata(before, count_purchases, 300 * (count_purchases - 1))
    trait = rng.gamma(4, 0.25, customer.max() + 1)[customer]
    mean = 30 + 12 * (stratum // 10)
    spend = np.where(rng.random(group.size) < 0.5, 0, rng.gamma(1.2, mean / 0.6)) * trait
    spend = spend + np.where(group == "recovered", effect * rng.gamma(1, 1, group.size), 0)
    return list(group), stratum, customer, {"spend": spend}


def test_complainers_are_compared_with_their_like() -> None:
    """Plainly the recovered spend 100 more; within their strata 10."""
    group = ["recovered"] * 12 + ["never_complained"] * 24
    stratum = np.repeat([1, 2, 1, 2], [2, 10, 20, 4])
    values = np.repeat([20.0, 120.0, 10.0, 110.0], [2, 10, 20, 4])
    values += np.tile([-1.0, 1.0], 18)  # so that there is spread
    found = find(
        compare_recovery(group, stratum, np.arange(36), {"spend": values}),
        "spend", "recovered", "never_complained",
    )  # fmt: skip
    assert (found.count_matched, found.count_reference, found.count_strata) == (12, 24, 2)
    assert found.mean_compared == pytest.approx((2 * 20 + 10 * 120) / 12)
    assert found.mean_reference == pytest.approx((2 * 10 + 10 * 110) / 12)
    assert found.effect == pytest.approx(10)
    assert 8 < found.ci_low < 10 < found.ci_high < 12


def test_who_has_no_like_is_left_out() -> None:
    group = ["recovered"] * 20 + ["never_complained"] * 21
    stratum = np.repeat([1, 2, 1, 2], [10, 10, 20, 1])
    values = np.arange(41, dtype=float)
    values[0] = np.nan
    found = compare_recovery(group, stratum, np.arange(41), {"spend": values})
    one = find(found, "spend", "recovered", "never_complained")
    assert (one.count_matched, one.count_reference, one.count_strata) == (9, 20, 1)
    assert one.mean_compared == pytest.approx(5)
    assert np.isnan(one.ci_low)  # nine customers carry no interval
    none = find(found, "spend", "unrecovered", "never_complained")
    assert (none.count_matched, none.is_significant) == (0, False)
    assert np.isnan(none.effect)


def test_intervals_hold_what_they_promise() -> None:
    """Coverage of the 95 % intervals with and without an effect, and no more found than 5 %.

    Six intervals of each of 250 companies, half of them of an effect of zero. They depend on each
    other, so that the share has a standard error of about one point. Measured on 1,500 in decision
    0050.
    """
    repetitions = 250
    held = np.zeros((2, 3))
    for number in range(repetitions):
        rng = np.random.default_rng(number)
        for row, effect in enumerate((0.0, 40.0)):
            found = compare_recovery(*company(rng, effect))
            truth = [effect, 0.0, effect]
            held[row] += [c.ci_low <= t <= c.ci_high for c, t in zip(found, truth, strict=True)]
    coverage = held / repetitions
    assert 0.935 < coverage.mean() < 0.97, coverage
    assert ((coverage > 0.91) & (coverage < 0.99)).all(), coverage


def test_a_large_effect_is_found() -> None:
    found = compare_recovery(*company(np.random.default_rng(4), 150))
    assert find(found, "spend", "recovered", "never_complained").is_significant
    assert find(found, "spend", "recovered", "unrecovered").is_significant
    assert not find(found, "spend", "unrecovered", "never_complained").is_significant


def test_strata_keep_equal_spend_together() -> None:
    spend = np.array([0, 0, 0, 0, 0, 0, 0, 0, 5, 9], dtype=float)
    count = np.array([1, 2, 4, 8, 9, 1, 1, 1, 1, 1])
    days = np.array([0, 365, 366, 0, 0, 0, 0, 0, 0, 0])
    found = strata(spend, count, days)
    assert found[0] == found[5] == found[6] == found[7]
    assert len(set(found[:5])) == 5
    assert len({found[0], found[8], found[9]}) == 2  # the last two lie in the fifth quintile
    assert strata(spend[:0], count[:0], days[:0]).size == 0
