"""Receipts: publication may rely on a verdict only as long as nothing below it has changed."""

from pathlib import Path

import pytest

from orchestration.lib.receipts import (
    JOURNAL_NAME,
    ReceiptError,
    missing_or_failed,
    read_receipts,
    record_built,
    record_validated,
)

REQUIRED = [
    ("raw", "a"),
    ("raw", "b"),
    ("staging", "a"),
    ("staging", "b"),
    ("identity", "all"),
    ("models", "all"),
    ("marts", "all"),
]


def build_and_pass(build_dir: Path, layer: str, scope: str) -> None:
    record_built(build_dir, layer, scope)
    record_validated(build_dir, layer, scope, passed=True, tables=[f"{layer}_{scope}"])


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    for layer, scope in REQUIRED:
        build_and_pass(tmp_path, layer, scope)
    return tmp_path


def stale_gates(build_dir: Path) -> set[tuple[str, str]]:
    stale = set()
    for requirement in REQUIRED:
        objections = missing_or_failed(build_dir, [requirement])
        assert all("out of date" in objection for objection in objections)
        if objections:
            stale.add(requirement)
    return stale


def test_a_complete_build_has_nothing_against_it(complete: Path) -> None:
    assert missing_or_failed(complete, REQUIRED) == []


def test_a_gate_that_never_ran_is_missing(tmp_path: Path) -> None:
    record_built(tmp_path, "raw", "a")
    assert missing_or_failed(tmp_path, [("raw", "a"), ("marts", "all")]) == [
        "The raw gate of system a has not run in this build: run the whole job.",
        "The marts gate has not run in this build: run the whole job.",
    ]


def test_a_build_without_a_journal_has_no_gate(tmp_path: Path) -> None:
    assert read_receipts(tmp_path) == []
    assert len(missing_or_failed(tmp_path, REQUIRED)) == len(REQUIRED)


def test_requiring_no_gate_at_all_is_an_objection(complete: Path) -> None:
    assert missing_or_failed(complete, []) != []


def test_a_failed_gate_says_why(complete: Path) -> None:
    record_validated(
        complete,
        "staging",
        "a",
        passed=False,
        tables=["stg_a__orders"],
        failures=["stg_a__orders: 3 orders without customer"],
    )
    assert missing_or_failed(complete, REQUIRED) == [
        "The staging gate of system a failed: stg_a__orders: 3 orders without customer"
    ]


def test_the_latest_verdict_counts(complete: Path) -> None:
    record_validated(complete, "marts", "all", passed=False, tables=["t"], failures=["bad"])
    assert len(missing_or_failed(complete, REQUIRED)) == 1
    record_validated(complete, "marts", "all", passed=True, tables=["t"])
    assert missing_or_failed(complete, REQUIRED) == []


@pytest.mark.parametrize(
    ("layer", "scope", "stale"),
    [
        (
            "raw",
            "a",
            {("raw", "a"), ("staging", "a"), ("identity", "all"), ("models", "all")}
            | {("marts", "all")},
        ),
        (
            "staging",
            "a",
            {("staging", "a"), ("identity", "all"), ("models", "all"), ("marts", "all")},
        ),
        ("identity", "all", {("identity", "all"), ("models", "all"), ("marts", "all")}),
        ("models", "all", {("models", "all"), ("marts", "all")}),
        ("marts", "all", {("marts", "all")}),
    ],
)
def test_rebuilding_makes_stale_what_rests_on_it_and_nothing_else(
    complete: Path, layer: str, scope: str, stale: set[tuple[str, str]]
) -> None:
    record_built(complete, layer, scope)
    assert stale_gates(complete) == stale


def test_validating_again_ends_staleness(complete: Path) -> None:
    record_built(complete, "models", "all")
    for layer in ("models", "marts"):
        record_validated(complete, layer, "all", passed=True, tables=["t"])
    assert missing_or_failed(complete, REQUIRED) == []


def test_a_torn_last_line_never_happened_and_is_not_glued_to_the_next(complete: Path) -> None:
    journal = complete / JOURNAL_NAME
    before = read_receipts(complete)
    record_built(complete, "raw", "a")
    journal.write_bytes(journal.read_bytes()[:-7])  # The kill came in the middle of the write.
    assert read_receipts(complete) == before
    assert missing_or_failed(complete, REQUIRED) == []

    record_built(complete, "marts", "all")
    assert len(read_receipts(complete)) == len(before) + 1
    assert stale_gates(complete) == {("marts", "all")}


def test_a_torn_verdict_is_absent(tmp_path: Path) -> None:
    record_validated(tmp_path, "marts", "all", passed=True, tables=["t"])
    journal = tmp_path / JOURNAL_NAME
    journal.write_bytes(journal.read_bytes()[:-1])  # Only the line end is missing.
    assert "has not run" in missing_or_failed(tmp_path, [("marts", "all")])[0]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"event": "validated"}',
        '["built"]',
        '{"event": "approved", "layer": "marts", "scope": "all", "passed": true,'
        ' "tables": [], "failures": []}',
        '{"event": "built", "layer": "gold", "scope": "all", "passed": false,'
        ' "tables": [], "failures": []}',
    ],
)
def test_damage_before_the_last_line_is_an_error_that_names_the_line(
    complete: Path, line: str
) -> None:
    journal = complete / JOURNAL_NAME
    journal.write_text(journal.read_text() + line + "\n")
    record_validated(complete, "marts", "all", passed=True, tables=["t"])
    with pytest.raises(ReceiptError, match=f"line {2 * len(REQUIRED) + 1}.*run the job again"):
        missing_or_failed(complete, REQUIRED)


def test_a_pass_written_as_text_is_no_pass(complete: Path) -> None:
    journal = complete / JOURNAL_NAME
    journal.write_text(journal.read_text().replace('"passed": true', '"passed": "true"'))
    assert len(missing_or_failed(complete, REQUIRED)) == len(REQUIRED)


@pytest.mark.parametrize(
    ("layer", "scope"),
    [("gold", "all"), ("raw", "all"), ("staging", "all"), ("marts", "a"), ("raw", "")],
)
def test_unknown_layers_and_scopes_are_refused(tmp_path: Path, layer: str, scope: str) -> None:
    with pytest.raises(ValueError, match="layer"):
        record_built(tmp_path, layer, scope)
    with pytest.raises(ValueError, match="layer"):
        missing_or_failed(tmp_path, [(layer, scope)])
    assert read_receipts(tmp_path) == []


def test_a_gate_cannot_pass_with_failures_or_without_tables(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot pass with failures: 2 rows"):
        record_validated(tmp_path, "marts", "all", passed=True, tables=["t"], failures=["2 rows"])
    with pytest.raises(ValueError, match="looked at no table"):
        record_validated(tmp_path, "marts", "all", passed=True, tables=[])
    assert read_receipts(tmp_path) == []


def test_failures_in_other_scripts_survive(tmp_path: Path) -> None:
    record_validated(tmp_path, "raw", "a", passed=False, tables=["客户"], failures=["第三行\n无效"])
    (receipt,) = read_receipts(tmp_path)
    assert receipt.tables == ("客户",)
    assert receipt.failures == ("第三行\n无效",)
