"""The raw gate: what it says about files and landed rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.raw import RawObject, raw_suites
from expectations.validate import TableResult, describe, validate, validation_rows

OBJECTS = (
    RawObject(
        name="customers",
        key=("customer_id",),
        not_null=("created_at",),
        mode="full",
        required=True,
        quarantine_ceiling=0.01,
        min_rows=2,
        masked_columns=frozenset({"email"}),
        delta_files=("*_since_*", "changes/*"),
        deleted_flag="is_deleted",
        columns=("customer_id", "created_at", "is_deleted"),
    ),
    RawObject(
        name="notes",
        key=("note_id",),
        not_null=(),
        mode="delta",
        required=False,
        quarantine_ceiling=0.2,
    ),
)
GOOD_FILE: dict[str, Any] = {
    "system": "shop",
    "object": "customers",
    "file_name": "customers_2.csv",
    "status": "loaded",
    "rows_in_file": 200,
    "rows_loaded": 200,
    "rows_quarantined": 0,
    "message": None,
    "remedy": None,
    "exported_at": "2024-01-02",
    "rows_released": 0,
    "columns_added": [],
    "columns_missing": [],
    "exported_at_source": "file_name",
    "times_replaced": 0,
}


def gate(
    tmp_path: Path,
    files: Sequence[dict[str, Any]],
    bad_rows: Sequence[tuple[Any, ...]] = (),
    others: str = "",
) -> list[TableResult]:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE SCHEMA raw; CREATE SCHEMA audit")
        con.execute(
            "CREATE TABLE audit.input_files (system TEXT, object TEXT, file_name TEXT,"
            " status TEXT, rows_in_file BIGINT, rows_loaded BIGINT, rows_quarantined BIGINT,"
            " message TEXT, remedy TEXT, exported_at TIMESTAMP, rows_released BIGINT,"
            " columns_added TEXT[], columns_missing TEXT[], exported_at_source TEXT,"
            " times_replaced BIGINT)"
        )
        for file in files:
            con.execute(
                f"INSERT INTO audit.input_files VALUES ({', '.join('?' * len(GOOD_FILE))})",
                list((GOOD_FILE | file).values()),
            )
        con.execute(
            "CREATE TABLE audit.quarantine (system TEXT, object TEXT, file_name TEXT,"
            " row_number BIGINT, line_number BIGINT, column_name TEXT, _value TEXT, reason TEXT,"
            " message TEXT, released_by TEXT)"
        )
        for row in bad_rows:
            con.execute(
                "INSERT INTO audit.quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row
            )
        con.execute(
            "CREATE VIEW raw.shop__customers AS SELECT 'C' || i AS customer_id,"
            " '2024-01-01' AS created_at, NULL::TEXT AS is_deleted,"
            " 'customers_2.csv' AS _file_name, i AS _row_number,"
            " TIMESTAMP '2024-01-02' AS _exported_at, FALSE AS _is_deleted, 'b' AS _content_hash"
            f" FROM range(200) AS t(i) {others}"
        )
        con.execute("CREATE VIEW raw.shop__notes AS SELECT '' AS note_id WHERE FALSE")
    suites = raw_suites("shop", OBJECTS, owner="team:shop", largest_shrink=0.5)
    return validate(path, suites)


def failures(results: list[TableResult]) -> dict[str, str]:
    return {c.name: describe(c) for r in results for c in r.checks if not c.passed}


def test_good_exports_pass(tmp_path: Path) -> None:
    earlier = {"file_name": "customers_1.csv", "exported_at": "2024-01-01", "rows_in_file": 190,
               "rows_loaded": 190}  # fmt: skip
    results = gate(tmp_path, [GOOD_FILE, earlier])
    assert failures(results) == {}
    assert [r.table for r in results] == [
        "audit.input_files",
        "raw.shop__customers",
        "raw.shop__notes",
    ]


def test_a_delta_is_not_held_against_the_full_export_before_it(tmp_path: Path) -> None:
    few = {"rows_in_file": 3, "rows_loaded": 3}
    deltas: list[dict[str, Any]] = [
        {"file_name": "2024/Customers_Since_2024-01-02.csv.gz", "exported_at": "2024-01-03", **few},
        {"file_name": "changes/customers.csv", "exported_at": "2024-01-04", **few},
    ]
    assert failures(gate(tmp_path, [GOOD_FILE, *deltas])) == {}


@pytest.mark.parametrize(
    ("files", "check", "words"),
    [
        (
            [
                GOOD_FILE,
                {
                    "file_name": "customers_3.csv",
                    "status": "refused",
                    "message": "column customer_id is missing; nearest is cust_id",
                    "remedy": "rename it",
                    "rows_in_file": None,
                    "rows_loaded": None,
                    "rows_quarantined": None,
                },
            ],
            "no_file_is_refused(shop)",
            ["1 of 2 rows", "customers_3.csv", "nearest is cust_id", "rename it"],
        ),
        (
            [GOOD_FILE, {"object": None, "file_name": "x.csv", "status": "unrecognised"}],
            "every_file_is_recognised(shop)",
            ["x.csv"],
        ),
        ([{"rows_loaded": 199}], "no_row_is_lost_on_reading(shop)", ["199", "customers_2.csv"]),
        (
            [{"object": "notes"}],
            "every_required_object_has_arrived(shop)",
            ["object = 'customers'", "landing/shop/"],
        ),
        (
            [GOOD_FILE, {"exported_at": "2024-01-01", "rows_in_file": 401, "rows_loaded": 401}],
            "no_full_export_shrinks_suddenly(shop)",
            [
                "find none: 1.",
                "customers_2.csv",
                "rows_before = 401",
                "rows_now = 200",
                "largest_shrink",
            ],
        ),
        (
            [
                GOOD_FILE,
                *[{"exported_at": "2024-01-01", "file_name": f"part{n}.csv"} for n in "12"],
            ],
            "every_part_of_a_full_export_is_there(shop)",
            ["find none: 1.", "files_before = 2", "files_now = 1", "counts as deleted"],
        ),
    ],
)
def test_bad_files_are_named(
    tmp_path: Path, files: list[dict[str, Any]], check: str, words: list[str]
) -> None:
    found = failures(gate(tmp_path, files))
    assert list(found) == [check]
    for word in words:
        assert word in found[check]


def test_a_warning_names_the_file_and_the_column_that_it_lost(tmp_path: Path) -> None:
    """A run's summary said that a file lacks columns, and neither which file nor which column."""
    newer = {"file_name": "customers_3.csv", "columns_missing": ["email"]}
    files, *_ = gate(tmp_path, [GOOD_FILE, newer])
    told = {row["check_name"]: row["message"] for row in validation_rows("raw", [files])}
    where = "  customers_3.csv: object 'customers', column_name 'email'"
    assert told["no_file_loses_columns(shop)"].splitlines()[1:] == [where]


