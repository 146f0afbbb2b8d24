"""Column lineage: what SQL constructs mean for it, and where columns of the real project begin."""

from pathlib import Path

import dagster as dg
import pytest

from orchestration.lib.contracts import load_contracts
from orchestration.lib.data_dictionary import read_tables, relations_diagram
from orchestration.lib.dbt_project import DBT_DIR, read_manifest, target_dir
from orchestration.lib.generated import generated_files
from orchestration.lib.lineage import (
    ROWS,
    LineageError,
    column_lineage,
    declared_lineage,
    origins,
    project_lineage,
    way_back,
)
from orchestration.lib.project import PROJECT_ROOT, RAW_DEFS

KNOWN = {
    "raw.orders": ["order_id", "customer_id", "amount", "placed_at"],
    "raw.returns": ["return_id", "order_id", "money"],
    "settings.company": ["margin_rate"],
}


def lineage_of(sql: str) -> dict[str, list[tuple[str, str]]]:
    return column_lineage({"marts.one": sql}, KNOWN)["marts.one"]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param(
            'select amount * 2 as doubled from "warehouse"."raw"."orders"',
            [("raw.orders", "amount")],
            id="expression, with the name of the build's database",
        ),
        pytest.param(
            "select amount * 2 as doubled from (select * from touched.orders)",
            [("raw.orders", "amount")],
            id="the rows of raw that a day touched",
        ),
        pytest.param(
            "with rows as (select * from raw.orders), named as (select amount as doubled from rows)"
            " select * from named",
            [("raw.orders", "amount")],
            id="through select star",
        ),
        pytest.param(
            "select amount as doubled from raw.orders union all select money from raw.returns",
            [("raw.orders", "amount"), ("raw.returns", "money")],
            id="union by position, not by name",
        ),
        pytest.param(
            "(with o as (select amount as a from raw.orders) select a as doubled from o)"
            " union all (with r as (select money as m from raw.returns) select m from r)",
            [("raw.orders", "amount"), ("raw.returns", "money")],
            id="union of bracketed queries with their own names",
        ),
        pytest.param(
            "select count(*) as doubled from (select * from raw.orders where amount > 0) o"
            " left join raw.returns using (order_id)",
            [("raw.orders", ROWS)],
            id="counted rows",
        ),
        pytest.param(
            "select sum(amount) over (partition by customer_id order by placed_at) as doubled"
            " from raw.orders",
            [("raw.orders", "amount"), ("raw.orders", "customer_id"), ("raw.orders", "placed_at")],
            id="window",
        ),
        pytest.param(
            "select amount * (select margin_rate from settings.company) as doubled from raw.orders",
            [("raw.orders", "amount"), ("settings.company", "margin_rate")],
            id="scalar subquery",
        ),
        pytest.param(
            "select (select max(money) from raw.returns r where r.order_id = o.order_id) as doubled"
            " from raw.orders o",
            [("raw.returns", "money"), ("raw.returns", "order_id"), ("raw.orders", "order_id")],
            id="correlated subquery",
        ),
        pytest.param(
            "with recursive up as (select order_id as doubled from raw.orders union all"
            " select up.doubled from up join raw.returns on up.doubled = return_id)"
            " select doubled from up",
            [("raw.orders", "order_id")],
            id="recursion ends",
        ),
        pytest.param(
            "select name as doubled from settings.seed",
            [("settings.seed", "name")],
            id="table whose columns nobody listed",
        ),
        pytest.param("select 'x' as doubled from raw.orders", [], id="constant"),
    ],
)
def test_a_column_comes_from_what_its_expression_reads(
    sql: str, expected: list[tuple[str, str]]
) -> None:
    assert lineage_of(sql)["doubled"] == sorted(expected)


def test_sql_that_cannot_be_read_names_the_model() -> None:
    with pytest.raises(LineageError, match=r"marts\.one"):
        lineage_of("select from where")


