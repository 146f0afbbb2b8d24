"""Measure the value models against lifetimes: CPU seconds and peak memory, one process per figure.

Run `python -m tests.benchmarks.value_models [--customers 10000 100000 1000000]`. Customers are made
up from a known process, observed in whole days. Memory is the peak of the process, imports and
input included. lifetimes reports no likelihood, no intervals and no backtest; its figures are for
fitting and for expected purchases and probability alive only.

"Fit, backtest and score" is what the pipeline does with the tables that SQL made of the sales: all
models, all origins, the champion's forecasts of every history. "From sales to scores" is the same
with the SQL: the project's compiled models from the table of orders to histories, the step of the
pipeline as it is, and what `mart_customer_ltv` joins of the lookup, computed for every customer;
the mart writes it down together with everything else.

Ends with exit code 1 when a bar is missed: 23,570 customers fit in .1 CPU s; a million BG or
MBG/NBD in .6, Pareto/NBD in 4; fit and scored in 5, with the SQL in 5 and 700 MB; backtested too
in 15 and 1 GB, with and without the SQL.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import sqlglot

from models.value import gamma_gamma, transactions
from models.value.purchase_log import PurchaseLog, cut, purchase_log
from models.value.scoring import score_customers
from models.value.sufficient_statistics import distinct_pairs
from models.value.tables import customer_value
from orchestration.defs.models import customer_value as step
from orchestration.defs.models.customer_value import MOST_BACKTESTED_CUSTOMERS, SEED
from orchestration.lib.company import Company
from orchestration.lib.dbt_functions import register_functions
from orchestration.lib.dbt_project import read_manifest, run_dbt
from orchestration.lib.documented_tables import write_documented
from orchestration.lib.settings_table import write_settings
from tests.benchmarks.memory import peak_megabytes
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
    ("from sales to scores", "all", 1_000_000): (5.0, 700.0),
    ("from sales to scores, with backtest", "all", 1_000_000): (15.0, 1000.0),
}
DAYS = 1095
LAST_DAY = date(2026, 1, 1)
# DuckDB would cache the orders in all the memory that there is. Order as in dbt's profile.
SQL_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "200MB",
    "preserve_insertion_order": False,
}
SQL_MODELS = ("int_value__purchase_days", "int_value__purchase_summaries", "mart_customer_ltv")


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
    """Make what SQL hands over: histories and spend per customer, the log to test on."""
    log = purchases(n)
    known = cut(log, DAYS - 1, 365)
    histories = (known.frequency, known.recency, known.age, known.recent)
    until = int(np.searchsorted(log.customer, MOST_BACKTESTED_CUSTOMERS))
    drawn = PurchaseLog(log.customer[:until], log.day[:until], log.spend[:until])
    renewals = pd.DataFrame(
        columns=[
            *("plan_key", "plan_name", "cohort_year", "renewal_number", "period_days"),
            *("is_renewed", "is_decided", "days_to_renewal", "decided_day"),
        ]
    )
    return (
        [column.astype(np.int64) for column in histories],
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
    return seconds, peak_megabytes()


def compile_sql(database: Path) -> list[str]:
    """Compile what is between orders and scores: two models, and of the mart the lookup's join."""
    compiled = run_dbt(["compile", "--select", *SQL_MODELS], database, ["canonical"])
    nodes = {result.node.name: result.node for result in compiled}
    *models, mart = (nodes[name] for name in SQL_MODELS)
    statements = [
        f"create {node.config.materialized} intermediate.{node.name} as {node.compiled_code}"
        for node in models
    ]
    tree = sqlglot.parse_one(mart.compiled_code, dialect="duckdb")
    (lookup,) = (cte.this for cte in tree.find_all(sqlglot.exp.CTE) if cte.alias == "purchases")
    # The hash needs every column of every row, and nothing has to be kept.
    scores = (
        f"select count(*), bit_xor(hash(scores)) from ({lookup.sql(dialect='duckdb')}) as scores"
    )
    return [*statements, scores]


def write_orders(n: int, database: Path) -> None:
    """Write what the SQL reads: orders of made-up customers, no contracts, the settings."""
    log = purchases(n)
    made_up = pd.DataFrame(
        {
            "customer": log.customer,
            "day": log.day - (DAYS - 1),
            "net_revenue": log.spend,
        }
    )
    with duckdb.connect(str(database)) as con:
        write_settings(con, Company(), LAST_DAY)
        con.register("made_up", made_up)
        con.execute("create schema intermediate")
        con.execute("create schema statistics")
        con.execute(
            """
            create table intermediate.int_orders__orders_keyed as
            select
                md5(cast(row_number() over () as varchar)) as order_key,
                md5(cast(customer as varchar)) as customer_key,
                cast(? as timestamp) + day * interval 1 day as ordered_at,
                true as is_sale,
                cast(greatest(net_revenue, 0.01) as decimal(18, 4)) as net_revenue
            from made_up
            """,
            [LAST_DAY],
        )
        con.execute(
            "create table intermediate.int_value__subscription_orders "
            "(order_key varchar, plan_key varchar, amount decimal(18, 4))"
        )
        con.execute("create table intermediate.int_value__plans (plan_key varchar)")
        con.execute(
            "create table intermediate.int_value__renewals (plan_key varchar, plan_name varchar, "
            "customer_key varchar, contract_number bigint, cohort_year bigint, "
            "renewal_number bigint, period_days bigint, is_renewed boolean, is_decided boolean, "
            "due_on date, decided_on date)"
        )


