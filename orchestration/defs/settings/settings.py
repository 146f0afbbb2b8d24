"""Settings of the build: what `company.yml` decides and the day the marts speak of, as a table."""

from collections.abc import Iterator

import dagster as dg

from orchestration.lib import project
from orchestration.lib.dbt_project import read_manifest
from orchestration.lib.kpi_targets import write_kpi_targets
from orchestration.lib.release import drop_what_is_no_longer_made
from orchestration.lib.service_settings import SERVICE_TABLES, write_service_settings
from orchestration.lib.settings_table import write_settings
from orchestration.lib.translator import OWNER, source_metadata
from orchestration.lib.warehouse import Warehouse


@dg.definitions
def settings() -> dg.Definitions:
    """Write the settings once the files of all systems are known."""
    contracts = project.contracts()
    manifest = read_manifest(project.systems())
    raw = [
        dg.AssetKey(["raw", f"{system}__{exported.name}"])
        for system in project.systems()
        for exported in contracts[system].objects
    ]

    def table(name: str, description: str, written_from: str) -> dg.AssetSpec:
        schema, _, short = name.partition(".")
        return dg.AssetSpec(
            dg.AssetKey([schema, short]),
            deps=raw,
            group_name={"settings": "intermediate", "audit": "raw"}[schema],
            description=description,
            owners=[OWNER],
            kinds={written_from, "duckdb"},
            metadata=source_metadata(manifest, name),
        )

    @dg.multi_asset(
        name="settings",
        specs=[
            table(
                "settings.company",
                "One row with every setting of company.yml that SQL needs.",
                "yaml",
            ),
            *(
                table(f"settings.{name}", description, "yaml")
                for name, description in SERVICE_TABLES.items()
            ),
            table(
                "settings.kpi_targets",
                "One row per target of the scorecard, from the file of targets.",
                "csv",
            ),
            table(
                "settings.subscription_categories",
                "One row per product category that is sold as a contract.",
                "yaml",
            ),
            table(
                "audit.input_files",
                "One row per export file that counts for the build, with what the reader decided "
                "and how many rows came in.",
                "duckdb",
            ),
            table(
                "audit.quarantine",
                "One row per row of a file that did not get in, with the reason.",
                "duckdb",
            ),
        ],
        pool="duckdb_warehouse",
    )
    def build(warehouse: Warehouse) -> Iterator[dg.MaterializeResult[None]]:
        with warehouse.connect() as con:
            drop_what_is_no_longer_made(con, project.systems())
            as_of = write_settings(con, warehouse.company, warehouse.asked_as_of)
            service_rows = write_service_settings(con, manifest, warehouse.company.service, as_of)
            count_targets = write_kpi_targets(con, manifest, warehouse.company.kpi_targets)
            counts = dict(
                con.execute(
                    "select 'input_files', count(*) from audit.input_files "
                    "union all select 'quarantine', count(*) from audit.quarantine"
                ).fetchall()
            )
        yield dg.MaterializeResult(
            asset_key=["settings", "company"],
            metadata={"as_of": as_of.isoformat(), "dagster/row_count": 1},
        )
        for table, count in service_rows.items():
            yield dg.MaterializeResult(
                asset_key=["settings", table], metadata={"dagster/row_count": count}
            )
        yield dg.MaterializeResult(
            asset_key=["settings", "kpi_targets"], metadata={"dagster/row_count": count_targets}
        )
        yield dg.MaterializeResult(
            asset_key=["settings", "subscription_categories"],
            metadata={"dagster/row_count": len(warehouse.company.subscriptions.categories)},
        )
        for table, count in counts.items():
            yield dg.MaterializeResult(
                asset_key=["audit", table], metadata={"dagster/row_count": count}
            )

    return dg.Definitions(assets=[build])
