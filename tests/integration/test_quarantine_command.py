"""`crm-warehouse quarantine`: rows that did not get in, before and after a gate stopped the run.

The files are landed as a run does it; no build is needed, because the command reads none.
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.lib import project
from orchestration.lib.reading.landing import land_system
from orchestration.lib.reading.records import FileRecord
from tests.integration.deliveries import fingerprint
from tests.running import Run, crm_warehouse

HEADER = "customer_id,email,birth_date,updated_at\n"
GOOD = "".join(f"{n},p{n}@example.org,1980-01-02,2026-10-01 00:00:00\n" for n in range(10, 20))
BAD = (
    "1,ana@example.org,not-a-day,2026-10-01 00:00:00\n"
    "2,ben@example.org,1980-01-02,tomorrow\n"
    ",cy@example.org,1980-01-02,2026-10-01 00:00:00\n"
)
FIRST, FIXED = "customers_2026-11-01.csv", "customers_2026-11-02.csv"


def put(home: Path, name: str, content: str) -> Path:
    path = home / "landing/canonical" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def land(home: Path) -> list[FileRecord]:
    contract = project.contracts()["canonical"]
    return land_system(contract, home / "landing", home / "raw", frozenset(), lambda _: None)


def quarantine(home: Path, *arguments: str | Path) -> Run:
    run = crm_warehouse("quarantine", "--home", home, *arguments)
    assert run.exit_code == 0, run.stderr
    return run


def told(home: Path) -> dict[str, Any]:
    return dict(json.loads(quarantine(home, "--json").stdout))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose run was stopped: three of thirteen rows of the only file are unusable."""
    put(tmp_path, FIRST, HEADER + GOOD + BAD)
    land(tmp_path)
    return tmp_path


def test_rows_are_told_with_place_reason_and_masked_values(home: Path) -> None:
    before = fingerprint(home)

    found = told(home)
    text = quarantine(home).stdout

    assert fingerprint(home) == before
    assert [
        (r["line_number"], r["column_name"], r["reason"], r["value"]) for r in found["rows"]
    ] == [
        (12, "birth_date", "bad_type", "n***"),
        (13, "updated_at", "bad_type", "tomorrow"),
        (14, "customer_id", "empty_cell", None),
    ]
    assert found["count"] == 3
    assert text.startswith("3 rows are in quarantine.")
    assert "2  canonical.customers  bad_type: correct the value at the source" in text
    assert f"23.08 % (1 %)  canonical/{FIRST}: 3 of 13 rows  stops" in text
    assert f"canonical/{FIRST} line 13  bad_type  updated_at is not a timestamp" in text
    assert "not-a-day" not in text
    assert "@example.org" not in text


def test_a_fixed_file_releases_its_rows(home: Path) -> None:
    fixed = BAD.replace("not-a-day", "1970-01-01")
    put(home, FIXED, HEADER + GOOD + fixed.splitlines(keepends=True)[0])
    land(home)

    found = told(home)
    text = quarantine(home).stdout

    assert [(r["line_number"], r["released_by"]) for r in found["rows"]] == [
        (12, FIXED),
        (13, None),
        # it does not say its key, and the next file of this name is without it
        (14, FIXED),
    ]
    assert found["count"] == 1
    assert text.startswith("1 row is in quarantine, 2 more have been released by a later file.")
    assert f"canonical/{FIRST}: 1 of 13 rows" in text


def test_what_was_taken_out_of_landing_and_never_published_does_not_count(home: Path) -> None:
    (home / "landing/canonical" / FIRST).unlink()

    text = quarantine(home).stdout

    assert text.startswith("0 rows are in quarantine.")
    assert "Nothing: every row of every file that counts is in." in text


def test_files_that_have_not_landed_are_named(home: Path) -> None:
    put(home, FIXED, HEADER + GOOD)
    put(home, "customers_2026-11-03.csv", "")  # refused

    land(home)
    put(home, "customers_2026-11-04.csv", HEADER + GOOD.replace("p1", "q1"))

    assert told(home)["files_not_landed"] == [
        "canonical/customers_2026-11-03.csv",
        "canonical/customers_2026-11-04.csv",
    ]


def test_all_rows_can_be_written_to_a_file(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"

    quarantine(home, "--csv", target, "--system", "canonical")

    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line_number"], row["reason"]) for row in rows] == [
        ("12", "bad_type"),
        ("13", "bad_type"),
        ("14", "empty_cell"),
    ]
    assert "not-a-day" not in target.read_text(encoding="utf-8-sig")


def test_the_rows_of_a_published_version_count_without_their_files(published_home: Path) -> None:
    """The sample was read from another folder; all its rows got in."""
    found = told(published_home)

    assert (found["count"], found["rows"], found["files_not_landed"]) == (0, [], [])


def test_an_unknown_system_is_an_error(home: Path) -> None:
    run = crm_warehouse("quarantine", "--home", home, "--system", "salesfarce")

    assert run.exit_code == 1
    assert "no export contract for salesfarce" in run.stderr
