"""Measure the value models against lifetimes: CPU seconds and peak memory, one process per figure.

Run `python -m tests.benchmarks.value_models [--customers 10000 100000 1000000]`. Customers are made
up from a known process, observed in whole days. Memory is the peak of the process, imports and
input included. lifetimes reports no likelihood, no intervals and no backtest; its figures are for
fitting and for expected purchases and probability alive only.

"Fit, backtest and score" is what the pipeline does with the tables that SQL made of the sales: all
models, all origins, the champion's forecasts of every history.

Ends with exit code 1 when a bar is missed: 23,570 customers fit in .1 CPU s; a million BG or
MBG/NBD in .6, Pareto/NBD in 4; fit and scored in 5; fit, backtested and scored in 15 and 1 GB.
"""

import argparse
import multiprocessing
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from models.value import transactions
from models.value.purchase_log import PurchaseLog, cut, purchase_log
from models.value.scoring import score_customers
from models.value.tables import HISTORY, customer_value
from orchestration.defs.models.customer_value import MOST_BACKTESTED_CUSTOMERS, SEED
from tests.unit.models.value_model_data import MadeUp, simulate

FITTERS = {
    "mbg_nbd": "ModifiedBetaGeoFitter",
    "bg_nbd": "BetaGeoFitter",
    "pareto_nbd": "ParetoNBDFitter",
}
# Pareto/NBD in lifetimes takes minutes beyond this.
MOST_FOR_SLOW_ORACLE = 10_000
# Largest CPU seconds and megabytes, by work, model and customers.
BARS = {
    ("fit", "mbg_nbd", 23_570): (0.1, 1000.0),
    ("fit", "bg_nbd", 23_570): (0.1, 1000.0),
    ("fit", "pareto_nbd", 23_570): (0.1, 1000.0),
    ("fit", "mbg_nbd", 1_000_000): (0.6, 1000.0),
    ("fit", "bg_nbd", 1_000_000): (0.6, 1000.0),
    ("fit", "pareto_nbd", 1_000_000): (4.0, 1000.0),
    ("fit and score", "mbg_nbd", 1_000_000): (5.0, 700.0),
    ("fit, backtest and score", "all", 1_000_000): (15.0, 1000.0),
}
DAYS = 1095


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


def purchases(n: int) -> PurchaseLog:
    """Let customers buy by MBG/NBD over three years, in whole days."""
    generator = np.random.default_rng(1)
    rate, dropout = generator.gamma(0.55, 1 / 60, n), generator.beta(0.8, 2.5, n)
    taste = generator.gamma(3.7, 1 / 15.4, n)
    now = generator.integers(0, DAYS, n).astype(float)
    cells, active = [], np.arange(n)
    while len(active):
        cells.append(active * DAYS + np.floor(now[active]).astype(np.intp))
        active = active[generator.random(len(active)) >= dropout[active]]
        now[active] += generator.exponential(size=len(active)) / rate[active]
        active = active[now[active] < DAYS]
    cell = np.unique(np.concatenate(cells))
    return purchase_log(cell // DAYS, cell % DAYS, generator.gamma(6.2, 1 / taste[cell // DAYS]))


def pipeline_input(n: int) -> tuple[Any, ...]:
    """Make what SQL hands over: distinct histories, spend per customer, the log to test on."""
    log = purchases(n)
    known = cut(log, DAYS - 1, 365)
    columns = (known.frequency, known.recency, known.age, known.recent)
    counted = pd.DataFrame(dict(zip(HISTORY, columns, strict=True)))
    histories = counted.groupby(HISTORY, as_index=False).size()
    until = int(np.searchsorted(log.customer, MOST_BACKTESTED_CUSTOMERS))
    drawn = PurchaseLog(log.customer[:until], log.day[:until], log.spend[:until])
    renewals = pd.DataFrame(
        columns=[
            *("plan_key", "plan_name", "cohort_year", "renewal_number", "period_days"),
            *("is_renewed", "is_decided", "days_to_renewal", "decided_day"),
        ]
    )
    return (
        histories.rename(columns={"size": "count_customers"}),
        known.frequency,
        known.mean_spend,
        drawn,
        renewals,
    )


def evaluate_and_score(given: tuple[Any, ...]) -> None:
    customer_value(*given, as_of=DAYS - 1, seed=SEED, annual_discount_rate=0.1, lifetime_years=3)


def measure_pipeline(n: int) -> tuple[float, float]:
    """Give CPU seconds and the peak memory of this process in MB."""
    given = pipeline_input(n)
    evaluate_and_score(pipeline_input(1000))  # imports and first calls
    begin = time.process_time()
    evaluate_and_score(given)
    seconds = time.process_time() - begin
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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


def in_new_process(
    function: Callable[..., tuple[float, float]], *given: Any
) -> tuple[float, float]:
    """Measure in a process of its own, so that peaks do not mix."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, given)


def main() -> None:
    """Print one line per size, work and model; exit with 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--customers", type=int, nargs="+", default=[10_000, 23_570, 100_000, 1_000_000]
    )
    parser.add_argument("--without-lifetimes", action="store_true", help="measure only our own")
    options = parser.parse_args()
    missed = []
    print("| customers | work | model | own CPU s | lifetimes CPU s | ratio | own MB | its MB |")
    print("|---|---|---|---|---|---|---|---|")
    for n in options.customers:
        for work in ("fit", "fit and score"):
            for model in FITTERS:
                seconds, memory = in_new_process(measure, (work, "own"), model, n)
                missed += missed_bars(work, model, n, seconds, memory)
                line = f"| {n:,} | {work} | {model} | {seconds:.2f} "
                slow = model == "pareto_nbd" and n > MOST_FOR_SLOW_ORACLE
                if slow or options.without_lifetimes:
                    print(line + f"| not run | | {memory:.0f} | |", flush=True)
                    continue
                its_seconds, its_memory = in_new_process(measure, (work, "lifetimes"), model, n)
                print(
                    line + f"| {its_seconds:.2f} | {its_seconds / seconds:.0f} "
                    f"| {memory:.0f} | {its_memory:.0f} |",
                    flush=True,
                )
        work, model = "fit, backtest and score", "all"
        seconds, memory = in_new_process(measure_pipeline, n)
        missed += missed_bars(work, model, n, seconds, memory)
        print(f"| {n:,} | {work} | {model} | {seconds:.2f} | none | | {memory:.0f} | |", flush=True)
    if missed:
        sys.exit("bars missed: " + "; ".join(missed))


def missed_bars(work: str, model: str, n: int, seconds: float, memory: float) -> list[str]:
    """Say which bar of this work is missed."""
    if (work, model, n) not in BARS:
        return []
    most_seconds, most_memory = BARS[work, model, n]
    found = []
    if seconds > most_seconds:
        found.append(f"{work} {model} {n:,}: {seconds:.2f} CPU s > {most_seconds}")
    if memory > most_memory:
        found.append(f"{work} {model} {n:,}: {memory:.0f} MB > {most_memory:.0f}")
    return found


if __name__ == "__main__":
    main()
