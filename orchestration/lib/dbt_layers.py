"""A layer of the dbt project as Dagster steps: one that builds it and one that is its gate.

Belongs here: making definitions from a dbt selection and its suites. Does not: SQL, suites.

One `@dbt_assets` over everything would make gates between layers useless: a failing blocking check
stops steps, not parts of a step. So each layer is a step of its own, and staging one per system.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from expectations.suites import SuiteError, load_layer
from orchestration.lib import project
from orchestration.lib.dbt_project import (
    personal_data_tag,
    read_manifest,
    run_dbt,
    target_dir,
)
from orchestration.lib.gates import check_specs, run_gate
from orchestration.lib.lineage import ROWS, TableLineage, cached_lineage, known_columns
from orchestration.lib.progress import report
from orchestration.lib.receipts import ALL, record_built
from orchestration.lib.release import code_version, company_hash, library_versions
from orchestration.lib.staged_files import increments, kept_rows
from orchestration.lib.translator import LayerTranslator
from orchestration.lib.warehouse import Warehouse

_TRANSLATOR = LayerTranslator()


def dbt_layer(
    name: str,
    *,
    layer: str,
    scope: str,
    select: str,
    systems: Sequence[str],
    exclude: str = "",
    is_gated: bool = True,
    also_judged: Collection[str] = (),
) -> dg.Definitions:
    """Return the step that builds a dbt selection and the gate behind it.

    `layer` and `scope` name the receipt and the folder of the suites; tables with a suite carry
    the checks. A layer of several steps has its gate behind the last: the others are not gated,
    and the gate judges what they built as well (`also_judged`, as `schema.table`). Raises
    SuiteError for a suite without a table.
    """

    @dbt_assets(
        manifest=_assets(tuple(systems)),
        select=select,
        exclude=exclude or None,
        name=name,
        dagster_dbt_translator=_TRANSLATOR,
        pool="duckdb_warehouse",
    )
    def build(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[Any]:
        record_built(warehouse.build_dir, layer, scope)
        report(f"build {name}: {len(context.selected_asset_keys)} tables")
        arguments = [
            *("build", "--resource-type", "model", "seed", "--select", *select.split()),
            *(["--exclude", *exclude.split()] if exclude else []),
        ]
        made_by = (
            f"{code_version()} {company_hash(warehouse.company)} {sorted(systems)} "
            f"{library_versions()}"
        )
        with (
            increments(
                warehouse.database, project.contracts()[scope], warehouse.asked_as_of, made_by
            )
            if layer == "staging"
            else kept_rows(warehouse.database, name, made_by)
        ) as can_be_added_to:
            refresh = [] if can_be_added_to else ["--full-refresh"]
            results = run_dbt([*arguments, *refresh], warehouse.database, systems)
        nodes = [result.node for result in results]
        counts = _row_counts(warehouse, [f"{node.schema}.{node.name}" for node in nodes])
        lineage = cached_lineage(
            target_dir(systems),
            name,
            {
                f"{node.schema}.{node.name}": node.compiled_code
                for node in nodes
                if node.resource_type == "model"
            },
            known_columns(read_manifest(systems), project.contracts()),
        )
        for result, node in zip(results, nodes, strict=True):
            table = f"{node.schema}.{node.name}"
            yield dg.MaterializeResult(
                asset_key=[node.schema, node.name],
                metadata={
                    "dagster/row_count": counts[table],
                    "dagster/column_lineage": dagster_lineage(lineage.get(table, {})),
                    "seconds": round(result.execution_time, 3),
                },
            )

    if not is_gated:
        return dg.Definitions(assets=[build])

    suites = load_layer(layer, None if scope == ALL else [scope])
    gated = {
        suite.table: dg.AssetKey(suite.table.split("."))
        for suite in suites
        if suite.table not in also_judged
    }
    strangers = sorted(set(gated.values()) - build.keys)
    if strangers:
        raise SuiteError(f"suites of tables that {name} does not build: {strangers}")

    @dg.multi_asset_check(
        name=f"gate_{name}", specs=check_specs(gated.values()), pool="duckdb_warehouse"
    )
    def gate(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        yield from run_gate(warehouse, layer, scope, suites, masked_columns(systems), gated)

    return dg.Definitions(assets=[build], asset_checks=[gate])


@cache
def _assets(systems: tuple[str, ...]) -> dict[str, Any]:
    """Return dbt's manifest without tests: to select models, all of them would be made objects.

    One for all layers, as the translator is, which knows what it described by the manifest.
    """
    manifest = read_manifest(systems)

    def kept(names: Iterable[str]) -> list[str]:
        return [name for name in names if not name.startswith(("test.", "unit_test."))]

    return {
        **manifest,
        "nodes": {name: manifest["nodes"][name] for name in kept(manifest["nodes"])},
        "unit_tests": {},
        "child_map": {
            name: kept(manifest["child_map"][name]) for name in kept(manifest["child_map"])
        },
    }


def masked_columns(systems: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return, per table, the columns with personal data: reports show them masked."""
    return {
        table: frozenset(name for name, column in columns.items() if personal_data_tag(column))
        for table, columns in _documented_columns(systems).items()
    }


def _documented_columns(systems: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    return {
        f"{node['schema']}.{node['name']}": node["columns"]
        for node in read_manifest(systems)["nodes"].values()
        if node["resource_type"] == "model"
    }


def dagster_lineage(columns: TableLineage) -> dg.TableColumnLineage:
    """Return lineage as Dagster stores it: from column to column, counted rows left out."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(table.split(".")), column_name=name)
                for table, name in sources
                if name != ROWS
            ]
            for column, sources in columns.items()
            if column != ROWS
        }
    )


def _row_counts(warehouse: Warehouse, tables: Sequence[str]) -> dict[str, int]:
    query = " union all ".join(f"select '{table}', count(*) from {table}" for table in tables)
    with warehouse.connect() as con:
        return dict(con.execute(query).fetchall())
