"""Every expectation type passes and fails on a real database, as Great Expectations' own do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from great_expectations import ExpectationSuite
from great_expectations.expectations.registry import get_expectation_impl

from expectations.datasource import open_datasource
from expectations.validate import validate
from expectations.vocabulary import TYPES, literal, words_in
from tests.unit.expectations.suite_builders import expectation, suite

# type, arguments that pass, arguments that fail, failing rows (None for measures)
CASES: list[tuple[str, dict[str, Any], dict[str, Any], int | None]] = [
    ("expect_column_values_to_not_be_null", {"column": "order_id"}, {"column": "email"}, 1),
    ("expect_column_values_to_be_null", {"column": "email", "mostly": 0.25}, {"column": "tax"}, 4),
    (
        "expect_column_values_to_be_in_set",
        {"column": "status", "value_set": ["paid", "open"]},
        {"column": "status", "value_set": ["paid"]},
        1,
    ),
    (
        "expect_column_values_to_not_be_in_set",
        {"column": "status", "value_set": ["gone"]},
        {"column": "status", "value_set": ["paid"]},
        2,
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "amount", "min_value": -1, "max_value": 20},
        {"column": "amount", "min_value": -1, "strict_min": True},
        1,
    ),
    (
        "expect_column_value_lengths_to_be_between",
        {"column": "order_id", "min_value": 2, "max_value": 2},
        {"column": "email", "min_value": 15},
        1,
    ),
    (
        "expect_column_values_to_match_regex",
        {"column": "order_id", "regex": "^[OX][0-9]$"},
        {"column": "order_id", "regex": "^O"},
        1,
    ),
    (
        "expect_column_values_to_not_match_regex",
        {"column": "email", "regex": "[.]com$"},
        {"column": "email", "regex": "[.]org"},
        3,
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "amount", "column_B": "tax", "or_equal": True, "mostly": 0.6},
        {"column_A": "sent_at", "column_B": "ordered_at"},
        2,
    ),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "tax", "column_B": "tax"},
        {"column_A": "ordered_at", "column_B": "sent_at"},
        3,
    ),
    ("expect_column_values_to_be_unique", {"column": "email"}, {"column": "order_id"}, 2),
    (
        "expect_compound_columns_to_be_unique",
        {"column_list": ["order_id", "line_number"]},
        {"column_list": ["customer_id", "status"]},
        2,
    ),
    (
        "expect_column_distinct_values_to_contain_set",
        {"column": "status", "value_set": ["paid"]},
        {"column": "status", "value_set": ["paid", "gone"]},
        1,
    ),
    (
        "expect_table_row_count_to_equal_other_table",
        {"other_table_name": "staging.stg_shop__orders"},
        {"other_table_name": "staging.stg_shop__customers"},
        1,
    ),
    (
        "expect_rows_to_satisfy",
        {"condition": "status <> 'gone' OR amount < 0  -- gone: refunds only"},
        {"condition": "sent_at >= ordered_at"},
        1,
    ),
    (
        "expect_reference_to_exist",
        {"column": "customer_id", "to_table": "staging.stg_shop__customers", "mostly": 0.6},
        {"column": "customer_id", "to_table": "staging.stg_shop__customers"},
        1,
    ),
    (
        "expect_query_to_return_no_rows",
        {"query": "SELECT order_id FROM staging.stg_shop__orders WHERE amount > 99;"},
        {"query": "SELECT order_id FROM staging.stg_shop__orders WHERE amount > 10"},
        2,
    ),
    ("expect_table_row_count_to_be_between", {"min_value": 4}, {"min_value": 5}, None),
    ("expect_table_row_count_to_equal", {"value": 4}, {"value": 3}, None),
    (
        "expect_table_columns_to_match_set",
        {"column_set": ["order_id", "tax"], "exact_match": False},
        {"column_set": ["order_id", "tax"]},
        None,
    ),
    (
        "expect_column_min_to_be_between",
        {"column": "amount", "min_value": -1},
        {"column": "amount", "min_value": 0},
        None,
    ),
    (
        "expect_column_max_to_be_between",
        {"column": "amount", "max_value": 20},
        {"column": "amount", "max_value": 19},
        None,
    ),
    (
        "expect_column_mean_to_be_between",
        {"column": "line_number", "min_value": 1, "max_value": 1.25},
        {"column": "line_number", "max_value": 1},
        None,
    ),
    (
        "expect_column_median_to_be_between",
        {"column": "line_number", "max_value": 1},
        {"column": "amount", "min_value": 11},
        None,
    ),
    (
        "expect_column_stdev_to_be_between",
        {"column": "line_number", "max_value": 0.51},
        {"column": "line_number", "max_value": 0.4},
        None,
    ),
    (
        "expect_column_sum_to_be_between",
        {"column": "line_number", "min_value": 5, "max_value": 5},
        {"column": "line_number", "min_value": 5, "strict_min": True},
        None,
    ),
    (
        "expect_column_unique_value_count_to_be_between",
        {"column": "status", "max_value": 2},
        {"column": "status", "min_value": 3},
        None,
    ),
    (
        "expect_column_proportion_of_unique_values_to_be_between",
        {"column": "email", "min_value": 1},
        {"column": "order_id", "min_value": 1},
        None,
    ),
    (
        "expect_column_proportion_of_non_null_values_to_be_between",
        {"column": "email", "min_value": 0.75},
        {"column": "email", "min_value": 0.76},
        None,
    ),
]


def test_every_type_has_a_case() -> None:
    assert [case[0] for case in CASES] == list(TYPES)


def test_every_type_passes_and_fails(database: Path) -> None:
    checks = [
        expectation(kind, name=f"{kind} {verdict}", **kwargs)
        for kind, good, bad, _ in CASES
        for verdict, kwargs in (("passes", good), ("fails", bad))
    ]
    (result,) = validate(database, [suite(*checks)])
    found = {check.name: check for check in result.checks}
    assert not [check.message for check in result.checks if check.is_error]
    for kind, _, _, failing_rows in CASES:
        passed, failed = found[f"{kind} passes"], found[f"{kind} fails"]
        assert (passed.passed, passed.message) == (True, ""), kind
        assert not failed.passed, kind
        assert failed.unexpected_count == failing_rows, kind
        assert failed.message.startswith("staging.stg_shop__orders: "), kind


@pytest.mark.parametrize("kind", [case[0] for case in CASES])
def test_a_lonely_check_is_judged_as_in_a_suite(kind: str, database: Path) -> None:
    """A broken neighbour makes a check run alone, its aggregate with the statement for itself."""
    (bad,) = [case[2] for case in CASES if case[0] == kind]
    alone = replace(suite(), expectations=(expectation(kind, **bad),))
    (result,) = validate(database, [alone])
    (failure,) = result.critical.failures
    assert not failure.is_error, failure.message


def test_row_rules_agree_with_great_expectations(database: Path) -> None:
    """The rules that replace Great Expectations' own must find the same rows, NULLs included."""
    cases = [
        (kind, kwargs)
        for kind, good, bad, _ in CASES
        for kwargs in (good, bad)
        if TYPES[kind].rule is not None
        and not kind.endswith(("_rows", "_to_exist", "_to_satisfy", "_other_table", "_contain_set"))
    ]
    checks = [expectation(k, name=str(i), **kwargs) for i, (k, kwargs) in enumerate(cases)]
    (ours,) = validate(database, [suite(*checks)])
    with open_datasource(database) as datasource:
        theirs = datasource.batch("staging.stg_shop__orders").validate(
            ExpectationSuite(
                name="native",
                expectations=[
                    get_expectation_impl(kind)(**kwargs, meta={"name": str(i)})
                    for i, (kind, kwargs) in enumerate(cases)
                ],
            ),
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0},
        )
    native = {
        found.expectation_config.meta["name"]: (
            bool(found.success),
            found.result["unexpected_count"],
        )
        for found in theirs.results
    }
    assert len(native) == len(cases) > 15
    assert {c.name: (c.passed, c.unexpected_count) for c in ours.checks[1:]} == native


