"""No published number depends on the order in which rows were read.

A sum of doubles does, in its last digits: `macros/portable/exact_sum.sql` is there for it.
"""

from collections.abc import Iterator

import duckdb
import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from tests.dbt.conftest import Compiled

SUMS = (exp.Sum, exp.Avg, exp.StddevSamp, exp.StddevPop, exp.Stddev, exp.Variance, exp.Corr)
Schema = dict[str, dict[str, dict[str, dict[str, str]]]]


def sums_of_doubles(sql: str, schema: Schema) -> Iterator[str]:
    """Yield the aggregates over doubles, except those over a window that is put in order."""
    tree = qualify(
        parse_one(sql, dialect="duckdb"),
        schema=schema,
        dialect="duckdb",
        validate_qualify_columns=False,
    )
    tree = annotate_types(tree, schema=schema, dialect="duckdb")
    for found in tree.find_all(*SUMS):
        over = found.parent if isinstance(found.parent, exp.Window) else None
        if over is not None and over.args.get("order"):
            continue
        if found.this.type is None or found.this.type.this in exp.DataType.FLOAT_TYPES:
            yield found.sql(dialect="duckdb")


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select sum(t.d) as x from a.s.t", ["SUM(t.d)"]),
        ("select avg(1.5 * t.d) as x from a.s.t", ["AVG(1.5 * t.d)"]),
        ("select sum(t.d) over (partition by t.n) as x from a.s.t", ["SUM(t.d)"]),
        ("select sum(t.d) over (order by t.n) as x from a.s.t", []),
        ("select sum(t.n) as x, sum(t.m) as y from a.s.t", []),
        ("select sum(cast(t.d as decimal(38, 12))) as x from a.s.t", []),
    ],
)
def test_what_counts_as_a_sum_of_doubles(sql: str, found: list[str]) -> None:
    schema = {"a": {"s": {"t": {"d": "DOUBLE", "n": "BIGINT", "m": "DECIMAL(18, 4)"}}}}
    assert [x.replace('"', "") for x in sums_of_doubles(sql, schema)] == found


def test_no_model_sums_doubles(compiled: Compiled) -> None:
    schema: Schema = {}
    with duckdb.connect(str(compiled.database), read_only=True) as con:
        columns = con.execute(
            "select table_catalog, table_schema, table_name, column_name, data_type"
            " from information_schema.columns"
        ).fetchall()
    for catalog, layer, table, column, data_type in columns:
        schema.setdefault(catalog, {}).setdefault(layer, {}).setdefault(table, {})[column] = (
            data_type
        )

    above_staging = [n for n in compiled.nodes if n.schema in ("intermediate", "marts")]
    assert len(above_staging) > 80
    assert {
        node.name: found
        for node in above_staging
        if (found := list(sums_of_doubles(node.compiled_code, schema)))
    } == {}
