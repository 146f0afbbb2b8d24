"""Measure a whole run against plain DuckDB on the same exports.

Run `python -m tests.benchmarks.pipeline [--customers 10000 100000 1000000]`. Each figure is one
process from start to end: wall time, CPU seconds (user and system, children included) and peak
resident memory. Exports are made with a fixed seed outside the timing and kept in the temporary
folder. The tables of both are compared column by column first; figures of approaches that disagree
are not printed.

What plain DuckDB does and leaves out stands in `bare_duckdb.py`.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from samples.exports import write_exports
from tests.benchmarks.sameness import differences

ROOT = Path(__file__).resolve().parents[2]
AS_OF = date(2026, 11, 1)
SEED = 1
FEW = 100  # customers: what a run costs whatever the data


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def main() -> None:
    """Print a table of all sizes and the fixed cost of a run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--customers", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    sizes = parser.parse_args().customers

    with tempfile.TemporaryDirectory(prefix="crm-warehouse-bench-") as name:
        work = Path(name)
        _print_fixed_cost(work / "few")
        print("| customers | approach | wall s | CPU s | peak MB | CPU, plain DuckDB = 1 |")
        print("|---:|---|---:|---:|---:|---:|")
        for customers in sizes:
            _print_size(customers, work / str(customers))


def _print_fixed_cost(work: Path) -> None:
    landing = exports(FEW)
    measure(pipeline(landing, work / "warm-up"))  # compiles Python files, parses the dbt project
    first = measure(pipeline(landing, work / "home"))
    second = measure(pipeline(landing, work / "home"))
    print(
        f"A run over {FEW} customers takes {first.cpu_seconds:.1f} CPU s "
        f"({first.wall_seconds:.1f} s), the next one, with nothing new, "
        f"{second.cpu_seconds:.1f} CPU s ({second.wall_seconds:.1f} s).\n",
        flush=True,
    )


def _print_size(customers: int, work: Path) -> None:
    landing = exports(customers)
    plain, home, plan = work / "duckdb", work / "home", work / "plan.json"
    costs = {"crm-warehouse run": measure(pipeline(landing, home))}
    measure(_bare("plan", home, plan))
    costs["plain DuckDB"] = measure(_bare("run", plan, landing, plain, str(AS_OF)))
    found = differences(home / "published" / "current", plain)
    if found:
        sys.exit("the approaches do not compute the same:\n" + "\n".join(found))
    base = costs["plain DuckDB"].cpu_seconds
    for approach, cost in costs.items():
        print(
            f"| {customers:,} | {approach} | {cost.wall_seconds:.1f} | {cost.cpu_seconds:.1f} "
            f"| {cost.peak_mb:,.0f} | {cost.cpu_seconds / base:.2f} |",
            flush=True,
        )
    shutil.rmtree(work)


def exports(customers: int) -> Path:
    """Return a landing folder with the exports of so many customers, made if need be."""
    # Other code of the generator makes other exports.
    code = hashlib.sha256()
    for file in sorted((ROOT / "samples").glob("*.py")):
        code.update(file.read_bytes())
    folder = Path(tempfile.gettempdir()) / "crm-warehouse-bench-exports"
    landing = folder / f"{customers}-{SEED}-{code.hexdigest()[:12]}"
    if not (landing / "canonical").exists():
        write_exports(
            landing,
            customers=customers,
            seed=SEED,
            as_of=AS_OF,
            report=lambda message: print(message, file=sys.stderr, flush=True),
        )
    return landing


def measure(command: Sequence[str | Path]) -> Cost:
    """Run a command to its end and return what it took; exit with its output when it fails."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(
                f"{' '.join(map(str, command))} ended with {process.returncode}:\n"
                + output.read().decode(errors="replace")[-4000:]
            )
    # Linux counts the peak in kilobytes, macOS in bytes.
    unit = 1_000_000 if sys.platform == "darwin" else 1_000
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def _bare(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "tests.benchmarks.bare_duckdb", *arguments]


def pipeline(landing: Path, home: Path) -> list[str | Path]:
    """Return the command that runs everything on the exports in `landing`."""
    command = Path(sys.executable).with_name("crm-warehouse")
    return [command, "run", "--systems", "canonical", "--landing", landing, "--home", home]


if __name__ == "__main__":
    main()
