"""The identity steps alone, on records that a test or a benchmark brings: seconds, not a run.

The same dbt models and the same Python step as in a run; only what lies before them, the unioned
customers and the answers, is written by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from orchestration.lib.company import Company
from orchestration.lib.dbt_project import read_manifest, run_dbt
from orchestration.lib.documented_tables import write_documented
from orchestration.lib.matching import resolve_customers
from orchestration.lib.settings_table import write_settings

SYSTEMS = ["canonical"]
AS_OF = date(2026, 11, 1)
Answer = Mapping[str, Any]


def write_records(database: Path, customers: pd.DataFrame, company: Company) -> None:
    """Make a database that holds the customers where a run's union of all systems would be.

    Columns that the customers lack are empty. The file must be called warehouse.duckdb. Nothing is
    built of them yet.
    """
    with duckdb.connect(str(database)) as con:
        con.execute("create schema intermediate")
        con.execute("create schema audit")
        write_settings(con, company, AS_OF)
        _write(con, "int_customers__customers_unioned", customers)
    write_answers(database, [])
    run_dbt(["seed", "--select", "identity_placeholders", "mail_providers"], database, SYSTEMS)


def replace_records(database: Path, customers: pd.DataFrame) -> None:
    """Put other customers where `write_records` wrote; what was built stays until built anew."""
    with duckdb.connect(str(database)) as con:
        _write(con, "int_customers__customers_unioned", customers)


def build_rules(database: Path) -> None:
    """Build what identifiers and people say."""
    _build(
        database,
        *("int_identity__records", "int_identity__identifiers", "int_identity__rule_links"),
        "int_identity__answers",
    )


def write_answers(database: Path, answers: Sequence[Answer]) -> None:
    """Replace the answers of people; columns as in the template `identity_answers`.

    They count when the rules are built anew.
    """
    with duckdb.connect(str(database)) as con:
        columns = ("source_system_a", "record_id_a", "source_system_b", "record_id_b", "answer")
        _write(
            con,
            "int_identity__identity_answers_unioned",
            pd.DataFrame(list(answers), columns=list(columns)).astype("str"),
        )


def resolve(database: Path, company: Company) -> dict[str, Any]:
    """Find likeness and clusters, build links and keys; return the step's metadata."""
    with duckdb.connect(str(database)) as con:
        found = resolve_customers(con, company)
        con.execute("create schema if not exists matching")
        for name, rows in found.tables.items():
            write_documented(con, read_manifest(SYSTEMS), f"matching.{name}", rows)
    _build(database, "int_identity__links", "int_identity__customer_records")
    return dict(found.metadata)


def keys(database: Path) -> "pd.Series[str]":
    """Return every record's customer key."""
    with duckdb.connect(str(database), read_only=True) as con:
        return (
            con.execute(
                "select source_system || ':' || source_record_id as record, customer_key "
                "from intermediate.int_identity__customer_records order by record"
            )
            .df()
            .set_index("record")["customer_key"]
        )


def _build(database: Path, *models: str) -> None:
    run_dbt(["run", "--select", *models], database, SYSTEMS)


def _write(con: duckdb.DuckDBPyConnection, table: str, rows: pd.DataFrame) -> None:
    columns = {
        column["name"]: column["data_type"]
        for node in read_manifest(SYSTEMS)["nodes"].values()
        if node["name"] == table
        for column in node["columns"].values()
    }
    select = ", ".join(
        f"cast({name if name in rows else 'null'} as {kind}) as {name}"
        for name, kind in columns.items()
    )
    con.register("given_rows", rows)
    con.execute(f"create or replace table intermediate.{table} as select {select} from given_rows")
    con.unregister("given_rows")
