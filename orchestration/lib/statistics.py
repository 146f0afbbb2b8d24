"""A table of statistics as a Dagster step: what `models/` computes from intermediate tables.

Belongs here: making a step from a pure function. Does not: the statistics (`models/`), which
tables there are (`defs/models/`), their gate (`defs/models/gate.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from orchestration.lib import project
from orchestration.lib.company import Company
from orchestration.lib.dbt_layers import dagster_lineage
from orchestration.lib.dbt_project import read_manifest
from orchestration.lib.documented_tables import write_documented
from orchestration.lib.lineage import declared_lineage
from orchestration.lib.progress import report
from orchestration.lib.receipts import ALL, record_built
from orchestration.lib.translator import OWNER, source_metadata
from orchestration.lib.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LAYER = "models"
SCHEMA = "statistics"


@dataclass(frozen=True)
class Statistics:
    """One or more tables that were computed together, and what Dagster shows beside them.

    `tables` maps a name to its rows, in an order that does not depend on chance.
    """

    tables: Mapping[str, "pd.DataFrame | pa.Table"]
    metadata: Mapping[str, str | float | int] = field(default_factory=dict)


Compute = Callable[[duckdb.DuckDBPyConnection, Company], Statistics]


def statistics_step(
    compute: Compute,
    *,
    tables: Sequence[str],
    reads: Sequence[str],
    kinds: set[str],
    layer: str = LAYER,
    schema: str = SCHEMA,
    group: str = SCHEMA,
) -> dg.Definitions:
    """Return the step that writes `<schema>.<table>` for each of the tables.

    `compute` reads the build's database, only the intermediate tables named in `reads` and
    `settings.company`, and writes nothing itself. The tables, their columns and what they are
    computed from are documented once, as dbt sources in `_statistics__sources.yml`; a column that
    is not documented there, or missing, is an error. The compute function's docstring describes
    the step. `layer` is the one whose gate vouches for the tables, `schema` where they lie,
    `group` where the asset graph shows them.
    """
    systems = project.systems()
    manifest = read_manifest(systems)
    lineage = declared_lineage(manifest)
    keys = {name: dg.AssetKey([schema, name]) for name in tables}

    @dg.multi_asset(
        name=compute.__name__,
        specs=[
            dg.AssetSpec(
                key,
                deps=[dg.AssetKey(["intermediate", table]) for table in reads],
                group_name=group,
                kinds=kinds,
                owners=[OWNER],
                description=compute.__doc__,
                metadata={
                    **source_metadata(manifest, f"{schema}.{name}"),
                    "dagster/column_lineage": dagster_lineage(lineage[f"{schema}.{name}"]),
                },
            )
            for name, key in keys.items()
        ],
        pool="duckdb_warehouse",
    )
    def step(warehouse: Warehouse):  # type: ignore[no-untyped-def]  # Dagster reads annotations
        record_built(warehouse.build_dir, layer, ALL)
        report(f"{schema}: {', '.join(tables)}")
        with warehouse.connect() as con:
            found = compute(con, warehouse.company)
            con.execute(f"create schema if not exists {schema}")
            for name in tables:
                write_documented(con, manifest, f"{schema}.{name}", found.tables[name])
        for name, key in keys.items():
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={"dagster/row_count": len(found.tables[name]), **found.metadata},
            )

    return dg.Definitions(assets=[step])
