"""A gate: suites run on what a layer built, a receipt, and two Dagster checks per table.

Belongs here: turning validation results into receipts and check results. Does not: suites and
their execution (`expectations/`), the decision whether to publish (`publication.py`).
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.lib import project
from orchestration.lib.contracts import ExportContract
from orchestration.lib.progress import report
from orchestration.lib.reading.sql import insert_rows
from orchestration.lib.receipts import record_validated
from orchestration.lib.staged_files import changed_tables, counts_before, keep_counts
from orchestration.lib.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.suites import Suite
    from expectations.validate import CheckResult, TableResult, Verdict
    from orchestration.lib.reading.records import FileRecord

CRITICAL = "gx_critical"
WARNING = "gx_warning"
VALIDATION_TABLE = "audit.validation_results"

# Finds the line of a landed file on which a record starts, by file name and record number.
FindLine = Callable[[str, int], int | None]


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
    their own count for the receipt and are yielded with the first asset. Failing rows of a
    system that know their file and record are shown with the line as well.
    """
    from expectations.validate import Change, describe, validate

    report(f"gate {layer}{'' if scope == 'all' else ' ' + scope}: {len(suites)} tables")
    changes = {}
    if layer == "staging":
        with warehouse.connect() as con:
            changes = {
                table: Change(came, left, counts_before(con, table))
                for table, (came, left) in changed_tables(con, scope).items()
            }
    results = validate(warehouse.database, suites, masked_columns=masked_columns, changes=changes)
    contracts = project.contracts()
    of_system = [contracts[scope]] if scope in contracts else []
    find_line = _line_finder(warehouse, of_system or list(contracts.values()))
    results = with_lines(results, find_line, also_warnings=not of_system)
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


def with_lines(
    results: Sequence["TableResult"], find_line: FindLine, *, also_warnings: bool = False
) -> list["TableResult"]:
    """Add to rows that stop the run the line on which they start in their file, if it is there.

    Rows of a mere warning are spared the search, which reads the file up to the row, unless
    `also_warnings`: over all systems, few warn of single rows. A row tells
    its file and record in `_file_name` and `_row_number`; a query that shows two records at once
    prefixes one pair (`newest_file_name`, `newest_row_number`).
    """

    def located(check: "CheckResult") -> "CheckResult":
        if check.severity != "critical" and not also_warnings:
            return check
        samples = tuple(_with_line_numbers(sample, find_line) for sample in check.samples)
        return dataclasses.replace(check, samples=samples)

    return [
        dataclasses.replace(result, checks=tuple(located(check) for check in result.checks))
        for result in results
    ]


def _with_line_numbers(sample: Mapping[str, Any], find_line: FindLine) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in sample.items():
        shown[name] = value
        prefix = name.removesuffix("_row_number")
        file_name = sample.get(f"{prefix}_file_name")
        if prefix != name and file_name is not None and value is not None:
            line = find_line(file_name, value)
            if line is not None:
                shown[f"{prefix}_line_number"] = line
    return shown


def _line_finder(warehouse: Warehouse, contracts: Sequence[ExportContract]) -> FindLine:
    """Look lines up in landing, where the file of a bad row still lies in all likelihood."""
    from orchestration.lib.reading.landing import locate_line
    from orchestration.lib.reading.views import read_input_files

    @cache
    def files() -> dict[str, list[tuple[ExportContract, "FileRecord"]]]:
        found: dict[str, list[tuple[ExportContract, FileRecord]]] = {}
        with warehouse.connect() as con:
            for contract in contracts:
                for record in read_input_files(con, contract.system):
                    found.setdefault(record.file_name, []).append((contract, record))
        return found

    @cache
    def find_line(file_name: str, row_number: int) -> int | None:
        # Of two files of one name, one published and one replacing it, the row does not say whose.
        match files().get(file_name):
            case [(contract, record)] if record.object is not None:
                exported = contract.object(record.object)
                return locate_line(exported, record, warehouse.landing, row_number)
        return None

    return find_line


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

    build = {"build_id": warehouse.build_id, "scope": scope}
    verdicts = [build | row for row in validation_rows(layer, results)]
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
        insert_rows(con, VALIDATION_TABLE, verdicts)
        if layer == "staging":
            keep_counts(con, {result.table: _counts(result) for result in results})


def _counts(result: "TableResult") -> dict[str, tuple[int, int | None]]:
    return {
        check.rule: (check.unexpected_count, check.judged_count)
        for check in result.checks
        if check.unexpected_count is not None
    }
