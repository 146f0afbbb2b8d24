"""What reading costs against the engine's own reader, and how much memory it takes.

Run: `python -m tests.benchmarks.reading [--rows 2600000] [--repeat 3]` for the speed, with
`--memory` for the peak memory of plain files of 30 MB to 3 GB. The alternative is
`COPY (FROM read_csv(…, all_varchar)) TO … (zstd)`, which checks nothing: no type, key, encoding or
hash. Each measurement is a process of its own, so that its peak memory is its own; the alternative
runs beside each, because a shared machine has no steady speed. Printed is CPU time.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.lib.contracts import ExportContract
from orchestration.lib.reading.landing import land_system
from tests.benchmarks.memory import peak_megabytes
from tests.benchmarks.reading_files import CONTRACT, FILES, in_encoding, packed, write_table

# What is read: name → (encoding, SQL that changes the table, what is appended to the text).
_CASES = {
    "UTF-8, canonical": ("utf-8", "* exclude i", ""),
    "UTF-8, no quotes": ("utf-8", "* exclude i replace (replace(note, ',', '') as note)", ""),
    "UTF-8, ISO times with Z": (
        "utf-8",
        "* exclude i replace (strftime(ordered_at, '%Y-%m-%dT%H:%M:%S.000Z') as ordered_at, "
        "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.000Z') as updated_at)",
        "",
    ),
    "UTF-8, day.month.year": (
        "utf-8",
        "* exclude i replace (strftime(ordered_at, '%d.%m.%Y %H:%M') as ordered_at)",
        "",
    ),
    "UTF-8, one bad value": ("utf-8", "* exclude i", "X1,1,yesterday,,,,1,,,,,\n"),
    "UTF-8, one bad row": (
        "utf-8",
        "* exclude i",
        "X1,1,2026-01-01\nX2,1,2026-01-01 00:00:00,,,,1,,,,,\n",
    ),
    "UTF-8, gz": ("utf-8", "* exclude i", ""),
    "UTF-16": ("utf-16", "* exclude i", ""),
    "GB18030": ("gb18030", "* exclude i replace (note || ' 备注 张伟' as note)", ""),
    "windows-1252": ("cp1252", "* exclude i replace (note || ' José Müller' as note)", ""),
}

_TIMES = (1, 3, 10)  # as many rows as the smallest file


def _read(folder: Path) -> None:
    contract = ExportContract.model_validate(CONTRACT)
    with tempfile.TemporaryDirectory(dir=folder) as raw:
        (record,) = land_system(contract, folder, Path(raw), frozenset(), lambda _: None)
    assert record.status == "loaded", record.message


def _copy(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as raw, duckdb.connect() as con:
        con.execute(
            f"copy (from read_csv('{path}', all_varchar = true)) "
            f"to '{raw}/copy.parquet' (format parquet, compression zstd)"
        )


def _measured(what: str, path: Path) -> dict[str, float]:
    """Run one measurement in a process of its own: CPU and wall seconds, peak memory in MB."""
    command = [sys.executable, "-m", __spec__.name, "--measure", what, "--path", str(path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(run.stdout))


def _print_memory(case: str, times: Sequence[int]) -> None:
    """Print how much memory files of one layout and several sizes take."""
    print(f"{'case':22} {'rows':>10} {'MB':>5} {'peak':>8} {'CPU':>7}")
    for name, (smallest, write) in FILES.items():
        if case not in name:
            continue
        for rows in (smallest * n for n in times):
            with tempfile.TemporaryDirectory() as folder:
                landing = Path(folder) / "shop"
                landing.mkdir()
                write(landing, rows)
                read = _measured("read", Path(folder))
                size = sum(path.stat().st_size for path in landing.iterdir()) / 1e6
            print(
                f"{name:22} {rows:10,} {size:5.0f} {read['peak_mb']:5.0f} MB {read['cpu']:5.1f} s",
                flush=True,
            )


def main() -> None:
    """Measure and print one line per case, or per size."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2_600_000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--case", default="")
    arguments.add_argument("--memory", action="store_true")
    arguments.add_argument("--times", type=int, nargs="+", default=_TIMES)
    arguments.add_argument("--measure", choices=["read", "copy"])
    arguments.add_argument("--path", type=Path)
    options = arguments.parse_args()
    if options.measure:
        started, cpu = time.perf_counter(), time.process_time()
        (_read if options.measure == "read" else _copy)(options.path)
        peak = peak_megabytes()
        took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - started}
        print(json.dumps(took | {"peak_mb": peak}))
        return
    if options.memory:
        _print_memory(options.case, options.times)
        return
    print(f"{'case':28} {'MB':>5} {'reader':>8} {'DuckDB':>8} {'speed':>6} {'peak':>8}")
    for name, (encoding, changes, tail) in _CASES.items():
        if options.case not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            landing = Path(folder) / "shop"
            landing.mkdir()
            path, plain = landing / "orders.csv", Path(folder) / "plain.csv"
            write_table(path, options.rows, changes)
            shutil.copyfile(path, plain)
            with path.open("a") as file:
                file.write(tail)
            if encoding != "utf-8":
                in_encoding(path, encoding)
            if name.endswith("gz"):
                path, plain = packed(path), packed(plain)
            read, copy = [], []
            for _ in range(options.repeat):
                copy.append(_measured("copy", plain))
                read.append(_measured("read", Path(folder)))
            ours, theirs = (min(run["cpu"] for run in runs) for runs in (read, copy))
            peak = max(run["peak_mb"] for run in read)
            size = path.stat().st_size / 1e6
        print(
            f"{name:28} {size:5.0f} {ours:6.1f} s {theirs:6.1f} s {theirs / ours:6.0%} "
            f"{peak:5.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
