"""A gate: suites run on what a layer built, a receipt, and two Dagster checks per table.

Belongs here: turning validation results into receipts and check results. Does not: suites and
their execution (`expectations/`), the decision whether to publish (`publication.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.lib.progress import report
from orchestration.lib.receipts import record_validated
from orchestration.lib.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.suites import Suite
    from expectations.validate import TableResult, Verdict

CRITICAL = "gx_critical"
WARNING = "gx_warning"
VALIDATION_TABLE = "audit.validation_results"


def check_specs(assets: Iterable[dg.AssetKey]) -> list[dg.AssetCheckSpec]:
    """Return the two checks of every table: one that stops the run and one that warns.

    Two per table and not one per expectation: each result costs Dagster's event log 20-33 ms.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=name == CRITICAL, description=description)
        for asset in assets
        for name, description in (
            (CRITICAL, "Expectations that must hold before the next layer is built."),
            (WARNING, "Expectations that somebody should look at when they do not hold."),
        )
    ]


def run_gate(
    warehouse: Warehouse,
    layer: str,
    scope: str,
    suites: Sequence["Suite"],
    masked_columns: Mapping[str, frozenset[str]],
    assets: Mapping[str, dg.AssetKey],
) -> Iterator[dg.AssetCheckResult]:
    """Validate the tables of one layer and scope, write the receipt, yield the check results.

    `assets` maps a table (`schema.table`) to its asset; results of tables that are no asset of
    their own count for the receipt and are yielded with the first asset.
    """
    from expectations.validate import describe, validate

    report(f"gate {layer}{'' if scope == 'all' else ' ' + scope}: {len(suites)} tables")
    results = validate(warehouse.database, suites, masked_columns=masked_columns)
    failures = [describe(failure) for result in results for failure in result.critical.failures]
    _keep_results(warehouse, layer, scope, results)
    record_validated(
        warehouse.build_dir,
        layer,
        scope,
        passed=not failures,
        tables=[result.table for result in results],
        failures=failures,
    )
    by_asset: dict[dg.AssetKey, list[TableResult]] = {key: [] for key in assets.values()}
    first = next(iter(by_asset))
    for result in results:
        by_asset[assets.get(result.table, first)].append(result)
    for asset, own in by_asset.items():
        yield _check_result(asset, CRITICAL, [result.critical for result in own])
        yield _check_result(asset, WARNING, [result.warning for result in own])


def _check_result(
    asset: dg.AssetKey, name: str, verdicts: Sequence["Verdict"]
) -> dg.AssetCheckResult:
    from expectations.validate import describe

    failures = [failure for verdict in verdicts for failure in verdict.failures]
    count = sum(verdict.count_expectations for verdict in verdicts)
    lines = [f"- {describe(failure)}" for failure in failures]
    return dg.AssetCheckResult(
        passed=all(verdict.passed for verdict in verdicts),
        asset_key=asset,
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if name == CRITICAL else dg.AssetCheckSeverity.WARN,
        description=f"{len(failures)} of {count} expectations failed" if failures else None,
        metadata={
            "expectations": count,
            "failed": len(failures),
            **({"failures": dg.MetadataValue.md("\n".join(lines))} if lines else {}),
        },
    )


def _keep_results(
    warehouse: Warehouse, layer: str, scope: str, results: Sequence["TableResult"]
) -> None:
    """Write every verdict to the build, from where the publication takes it along."""
    from expectations.validate import validation_rows

    rows = validation_rows(layer, results)
    columns = (
        *("table_name", "check_name", "severity", "passed"),
        *("observed", "unexpected_count", "message"),
    )
    with warehouse.connect() as con:
        con.execute("create schema if not exists audit")
        con.execute(
            f"create table if not exists {VALIDATION_TABLE} (build_id varchar, layer varchar, "
            "scope varchar, table_name varchar, check_name varchar, severity varchar, "
            "passed boolean, observed varchar, unexpected_count bigint, message varchar)"
        )
        con.execute(
            f"delete from {VALIDATION_TABLE} where build_id != ? or (layer = ? and scope = ?)",
            [warehouse.build_id, layer, scope],
        )
        con.executemany(
            f"insert into {VALIDATION_TABLE} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                [warehouse.build_id, layer, scope, *(row[column] for column in columns)]
                for row in rows
            ],
        )