@pytest.mark.parametrize(
    ("missing", "is_deleted", "stops"),
    [
        (["created_at", "is_deleted"], False, True),
        (["created_at"], False, True),  # says of living records that they are not deleted
        (["created_at"], True, False),  # a list of deleted records
        (["is_deleted"], False, False),
    ],
)
def test_a_list_of_ids_beside_whole_records_stops(
    tmp_path: Path, missing: list[str], is_deleted: bool, stops: bool
) -> None:
    """Ids alone, as one exports them to delete by, emptied the customers that they name."""
    ids = {"file_name": "ids.csv", "columns_missing": missing}
    rows = (
        "UNION ALL SELECT 'C1', NULL, NULL, 'ids.csv', 1, TIMESTAMP '2024-01-03', "
        f"{str(is_deleted).lower()}, 'c'"
    )
    found = failures(gate(tmp_path, [GOOD_FILE, ids], others=rows))
    assert ("no_file_is_a_list_of_keys(shop)" in found) == stops
    if stops:
        assert "ids.csv" in found["no_file_is_a_list_of_keys(shop)"]


def test_an_object_of_ids_alone_is_no_list_of_them(tmp_path: Path) -> None:
    """Shops that know of customers their ids only, in every file."""
    bare = {"columns_missing": ["created_at", "is_deleted"]}
    found = failures(gate(tmp_path, [GOOD_FILE | bare]))
    assert "no_file_is_a_list_of_keys(shop)" not in found


@pytest.mark.parametrize(
    ("created_at", "exported_at", "content_hash", "disagrees"),
    [
        ("2024-01-01", "2024-01-02", "a", False),
        ("2024-01-05", "2024-01-02", "a", True),
        ("2024-01-05", "2024-01-03", "a", False),  # the newer one counts
        ("2024-01-05", "2024-01-02", "-a", False),  # the one that replaced it does
    ],
)
def test_files_of_one_time_that_disagree_are_named(
    tmp_path: Path, created_at: str, exported_at: str, content_hash: str, disagrees: bool
) -> None:
    other = {"file_name": "customers (1).csv", "exported_at": exported_at}
    row = (
        f"UNION ALL SELECT 'C7', '{created_at}', NULL, 'customers (1).csv', 1,"
        f" TIMESTAMP '{exported_at}', FALSE, '{content_hash}'"
    )
    found = failures(gate(tmp_path, [GOOD_FILE, other], others=row))
    assert list(found) == ["no_two_files_of_one_time_disagree(shop)"] * disagrees
    for word in ["customers (1).csv", "customers_2.csv", "records = 1"] * disagrees:
        assert word in found["no_two_files_of_one_time_disagree(shop)"]


