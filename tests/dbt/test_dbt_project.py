"""The dbt project: its tests pass on the sample, its layers keep their order, all is documented."""

import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.suites import load_layer
from orchestration.lib.dbt_project import DBT_DIR, DbtError, read_manifest, run_dbt
from tests.running import published

SYSTEMS = ["canonical"]
ALL_SYSTEMS = sorted(path.name for path in (DBT_DIR / "models/staging").iterdir() if path.is_dir())
# Names that no mart may know; loyalty and marketing are systems here and subjects there.
VENDORS = sorted({"salesforce", "hubspot", *ALL_SYSTEMS} - {"loyalty", "marketing"})


@pytest.fixture(scope="module")
def warehouse(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample's working database; dbt may do in it what it likes."""
    # DuckDB names the catalog after the file and dbt has parsed that name.
    copy = tmp_path_factory.mktemp("dbt") / "warehouse.duckdb"
    shutil.copyfile(published_home / "warehouse.duckdb", copy)
    return copy


@pytest.fixture(scope="module")
def models() -> list[dict[str, Any]]:
    """Every model of every system as dbt parsed it."""
    return [node for node in nodes().values() if node["resource_type"] == "model"]


@cache
def nodes() -> Mapping[str, Any]:
    manifest: Mapping[str, Any] = read_manifest(ALL_SYSTEMS)["nodes"]
    return manifest


def test_every_unit_and_data_test_passes(warehouse: Path) -> None:
    manifest = read_manifest(SYSTEMS)
    expected = set(manifest["unit_tests"]) | {
        key
        for key, node in manifest["nodes"].items()
        # Tests of systems that are not enabled stay in the manifest without their model.
        if node["resource_type"] == "test" and node["attached_node"] in manifest["nodes"]
    }
    results = run_dbt(["test"], warehouse, SYSTEMS)  # raises with the name of a test that fails
    assert {result.node.unique_id for result in results if result.status == "pass"} == expected
    assert len(manifest["unit_tests"]) > 30


def test_a_doubled_order_fails_the_test_of_its_grain(warehouse: Path, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(warehouse, database)
    with duckdb.connect(str(database)) as con:
        con.execute("insert into marts.fct_orders from marts.fct_orders limit 1")
    with pytest.raises(DbtError, match="unique_key_fct_orders"):
        run_dbt(["test", "--select", "fct_orders,test_type:data"], database, SYSTEMS)


def test_control_totals_agree_with_staging_on_re_sent_rows(warehouse: Path, tmp_path: Path) -> None:
    """Two ways to the current rows of the same raw data: late, doubled, undated, deleted rows."""
    database = tmp_path / "warehouse.duckdb"
    shutil.copyfile(warehouse, database)
    rows = [
        # order, revenue, refund, changed, deleted, exported, file, row; 12 + 22 + 32 + 55 + 60 stay
        ("o1", "12.00", "1.00", "2024-01-02", "false", "2024-01-10", "b", 1),
        ("o1", "10.00", "0.00", "2024-01-03", "false", "2024-01-03", "c", 1),
        ("o2", "20.00", None, "2024-01-01", "false", "2024-01-10", "b", 3),
        ("o2", "22.00", None, "2024-01-02", "false", "2024-01-10", "b", 2),
        ("o2", "24.00", None, None, "false", "2024-01-10", "b", 4),
        ("o3", "30.00", "3.00", "2024-01-01", None, "2024-01-10", "a", 9),
        ("o3", "31.00", "3.00", "2024-01-01", None, "2024-01-10", "d", 1),
        ("o3", "32.00", "3.00", "2024-01-01", None, "2024-01-10", "d", 2),
        ("o4", "40.00", "0.00", "2024-01-01", "false", "2024-01-03", "c", 4),
        ("o4", "40.00", "0.00", "2024-01-01", "true", "2024-01-10", "b", 5),
        ("o5", "50.00", "0.00", "2024-01-01", "true", "2024-01-03", "c", 5),
        ("o5", "55.00", "0.00", "2024-01-01", "false", "2024-01-10", "b", 6),
        ("o6", "60.00", "0.00", "2024-01-01", None, "2024-01-03", "c", 6),
    ]
    with duckdb.connect(str(database)) as con:
        con.execute("create table raw.orders as from raw.canonical__orders limit 0")
        con.executemany(
            "insert into raw.orders (order_id, net_revenue, refund_amount, updated_at, is_deleted, "
            "_exported_at, _content_hash, _row_number) values (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        con.execute(
            "create or replace view raw.canonical__orders as select * replace "
            "(coalesce(try_cast(is_deleted as boolean), false) as _is_deleted) from raw.orders"
        )
    run_dbt(
        ["run", "--select", "stg_canonical__orders", "stg_canonical__control_totals"],
        database,
        SYSTEMS,
    )
    with duckdb.connect(str(database)) as con:
        totals = con.execute(
            "select value from staging.stg_canonical__control_totals where entity = 'orders' "
            "order by measure"
        ).fetchall()
        staged = con.execute(
            "select sum(net_revenue), sum(refund_amount), count(*) from "
            "staging.stg_canonical__orders"
        ).fetchone()
    assert [int(value) for (value,) in totals] == [181, 4, 5]
    assert staged is not None
    assert [int(value) for value in staged] == [181, 4, 5]


def test_data_flows_in_one_direction(models: list[dict[str, Any]]) -> None:
    allowed = {
        "staging": {"raw", "staging"},
        "intermediate": {"staging", "intermediate", "settings", "matching"},
        "marts": {"intermediate", "marts", "settings", "statistics", "matching"},
        "audit": {"staging", "intermediate", "marts", "settings", "audit", "matching"},
    }
    wrong = [
        f"{model['name']} reads {upstream}"
        for model in models
        for upstream in model["depends_on"]["nodes"]
        if schema_of(upstream) not in allowed[model["schema"]]
    ]
    assert not wrong


def schema_of(unique_id: str) -> str:
    """Return the schema of a node; of a source it is the second part of its id, by our naming."""
    kind, _, name, *_ = unique_id.split(".")
    return name if kind == "source" else str(nodes()[unique_id]["schema"])


def test_staging_reads_its_own_system_only(models: list[dict[str, Any]]) -> None:
    wrong = [
        f"{model['name']} reads {upstream}"
        for model in models
        if model["schema"] == "staging"
        for upstream in model["depends_on"]["nodes"]
        if not upstream.split(".")[-1].removeprefix("stg_").startswith(f"{model['fqn'][2]}__")
    ]
    assert not wrong


def test_every_model_says_its_grain_and_holds_it(models: list[dict[str, Any]]) -> None:
    tested = {
        node["attached_node"]
        for node in nodes().values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "unique_key"
    }
    assert not [m["name"] for m in models if not m["description"].startswith("One row per ")]
    assert not [m["name"] for m in models if m["unique_id"] not in tested]


def test_every_column_says_what_it_is(models: list[dict[str, Any]]) -> None:
    assert not [
        f"{model['name']}.{name}"
        for model in models
        for name, column in model["columns"].items()
        if not (column["description"] and column["data_type"])
    ]
    assert not [model["name"] for model in models if not model["config"]["contract"]["enforced"]]


def test_every_gated_layer_has_a_suite_per_table(models: list[dict[str, Any]]) -> None:
    suites = {suite.table for layer in ("staging", "marts") for suite in load_layer(layer)}
    tables = {
        f"{model['schema']}.{model['name']}"
        for model in models
        # Control totals are the gate's own yardstick, not an entity.
        if model["schema"] in ("staging", "marts", "audit")
        and not model["name"].endswith("__control_totals")
    }
    assert tables == suites


def test_marts_know_no_system_by_name(models: list[dict[str, Any]]) -> None:
    named = re.compile("|".join(VENDORS), re.IGNORECASE)
    assert not [
        f"{model['name']}: {found.group()}"
        for model in models
        if model["schema"] == "marts"
        for text in (model["name"], model["raw_code"], *model["columns"])
        if (found := named.search(text))
    ]


@pytest.fixture(scope="module")
def marts(published_home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with published(published_home) as connection:
        yield connection


def test_everything_published_is_documented(marts: duckdb.DuckDBPyConnection) -> None:
    silent = marts.execute(
        """
        select table_name, null from duckdb_tables()
        where schema_name = 'marts' and coalesce(comment, '') = ''
        union all
        select table_name, column_name from duckdb_columns()
        where schema_name = 'marts' and coalesce(comment, '') = ''
        """
    ).fetchall()
    assert not silent
    count = marts.execute(
        "select count(*) from duckdb_tables() where schema_name = 'marts'"
    ).fetchone()
    assert count is not None and count[0] >= 10


def test_plumbing_stops_before_the_marts(marts: duckdb.DuckDBPyConnection) -> None:
    assert not marts.execute(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' and column_name like '\\_%' escape '\\'"
    ).fetchall()
