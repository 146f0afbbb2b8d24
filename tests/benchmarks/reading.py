"""What reading costs against the engine's own reader, and how much memory it takes.

Run: `python -m tests.benchmarks.reading [--rows 2600000] [--repeat 3]` for the speed, with
`--memory` for the peak memory of plain files of 30 MB to 3 GB. The alternative is
`COPY (FROM read_csv(…, all_varchar)) TO … (zstd)`, which checks nothing: no type, key, encoding or
hash. Each measurement is a process of its own, so that its peak memory is its own; the alternative
runs beside each, because a shared machine has no steady speed. Printed is CPU time.
"""

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from orchestration.lib.contracts import ExportContract
from orchestration.lib.reading.landing import land_system
from tests.benchmarks.memory import peak_megabytes

_CONTRACT = {
    "system": "shop",
    "objects": [
        {
            "name": "orders",
            "files": ["orders*"],
            "mode": "delta",
            "key": ["order_id"],
            "watermark": "updated_at",
            "columns": [
                {"name": "order_id", "type": "identifier", "required": True},
                {"name": "customer_id", "type": "identifier"},
                {"name": "ordered_at", "type": "timestamp", "not_null": True},
                {"name": "order_status"},
                {"name": "channel"},
                {"name": "currency_code"},
                {"name": "net_revenue", "type": "decimal", "not_null": True},
                {"name": "discount_amount", "type": "decimal"},
                {"name": "quantity", "type": "integer"},
                {"name": "is_paid", "type": "boolean"},
                {"name": "note"},
                {"name": "updated_at", "type": "timestamp"},
            ],
        }
    ],
}
# What is read: name → (encoding, SQL that changes the table, what is appended to the text).
_CASES = {
    "UTF-8, canonical": ("utf-8", "*", ""),
    "UTF-8, no quotes": ("utf-8", "* replace (replace(note, ',', '') as note)", ""),
    "UTF-8, ISO times with Z": (
        "utf-8",
        "* replace (strftime(ordered_at, '%Y-%m-%dT%H:%M:%S.000Z') as ordered_at, "
        "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.000Z') as updated_at)",
        "",
    ),
    "UTF-8, day.month.year": (
        "utf-8",
        "* replace (strftime(ordered_at, '%d.%m.%Y %H:%M') as ordered_at)",
        "",
    ),
    "UTF-8, one bad value": ("utf-8", "*", "X1,1,yesterday,,,,1,,,,,\n"),
    "UTF-8, one bad row": ("utf-8", "*", "X1,1,2026-01-01\nX2,1,2026-01-01 00:00:00,,,,1,,,,,\n"),
    "UTF-8, gz": ("utf-8", "*", ""),
    "UTF-16": ("utf-16", "*", ""),
    "GB18030": ("gb18030", "* replace (note || ' 备注 张伟' as note)", ""),
    "windows-1252": ("cp1252", "* replace (note || ' José Müller' as note)", ""),
}

# Rows of 118 bytes: 30 MB to 3 GB.
_SIZES = (260_000, 860_000, 2_600_000, 8_600_000, 26_000_000)


def _write(path: Path, rows: int, encoding: str, changes: str, tail: str) -> None:
    utf8 = path.with_suffix(".utf8")
    with duckdb.connect() as con:
        con.execute(
            f"""
            copy (
                select {changes} from (
                    select
                        'O' || lpad(i::varchar, 9, '0') as order_id,
                        (hash(i) % 1000000)::varchar as customer_id,
                        timestamp '2020-01-01' + to_seconds((hash(i * 3) % 200000000)::bigint)
                            as ordered_at,
                        if(i % 5 = 0, 'cancelled', 'delivered') as order_status,
                        ['web', 'store', 'phone'][1 + i % 3] as channel,
                        'USD' as currency_code,
                        ((hash(i * 7) % 100000) / 100.0)::decimal(18, 2) as net_revenue,
                        ((hash(i * 11) % 1000) / 100.0)::decimal(18, 2) as discount_amount,
                        (hash(i * 5) % 20)::int as quantity,
                        i % 2 = 0 as is_paid,
                        'note, number ' || (hash(i * 13) % 100000) as note,
                        timestamp '2024-01-01' + to_seconds(i) as updated_at
                    from range({rows}) as t(i)
                )
            ) to '{utf8}' (format csv, header)
            """
        )
    with utf8.open("a") as file:
        file.write(tail)
    if encoding == "utf-8":
        utf8.rename(path)
        return
    with (
        utf8.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding=encoding, newline="") as target,
    ):
        while text := source.read(1 << 20):
            target.write(text)
    utf8.unlink()


def _packed(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    with path.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target)
    path.unlink()
    return packed


def _read(folder: Path) -> None:
    contract = ExportContract.model_validate(_CONTRACT)
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


def _print_memory() -> None:
    """Print how much memory files of one layout and several sizes take."""
    print(f"{'rows':>10} {'MB':>5} {'reader':>8} {'DuckDB':>8} {'speed':>6}")
    for rows in _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "shop" / "orders.csv"
            path.parent.mkdir()
            _write(path, rows, "utf-8", "*", "")
            copy, read = _measured("copy", path), _measured("read", Path(folder))
            size = path.stat().st_size / 1e6
        print(
            f"{rows:10,} {size:5.0f} {read['peak_mb']:5.0f} MB {copy['peak_mb']:5.0f} MB "
            f"{copy['cpu'] / read['cpu']:6.0%}",
            flush=True,
        )


def main() -> None:
    """Measure and print one line per case, or per size."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2_600_000)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--case", default="")
    arguments.add_argument("--memory", action="store_true")
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
        _print_memory()
        return
    print(f"{'case':28} {'MB':>5} {'reader':>8} {'DuckDB':>8} {'speed':>6} {'peak':>8}")
    for name, (encoding, changes, tail) in _CASES.items():
        if options.case not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            landing = Path(folder) / "shop"
            landing.mkdir()
            path, plain = landing / "orders.csv", Path(folder) / "plain.csv"
            _write(path, options.rows, encoding, changes, tail)
            _write(plain, options.rows, "utf-8", changes, "")
            if name.endswith("gz"):
                path, plain = _packed(path), _packed(plain)
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