def test_parts_of_one_export_count_together(tmp_path: Path) -> None:
    """Two parts of 100 rows after one file of 390 are no shrink below half."""
    before = {"exported_at": "2024-01-01", "rows_in_file": 390, "rows_loaded": 390}
    part = {"rows_in_file": 100, "rows_loaded": 100}
    assert failures(gate(tmp_path, [before, part, part])) == {}


def test_an_old_shrink_is_not_judged_again(tmp_path: Path) -> None:
    files = [
        {"exported_at": f"2024-01-0{day}", "rows_in_file": rows, "rows_loaded": rows}
        for day, rows in ((1, 900), (2, 100), (3, 110))
    ]
    assert failures(gate(tmp_path, files)) == {}


def bad_row(number: int, column: str | None, value: str) -> tuple[Any, ...]:
    message = f"{value} is no date"
    return ("shop", "customers", "customers_2.csv", number, number + 1, column, value, "type",
            message)  # fmt: skip


def test_too_many_bad_rows_stop_with_file_line_and_column(tmp_path: Path) -> None:
    rows = [bad_row(n, "created_at", f"day {n}") for n in range(10, 13)]
    files = [{"rows_loaded": 197, "rows_quarantined": 3}]
    results = gate(tmp_path, files, rows)
    found = failures(results)
    assert list(found) == ["quarantine_stays_below_ceiling(shop)", "no_row_is_quarantined(shop)"]
    text = found["quarantine_stays_below_ceiling(shop)"]
    assert "file_name = 'customers_2.csv', row_number = 10, line_number = 11" in text
    assert "column_name = 'created_at', value = 'day 10'" in text
    assert "More than 1 % (customers), 20 % (notes) of a file" in text
    assert not results[0].critical.passed


def test_an_object_may_have_a_ceiling_of_its_own(tmp_path: Path) -> None:
    """Reports with a total per group have one for all their days."""
    notes = {"object": "notes", "file_name": "notes_1.csv", "rows_in_file": 20}
    few = {"rows_quarantined": 4, "rows_loaded": 16}
    assert "quarantine_stays_below_ceiling(shop)" not in failures(
        gate(tmp_path, [GOOD_FILE, notes | few])
    )
    (tmp_path / "warehouse.duckdb").unlink()
    many = {"rows_quarantined": 5, "rows_loaded": 15}
    text = failures(gate(tmp_path, [GOOD_FILE, notes | many]))[
        "quarantine_stays_below_ceiling(shop)"
    ]
    assert "More than 1 % (customers), 20 % (notes) of a file's rows cannot be used." in text


def test_few_bad_rows_only_warn(tmp_path: Path) -> None:
    files = [{"rows_loaded": 198, "rows_quarantined": 2}]
    results = gate(tmp_path, files, [bad_row(1, "created_at", "x"), bad_row(2, "created_at", "y")])
    assert results[0].critical.passed
    assert list(failures(results)) == ["no_row_is_quarantined(shop)"]


def test_personal_values_of_bad_rows_are_masked(tmp_path: Path) -> None:
    files = [{"rows_loaded": 197, "rows_quarantined": 3}]
    rows = [bad_row(1, "email", "ann@example"), bad_row(2, None, "bob@example"),
            bad_row(3, "created_at", "soon")]  # fmt: skip
    text = "\n".join(failures(gate(tmp_path, files, rows)).values())
    assert "@example" not in text
    assert "value = 'a***'" in text
    assert "a*** is no date" in text
    assert "value = 'soon'" in text


def test_landed_rows_are_judged(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as con:
        con.execute("CREATE SCHEMA raw; CREATE SCHEMA audit")
        con.execute(
            "CREATE VIEW raw.shop__customers AS SELECT NULL::TEXT AS customer_id,"
            " 'x' AS created_at, 'customers.csv' AS _file_name, 1 AS _row_number"
        )
        con.execute("CREATE VIEW raw.shop__notes AS SELECT '' AS note_id WHERE FALSE")
    suites = raw_suites("shop", OBJECTS, owner="team:shop", largest_shrink=0.5)
    customers, notes = validate(tmp_path / "w.duckdb", suites[1:])
    rows, key = customers.critical.failures
    assert rows.message.startswith("raw.shop__customers: row count must be at least 2; it is 1.")
    assert key.samples[0]["_file_name"] == "customers.csv"
    assert notes.critical.passed
