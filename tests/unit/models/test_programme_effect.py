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


def holds(effect: Effect, truth: float) -> bool:
    return effect.effect_low <= truth <= effect.effect_high


def test_the_planted_uplift_is_recovered_where_a_plain_comparison_overstates_it() -> None:
    planted, found, plain = 0.3, [], []
    for seed in range(4):
        occasions = simulate(seed, 4000, planted)
        effect = programme_effect(occasions)
        assert effect.status is Status.OK
        found.append(effect.effect / effect.mean_others)
        joined, left = occasions.is_joining, occasions.is_censored
        # Leaving out those who joined later leaves out the busy ones among the others.
        ratio = occasions.after[joined].mean() / occasions.after[~joined & ~left].mean()
        plain.append(ratio - 1)
    assert np.mean(found) == pytest.approx(planted, abs=0.12)
    assert np.mean(plain) > planted + 0.2


def test_intervals_hold_nothing_and_the_effect_as_often_as_they_say() -> None:
    """Companies of 500 customers, without an effect and with one of .85 purchases.

    That is the mean found on 520 further companies. Measured on 500 without and 700 with it: 95 %
    and 95 % of the intervals held the truth, 96 % of those of the trend before zero. Of 40
    trials of .95, 33 or fewer come once in 300.
    """
    truth = 0.85
    trials = 40
    nothing = [programme_effect(simulate(seed, 500, uplift=0.0)) for seed in range(trials)]
    planted = [programme_effect(simulate(500 + seed, 500, uplift=0.3)) for seed in range(trials)]
    assert sum(holds(effect, 0) for effect in nothing) > 33
    assert sum(holds(effect, truth) for effect in planted) > 33
    before = [effect.trend_before_low <= 0 <= effect.trend_before_high for effect in nothing]
    assert sum(before) > 33
    assert np.mean([effect.effect for effect in nothing]) == pytest.approx(
        0, abs=0.2
    )  # of 2.4 purchases, three sigma


def test_the_same_customers_give_the_same_numbers() -> None:
    occasions = simulate(5, 500, uplift=0.2)
    order = np.random.default_rng(1).permutation(len(occasions.customer))
    shuffled = Occasions(**{name: values[order] for name, values in vars(occasions).items()})
    once, again = programme_effect(occasions), programme_effect(shuffled)
    assert programme_effect(occasions) == once
    assert list(vars(again).values())[1:] == pytest.approx(list(vars(once).values())[1:])


def test_groups_that_moved_apart_before_are_told() -> None:
    occasions = simulate(6, 1500, uplift=0.0)
    before = occasions.before + 2.0 * occasions.is_joining
    shifted = Occasions(**{**vars(occasions), "before": before})
    assert programme_effect(shifted).status is Status.TREND_BEFORE


def test_no_programme_and_a_small_one_say_so() -> None:
    occasions = simulate(7, 60, uplift=0.0)
    nobody = Occasions(**{**vars(occasions), "is_joining": np.zeros_like(occasions.is_joining)})
    assert programme_effect(nobody).status is Status.NO_PROGRAMME
    few = programme_effect(occasions)
    assert few.status is Status.TOO_FEW
    assert np.isnan(few.effect)
    empty = Occasions(**{name: values[:0] for name, values in vars(occasions).items()})
    assert programme_effect(empty).status is Status.NO_PROGRAMME
