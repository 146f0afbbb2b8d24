"""Measure what a day of deltas costs against building everything from the same files.

Run `python -m tests.benchmarks.delta_day [--customers 10000 100000] [--until staging]`. A made-up
company exports everything and, a day later, what changed (some tenths of a percent of the rows).
One home takes both in two runs, the other in one; figures are CPU seconds, layer by layer. Both
homes must hold equal tables or nothing is printed: the published ones, by content hash, or with
`--until staging`, which runs the first two layers only (minutes for a million customers), the
staged ones. What a run costs whatever the data is what 100 customers cost.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import duckdb

from orchestration.lib.publication import read_manifest
from samples.exports import write_exports
from tests.benchmarks.pipeline import AS_OF, SEED, measure

FIRST_LAYERS = ("raw", "staging")
# By how the names of their steps begin; what is not named here is statistics.
LAYERS = {
    "loading": "loading Dagster and dbt, the rest",
    "kept": "loading Dagster and dbt, the rest",
    "the rest": "loading Dagster and dbt, the rest",
    "gate_raw": "gate of raw",
    "gate_staging": "gate of staging",
    "gate_": "gates above staging",
    "raw_": "reading files",
    "staging_": "staging",
    "settings": "staging to keys",
    "identifiers": "staging to keys",
    "resolve_customers": "staging to keys",
    "intermediate": "staging to keys",
    "marts": "keys to marts",
    "published": "publication",
}


def main() -> None:
    """Print a table per size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--until", choices=["staging"])
    asked = parser.parse_args()
    layers = FIRST_LAYERS if asked.until else ()
    for customers in asked.customers:
        with tempfile.TemporaryDirectory(prefix="crm-warehouse-delta-") as name:
            _print_size(customers, layers, Path(name))


def _print_size(customers: int, layers: Sequence[str], work: Path) -> None:
    everything, arriving = work / "all", work / "arriving"
    write_exports(
        everything,
        customers=customers,
        seed=SEED,
        as_of=AS_OF,
        days_of_deltas=1,
        report=lambda _: None,
    )
    day_before = AS_OF - timedelta(days=1)
    shutil.copytree(everything, arriving, ignore=shutil.ignore_patterns(f"*_{AS_OF}.csv"))
    if not list(arriving.rglob(f"*_{day_before}.csv")):
        sys.exit(f"the sample exports nothing on {day_before}: correct this benchmark")
    kept, new = work / "kept", work / "new"
    _costs(arriving, kept, layers)  # the project is parsed now
    # Files that are there stay as they lie: a run need not hash them again.
    for arrived in everything.rglob(f"*_{AS_OF}.csv"):
        shutil.copy2(arrived, arriving / arrived.relative_to(everything))
    day, full = _costs(arriving, kept, layers), _costs(everything, new, layers)
    different = _different_staged(kept, new) if layers else _different_published(kept, new)
    if different:
        sys.exit(f"the day of deltas makes other tables: {', '.join(different)}")
    print(f"| {customers:,} customers, CPU s | full build | day of deltas | ratio |")
    print("|---|---:|---:|---:|")
    for layer in [*full, "all"]:
        of_full, of_day = full[layer] or full.total(), day[layer] or day.total()
        print(f"| {layer} | {of_full:.1f} | {of_day:.1f} | {of_day / of_full:.2f} |", flush=True)


def _costs(landing: Path, home: Path, layers: Sequence[str]) -> "Counter[str]":
    """Run and return the CPU seconds by layer, in the order of the layers."""
    out = home.with_suffix(".json")
    measure([sys.executable, "-m", "tests.benchmarks.steps", landing, home, out, *layers])
    costs: Counter[str] = Counter()
    for step, seconds in json.loads(out.read_text(encoding="utf-8")).items():
        named = (layer for name, layer in LAYERS.items() if step.startswith(name))
        costs[next(named, "statistics")] += seconds
    return costs


def _different_published(kept: Path, new: Path) -> list[str]:
    a, b = (read_manifest(home / "published")["tables"] for home in (kept, new))
    return [x["name"] for x, y in zip(a, b, strict=True) if x != y]


def _different_staged(kept: Path, new: Path) -> list[str]:
    def contents(home: Path) -> dict[str, object]:
        with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
            tables = con.execute(
                "select table_name from duckdb_tables() where schema_name = 'staging'"
            ).fetchall()
            return {
                name: con.execute(
                    f"select count(*), sum(hash(t)) from staging.{name} as t"
                ).fetchone()
                for (name,) in tables
            }

    a, b = contents(kept), contents(new)
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


if __name__ == "__main__":
    main()
