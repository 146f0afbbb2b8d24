"""What the written files promise: the contract, references, sums, time, determinism."""

import csv
import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.unit.samples.sample_files import AS_OF, Sample, load_objects, make_sample

OBJECTS = sorted(load_objects())
DUCKDB_TYPES = {
    "integer": "bigint",
    "decimal": "decimal(18, 2)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
CUSTOMER_TABLES = (
    *("orders", "cases", "survey_responses", "interactions", "opportunities"),
    *("campaign_members", "loyalty_events", "consents", "costs"),
)
REFERENCES = (
    *((name, "customer_id", "customers", "customer_id") for name in CUSTOMER_TABLES),
    ("customers", "referred_by_customer_id", "customers", "customer_id"),
    ("referrals", "referrer_customer_id", "customers", "customer_id"),
    ("referrals", "referred_customer_id", "customers", "customer_id"),
    ("order_lines", "order_id", "orders", "order_id"),
    ("order_lines", "product_id", "products", "product_id"),
    ("payments", "order_id", "orders", "order_id"),
    ("cases", "order_id", "orders", "order_id"),
    ("survey_responses", "order_id", "orders", "order_id"),
    ("survey_responses", "case_id", "cases", "case_id"),
    ("interactions", "case_id", "cases", "case_id"),
    ("case_events", "case_id", "cases", "case_id"),
    ("loyalty_events", "order_id", "orders", "order_id"),
    ("customers", "acquisition_campaign_id", "campaigns", "campaign_id"),
    ("orders", "campaign_id", "campaigns", "campaign_id"),
    ("campaign_members", "campaign_id", "campaigns", "campaign_id"),
    ("costs", "campaign_id", "campaigns", "campaign_id"),
)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", OBJECTS)
def test_header_is_the_contracts(
    name: str, history: Sample, deltas: Sample, objects: dict[str, Any]
) -> None:
    columns = [column["name"] for column in objects[name]["columns"]]
    files = history.files(name) + deltas.files(name)
    assert files
    for path in files:
        with path.open(encoding="utf-8", newline="") as stream:
            assert next(csv.reader(stream)) == columns


@pytest.mark.parametrize("name", OBJECTS)
def test_every_cell_has_the_contracts_type(
    name: str, history_db: duckdb.DuckDBPyConnection, objects: dict[str, Any]
) -> None:
    for column in objects[name]["columns"]:
        cell = column["name"]
        if column.get("not_null") or cell in objects[name]["key"]:
            empty = history_db.execute(f"select count(*) from {name} where {cell} is null")
            assert empty.fetchone() == (0,), cell
        if column["type"] in DUCKDB_TYPES:
            wrong = history_db.execute(
                f"""
                select {cell} from {name}
                where {cell} is not null
                  and try_cast({cell} as {DUCKDB_TYPES[column["type"]]}) is null
                """
            )
            assert wrong.fetchone() is None, cell


@pytest.mark.parametrize("name", OBJECTS)
def test_no_column_is_always_empty(
    name: str, large_db: duckdb.DuckDBPyConnection, objects: dict[str, Any]
) -> None:
    without_source = {
        *(("interactions", "campaign_id"), ("opportunities", "campaign_id")),
        *(("survey_responses", "product_id"), ("cases", "is_promise_kept")),
    }
    for column in objects[name]["columns"]:
        if (name, column["name"]) not in without_source:
            filled = large_db.execute(f"select count({column['name']}) from {name}").fetchone()
            assert filled is not None
            assert filled[0] > 0, column["name"]


@pytest.mark.parametrize("name", OBJECTS)
def test_keys_are_unique_within_a_file(
    name: str, history: Sample, deltas: Sample, objects: dict[str, Any]
) -> None:
    key = ", ".join(objects[name]["key"])
    for path in history.files(name) + deltas.files(name):
        twice = duckdb.execute(
            f"select {key} from read_csv(?, all_varchar = true) group by all having count(*) > 1",
            [str(path)],
        )
        assert twice.fetchone() is None, path.name


@pytest.mark.parametrize(("table", "column", "target", "key"), REFERENCES)
def test_every_reference_is_known_on_the_day_of_its_export(
    table: str, column: str, target: str, key: str, deltas: Sample, objects: dict[str, Any]
) -> None:
    day = "regexp_extract(filename, '_([0-9-]+)[.]csv', 1)"
    reader = "read_csv(?, all_varchar = true, filename = true)"
    orphans = duckdb.execute(
        f"""
        with
        known as (select {key} as key, min({day}) as since from {reader} group by all),
        used as (select {column} as key, min({day}) as since from {reader} group by all)
        select used.key, used.since from used
        left join known on known.key = used.key and known.since <= used.since
        where used.key is not null and known.key is null
        """,
        [[str(p) for p in deltas.files(target)], [str(p) for p in deltas.files(table)]],
    )
    assert orphans.fetchone() is None


def test_lines_sum_to_their_order(large_db: duckdb.DuckDBPyConnection) -> None:
    different = large_db.execute(
        """
        select order_id, orders.net_revenue, sum(order_lines.net_revenue::decimal(18, 2)) as lines
        from orders left join order_lines using (order_id)
        group by all
        having lines is distinct from orders.net_revenue::decimal(18, 2)
        """
    )
    assert different.fetchone() is None
    off = large_db.execute(
        """
        select * from order_lines
        where unit_price::decimal(9, 2) * quantity::integer <> net_revenue::decimal(18, 2)
           or unit_price::decimal(9, 2) > list_price::decimal(9, 2)
        """
    )
    assert off.fetchone() is None


def test_discounts_of_lines_sum_to_their_order(history_db: duckdb.DuckDBPyConnection) -> None:
    different = history_db.execute(
        """
        select order_id
        from orders join order_lines using (order_id)
        group by order_id, discount_amount
        having sum((list_price::decimal(9, 2) - unit_price::decimal(9, 2)) * quantity::integer)
            <> discount_amount::decimal(18, 2)
        """
    )
    assert different.fetchone() is None


def test_payments_sum_to_the_order_and_cancelled_orders_have_none(
    large_db: duckdb.DuckDBPyConnection,
) -> None:
    different = large_db.execute(
        """
        select
            order_id,
            if(order_status = 'cancelled', 0, net_revenue::decimal(18, 2)
                + tax_amount::decimal(18, 2) + shipping_amount::decimal(18, 2)) as due,
            coalesce(sum(amount::decimal(18, 2)), 0) as paid
        from orders left join payments using (order_id)
        group by all
        having due <> paid
        """
    )
    assert different.fetchone() is None


@pytest.mark.parametrize("name", OBJECTS)
def test_amounts_are_not_negative(
    name: str, large_db: duckdb.DuckDBPyConnection, objects: dict[str, Any]
) -> None:
    for column in objects[name]["columns"]:
        if column["type"] == "decimal":
            cell = column["name"]
            negative = large_db.execute(f"select 1 from {name} where {cell}::decimal(18, 2) < 0")
            assert negative.fetchone() is None, cell


def test_refunds_do_not_exceed_the_order(large_db: duckdb.DuckDBPyConnection) -> None:
    returned = large_db.execute(
        """
        select
            count(*) filter (refund_amount::decimal(9, 2) > net_revenue::decimal(9, 2)),
            count(*) filter (order_status = 'returned' and refund_amount <> net_revenue),
            count(*) filter (order_status = 'returned'),
        from orders
        """
    ).fetchone()
    assert returned is not None
    assert returned[:2] == (0, 0)
    assert returned[2] > 0


@pytest.mark.parametrize("name", sorted({*OBJECTS} - {"products", "order_lines"}))
def test_nothing_lies_after_the_export(
    name: str, history: Sample, deltas: Sample, objects: dict[str, Any]
) -> None:
    """Promises and due dates are about the future; everything else has happened."""
    about_the_future = {"promised_at", "due_at", "end_date"}
    cells = [
        column["name"]
        for column in objects[name]["columns"]
        if column["type"] in ("date", "timestamp") and column["name"] not in about_the_future
    ]
    columns = ", ".join(["filename", *cells])
    paths = [str(path) for path in history.files(name) + deltas.files(name)]
    late = duckdb.execute(
        f"""
        with cells as (
            unpivot (select {columns} from read_csv(?, all_varchar = true, filename = true))
            on columns(* exclude filename) into name cell value instant
        )
        select * from cells where instant >= regexp_extract(filename, '_([0-9-]+)[.]csv', 1)
        """,
        [paths],
    )
    assert late.fetchone() is None


@pytest.mark.parametrize("name", OBJECTS)
def test_deltas_lead_to_the_same_state_as_a_full_export(
    name: str,
    history_db: duckdb.DuckDBPyConnection,
    deltas_db: duckdb.DuckDBPyConnection,
    deltas: Sample,
) -> None:
    query = f"select * exclude (_file) from {name} order by all"
    state = deltas_db.execute(query).fetchall()
    assert state == history_db.execute(query).fetchall()
    if name != "products":
        assert len(deltas.files(name)) > 1, "no delta was written"


def test_deltas_change_rows_that_were_exported_before(
    deltas: Sample, deltas_db: duckdb.DuckDBPyConnection
) -> None:
    for name in ("customers", "orders", "payments", "cases", "survey_responses", "referrals"):
        current = deltas_db.execute(f"select count(*) from {name}").fetchone()
        assert current is not None
        assert deltas.summary.rows[name] > current[0], name


def test_large_files_keep_their_order(large: Sample) -> None:
    """Files are written by several threads; equal seeds must still give equal bytes."""
    (path,) = large.files("order_lines")
    with path.open(encoding="utf-8", newline="") as stream:
        keys = [(row["order_id"], int(row["line_number"])) for row in csv.DictReader(stream)]
    assert len(keys) > 122_880
    assert keys == sorted(keys)


def test_equal_arguments_give_equal_bytes(history: Sample, tmp_path: Path) -> None:
    again = make_sample(tmp_path / "again")
    assert hashes(again.out) == hashes(history.out)


def test_another_seed_gives_another_company(history: Sample, tmp_path: Path) -> None:
    other = hashes(make_sample(tmp_path / "other", seed=8).out)
    mine = hashes(history.out)
    assert other.keys() == mine.keys()
    # What can be said in a comment is the same everywhere.
    assert [name for name in mine if mine[name] == other[name]] == ["truth/comments.csv"]


def test_the_company_grows_with_its_customers(history: Sample, large: Sample) -> None:
    factor = large.summary.customers / history.summary.customers
    for name, rows in history.summary.rows.items():
        if name not in ("products", "campaigns", "costs"):
            assert 0.75 * factor < large.summary.rows[name] / rows < 1.3 * factor, name


def test_summary_counts_what_was_written(deltas: Sample) -> None:
    files = [path for path in deltas.out.rglob("*") if path.is_file()]
    assert deltas.summary.files == len(files)
    assert deltas.summary.size_bytes == sum(path.stat().st_size for path in files)
    for name, rows in deltas.summary.rows.items():
        counted = duckdb.execute(
            "select count(*) from read_csv(?, all_varchar = true)",
            [[str(path) for path in deltas.files(name)]],
        )
        assert counted.fetchone() == (rows,), name


@pytest.mark.parametrize("as_of", [date(2024, 2, 29), date(2025, 1, 1), date(2026, 7, 15)])
def test_a_company_may_be_tiny_on_any_day(as_of: date, tmp_path: Path) -> None:
    sample = make_sample(tmp_path / "tiny", customers=1, as_of=as_of, days_of_deltas=2)
    assert sample.summary.records == 1
    for name in ("customers", "orders", "order_lines"):
        assert sample.summary.rows[name] >= 1
    history_date = sample.files("customers")[0].stem.removeprefix("customers_")
    assert (as_of - date.fromisoformat(history_date)).days == 2


def test_existing_exports_are_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "canonical" / "customers.csv"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(FileExistsError, match="remove it or choose another folder"):
        make_sample(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["canonical", "customers.csv"]


def test_leftovers_of_an_interrupted_run_do_not_show(history: Sample, tmp_path: Path) -> None:
    leftover = tmp_path / ".sample.partial" / "canonical" / "orders_2020-01-01.csv"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("half a line")
    make_sample(tmp_path)
    assert hashes(tmp_path) == hashes(history.out)


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"seed": -1}, {"days_of_deltas": -1}])
def test_wrong_arguments_are_named(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_sample(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_parameters_are_written_with_the_arguments(deltas: Sample) -> None:
    truth = json.loads((deltas.out / "truth" / "parameters.json").read_text(encoding="utf-8"))
    assert truth["sample"] == {
        "customers": 1_500,
        "seed": 7,
        "as_of": AS_OF.isoformat(),
        "days_of_deltas": 20,
    }
    assert sum(truth["satisfaction"]["driver_weights"].values()) == pytest.approx(1)
    assert truth["purchase_process"].keys() >= {"r", "alpha", "a", "b", "time_unit"}
    assert truth["spend"].keys() == {"p", "q", "gamma"}
