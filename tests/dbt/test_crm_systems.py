"""The dbt tests of Salesforce and HubSpot: every rule, and the grain of every model on files."""

import shutil
from pathlib import Path

from orchestration.lib.dbt_project import read_manifest, run_dbt
from tests.staging_layer import CRM_SYSTEMS


def test_every_unit_and_data_test_of_the_systems_passes(crm_home: Path, tmp_path: Path) -> None:
    # DuckDB names the catalog after the file and dbt has parsed that name.
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(crm_home / "warehouse.duckdb", database)
    folders = [f"path:models/staging/{system}" for system in CRM_SYSTEMS]
    # raises with the name of a test that fails
    results = run_dbt(["test", "--select", *folders], database, CRM_SYSTEMS)
    passed = {result.node.name for result in results if result.status == "pass"}
    unit_tests = {
        node["name"]
        for node in read_manifest(CRM_SYSTEMS)["unit_tests"].values()
        if node["original_file_path"].split("/")[2] in CRM_SYSTEMS
    }
    assert len(unit_tests) > 20 and unit_tests <= passed
