"""The published tables by plain DuckDB: what the pipeline is measured against.

Run `python -m tests.benchmarks.bare_duckdb plan HOME PLAN` on the home of a finished run, then
`python -m tests.benchmarks.bare_duckdb run PLAN LANDING OUT AS_OF`. The plan is the compiled SQL of
every model that a mart needs, in order; running it reads the same CSVs with `read_csv`, types and
deduplicates them, computes the same statistics with the project's own functions, and writes the
same tables to one DuckDB file and to Parquet. It has no Dagster and no dbt, and knows no
quarantine, provenance, gates, reconciliation, lineage, immutable version or second run: that is
what the pipeline adds.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from datetime import date
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb

from orchestration.lib import matching, project
from orchestration.lib.contracts import SOURCE_METADATA
from orchestration.lib.dbt_functions import register_functions
from orchestration.lib.dbt_project import DBT_DIR, read_manifest, run_dbt
from orchestration.lib.documented_tables import write_documented
from orchestration.lib.kpi_targets import write_kpi_targets
from orchestration.lib.service_settings import write_service_settings
from orchestration.lib.settings_table import write_settings
from orchestration.lib.statistics import Compute, Statistics

SYSTEM = "canonical"


def plan(home: Path, target: Path) -> None:
    """Write the compiled SQL of every model that a mart needs, in the order of their needs."""
    compiled = {
        result.node.unique_id: result.node
        for result in run_dbt(
            # Full: what a build from nothing executes, not what a day adds.
            ["compile", "--full-refresh", "--select", "resource_type:model"],
            home / "warehouse.duckdb",
            [SYSTEM],
        )
    }
    manifest = read_manifest([SYSTEM])
    tables = {
        f"{node['schema']}.{node['name']}": key
        for key, node in {**manifest["nodes"], **manifest["sources"]}.items()
        if node["resource_type"] in ("model", "source", "seed")
    }
    needs: dict[str, set[str]] = {
        key: set(node["depends_on"].get("nodes", ())) for key, node in manifest["nodes"].items()
    }
    intermediate = {key for key, node in compiled.items() if node.schema == "intermediate"}
    for key, node in manifest["sources"].items():
        origins = (node.get("config", {}).get("meta") or {}).get("computed_from", ())
        # Statistics read intermediate tables only, and may read all of them.
        needs[key] = (
            intermediate
            if node["schema"] == "statistics"
            else {tables[origin["table"]] for origin in origins}
        )
    wanted = {key for key in compiled if compiled[key].schema == "marts"}
    pending = list(wanted)
    while pending:
        fresh = needs.get(pending.pop(), set()) - wanted
        wanted |= fresh
        pending += fresh
    steps = []
    for key in TopologicalSorter({key: needs.get(key, set()) for key in wanted}).static_order():
        if key in compiled:
            node = compiled[key]
            steps.append(
                {
                    "table": f"{node.schema}.{node.name}",
                    "kind": "view" if node.config.materialized == "view" else "table",
                    "sql": node.compiled_code,
                }
            )
        elif needs.get(key) and key in manifest["sources"]:
            source = manifest["sources"][key]
            steps.append({"table": f"{source['schema']}.{source['name']}", "kind": "python"})
    target.write_text(json.dumps(steps))


def run(steps: Path, landing: Path, out: Path, as_of: date) -> None:
    """Make all tables of the plan from the exports in `landing` and copy the marts to Parquet."""
    out.mkdir(parents=True)
    company, manifest = project.company(), read_manifest([SYSTEM])
    functions = dict(_functions())
    with duckdb.connect(str(out / "warehouse.duckdb")) as con:
        for schema in ("raw", "settings", "staging", "intermediate", "matching", "statistics"):
            con.execute(f"create schema {schema}")
        con.execute("create schema marts")
        register_functions(con)
        write_settings(con, company, as_of)
        write_service_settings(con, manifest, company.service, as_of)
        write_kpi_targets(con, manifest, company.kpi_targets)
        _load(con, landing / SYSTEM, as_of)
        marts = []
        for step in json.loads(steps.read_text()):
            table = step["table"]
            if step["kind"] != "python":
                con.execute(f"create {step['kind']} {table} as {step['sql']}")
                marts += [table] if table.startswith("marts.") else []
            elif not _exists(con, table):
                made = functions[table](con, company)
                for name, rows in made.tables.items():
                    write_documented(con, manifest, f"{table.split('.')[0]}.{name}", rows)
        for table in marts:
            target = out / f"{table.removeprefix('marts.')}.parquet"
            con.execute(f"copy {table} to '{target}' (format parquet, compression zstd)")


def _load(con: duckdb.DuckDBPyConnection, folder: Path, as_of: date) -> None:
    """Load the CSVs as text, and the seeds, without looking whether they are as they should be."""
    for exported in project.contracts()[SYSTEM].objects:
        columns = ", ".join(f'"{column.name}"' for column in exported.columns)
        # Nobody has answered yet, and optional columns are left out.
        files = [str(file) for file in sorted(folder.glob(f"{exported.name}_2*.csv"))]
        rows = f"union all by name from read_csv({files}, all_varchar = true, header = true)"
        absent = ", ".join(f'null::varchar as "{column.name}"' for column in exported.columns)
        con.execute(
            f"""
            create table raw.{SYSTEM}__{exported.name} as
            select
                {columns}, null::varchar as {SOURCE_METADATA}, '' as _file_name,
                '' as _content_hash, timestamp '{as_of}' as _exported_at, null::bigint as
                _row_number, coalesce(try_cast(is_deleted as boolean), false) as _is_deleted
            from (select {absent} where false {rows if files else ""})
            """
        )
    for seed in sorted((DBT_DIR / "seeds").glob("*.csv")):
        con.execute(f"create table settings.{seed.stem} as from read_csv('{seed}', header = true)")


def _functions() -> Iterator[tuple[str, Compute]]:
    """Yield the functions that compute tables, by a table of theirs as the plan names it."""
    modules: list[tuple[str, ModuleType]] = [("matching", matching)]
    folder = project.PROJECT_ROOT / "orchestration/defs/models"
    modules += [
        ("statistics", import_module(f"orchestration.defs.models.{path.stem}"))
        for path in sorted(folder.glob("*.py"))
    ]
    tables = {
        f"{node['schema']}.{node['name']}" for node in read_manifest([SYSTEM])["sources"].values()
    }
    for schema, module in modules:
        source = inspect.getsource(module)
        for _, function in inspect.getmembers(module, inspect.isfunction):
            if inspect.signature(function).return_annotation is not Statistics:
                continue
            body = inspect.getsource(function)
            named = {table for table in tables if f'"{table.split(".")[1]}"' in body}
            for table in named or {t for t in tables if f'"{t.split(".")[1]}"' in source}:
                if table.startswith(f"{schema}."):
                    yield table, function


def _exists(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, name = table.split(".")
    found: Any = con.execute(
        "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, name]
    ).fetchone()
    return found is not None


if __name__ == "__main__":
    if sys.argv[1] == "plan":
        plan(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        run(
            Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), date.fromisoformat(sys.argv[5])
        )
