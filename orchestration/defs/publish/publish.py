"""Publication: the one step that readers notice, after everything before it has passed."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.lib import project
from orchestration.lib.builds import promote
from orchestration.lib.dbt_project import read_manifest, target_dir
from orchestration.lib.lineage import declared_lineage, project_lineage
from orchestration.lib.lineage_page import write_lineage_page
from orchestration.lib.progress import report
from orchestration.lib.publication import publish
from orchestration.lib.release import (
    documentation,
    keys,
    published_models,
    release_content,
    required_gates,
    version_name,
)
from orchestration.lib.translator import OWNER
from orchestration.lib.warehouse import Warehouse


@dg.definitions
def publication() -> dg.Definitions:
    """Publish the marts as an immutable version and flip the link that readers follow."""
    systems = project.systems()
    published = [dg.AssetKey([node["schema"], node["name"]]) for node in published_models(systems)]

    @dg.asset(
        key=["published", "customer_marts"],
        deps=sorted(published),
        group_name="publication",
        kinds={"duckdb", "parquet"},
        owners=[OWNER],
        pool="duckdb_warehouse",
        metadata={"dagster/storage_kind": "duckdb"},
    )
    def customer_marts(warehouse: Warehouse) -> dg.MaterializeResult[None]:
        """Publish the version that BI tools read: marts and audit, swapped in atomically.

        It reads the receipts of this very build again and refuses when a gate is missing, out
        of date or failed: materialising this asset alone cannot go around the gates.
        """
        report("publish: write, verify, flip the link")
        built_at = datetime.now(UTC)
        with warehouse.connect() as con:
            found = con.execute("select as_of_date from settings.company").fetchone()
        if found is None:
            raise RuntimeError("settings.company is empty: run the whole job")
        released = publish(
            warehouse.database,
            warehouse.home.published,
            version=version_name(built_at, warehouse.build_id),
            required=required_gates(systems),
            manifest=release_content(
                warehouse.database,
                systems=systems,
                company=warehouse.company,
                as_of=found[0],
                asked_as_of=warehouse.asked_as_of,
                built_at=built_at,
            ),
            documentation=documentation(systems),
            keys=keys(systems),
            keep=warehouse.company.published_versions_kept,
        )
        promote(warehouse.home, warehouse.build_id)
        lineage_page = warehouse.home.reports / "lineage.html"
        write_lineage_page(
            lineage_page,
            version=released.version,
            as_of=found[0].isoformat(),
            tables=published_models(systems),
            lineage=project_lineage(target_dir(systems)) | declared_lineage(read_manifest(systems)),
        )
        return dg.MaterializeResult(
            metadata={
                "version": released.version,
                "folder": dg.MetadataValue.path(str(released.path)),
                "dagster/row_count": sum(table.row_count for table in released.tables),
                "tables": len(released.tables),
                "lineage": dg.MetadataValue.path(str(lineage_page)),
            }
        )

    return dg.Definitions(assets=[customer_marts])