def test_the_way_back_passes_every_step_once() -> None:
    lineage = column_lineage(
        {
            "staging.orders": "select order_id, amount from raw.orders",
            "marts.totals": "select sum(amount) as total, count(*) as times, sum(amount) / count(*)"
            " as mean from staging.orders",
        },
        KNOWN | {"staging.orders": ["order_id", "amount"]},
    )

    assert way_back(lineage, "marts.totals", "mean") == [
        ("staging.orders", ROWS),
        ("staging.orders", "amount"),
        ("raw.orders", ROWS),
        ("raw.orders", "amount"),
    ]
    assert origins(lineage, "marts.totals", "times") == [("raw.orders", ROWS)]


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("marts.fct_orders", "net_revenue", {("raw.canonical__orders", "net_revenue")}),
        ("marts.fct_order_lines", "quantity", {("raw.canonical__order_lines", "quantity")}),
        (
            "marts.mart_customer_ltv",
            "probability_alive",
            {
                ("raw.canonical__customers", "customer_id"),
                ("raw.canonical__orders", "ordered_at"),
                ("raw.canonical__orders", "net_revenue"),
                ("settings.company", "as_of_date"),
            },
        ),
        ("marts.dim_customers", "email", {("raw.canonical__customers", "email")}),
        ("marts.metric_catalogue", "unit", {("settings.metric_definitions", "unit")}),
    ],
)
def test_published_columns_begin_in_the_files(
    published_home: Path, table: str, column: str, expected: set[tuple[str, str]]
) -> None:
    systems = ("canonical",)
    lineage = project_lineage(target_dir(systems)) | declared_lineage(read_manifest(systems))

    begins = set(origins(lineage, table, column))

    assert begins >= expected
    others = {name for name, _ in begins} - {name for name, _ in expected}
    assert not {name for name in others if name.endswith("survey_responses")}


def test_every_published_column_that_is_not_set_by_sql_has_a_beginning(
    published_home: Path,
) -> None:
    """A construct that the lineage does not follow would show as a column from nowhere."""
    systems = ("canonical",)
    manifest = read_manifest(systems)
    lineage = project_lineage(target_dir(systems)) | declared_lineage(manifest)

    without = {
        f"{node['name']}.{column}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts"
        for column in node["columns"]
        if not origins(lineage, f"marts.{node['name']}", column)
    }

    assert {name for name in without if not name.endswith(".source_system")} == {
        # constants of the union over systems, and counts of them
        "customer_attribute_sources.source_object",
        "customer_identities.source_object",
        "customer_key_redirects.source_object",
        "dim_customers.count_source_systems",
        "identity_links.source_object_a",
        "identity_links.source_object_b",
        "identity_links.source_system_a",
        "identity_links.source_system_b",
        "identity_systems.source_object",
        # names of cuts, rules and kinds, which SQL sets
        "customer_attribute_sources.attribute",
        "identity_guards.guard_level",
        "mart_acquisition.dimension_name",
        "mart_care_calendar.care_type",
        "mart_care_calendar.channel",
        "mart_retention.period_type",
        "mart_satisfaction.period_type",
        "mart_segment_migration.dimension_name",
        "mart_segment_profile.dimension_name",
        "mart_service_levels.metric",
        # steps of a recursion, counted from 1
        "fct_referrals.chain_depth",
    }


def test_dagster_stores_the_lineage_of_a_materialisation(published_home: Path) -> None:
    with dg.DagsterInstance.from_config(str(published_home / "dagster")) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["marts", "fct_orders"]))
        assert event is not None and event.asset_materialization is not None
        stored = event.asset_materialization.metadata["dagster/column_lineage"].value

    assert isinstance(stored, dg.TableColumnLineage)
    assert [
        (dep.asset_key.to_user_string(), dep.column_name)
        for dep in stored.deps_by_column["net_revenue"]
    ] == [("intermediate/int_orders__orders_keyed", "net_revenue")]


def test_generated_files_are_those_of_the_project() -> None:
    """Fails when a contract, a model or a suite changed and `make docs` was not run."""
    stale = [
        str(path.relative_to(PROJECT_ROOT))
        for path, text in generated_files(load_contracts(RAW_DEFS)).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]

    assert stale == [], "run `make docs` and commit what it writes"


def test_the_diagram_shows_what_the_gate_enforces() -> None:
    from expectations.suites import load_layer

    diagram = relations_diagram(read_tables(DBT_DIR / "models/marts"), load_layer("marts"))

    assert "    dim_customers |o--o{ fct_orders : customer_key" in diagram.splitlines()
    assert "    dim_customers ||--o| mart_customer_ltv : customer_key" in diagram.splitlines()
    assert "        varchar customer_key PK" in diagram.splitlines()
