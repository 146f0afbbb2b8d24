"""Drafts of documentation and suites for the staging models of a new system."""

import shutil
from pathlib import Path

import pytest
import yaml

from expectations.suites import Suite, load_suite
from orchestration.lib.contracts import ExportContract
from orchestration.lib.dbt_project import DBT_DIR, _told, changed_contract, missing_parts
from orchestration.lib.project import PROJECT_ROOT
from orchestration.lib.staging_draft import columns_of, draft_missing

ORDERS = """
with current_rows as (select *, 'a, b' as c from {{ current_records('desk', 'sales') }}),
lines as (select id, sum(x) as total from {{ current_records('desk', 'lines') }} group by id)
select
    current_rows.no as order_id,  -- from nowhere, said a comment
    kunde as customer_id,
    case state when 'x' then 'cancelled' else 'placed' end as order_status,
    cast((select max(total) from lines) as decimal(18, 4)) as net_revenue,
    my_own,
    {{ metadata_with(columns=['a', 'b']) }} as source_metadata,
    current_rows._file_name
from current_rows
where id in (select id from lines)
"""

LINES = """
select
    no as order_id,
    position as line_number,
    sku as product_id,
    quantity,
    net_revenue,
    _file_name,
    _row_number
from {{ current_records('desk', 'lines') }}
"""


def desk(mode: str = "delta") -> dict[str, ExportContract]:
    """Return the contract of a system with one object, whose files hold all records or not."""
    sales = {"name": "sales", "files": ["*"], "mode": mode, "key": [], "columns": [{"name": "no"}]}
    return {"desk": ExportContract.model_validate({"system": "desk", "objects": [sales]})}


def expected(suite: Suite) -> dict[str, tuple[str, dict[str, object]]]:
    """Return severity and arguments of what a suite expects, by name."""
    return {e.name: (e.severity, dict(e.kwargs)) for e in suite.expectations}


@pytest.fixture
def project(tmp_path: Path) -> tuple[Path, Path]:
    """Copy what the entities are, and begin a system."""
    dbt, suites = tmp_path / "dbt", tmp_path / "suites"
    shutil.copytree(DBT_DIR / "models/intermediate", dbt / "models/intermediate")
    shutil.copytree(PROJECT_ROOT / "expectations/staging/canonical", suites / "canonical")
    folder = dbt / "models/staging/desk"
    folder.mkdir(parents=True)
    (folder / "stg_desk__orders.sql").write_text(ORDERS)
    return dbt, suites


def test_columns_are_those_of_the_last_outer_select() -> None:
    assert columns_of(ORDERS) == [
        "order_id",
        "customer_id",
        "order_status",
        "net_revenue",
        "my_own",
        "source_metadata",
        "_file_name",
    ]


@pytest.mark.parametrize("sql", ["select * from t", "select t.*, a from t", "select 1, b from t"])
def test_columns_without_a_name_are_refused(sql: str) -> None:
    with pytest.raises(ValueError, match="does not list columns by name"):
        columns_of(sql)


def test_what_the_entity_says_of_a_column_is_taken(project: tuple[Path, Path]) -> None:
    dbt, suites = project
    documentation, suite = draft_missing(dbt, suites, desk())
    (model,) = yaml.safe_load(documentation.read_text())["models"]
    types = {column["name"]: column["data_type"] for column in model["columns"]}
    assert types["net_revenue"] == "decimal(18, 4)"
    assert (types["my_own"], types["source_metadata"]) == ("varchar", "varchar")
    assert model["description"] == "One row per order."
    assert model["data_tests"] == [{"unique_key": {"arguments": {"columns": ["order_id"]}}}]
    assert load_suite(suite).table == "staging.stg_desk__orders"


def test_a_drafted_suite_expects_what_the_templates_do(project: tuple[Path, Path]) -> None:
    """A drafted gate knew rows and keys only: an unknown status or a lost customer passed it."""
    dbt, suites = project
    folder = dbt / "models/staging/desk"
    (folder / "stg_desk__order_lines.sql").write_text(LINES)
    draft_missing(dbt, suites, desk())

    orders = expected(load_suite(suites / "desk/stg_desk__orders.yml"))
    assert orders["column_values_to_not_be_null(order_id)"][0] == "critical"
    assert orders["column_values_to_not_be_null(net_revenue)"][0] == "critical"
    assert orders["column_values_to_be_between(net_revenue)"] == (
        "critical",
        {"column": "net_revenue", "min_value": 0},
    )
    assert orders["column_values_to_be_in_set(order_status)"][0] == "critical"
    # Nothing is said of what is not there: columns, and customers of which the system has none.
    assert not any("refund" in name or "delivered" in name for name in orders)
    assert not any("reference" in name for name in orders)
    assert "one_currency" not in orders

    lines = expected(load_suite(suites / "desk/stg_desk__order_lines.yml"))
    severity, arguments = lines["reference_to_exist(order_id)"]
    assert (severity, arguments) == (
        "critical",
        {"column": "order_id", "to_table": "staging.stg_desk__orders"},
    )
    assert "staging.stg_desk__orders" in str(lines["lines_sum_to_their_order"][1]["query"])
    assert not any("product_id" in name for name in lines)


