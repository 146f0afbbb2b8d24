"""Driver weights against other code, known cases and simulations."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm

from models.satisfaction.driver_weights import (
    DriverWeights,
    Floats,
    Status,
    driver_weights,
    lmg_weights,
    relative_weights,
)


def answers(seed: int, count: int, effects: list[float], mix: float = 0.4) -> tuple[Floats, Floats]:
    """Correlated drivers on a 1-5 scale and an outcome that depends on them linearly."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((count, 1))
    latent = mix * common + np.sqrt(1 - mix**2) * rng.standard_normal((count, len(effects)))
    drivers = np.clip(np.round(3 + latent), 1, 5)
    return drivers, drivers @ np.array(effects) + rng.standard_normal(count)


def weigh(drivers: Floats, outcome: Floats, seed: int = 1) -> DriverWeights:
    return driver_weights(drivers, outcome, generator=np.random.default_rng(seed))


def correlations(drivers: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    matrix = np.corrcoef(np.column_stack([drivers, outcome]), rowvar=False)
    return matrix[:-1, :-1], matrix[:-1, -1]


def r_squared(drivers: Floats, outcome: Floats) -> float:
    return float(sm.OLS(outcome, sm.add_constant(drivers)).fit().rsquared) if drivers.size else 0.0


def test_lmg_is_the_mean_gain_over_all_orders_of_entry() -> None:
    drivers, outcome = answers(1, 400, [0.5, 0.3, 0.0, -0.2])
    gains = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        for position, driver in enumerate(order):
            before = drivers[:, list(order[:position])]
            after = drivers[:, list(order[: position + 1])]
            gains[driver] += r_squared(after, outcome) - r_squared(before, outcome)
    assert lmg_weights(*correlations(drivers, outcome)) == pytest.approx(gains / len(orders))


def test_relative_weights_follow_johnsons_definition() -> None:
    """By another way: regressions on the nearest orthogonal variables, by singular values."""
    drivers, outcome = answers(2, 400, [0.5, 0.3, 0.0, -0.2])
    z = (drivers - drivers.mean(0)) / drivers.std(0)
    y = (outcome - outcome.mean()) / outcome.std()
    left, _, right = np.linalg.svd(z, full_matrices=False)
    orthogonal = left @ right * np.sqrt(len(z))
    slopes = orthogonal.T @ y / len(z)
    loadings = z.T @ orthogonal / len(z)
    assert relative_weights(*correlations(drivers, outcome)) == pytest.approx(
        loadings**2 @ slopes**2
    )


def test_both_add_up_to_r_squared_and_effects_are_least_squares() -> None:
    drivers, outcome = answers(3, 800, [0.5, 0.3, 0.1, 0.0, -0.2])
    found = weigh(drivers, outcome)
    fit = sm.OLS(outcome, sm.add_constant(drivers)).fit()
    assert found.status is Status.OK
    assert found.r_squared == pytest.approx(fit.rsquared)
    assert found.relative_weight.sum() == pytest.approx(fit.rsquared)
    assert found.lmg.sum() == pytest.approx(fit.rsquared)
    assert found.effect == pytest.approx(fit.params[1:])
    # The bootstrap of the slopes agrees with the textbook's standard errors.
    half_widths = (found.effect_high - found.effect_low) / 2 / 1.96
    assert half_widths == pytest.approx(fit.HC1_se[1:], rel=0.12)


def test_uncorrelated_drivers_get_their_squared_correlations() -> None:
    among, outcome = np.eye(3), np.array([0.5, 0.3, -0.1])
    assert relative_weights(among, outcome) == pytest.approx(outcome**2)
    assert lmg_weights(among, outcome) == pytest.approx(outcome**2)


def test_perfect_twins_share_and_are_flagged() -> None:
    drivers, outcome = answers(4, 500, [0.6, 0.2])
    found = weigh(np.column_stack([drivers, drivers[:, 0]]), outcome)
    assert found.relative_weight[0] == pytest.approx(found.relative_weight[2])
    assert found.r_squared == pytest.approx(r_squared(drivers, outcome))
    assert found.lmg.sum() == pytest.approx(found.r_squared)


def test_a_near_twin_without_an_effect_of_its_own_is_flagged_as_not_separable() -> None:
    """It takes a large part of the weight, which is why the flag is needed."""
    drivers, outcome = answers(5, 2000, [0.6, 0.2])
    noise = np.random.default_rng(5).normal(0, 0.3, 2000)
    found = weigh(np.column_stack([drivers, drivers[:, 0] + noise]), outcome)
    assert found.is_separable.tolist() == [False, True, False]
    assert found.relative_weight[2] > 0.15 * found.r_squared
    assert found.effect_low[2] < 0 < found.effect_high[2]


@pytest.mark.parametrize("count", [300, 6000])  # rows resampled one by one, and in blocks
def test_intervals_cover_what_the_population_has(count: int) -> None:
    effects = [0.5, 0.3, 0.15]
    big_drivers, big_outcome = answers(6, 2_000_000, effects)
    population = correlations(big_drivers, big_outcome)
    weights, shares = relative_weights(*population), lmg_weights(*population)
    trials = 60
    hits = np.zeros((3, 3))
    for seed in range(trials):
        found = weigh(*answers(1000 + seed, count, effects), seed=seed)
        hits += [
            (found.relative_weight_low <= weights) & (weights <= found.relative_weight_high),
            (found.lmg_low <= shares) & (shares <= found.lmg_high),
            (found.effect_low <= effects) & (effects <= found.effect_high),
        ]
    # 180 trials of a 95 % interval: fewer than 89 % or all of them would be beyond three sigma
    coverage = hits.sum(axis=1) / (3 * trials)
    assert ((coverage >= 0.89) & (coverage < 1)).all(), coverage


def test_a_driver_without_effect_is_found_no_more_often_than_the_level_says() -> None:
    found = [
        weigh(*answers(seed, 250, [0.4, 0.0, 0.0], mix=0.0), seed=seed).is_significant
        for seed in range(120)
    ]
    share = np.mean(found, axis=0)
    assert share[0] > 0.9
    assert share[1:].mean() <= 0.06  # level 2.5 %; 240 trials put 6 % beyond three sigma


def test_the_same_answers_give_the_same_numbers() -> None:
    drivers, outcome = answers(7, 3000, [0.4, 0.2])
    first, second = weigh(drivers, outcome), weigh(drivers, outcome)
    assert (first.relative_weight_low == second.relative_weight_low).all()


def test_scales_do_not_matter() -> None:
    drivers, outcome = answers(8, 400, [0.4, 0.2])
    found, scaled = weigh(drivers, outcome), weigh(drivers * 25 + 1e6, outcome * 100)
    assert scaled.relative_weight == pytest.approx(found.relative_weight)
    assert scaled.effect == pytest.approx(found.effect * 4)


def test_a_constant_driver_has_no_weight() -> None:
    drivers, outcome = answers(9, 400, [0.4, 0.2])
    found = weigh(np.column_stack([drivers, np.full(400, 3.0)]), outcome)
    assert found.status is Status.OK
    assert found.relative_weight[2] == 0
    assert not found.is_significant[2]


@pytest.mark.parametrize(
    ("drivers", "outcome", "status"),
    [
        (np.zeros((0, 2)), np.zeros(0), Status.TOO_FEW),
        (np.ones((50, 2)), np.arange(50.0), Status.NO_DRIVERS),
        (np.arange(20.0).reshape(10, 2), np.arange(10.0), Status.TOO_FEW),
        (np.arange(200.0).reshape(100, 2) % 7, np.ones(100), Status.CONSTANT_OUTCOME),
    ],
)
def test_what_cannot_be_weighed_says_why(drivers: Floats, outcome: Floats, status: Status) -> None:
    found = weigh(drivers, outcome)
    assert found.status is status
    assert np.isnan(found.relative_weight).all()
    assert not found.is_significant.any()
