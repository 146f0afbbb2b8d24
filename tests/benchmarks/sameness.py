"""Do two sets of published tables say the same? Otherwise their times cannot be compared.

Belongs here: comparing Parquet folders table by table and column by column. Does not: making them.
"""

from pathlib import Path

import duckdb

# Doubles are added in any order.
RELATIVE_TOLERANCE = 1e-9
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "DECIMAL")


def differences(reference: Path, other: Path) -> list[str]:
    """List what differs between the tables of two folders; empty when they say the same.

    Every column of every table of `other` is compared: numbers by how many there are and their sum,
    anything else by a hash over all values.
    """
    found = []
    with duckdb.connect() as con:
        for file in sorted(other.glob("*.parquet")):
            columns = con.execute(f"describe from {_parquet(reference / file.name)}").fetchall()
            types = {name: kind for name, kind, *_ in columns}
            expected = _facts(con, reference / file.name, types)
            actual = _facts(con, file, types)
            found += [
                f"{file.stem}.{fact}: {value} in {reference.name}, {actual[fact]} in {other.name}"
                for fact, value in expected.items()
                if not _same(value, actual[fact])
            ]
    return found


def _facts(
    con: duckdb.DuckDBPyConnection, file: Path, types: dict[str, str]
) -> dict[str, float | int]:
    of = {"rows": "count(*)"}
    for name, kind in types.items():
        if kind.startswith(NUMBERS):
            of[f"{name} known"] = f'count("{name}")'
            of[f"{name} sum"] = f'coalesce(sum(cast("{name}" as double)), 0)'
        else:
            value = f"coalesce(cast(cast(\"{name}\" as {kind}) as varchar), '<null>')"
            of[f"{name} hash"] = f"sum(hash({value}) % 1000000007)"
    row = con.execute(f"select {', '.join(of.values())} from {_parquet(file)}").fetchone()
    assert row is not None
    return dict(zip(of, row, strict=True))


def _parquet(file: Path) -> str:
    # The folder of a published version is called v=<version>, which is no column of its tables.
    return f"read_parquet('{file}', hive_partitioning = false)"


def _same(expected: float | int | None, actual: float | int | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int) and isinstance(actual, int):
        return expected == actual
    return abs(expected - actual) <= RELATIVE_TOLERANCE * max(abs(expected), abs(actual), 1.0)