def measure_sql(
    sql: list[str], manifest: dict[str, Any], database: str, customers_tested: int
) -> tuple[float, float]:
    """Give CPU seconds and the peak memory of this process in MB."""
    evaluate_and_score(pipeline_input(1000))  # imports and first calls
    step.MOST_BACKTESTED_CUSTOMERS = customers_tested
    begin = time.process_time()
    with duckdb.connect(database, config=SQL_SETTINGS) as con:
        con.execute("set enable_progress_bar = false")
        register_functions(con)
        *before, lookup = sql
        for statement in before:
            con.execute(statement)
        for name, table in step.customer_value(con, Company()).tables.items():
            write_documented(con, manifest, f"statistics.{name}", table)
        con.execute(lookup).fetchone()
    seconds = time.process_time() - begin
    return seconds, peak_megabytes()


def measure_by_hand(database: str) -> tuple[float, float]:
    """Give CPU seconds and memory of the least that could be done, as anybody would write it.

    Group the orders, fit the default model and Gamma-Gamma, look up expected purchases by (x, T),
    compute the rest in SQL. What the pipeline does beside it: contracts apart, three challengers,
    discounting, intervals, several models' lookup by whole history, parameters with their errors.
    """
    evaluate_and_score(pipeline_input(1000))  # imports and first calls
    begin = time.process_time()
    with duckdb.connect(database, config=SQL_SETTINGS) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            """
            create table summaries as
            with
            days as (
                select customer_key, cast(ordered_at as date) as day, sum(net_revenue) as spend
                from intermediate.int_orders__orders_keyed where is_sale group by all
            )
            select
                customer_key,
                count(*) - 1 as x,
                max(day) - min(day) as t_x,
                cast(? as date) - min(day) as age,
                cast(sum(spend) - min_by(spend, day) as double) / nullif(count(*) - 1, 0) as m
            from days group by customer_key
            """,
            [LAST_DAY],
        )
        found = con.execute("select x, t_x, age, m from summaries").fetchnumpy()
        fit = transactions.fit("mbg_nbd", found["x"], found["t_x"], found["age"])
        spend = gamma_gamma.fit(found["x"], np.ma.filled(found["m"], np.nan)).fit
        x, age, _ = distinct_pairs(*(np.asarray(found[n], dtype=np.float64) for n in ("x", "age")))
        horizons = {
            f"y{days}": transactions.expected_purchases_if_alive(fit, x, age, days)
            for days in (90, 365, 1095)
        }
        con.register("lookup", pd.DataFrame({"x": x, "age": age, **horizons}))
        con.execute(
            """
            with
            scores as (
                select
                    customer_key,
                    $p * ($gamma + x * coalesce(m, 0)) / ($p * x + $q - 1) as expected_spend,
                    1 / (
                        1 + $a / ($b + x) * ((alpha + age) / (alpha + t_x)) ^ ($r + x)
                    ) as alive,
                    alive * y90 as y90, alive * y365 as y365, alive * y1095 as y1095
                from summaries inner join lookup using (x, age), (select $alpha as alpha)
            )
            select count(*), bit_xor(hash(scores)) from scores
            """,
            {**fit.parameters, **spend.parameters},
        ).fetchone()
    seconds = time.process_time() - begin
    return seconds, peak_megabytes()


def measure_from_sales(n: int) -> dict[str, tuple[float, float]]:
    """Measure from the table of orders to a row of scores per customer, twice, and by hand."""
    with tempfile.TemporaryDirectory() as folder:
        # DuckDB takes the file's name for the database: the models name it
        database = Path(folder) / "warehouse.duckdb"
        write_orders(n, database)
        sql = compile_sql(database)
        # Only what names the columns: the whole manifest takes more memory than the scores.
        sources = read_manifest(["canonical"])["sources"]
        named = {key: node for key, node in sources.items() if node["schema"] == "statistics"}
        manifest = {"sources": named}
        found = {}
        by_hand = Path(folder) / "by hand" / database.name
        by_hand.parent.mkdir()
        shutil.copy(database, by_hand)
        found["from sales to scores, by hand"] = in_new_process(measure_by_hand, str(by_hand))
        for work, customers_tested in (
            ("from sales to scores", 0),
            ("from sales to scores, with backtest", MOST_BACKTESTED_CUSTOMERS),
        ):
            copy = Path(folder) / work / database.name
            copy.parent.mkdir()
            shutil.copy(database, copy)
            found[work] = in_new_process(measure_sql, sql, manifest, str(copy), customers_tested)
        return found


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
    return seconds, peak_megabytes()


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
        for work, (seconds, memory) in measure_from_sales(n).items():
            missed += missed_bars(work, model, n, seconds, memory)
            print(f"| {n:,} | {work} | {model} | {seconds:.2f} | none | | {memory:.0f} | |")
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