def test_a_reference_may_be_lost_where_records_are_deleted(project: tuple[Path, Path]) -> None:
    dbt, suites = project
    (dbt / "models/staging/desk/stg_desk__order_lines.sql").write_text(LINES)
    draft_missing(dbt, suites, desk("full"))
    lines = expected(load_suite(suites / "desk/stg_desk__order_lines.yml"))
    assert lines["reference_to_exist(order_id)"][0] == "warning"
    severity, arguments = lines["most_order_id_found"]  # two thirds of orders had no customer
    assert (severity, arguments["mostly"]) == ("critical", 0.9)
    assert lines["lines_sum_to_their_order"][0] == "critical"


def test_a_reference_that_the_model_does_not_have_is_not_expected(
    project: tuple[Path, Path],
) -> None:
    """The check of a column that only the other table has could not run, and stopped the run."""
    dbt, suites = project
    answers = "select no as response_id, 'overall' as dimension, _file_name from t"
    (dbt / "models/staging/desk/stg_desk__survey_responses.sql").write_text(answers)
    draft_missing(dbt, suites, desk())
    suite = load_suite(suites / "desk/stg_desk__survey_responses.yml")
    assert not any("order_id" in name for name in expected(suite))


def test_every_entity_has_a_suite_to_draft_from() -> None:
    models = (DBT_DIR / "models/intermediate").rglob("int_*__*_unioned.sql")
    entities = {path.stem.split("__")[1].removesuffix("_unioned") for path in models}
    suites = (PROJECT_ROOT / "expectations/staging/canonical").glob("*.yml")
    assert entities == {path.stem.removeprefix("stg_canonical__") for path in suites}


def test_what_somebody_has_begun_is_left_alone(project: tuple[Path, Path]) -> None:
    dbt, suites = project
    begun = suites / "desk" / "stg_desk__orders.yml"
    begun.parent.mkdir(parents=True)
    begun.write_text("mine")
    assert [path.name for path in draft_missing(dbt, suites, desk())] == ["_desk__models.yml"]
    assert begun.read_text() == "mine"
    assert draft_missing(dbt, suites, desk()) == []


def test_models_written_later_are_added(project: tuple[Path, Path]) -> None:
    """What was written after the first draft was never described: dbt missed its columns."""
    dbt, suites = project
    draft_missing(dbt, suites, desk())
    documentation = dbt / "models/staging/desk/_desk__models.yml"
    mine = documentation.read_text().replace("One row per order.", "One row per sale.")
    documentation.write_text(mine)
    (dbt / "models/staging/desk/stg_desk__order_lines.sql").write_text(LINES)

    assert [path.name for path in draft_missing(dbt, suites, desk())] == [
        "_desk__models.yml",
        "stg_desk__order_lines.yml",
    ]
    assert documentation.read_text().startswith(mine)
    models = yaml.safe_load(documentation.read_text())["models"]
    assert [model["name"] for model in models] == ["stg_desk__orders", "stg_desk__order_lines"]


def test_what_a_system_lacks_is_told_with_where_it_comes_from(project: tuple[Path, Path]) -> None:
    dbt, suites = project
    staging = dbt / "models/staging"
    assert "write stg_shop__<entities>.sql" in missing_parts("shop", staging)[0]
    draft_missing(dbt, suites, desk())
    totals, sources = missing_parts("desk", staging)
    assert totals.startswith("desk/stg_desk__control_totals.sql is missing")
    assert sources.startswith("desk/_desk__sources.yml is missing")
    assert sources.endswith("crm-warehouse docs makes it")
    assert missing_parts("canonical") == []


def test_a_contract_that_was_changed_behind_dbt_is_told(tmp_path: Path) -> None:
    """A time zone that was written into the contract of HubSpot, without `crm-warehouse docs`."""
    assert changed_contract("hubspot") == []
    kept = DBT_DIR / "models/staging/hubspot/_hubspot__sources.yml"
    (tmp_path / "hubspot").mkdir()
    (tmp_path / "hubspot" / kept.name).write_text(
        kept.read_text("utf-8").replace(
            "watermark: last_modified_date",
            "watermark: last_modified_date\n            timezone: America/New_York",
        ),
        "utf-8",
    )
    (told,) = changed_contract("hubspot", tmp_path)
    assert "hubspot was changed" in told and told.endswith("run crm-warehouse docs")


def test_a_model_without_an_entity_is_told_with_those_that_there_are(
    project: tuple[Path, Path],
) -> None:
    dbt, suites = project
    folder = dbt / "models/staging/desk"
    (folder / "stg_desk__orders.sql").rename(folder / "stg_desk__sales.sql")
    with pytest.raises(ValueError, match=r"there is no entity sales; there are .*orders"):
        draft_missing(dbt, suites, desk())


def test_a_cell_that_is_not_of_its_type_is_told_with_what_to_do() -> None:
    """The database names neither file nor row, and the run said no more than the database."""
    said = "Runtime Error\n  Conversion Error: Could not convert string\n  > in macro x"
    first, second, remedy = _told(said).splitlines()
    assert (first, second) == ("Runtime Error", "  Conversion Error: Could not convert string")
    assert remedy.startswith("What to do: ") and "try_cast" in remedy
