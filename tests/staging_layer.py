"""Staging of one system from its export files, without the layers above.

Belongs here: landing a folder and building the models of a system in a database of their own, the
reader and dbt being the product's. Does not: gates, Dagster, assertions.
"""

from pathlib import Path

import duckdb

from orchestration.lib import project
from orchestration.lib.dbt_project import run_dbt
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.views import create_raw_views, write_input_files, write_quarantine

# Parsed together: the project is parsed once for each set of systems.
CRM_SYSTEMS = ("salesforce", "hubspot")


def stage(system: str, landing: Path, work: Path, *select: str) -> Path:
    """Land `landing/<system>` and build the selected models (default: all); return the database.

    `work` takes the database and the raw files. Raises DbtError when a model cannot be built.
    """
    contract = project.contracts()[system]
    work.mkdir(parents=True, exist_ok=True)
    # DuckDB names the catalog after the file and dbt has parsed that name.
    database = work / "warehouse.duckdb"
    records = land_system(contract, landing, work / "raw", frozenset(), lambda _: None)
    with duckdb.connect(str(database)) as con:
        create_raw_views(con, contract, records, work / "raw", None)
        write_input_files(con, system, records)
        write_quarantine(con, contract, records, work / "raw")
    models = select or [f"path:models/staging/{system}"]
    run_dbt(["run", "--select", *models], database, CRM_SYSTEMS)
    return database
