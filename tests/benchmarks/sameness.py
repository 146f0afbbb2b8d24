"""Do two sets of published tables say the same? Otherwise their times cannot be compared.

Belongs here: comparing Parquet folders table by table and column by column. Does not: making them.
"""

from pathlib import Path

import duckdb

KEYS = {
    "customer_identities": ("source_record_id",),
    "dim_customers": ("customer_key",),
    "dim_products": ("product_key",),
    "fct_order_lines": ("order_id", "line_number"),
    "fct_orders": ("order_id",),
    "fct_survey_responses": ("response_id", "dimension"),
    "mart_customer_ltv": ("customer_key",),
    "mart_customer_segments": ("customer_key",),
    "mart_satisfaction": (
        "metric",
        "period_type",
        "period_month",
        "dimension_name",
        "dimension_value",
    ),
}
# Doubles are added in any order, and pandas keeps money in doubles.
RELATIVE_TOLERANCE = 1e-9
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "DECIMAL")


def differences(reference: Path, other: Path) -> list[str]:
    """List what differs between the tables of two folders; empty when they say the same.

    Every column of every reference table is compared: numbers by how many there are and their sum,
    anything else by a hash over key and value of all rows.
    """
    found = []
    with duckdb.connect() as con:
        for table, key in KEYS.items():
            columns = con.execute(
                f"describe from {_parquet(reference / f'{table}.parquet')}"
            ).fetchall()
            types = {name: kind for name, kind, *_ in columns}
            expected = _facts(con, reference / f"{table}.parquet", types, key)
            actual = _facts(con, other / f"{table}.parquet", types, key)
            found += [
                f"{table}.{fact}: {value} in {reference.name}, {actual[fact]} in {other.name}"
                for fact, value in expected.items()
                if not _same(value, actual[fact])
            ]
    return found


def _facts(
    con: duckdb.DuckDBPyConnection, file: Path, types: dict[str, str], key: tuple[str, ...]
) -> dict[str, float | int]:
    of = {"rows": "count(*)"}
    text_key = ", ".join(f"cast(cast({name} as {types[name]}) as varchar)" for name in key)
    for name, kind in types.items():
        if kind.startswith(NUMBERS):
            of[f"{name} known"] = f"count({name})"
            of[f"{name} sum"] = f"coalesce(sum(cast({name} as double)), 0)"
        else:
            value = f"coalesce(cast(cast({name} as {kind}) as varchar), '<null>')"
            of[f"{name} hash"] = f"bit_xor(hash(concat_ws('|', {text_key}, {value})))"
    row = con.execute(f"select {', '.join(of.values())} from {_parquet(file)}").fetchone()
    assert row is not None
    return dict(zip(of, row, strict=True))


def _parquet(file: Path) -> str:
    # The folder of a published version is called v=<version>, which is no column of its tables.
    return f"read_parquet('{file}', hive_partitioning = false)"


def _same(expected: float | int, actual: float | int) -> bool:
    if isinstance(expected, int) and isinstance(actual, int):
        return expected == actual
    return abs(expected - actual) <= RELATIVE_TOLERANCE * max(abs(expected), abs(actual), 1.0)
