"""The published 95 % intervals of the parameters hold the truth in about 95 % of many samples."""

from collections.abc import Mapping

import numpy as np
import pytest

from models.value import contracts, gamma_gamma, transactions
from models.value.contracts import Retention
from models.value.fitting import Fit
from tests.unit.models.test_value_contracts import made_up
from tests.unit.models.value_model_data import SPEND_TRUTH, TRUTH, simulate

SAMPLES, CUSTOMERS = 60, 2000
CONTRACT_TRUTH = {"alpha": 0.8, "beta": 2.0}


def fits(seed: int) -> dict[str, tuple[Fit, Mapping[str, float]]]:
    """Fit all three models to customers and contracts of a known process."""
    bought = simulate(CUSTOMERS, 100 + seed)
    renewals = zip(
        *made_up(CUSTOMERS, Retention(**CONTRACT_TRUTH), 200 + seed),  # type: ignore[arg-type]
        strict=True,
    )
    return {
        "mbg_nbd": (
            transactions.fit("mbg_nbd", bought.frequency, bought.recency, bought.age),
            TRUTH,
        ),
        "gamma_gamma": (gamma_gamma.fit(bought.frequency, bought.mean_spend).fit, SPEND_TRUTH),
        "sbg": (
            contracts.fit(contracts.count_renewals(*(np.concatenate(pair) for pair in renewals))),
            CONTRACT_TRUTH,
        ),
    }


@pytest.fixture(scope="module")
def deviations() -> dict[str, list[list[float]]]:
    """Per model and sample, how many standard errors each log-parameter is off."""
    found: dict[str, list[list[float]]] = {}
    for seed in range(SAMPLES):
        for model, (fit, truth) in fits(seed).items():
            found.setdefault(model, []).append(
                [
                    float(np.log(fit.parameters[name] / true))
                    * fit.parameters[name]
                    / fit.standard_errors[name]
                    for name, true in truth.items()
                ]
            )
    return found


@pytest.mark.parametrize("model", ["mbg_nbd", "gamma_gamma", "sbg"])
def test_intervals_cover(model: str, deviations: dict[str, list[list[float]]]) -> None:
    """Of 300 samples .93, .97 and .96 were covered; a standard error of the share of 60 is .03."""
    z = np.array(deviations[model])
    assert 0.88 <= (np.abs(z) < 1.96).mean() <= 1.0
    # too wide intervals would cover too: errors of their own size have a spread of one
    assert (np.abs(z.std(axis=0) - 1.0) < 0.3).all()
    assert (np.abs(z.mean(axis=0)) < 0.5).all(), "no parameter is off in one direction"
