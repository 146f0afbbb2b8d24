"""Matched differences: by hand, where few are alike, and how often their intervals hold."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from models.matched import Bools, Floats, Ints, MatchedDifference, matched_difference


def compared(values: Floats, stratum: Ints, customer: Ints, group: Bools) -> MatchedDifference:
    return matched_difference(values, stratum=stratum, customer=customer, is_compared=group)


def test_one_stratum_by_hand() -> None:
    """Ten of mean 6 against twelve of mean 3; half of a group lies one above its mean, half below.

    Squared errors: 10 * (1 / 10)^2 = .1 and 12 * (1 / 12)^2 * 12 / 11 = 1 / 11; Satterthwaite's
    degrees (.1 + 1 / 11)^2 / (.1^2 / 9 + (1 / 11)^2 / 11) = 19.56 with Student's quantile 2.0889.
    """
    group = np.arange(22) < 10
    values = np.where(group, 6.0, 3.0) + np.tile([1.0, -1.0], 11)
    found = compared(values, np.zeros(22, dtype=np.int64), np.arange(22), group)
    assert (found.count_compared, found.count_reference, found.count_strata) == (10, 12, 1)
    assert (found.mean_compared, found.mean_reference, found.effect) == (6, 3, 3)
    reach = 2.0889 * np.sqrt(0.1 + 1 / 11)
    assert (found.low, found.high) == pytest.approx((3 - reach, 3 + reach), abs=1e-4)


def test_against_exact_references_it_is_the_interval_of_one_mean() -> None:
    """References without spread leave a one-sample t interval, but for n against n - 1."""
    rng = np.random.default_rng(1)
    group = np.arange(40) < 20
    draws = rng.normal(5, 2, 10)
    values = np.where(group, np.tile(np.concatenate([draws, 10 - draws]), 2), 3.0)  # leans nowhere
    found = compared(values, np.zeros(40, dtype=np.int64), np.arange(40), group)
    exact = ttest_1samp(values[:20] - 3, 0).confidence_interval()
    assert found.effect == pytest.approx((exact.low + exact.high) / 2)
    assert found.high - found.low == pytest.approx((exact.high - exact.low) * np.sqrt(19 / 20))


def test_a_customer_in_several_strata_is_one_draw() -> None:
    """Ten copies of every unit make nothing surer."""
    rng = np.random.default_rng(2)
    group = np.arange(60) < 20
    stratum, values = np.arange(60) % 2, rng.normal(0, 1, 60)
    once = compared(values, stratum, np.arange(60), group)
    copies = [np.tile(array, 10) for array in (values, stratum, np.arange(60), group)]
    often = compared(*copies)
    assert (often.effect, often.low, often.high) == pytest.approx(
        (once.effect, once.low, once.high)
    )
    alone = compared(copies[0], copies[1], np.arange(600), copies[3])
    assert alone.high - alone.low < 0.5 * (once.high - once.low)


def test_who_has_fewer_than_two_likes_is_left_out() -> None:
    stratum = np.array([1] * 30 + [2, 2, 3], dtype=np.int64)
    group = np.array([True] * 15 + [False] * 15 + [True, False, True])
    values = np.arange(33, dtype=float)
    found = compared(values, stratum, np.arange(33), group)
    assert (found.count_compared, found.count_reference, found.count_strata) == (15, 15, 1)
    nobody = compared(values[30:], stratum[30:], np.arange(3), group[30:])
    assert nobody.count_compared == 0 and np.isnan(nobody.effect) and np.isnan(nobody.low)
    empty = compared(values[:0], stratum[:0], stratum[:0], group[:0])
    assert empty.count_strata == 0 and np.isnan(empty.effect)


@pytest.mark.parametrize("size", [80, 30])
def test_where_few_are_alike_intervals_hold_what_they_promise(size: int) -> None:
    """Compared units lie where references are thin: one in twenty where half the references are.

    Outcomes are skewed and alike within a customer, the effect differs by unit. Measured on 2,000
    companies: .948 with 80 compared units, .960 with 30. 200 trials of .95 at or below .90 come
    once in 400.
    """
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        references = rng.integers(0, 6, 400)
        stratum = np.concatenate(
            [
                rng.choice(6, size, p=[0.05, 0.1, 0.15, 0.2, 0.25, 0.25]),
                rng.choice(6, 400, p=[0.5, 0.25, 0.13, 0.07, 0.03, 0.02]),
            ]
        )
        customer = np.concatenate([1000 + np.arange(size), references + 6 * np.arange(400) // 3])
        trait = rng.gamma(4, 0.25, customer.max() + 1)[customer]
        values = trait * rng.gamma(1.2, 20 + 5 * stratum)
        group = np.arange(len(stratum)) < size
        values += group * rng.gamma(1, 15, len(stratum))
        found = compared(values, stratum, customer, group)
        held.append(found.low <= 15 <= found.high)
    assert np.mean(held) > 0.90
