"""Validation: samples, isolation of broken checks, empty tables, masking, releasing the file."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb

from expectations.validate import Change, describe, validate, validation_rows
from orchestration.lib.gates import with_lines
from tests.unit.expectations.suite_builders import expectation, suite


def test_failing_rows_come_with_key_value_and_place(database: Path) -> None:
    check = expectation(
        "expect_column_values_to_be_between",
        column="amount",
        min_value=0,
        message="Refunds belong into payments.",
    )
    (result,) = validate(database, [suite(check)])
    (failure,) = result.critical.failures
    assert failure.samples == (
        {
            "order_id": "O2",
            "line_number": 2,
            "amount": "-1.00",
            "_file_name": "orders.csv",
            "_row_number": 3,
        },
    )
    assert failure.message == (
        "staging.stg_shop__orders: 1 of 3 rows (33.3 %): amount is not at least 0. "
        "Refunds belong into payments."
    )
    text = describe(failure)
    assert "_file_name = 'orders.csv'" in text
    assert text.endswith("What to do: Ask the shop team.")
    json.dumps(failure.samples)


def test_samples_are_five_and_the_same_ones_every_time(database: Path) -> None:
    with duckdb.connect(str(database)) as con:
        con.execute(
            "CREATE TABLE staging.many AS SELECT 1000 - i AS order_id, NULL AS email,"
            " i AS line_number FROM range(1000) AS t(i)"
        )
    check = expectation("expect_column_values_to_not_be_null", column="email")
    (result,) = validate(database, [suite(check, table="staging.many")])
    (failure,) = result.critical.failures
    assert [sample["order_id"] for sample in failure.samples] == [1, 2, 3, 4, 5]
    assert (failure.unexpected_count, failure.unexpected_percent) == (1000, 100.0)


def test_a_repeated_key_shows_all_its_rows(database: Path) -> None:
    check = expectation("expect_column_values_to_be_unique", column="order_id")
    (result,) = validate(database, [suite(check)])
    (failure,) = result.critical.failures
    assert [(s["order_id"], s["_row_number"]) for s in failure.samples] == [("O2", 2), ("O2", 3)]


def test_a_broken_check_blocks_and_spares_the_others(database: Path) -> None:
    """All rules of a table share one statement, so one wrong column fails them all at first."""
    broken = expectation(
        "expect_rows_to_satisfy", condition="no_such_column > 0", severity="warning", message="-"
    )
    bad = expectation("expect_column_values_to_not_be_null", column="email")
    mean = expectation("expect_column_mean_to_be_between", column="tax", min_value=0)
    crash = expectation(
        "expect_rows_to_satisfy", name="crash", condition="CAST(order_id AS INT) > 0"
    )
    unknown = expectation("expect_column_max_to_be_between", column="absent", max_value=1)
    (result,) = validate(database, [suite(broken, bad, mean, crash, unknown)])
    by_name = {check.name: check for check in result.checks}
    assert [c.name for c in result.checks if c.is_error] == [broken.name, "crash", unknown.name]
    assert "no_such_column" in by_name[broken.name].message
    assert "could not run" in by_name["crash"].message
    assert by_name[bad.name].unexpected_count == 1
    assert by_name[mean.name].passed
    # A check that cannot run blocks, even one that only warns.
    assert {c.name for c in result.critical.failures} == {
        broken.name, "crash", unknown.name, bad.name,
    }  # fmt: skip
    assert result.warning.passed
    assert result.warning.count_expectations == 0


def test_an_argument_that_great_expectations_refuses_is_an_error(database: Path) -> None:
    refused = expectation("expect_column_max_to_be_between", column="tax", max_value="many")
    fine = expectation("expect_column_values_to_not_be_null", column="tax")
    (result,) = validate(database, [suite(refused, fine)])
    assert [(c.passed, c.is_error) for c in result.checks[1:]] == [(False, True), (True, False)]


def test_a_missing_table_is_an_error_of_every_check(database: Path) -> None:
    check = expectation("expect_column_values_to_not_be_null", column="order_id")
    results = validate(database, [suite(check, table="staging.gone"), suite(check)])
    assert [r.critical.passed for r in results] == [False, True]
    assert [c.is_error for c in results[0].checks] == [True, True]
    assert "staging.gone" in results[0].checks[0].message
    assert "does not exist" in results[0].checks[0].message


def test_an_empty_table_fails_its_row_count_only(database: Path) -> None:
    rules = (
        expectation("expect_table_row_count_to_be_between", name="filled", min_value=1),
        expectation("expect_column_values_to_not_be_null", column="order_id"),
        expectation("expect_column_values_to_be_unique", column="order_id"),
        expectation("expect_column_values_to_be_in_set", column="status", value_set=["paid"]),
        expectation("expect_rows_to_satisfy", condition="amount > 0"),
        expectation(
            "expect_reference_to_exist",
            column="customer_id",
            to_table="staging.stg_shop__customers",
        ),
    )
    (result,) = validate(database, [suite(*rules, table="staging.stg_shop__nothing")])
    assert [c.name for c in result.checks if not c.passed] == ["filled"]
    assert result.critical.failures[0].message == (
        "staging.stg_shop__nothing: row count must be at least 1; it is 0."
    )


def test_warnings_do_not_touch_the_critical_verdict(database: Path) -> None:
    check = expectation(
        "expect_column_values_to_not_be_null", column="email", severity="warning", message="Soft."
    )
    (result,) = validate(database, [suite(check)])
    assert (result.critical.passed, result.critical.count_expectations) == (True, 1)
    assert (result.warning.passed, result.warning.count_expectations) == (False, 1)


def test_mostly_is_a_share_of_the_judged_rows(database: Path) -> None:
    """Two of three filled states are paid: the empty one does not count."""

    def passes(mostly: float) -> bool:
        check = expectation(
            "expect_column_values_to_be_in_set",
            column="status",
            value_set=["paid"],
            mostly=mostly,
        )
        return validate(database, [suite(check)])[0].critical.passed

    assert passes(0.66)
    assert not passes(0.67)


def test_a_suite_can_judge_a_part_of_a_table(database: Path) -> None:
    check = expectation("expect_column_values_to_be_unique", column="order_id")
    part = replace(suite(check), where="_row_number <> 3")
    (result,) = validate(database, [part])
    assert result.critical.passed
    assert result.checks[0].observed == "3"


def test_personal_data_is_masked_everywhere(database: Path) -> None:
    table = "staging.stg_shop__orders"
    checks = (
        expectation("expect_column_values_to_match_regex", column="email", regex="[.]com$"),
        expectation(
            "expect_query_to_return_no_rows",
            query=f"SELECT order_id, email AS contact FROM {table} WHERE email IS NOT NULL",
        ),
        expectation("expect_column_max_to_be_between", column="email", max_value=1),
        expectation("expect_rows_to_satisfy", condition="CAST(email AS INTEGER) > 0"),
    )
    (result,) = validate(database, [suite(*checks)], masked_columns={table: {"email"}})
    assert len(result.critical.failures) == len(checks)
    report = "\n".join(map(describe, result.checks)) + repr(validation_rows("staging", [result]))
    assert "example.org" not in report
    assert "'a***'" in report
    assert result.checks[1].samples[0]["order_id"] == "O1"
    assert result.checks[2].samples[0]["contact"] == "a***"
    (unmasked,) = validate(database, [suite(*checks)])
    shown = [check.type for check in unmasked.checks if "example.org" in describe(check)]
    assert shown == [checks[i].type for i in (0, 1, 3)]


def test_a_query_that_warns_names_its_rows_in_the_message(database: Path) -> None:
    query = (
        "SELECT _file_name, _row_number, order_id FROM staging.stg_shop__orders WHERE amount < 0"
    )
    check = expectation("expect_query_to_return_no_rows", query=query)
    results = validate(database, [suite(replace(check, severity="warning"))])
    told = [
        validation_rows("staging", found)[1]["message"].splitlines()[1:]
        for found in (results, with_lines(results, lambda *_: 7, also_warnings=True))
    ]
    assert told == [
        ["  orders.csv, record 3: order_id 'O2'"],
        ["  orders.csv, line 7: order_id 'O2'"],
    ]
    stopping = validate(database, [suite(check)])
    assert "\n" not in validation_rows("staging", stopping)[1]["message"], "it tells more by itself"


def test_rows_for_the_audit_table(database: Path) -> None:
    check = expectation("expect_column_values_to_not_be_null", column="email")
    rows = validation_rows("staging", validate(database, [suite(check)]))
    assert rows[0] == {
        "layer": "staging",
        "table_name": "staging.stg_shop__orders",
        "check_name": "table_row_count_to_be_between",
        "severity": "critical",
        "passed": True,
        "observed": "4",
        "unexpected_count": None,
        "message": "",
    }
    assert (rows[1]["check_name"], rows[1]["passed"], rows[1]["observed"]) == (
        "column_values_to_not_be_null(email)",
        False,
        "1 of 4 rows",
    )


def test_the_file_is_unchanged_and_free_afterwards(database: Path) -> None:
    """dbt opens the same file for writing right after a gate, in the same process."""
    before = database.read_bytes()
    validate(database, [suite(expectation("expect_rows_to_satisfy", condition="nope"))])
    assert database.read_bytes() == before
    with duckdb.connect(str(database)) as con:
        con.execute("CREATE TABLE staging.after_gate AS SELECT 1 AS a")


def test_great_expectations_is_imported_only_by_a_validation() -> None:
    """Its import costs seconds, and the UI loads suites without ever validating."""
    code = (
        "import sys, expectations.validate, expectations.suites, expectations.raw;"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_changed_table_is_judged_by_what_changed(database: Path) -> None:
    """Counts are those of the whole table, bad rows are found wherever they came from."""
    orders, customers = "staging.stg_shop__orders", "staging.stg_shop__customers"
    with duckdb.connect(str(database)) as con:
        con.execute(
            f"CREATE SCHEMA increments; CREATE SCHEMA raw;"
            f"CREATE TABLE increments.came AS FROM {orders} WHERE FALSE;"
            f"CREATE TABLE increments.left_came AS FROM {orders} WHERE FALSE;"
            f"CREATE TABLE increments.nobody AS FROM {customers} WHERE FALSE;"
            "CREATE TABLE raw.customers (customer_id VARCHAR, _is_deleted BOOL);"
            "INSERT INTO raw.customers VALUES ('C7', true), ('C8', false);"
            f"DELETE FROM {orders} WHERE order_id != 'O1';"
            f"CREATE TABLE increments.good AS FROM {orders}"
        )
    unique = expectation("expect_column_values_to_be_unique", column="order_id")
    known = expectation(
        "expect_reference_to_exist",
        column="customer_id",
        to_table=customers,
        deleted_in="raw.customers",
    )
    positive = expectation("expect_column_values_to_be_between", column="amount", min_value=0)
    filled = expectation("expect_column_values_to_not_be_null", column="customer_id")
    other = expectation(
        "expect_rows_to_satisfy",
        name="other_table",
        condition="amount <= (select 50)",
    )
    of_keys = expectation(
        "expect_query_to_return_no_rows",
        query=f"""
            select o.customer_id, sum(amount) as sum_of_amounts
            from {orders} as o left join {customers} as c on o.customer_id = c.customer_id
            group by all having sum_of_amounts > 80
        """,
        by=["customer_id"],
    )
    suites = [
        suite(unique, known, replace(positive, severity="warning"), filled, other, of_keys),
        replace(suite(table=customers), primary_key=("customer_id",)),
    ]

    def counts(changes: dict[str, Change] | None = None) -> dict[str, tuple[int, int | None]]:
        result, _ = validate(database, suites, changes=changes)
        return {
            check.rule: (check.unexpected_count, check.judged_count)
            for check in result.checks
            if check.unexpected_count is not None
        }

    def move(came: str, left: str) -> dict[str, Change]:
        """Take the rows of `left` out of the orders and put those of `came` in."""
        before = counts()
        with duckdb.connect(str(database)) as con:
            con.execute(
                f"CREATE OR REPLACE TABLE increments.left_came AS FROM {orders} WHERE {left};"
                f"DELETE FROM {orders} WHERE {left};"
                f"CREATE OR REPLACE TABLE increments.came AS FROM ({came});"
                f"INSERT INTO {orders} FROM increments.came"
            )
        return {
            orders: Change("increments.came", "increments.left_came", before),
            customers: Change("increments.nobody", "increments.nobody", {}),
        }

    def like_good(**changed: str) -> str:
        cells = ", ".join(f"{value} AS {name}" for name, value in changed.items())
        return f"SELECT * REPLACE ({cells}) FROM increments.good"

    came = {
        "nothing": f"FROM {orders} WHERE FALSE",
        "negative": like_good(amount="-1", order_id="'N1'"),
        "repeated key": "FROM increments.good",
        "unknown customer": like_good(customer_id="'C8'", order_id="'N2'"),
        "deleted customer": like_good(customer_id="'C7'", order_id="'N3'"),
        "nobody": like_good(customer_id="NULL", order_id="'N4'"),
        "too much": like_good(amount="90", order_id="'N5'"),
        "good": like_good(order_id="'N6'"),
    }
    seen = [counts()]
    for name, rows in came.items():
        for left in ("FALSE", "amount < 0", "order_id = 'N2'", "TRUE"):
            changes = move(rows, left)
            seen.append(counts(changes))
            assert seen[-1] == counts(), f"{name}, {left}"
    for position in range(6):
        failing = {list(found.values())[position][0] > 0 for found in seen}
        assert failing == {False, True}, "every rule passed and failed"


def test_what_follows_from_a_change_is_counted_in_little_more_than_the_change(
    database: Path,
) -> None:
    """Rows that stayed are not looked at: bad ones among them, put there by hand, are not found."""
    orders, customers = "staging.stg_shop__orders", "staging.stg_shop__customers"
    rules = [
        expectation("expect_column_values_to_be_unique", column="order_id"),
        expectation("expect_column_values_to_not_be_null", column="order_id"),
        expectation(
            "expect_query_to_return_no_rows",
            query=f"select order_id from {orders} group by order_id having count(*) > 1",
            by=["order_id"],
        ),
    ]

    def failing(*read: str) -> list[int | None]:
        """Judge as if all had been well before one order of a new customer came."""
        suites = [suite(*rules)]
        known = {check.rule: (0, None) for check in validate(database, suites)[0].checks}
        change = Change(f"(from {orders} limit 1)", f"(from {orders} limit 0)", known)
        (result,) = validate(database, suites, changes=dict.fromkeys(read, change))
        return [check.unexpected_count for check in result.checks[1:]]

    with duckdb.connect(str(database)) as con:
        con.execute(f"UPDATE {orders} SET order_id = NULL WHERE order_id = 'X4'")
    assert failing() == [2, 1, 1]
    assert failing(orders) == [0, 0, 0]
    rules[2] = replace(rules[2], kwargs={**rules[2].kwargs, "query": f"from {orders}, {customers}"})
    assert failing(orders)[2] == 12, "nothing is known of the customers"


def test_a_module_that_is_imported_when_used_is_the_module() -> None:
    code = (
        "import sys\n"
        "from expectations.validate import _imported_when_used\n"
        "with _imported_when_used('colorsys', 'sys'):\n"
        "    import colorsys as later, sys as now\n"
        "assert now is sys and 'colorsys' not in sys.modules\n"
        "assert later.rgb_to_hls(1, 1, 1) == (0.0, 1, 0.0)\n"
        "assert later.rgb_to_hls is sys.modules['colorsys'].rgb_to_hls"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_rule_is_counted_by_change_only_where_it_was_counted(database: Path) -> None:
    """Of another rule nothing is known, and of a rule that looks around nothing follows."""
    table = "staging.stg_shop__orders"
    with duckdb.connect(str(database)) as con:
        con.execute(
            "CREATE SCHEMA increments;"
            f"CREATE TABLE increments.came AS FROM {table} WHERE FALSE;"
            f"CREATE TABLE increments.left_came AS FROM {table} WHERE FALSE"
        )

    def failing(condition: str, before: str | None = None) -> int | None:
        check = expectation("expect_rows_to_satisfy", condition=condition)
        rule = validate(database, [suite(check)])[0].checks[1].rule
        # counts that only a look at the rows can correct
        known = {rule.replace(condition, before or condition): (70, 100)}
        change = Change("increments.came", "increments.left_came", known)
        (result,) = validate(database, [suite(check)], changes={table: change})
        return result.checks[1].unexpected_count

    assert failing("amount >= 0") == 70
    assert failing("coalesce(length(order_id), 0) > 0 and amount >= 0") == 70
    assert failing("amount >= 0", before="amount >= 1") == 1
    assert failing("amount >= 0 and current_date > '2000-01-01'") == 1
    assert failing("amount >= 0 and now() > '2000-01-01'") == 1
    assert failing(f"amount >= 0 and amount <= (select max(amount) from {table})") == 1
