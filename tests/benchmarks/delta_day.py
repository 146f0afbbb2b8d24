"""Measure what a day of deltas costs against building everything from the same files.

Run `python -m tests.benchmarks.delta_day [--customers 10000 100000]`. A made-up company exports
everything and, a day later, what changed (some tenths of a percent of the rows). One home takes
both in two runs, the other in one; each figure is one process from start to end. Both homes must
publish equal tables, by content hash, or nothing is printed.
"""

import argparse
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from orchestration.lib.publication import read_manifest
from samples.exports import write_exports
from tests.benchmarks.pipeline import AS_OF, SEED, measure, pipeline


def main() -> None:
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000])
    print("| customers | full build, CPU s | day of deltas, CPU s | ratio |")
    print("|---:|---:|---:|---:|", flush=True)
    for customers in parser.parse_args().customers:
        with tempfile.TemporaryDirectory(prefix="crm-warehouse-delta-") as name:
            _print_size(customers, Path(name))


def _print_size(customers: int, work: Path) -> None:
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
    measure(pipeline(arriving, work / "kept"))
    shutil.copytree(everything, arriving, dirs_exist_ok=True)
    day = measure(pipeline(arriving, work / "kept"))
    full = measure(pipeline(everything, work / "new"))
    kept, new = (read_manifest(work / home / "published")["tables"] for home in ("kept", "new"))
    if kept != new:
        different = [a["name"] for a, b in zip(kept, new, strict=True) if a != b]
        sys.exit(f"the day of deltas publishes other tables: {', '.join(different)}")
    print(
        f"| {customers:,} | {full.cpu_seconds:.0f} | {day.cpu_seconds:.0f} "
        f"| {day.cpu_seconds / full.cpu_seconds:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
