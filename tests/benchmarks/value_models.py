"""Measure the value models against lifetimes: CPU seconds and peak memory, one process per figure.

Run `python tests/benchmarks/value_models.py [--customers 10000 100000 1000000]`. Customers are made
up from a known process, observed in whole days. Memory is the peak of the process, imports and
input included. lifetimes reports no likelihood and no
intervals; its figures are for fitting and for expected purchases and probability alive only.
"""

import argparse
import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from models.value import transactions
from models.value.scoring import score_customers
from tests.unit.models.value_model_data import MadeUp, simulate

FITTERS = {
    "mbg_nbd": "ModifiedBetaGeoFitter",
    "bg_nbd": "BetaGeoFitter",
    "pareto_nbd": "ParetoNBDFitter",
}
# Pareto/NBD in lifetimes takes minutes beyond this.
MOST_FOR_SLOW_ORACLE = 10_000


def customers(n: int) -> MadeUp:
    """Simulate and round to whole days, one purchase per day at most."""
    made = simulate(n, seed=1)
    recency = np.floor(made.recency)
    return MadeUp(
        frequency=np.where(made.frequency > 0, np.minimum(made.frequency, recency + 1), 0.0),
        recency=recency,
        age=made.age,
        mean_spend=made.mean_spend,
        future_purchases=made.future_purchases,
        future_value=made.future_value,
    )


def fit_own(model: str, made: MadeUp) -> None:
    transactions.fit(model, made.frequency, made.recency, made.age)


def fit_and_score_own(model: str, made: MadeUp) -> None:
    score_customers(
        made.frequency,
        made.recency,
        made.age,
        made.mean_spend,
        generator=np.random.default_rng(0),
        margin_rate=0.3,
        model=model,
    )


def fit_lifetimes(model: str, made: MadeUp) -> Any:
    import lifetimes  # type: ignore[import-untyped]

    fitter = getattr(lifetimes, FITTERS[model])()
    # unscaled days make its optimiser give up; weeks do not
    return fitter.fit(made.frequency, made.recency / 7, made.age / 7)


def fit_and_score_lifetimes(model: str, made: MadeUp) -> None:
    fitter = fit_lifetimes(model, made)
    for weeks in (90 / 7, 365 / 7):
        fitter.conditional_expected_number_of_purchases_up_to_time(
            weeks, made.frequency, made.recency / 7, made.age / 7
        )
    fitter.conditional_probability_alive(made.frequency, made.recency / 7, made.age / 7)


TASKS: dict[tuple[str, str], Callable[[str, MadeUp], object]] = {
    ("fit", "own"): fit_own,
    ("fit", "lifetimes"): fit_lifetimes,
    ("fit and score", "own"): fit_and_score_own,
    ("fit and score", "lifetimes"): fit_and_score_lifetimes,
}


def measure(task: tuple[str, str], model: str, n: int) -> tuple[float, float]:
    """Give CPU seconds and the peak memory of this process in MB."""
    made = customers(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        TASKS[task](model, customers(100))  # imports and first calls
        begin = time.process_time()
        TASKS[task](model, made)
        seconds = time.process_time() - begin
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_new_process(task: tuple[str, str], model: str, n: int) -> tuple[float, float]:
    """Measure in a process of its own, so that peaks do not mix."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (task, model, n))


def main() -> None:
    """Print one line per size, work and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    print("| customers | work | model | own CPU s | lifetimes CPU s | ratio | own MB | its MB |")
    print("|---|---|---|---|---|---|---|---|")
    for n in parser.parse_args().customers:
        for work in ("fit", "fit and score"):
            for model in FITTERS:
                seconds, memory = in_new_process((work, "own"), model, n)
                line = f"| {n:,} | {work} | {model} | {seconds:.2f} "
                if model == "pareto_nbd" and n > MOST_FOR_SLOW_ORACLE:
                    print(line + f"| not run | | {memory:.0f} | |", flush=True)
                    continue
                its_seconds, its_memory = in_new_process((work, "lifetimes"), model, n)
                print(
                    line + f"| {its_seconds:.2f} | {its_seconds / seconds:.0f} "
                    f"| {memory:.0f} | {its_memory:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