def test_regular_expressions_search_instead_of_matching_the_whole_value(database: Path) -> None:
    """PostgreSQL's dialect, the usual advice for DuckDB, silently means a full match."""
    check = expectation("expect_column_values_to_match_regex", column="email", regex="example")
    (result,) = validate(database, [suite(check)])
    assert result.critical.passed
    native = get_expectation_impl(check.type)(column="email", regex="example")
    with open_datasource(database) as datasource:
        assert datasource.batch("staging.stg_shop__orders").validate(native).success


def test_compound_references_compare_whole_keys(database: Path) -> None:
    """(C9, 2) has no partner although C9's line number exists; rows without a key are not judged.

    (C1, 1) is found; the NULL key in the target must not hide orphans, as it does in a plain
    NOT IN.
    """
    check = expectation(
        "expect_reference_to_exist",
        column=["customer_id", "line_number"],
        to_table="staging.stg_shop__customers",
        to_column=["customer_id", "line"],
    )
    (result,) = validate(database, [suite(check)])
    (failure,) = result.critical.failures
    assert (failure.unexpected_count, failure.observed) == (1, "1 of 3 rows")
    assert failure.samples[0]["customer_id"] == "C9"


def test_literals_are_quoted() -> None:
    assert literal("O'Neil") == "'O''Neil'"
    assert (literal(True), literal(1.5), literal(None)) == ("TRUE", "1.5", "NULL")
    with pytest.raises(TypeError, match="cannot be written"):
        literal({"a": 1})


def test_text_is_no_identifier() -> None:
    assert words_in("status <> 'ta''x' AND amount > 0") >= {"status", "amount"}
    assert "ta" not in words_in("status <> 'ta''x'")
