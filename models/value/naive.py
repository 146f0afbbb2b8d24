"""Forecasts without a model: what every value model has to beat.

What belongs here: the three naive forecasts of the literature, in days. What does not: any fit.

- `naive_rate`: a customer goes on at the rate so far, x / T.
- `naive_repeat`: the coming window repeats the last one of equal length.
- `naive_total`: the coming window brings as many repeat purchases as there were to date.

Each counts purchases in some days and goes on at that rate: the NBD with nothing known beforehand
(r = alpha = 0). A naive forecast is a number without a distribution; how likely a purchase is and
how far the actual may be off is asked of a fitted NBD: for Online Retail the customers' own rates
missed the share that came back by .35 on average, the NBD by .06.
"""

import numpy as np

from models.value.fitting import Fit
from models.value.status import Status
from models.value.sufficient_statistics import Array

MODELS = ("naive_rate", "naive_repeat", "naive_total")


def fit(model: str) -> Fit:
    """Give the model in the form of a fit: an NBD that has learned nothing from other customers."""
    if model not in MODELS:
        raise ValueError(f"{model} is no naive forecast: choose one of {', '.join(MODELS)}")
    return Fit(
        model=model,
        parameters={"r": 0.0, "alpha": 0.0},
        standard_errors={"r": 0.0, "alpha": 0.0},
        covariance=np.zeros((2, 2)),
        log_likelihood=0.0,
        n=0.0,
        status=Status.OK,
    )


def evidence(
    model: str, frequency: Array, age: Array, recent: Array, window: float
) -> tuple[Array, Array]:
    """Give the purchases that the forecast goes by and the days in which they were seen.

    `recent` counts the repeat purchases of the last `window` days. A customer of today has been
    seen for a day.
    """
    if model == "naive_rate":
        return frequency, np.maximum(age, 1.0)
    return (recent if model == "naive_repeat" else frequency), np.full(len(frequency), window)
