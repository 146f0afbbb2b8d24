"""The programme's effect on simulated customers whose truth is known."""

import numpy as np
import pytest

from models.programme.effect import Effect, Occasions, Status, programme_effect

WINDOW, HISTORY, CHANCE = 180, 900, 0.12


def simulate(seed: int, customers: int, uplift: float) -> Occasions:
    """Customers buy at their own rates, join at a purchase, and buy more often from then on.

    Frequent buyers join sooner, which is what a plain comparison falls for.
    """
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.5, 1 / 100, customers)
    rows: list[tuple[float, ...]] = []
    for customer, rate in enumerate(rates):
        times, joined, now = [], np.inf, 0.0
        while True:
            speed = rate * (1 + uplift) if joined < np.inf else rate
            now += rng.exponential(1 / speed)
            if now >= HISTORY:
                break
            times.append(now)
            if joined == np.inf and rng.random() < CHANCE:
                joined = now
        at = np.array(times)
        for position, time in enumerate(at):
            if time > joined or time + WINDOW > HISTORY or time < 2 * WINDOW:
                continue
            after = (at > time) & (at <= time + WINDOW)
            before = ((at < time) & (at >= time - WINDOW)).sum()
            long_before = ((at < time - WINDOW) & (at >= time - 2 * WINDOW)).sum()
            rows.append(
                (
                    customer,
                    int(time // 90) * 100 + min(position, 5) * 10 + min(before, 4),
                    time == joined,
                    time < joined <= time + WINDOW,
                    (after & (at < joined)).sum(),
                    before,
                    after.sum(),
                    long_before,
                )
            )
    columns = np.array(rows).T
    return Occasions(
        customer=columns[0].astype(np.int64),
        stratum=columns[1].astype(np.int64),
        is_joining=columns[2].astype(bool),
        is_censored=columns[3].astype(bool),
        after_free=columns[4].astype(np.int64),
        before=columns[5],
        after=columns[6],
        long_before=columns[7],
    )


def effect_of(occasions: Occasions, seed: int = 1) -> Effect:
    return programme_effect(occasions, generator=np.random.default_rng(seed))


def test_the_planted_uplift_is_recovered_where_a_plain_comparison_overstates_it() -> None:
    planted, found, plain = 0.3, [], []
    for seed in range(4):
        occasions = simulate(seed, 4000, planted)
        effect = effect_of(occasions, seed)
        assert effect.status is Status.OK
        found.append(effect.effect / effect.mean_others)
        joined, left = occasions.is_joining, occasions.is_censored
        # Leaving out those who joined later leaves out the busy ones among the others.
        ratio = occasions.after[joined].mean() / occasions.after[~joined & ~left].mean()
        plain.append(ratio - 1)
    assert np.mean(found) == pytest.approx(planted, abs=0.12)
    assert np.mean(plain) > planted + 0.2


def test_a_programme_without_effect_is_found_no_more_often_than_the_level_says() -> None:
    found = [effect_of(simulate(seed, 500, uplift=0.0), seed) for seed in range(40)]
    wrong = sum(effect.effect_low > 0 or effect.effect_high < 0 for effect in found)
    assert wrong <= 6  # level 5 %: 2 of 40 are expected, more than 6 in one of 200 such tests
    assert np.mean([effect.effect for effect in found]) == pytest.approx(
        0, abs=0.2
    )  # of 2.4 purchases, three sigma
    assert all(effect.status in (Status.OK, Status.TREND_BEFORE) for effect in found)


def test_the_same_customers_give_the_same_numbers() -> None:
    occasions = simulate(5, 500, uplift=0.2)
    assert effect_of(occasions) == effect_of(occasions)


def test_groups_that_moved_apart_before_are_told() -> None:
    occasions = simulate(6, 1500, uplift=0.0)
    before = occasions.before + 2.0 * occasions.is_joining
    shifted = Occasions(**{**vars(occasions), "before": before})
    assert effect_of(shifted).status is Status.TREND_BEFORE


def test_no_programme_and_a_small_one_say_so() -> None:
    occasions = simulate(7, 60, uplift=0.0)
    nobody = Occasions(**{**vars(occasions), "is_joining": np.zeros_like(occasions.is_joining)})
    assert effect_of(nobody).status is Status.NO_PROGRAMME
    few = effect_of(occasions)
    assert few.status is Status.TOO_FEW
    assert np.isnan(few.effect)
    empty = Occasions(**{name: values[:0] for name, values in vars(occasions).items()})
    assert effect_of(empty).status is Status.NO_PROGRAMME
