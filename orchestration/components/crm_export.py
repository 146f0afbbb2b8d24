"""A source system: its export contract as Dagster assets.

Belongs here: one asset per object of a contract, the step that lands the files and the raw gate.
Does not: reading files (`orchestration/lib/reading`), the contract's form (`contracts.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
from pydantic import BaseModel

from expectations.raw import RawObject, raw_suites
from orchestration.lib import project
from orchestration.lib.contracts import PROVENANCE, SOURCE_METADATA, ExportContract, ExportObject
from orchestration.lib.gates import check_specs, run_gate
from orchestration.lib.progress import report
from orchestration.lib.reading.records import FileRecord
from orchestration.lib.receipts import record_built
from orchestration.lib.release import published_files
from orchestration.lib.translator import OWNER
from orchestration.lib.warehouse import Warehouse

_FILES_SHOWN = 50  # in the page of a raw table
_FILES = dg.TableSchema(
    [
        dg.TableColumn("file"),
        dg.TableColumn("exported", description="UTC."),
        dg.TableColumn("status"),
        dg.TableColumn("rows", type="int"),
        dg.TableColumn("quarantined", type="int"),
    ]
)


@dataclass(frozen=True)
class CrmExport(dg.Component):
    """The exports of one system, landed as raw tables behind a gate.

    The YAML attributes are the export contract, checked by its own model. A system that is not
    enabled (company.yml) leaves the graph.
    """

    contract: ExportContract

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of the YAML attributes."""
        return ExportContract

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> "CrmExport":
        """Make the component from the checked attributes."""
        if not isinstance(attributes, ExportContract):
            raise TypeError("a CrmExport needs the export contract as its `attributes:`")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the raw assets of the system and their gate."""
        if self.contract.system not in project.systems():
            return dg.Definitions()
        return raw_layer(self.contract)


def raw_layer(contract: ExportContract) -> dg.Definitions:
    """Return the step that lands a system's files and the gate behind it."""
    keys = {
        f"raw.{contract.system}__{exported.name}": _key(contract, exported)
        for exported in contract.objects
    }

    @dg.multi_asset(
        name=f"raw_{contract.system}",
        specs=[_spec(contract, exported) for exported in contract.objects],
        pool="duckdb_warehouse",
    )
    def land(warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
        from orchestration.lib.reading.landing import land_system
        from orchestration.lib.reading.views import (
            create_raw_views,
            write_input_files,
            write_quarantine,
        )

        record_built(warehouse.build_dir, "raw", contract.system)
        records = land_system(
            contract,
            warehouse.landing,
            warehouse.home.raw,
            published_files(warehouse.home.published, contract.system),
            report,
        )
        with warehouse.connect() as con:
            create_raw_views(con, contract, records, warehouse.home.raw, warehouse.asked_as_of)
            write_input_files(con, contract.system, records)
            write_quarantine(con, contract, records, warehouse.home.raw)
        for exported in contract.objects:
            own = [record for record in records if record.object == exported.name]
            loaded = [record for record in own if record.status == "loaded"]
            yield dg.MaterializeResult(
                asset_key=_key(contract, exported),
                metadata={
                    "dagster/row_count": sum(record.rows_loaded for record in loaded),
                    "files": len(loaded),
                    "quarantined": sum(record.rows_quarantined for record in loaded),
                    "refused": sum(record.status == "refused" for record in own),
                    "newest files": _newest(own),
                },
            )

    @dg.multi_asset_check(
        name=f"gate_raw_{contract.system}",
        specs=check_specs(keys.values()),
        pool="duckdb_warehouse",
    )
    def gate(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        company = warehouse.company
        suites = raw_suites(
            contract.system,
            [
                _raw_object(exported, company.ceiling_of(contract.system, exported.name))
                for exported in contract.objects
            ],
            owner=contract.owner or OWNER,
            largest_shrink=company.largest_shrink,
        )
        personal = {
            f"raw.{contract.system}__{exported.name}": _personal(exported)
            for exported in contract.objects
        }
        yield from run_gate(warehouse, "raw", contract.system, suites, personal, keys)

    return dg.Definitions(assets=[land], asset_checks=[gate])


def _raw_object(exported: ExportObject, quarantine_ceiling: float) -> RawObject:
    return RawObject(
        name=exported.name,
        quarantine_ceiling=quarantine_ceiling,
        key=exported.key,
        # Rows that say "deleted" may hold nothing but their key; the reader has judged the others.
        not_null=()
        if exported.deleted_flag
        else tuple(column.name for column in exported.columns if column.not_null),
        mode=exported.mode,
        delta_files=exported.delta_files,
        watermark=exported.watermark,
        deleted_flag=exported.deleted_flag,
        columns=tuple(column.name for column in exported.columns),
        required=exported.required,
        min_rows=exported.min_rows,
        masked_columns=_personal(exported),
    )


def _personal(exported: ExportObject) -> frozenset[str]:
    return frozenset(column.name for column in exported.columns if column.pii)


def _key(contract: ExportContract, exported: ExportObject) -> dg.AssetKey:
    return dg.AssetKey(["raw", f"{contract.system}__{exported.name}"])


def _newest(records: Sequence[FileRecord]) -> dg.TableMetadataValue:
    """List the newest files of an object, for whoever follows a number back to them."""
    dated = sorted(records, key=lambda r: (str(r.exported_at or ""), r.file_name), reverse=True)
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "file": record.file_name,
                    "exported": str(record.exported_at or "unknown"),
                    "status": record.status,
                    "rows": record.rows_loaded,
                    "quarantined": record.rows_quarantined,
                }
            )
            for record in dated[:_FILES_SHOWN]
        ],
        schema=_FILES,
    )


def _spec(contract: ExportContract, exported: ExportObject) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(contract, exported),
        group_name="raw",
        description=f"{exported.description} Text as exported by {contract.system}.",
        owners=[contract.owner or OWNER],
        kinds={"file", "duckdb"},
        metadata={
            "dagster/table_name": f"raw.{contract.system}__{exported.name}",
            "dagster/storage_kind": "parquet",
            "files": ", ".join(exported.files),
            "dagster/column_schema": dg.TableSchema(
                [
                    dg.TableColumn(
                        column.name,
                        type="varchar",
                        description=column.description or None,
                        tags={"pii": column.pii} if column.pii else {},
                    )
                    for column in exported.columns
                ]
                + [
                    dg.TableColumn(
                        SOURCE_METADATA,
                        type="varchar",
                        description="Columns of the file that the contract does not list, as JSON.",
                    ),
                    *(
                        dg.TableColumn(name, type=kind, description=meaning)
                        for name, (kind, meaning) in PROVENANCE.items()
                    ),
                ]
            ),
        },
    )
