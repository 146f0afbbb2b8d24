"""No model compares every row of one growing table with every row of another.

DuckDB hashes a join by its equalities, but a left join with any other condition than a comparison
(`is null or`, a condition on one side) it runs as nested loops: fast on a sample, quadratic in a
company. What a plan looks like depends on the shape of the query, so the sample shows it.
"""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from orchestration.lib.dbt_functions import register_functions
from tests.dbt.conftest import Compiled

# One side of each is short in any company.
SHORT_SIDE = {
    "int_channels__acquisition_names": "names of channels",
    "int_channels__standard_names": "names of channels",
    "int_identity__identifiers": "shared mailboxes",
    "int_service__case_phases": "names of stages",
    "mart_acquisition": "campaigns",
    "mart_customer_ltv": "one row about all customers",
    "mart_customer_segments": "one row about all customers",
    "mart_segment_profile": "segments",
}


def nested_loops(con: duckdb.DuckDBPyConnection, sql: str) -> Iterator[str]:
    """Yield the conditions of the outer joins that a query runs as nested loops."""
    con.execute("set explain_output = 'physical_only'")
    row = con.execute(f"explain (format json) {sql}").fetchone()
    assert row is not None
    pending: list[dict[str, Any]] = json.loads(row[1])
    while pending:
        step = pending.pop()
        # Inner ones are those with the single row of the settings.
        is_outer = step["extra_info"].get("Join Type") not in (None, "INNER")
        if step["name"].strip() == "BLOCKWISE_NL_JOIN" and is_outer:
            yield step["extra_info"]["Condition"]
        pending += step["children"]


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ("a.k = b.k", False),
        ("a.k = b.k and a.n >= b.n", False),
        ("a.k = b.k and (b.n is null or a.n >= b.n)", True),
        ("a.k = b.k and a.n = 1", True),
    ],
)
def test_what_is_run_as_nested_loops(condition: str, is_found: bool) -> None:
    with duckdb.connect() as con:
        for table in ("a", "b"):
            con.execute(f"create table {table} as select range as k, range as n from range(10)")
        sql = f"select a.k, b.n from a left join b on {condition}"
        assert bool(list(nested_loops(con, sql))) == is_found


def test_no_model_compares_all_with_all(compiled: Compiled) -> None:
    with duckdb.connect(str(compiled.database), read_only=True) as con:
        register_functions(con)
        found = {
            node.name: conditions
            for node in compiled.nodes
            if (conditions := list(nested_loops(con, node.compiled_code)))
        }
    assert {name: found[name] for name in found if name not in SHORT_SIDE} == {}
    assert found.keys() == SHORT_SIDE.keys(), "no longer run as nested loops: take them out"
