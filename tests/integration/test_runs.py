"""One run after the other: what is new, what is undone, and that days add up to the whole.

All runs of this module are on homes of 80 customers.
"""

import datetime as dt
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.publication import current_version, read_manifest
from tests.integration.deliveries import (
    as_csv,
    builds,
    changed,
    copy_of,
    deliver,
    exported_rows,
    fingerprint,
    mart_hashes,
)
from tests.running import Run, crm_warehouse, published

FULL, SECOND, LAST = (dt.date(2026, 10, 30), dt.date(2026, 10, 31), dt.date(2026, 11, 1))


def files_of(home: Path, *days: dt.date) -> list[Path]:
    landing = home / "landing/canonical"
    return sorted(path for day in days for path in landing.glob(f"*_{day.isoformat()}.*"))


def publish(home: Path, arriving: Iterable[Path], *arguments: str) -> Run:
    """Let files arrive in the home's landing and run; it must publish."""
    landing = home / "landing" / "canonical"
    landing.mkdir(parents=True, exist_ok=True)
    for path in arriving:
        shutil.copy(path, landing)
    run = crm_warehouse("run", "--home", home, *arguments)
    assert run.exit_code == 0, run.stderr
    return run


@pytest.fixture(scope="module")
def day_by_day(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one version per day; what each day's marts hashed to lies in `days.json`."""
    home = tmp_path_factory.mktemp("day_by_day") / "home"
    days = {}
    for day in (FULL, SECOND, LAST):
        publish(home, files_of(small_home, day))
        days[day.isoformat()] = mart_hashes(home)
    (home / "days.json").write_text(json.dumps(days))
    return home


def hashes_of_day(home: Path, day: dt.date) -> dict[str, str]:
    found: dict[str, str] = json.loads((home / "days.json").read_text())[day.isoformat()]
    return found


def test_a_day_by_day_delivery_publishes_what_all_at_once_does(
    small_home: Path, day_by_day: Path
) -> None:
    assert hashes_of_day(day_by_day, LAST) == mart_hashes(small_home)
    assert hashes_of_day(day_by_day, FULL) != hashes_of_day(day_by_day, LAST)
    assert hashes_of_day(day_by_day, SECOND) != hashes_of_day(day_by_day, LAST)


def test_an_earlier_as_of_day_gives_what_was_published_on_that_day(
    small_home: Path, day_by_day: Path, tmp_path: Path
) -> None:
    """Nor does it publish what is no longer made, though a build starts from a copy of the last."""
    home = copy_of(small_home, tmp_path / "home")
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute("create table marts.mart_of_last_year as select 1 as customer_key")
        con.execute(
            "insert into audit.input_files (system, object, file_name, status) "
            "values ('switched_off', 'orders', 'orders.csv', 'loaded')"
        )

    run = publish(home, [], "--as-of", SECOND.isoformat())

    with published(home) as con:
        assert con.execute("select distinct system from audit.input_files").fetchall() == [
            ("canonical",)
        ]
    manifest = read_manifest(home / "published")
    assert manifest["as_of"] == SECOND.isoformat()
    assert mart_hashes(home) == hashes_of_day(day_by_day, SECOND)
    later = {file["file_name"] for file in manifest["input_files"] if file["is_later"]}
    assert later == {path.name for path in files_of(small_home, LAST)}
    assert f"without effect, exported after the as-of day ({len(later)}): " in run.stdout


def test_a_run_without_news_publishes_nothing_and_starts_no_dagster_run(
    small_home: Path, tmp_path: Path
) -> None:
    home = copy_of(small_home, tmp_path / "home")
    before = fingerprint(home)

    run = crm_warehouse("run", "--home", home)
    as_json = crm_warehouse("run", "--home", home, "--json")

    assert (run.exit_code, as_json.exit_code) == (0, 0)
    assert run.stdout.startswith("Nothing is new: version ")
    assert json.loads(as_json.stdout)["new"] is False
    assert fingerprint(home) == before


def test_after_a_rollback_a_run_publishes_what_lies_in_landing_again(
    day_by_day: Path, tmp_path: Path
) -> None:
    home = copy_of(day_by_day, tmp_path / "home")
    first = min(path.name.removeprefix("v=") for path in (home / "published").glob("v=*"))

    rolled_back = crm_warehouse("rollback", first, "--home", home)

    assert rolled_back.exit_code == 0
    assert f"Version {first}, as of {FULL}, is current." in rolled_back.stdout
    assert current_version(home / "published") == first
    assert mart_hashes(home) == hashes_of_day(day_by_day, FULL)

    # With only the files of that day in landing the later ones count no more: nothing is new.
    landing = home / "landing" / "canonical"
    for path in landing.glob("*_2026-1[01]-*"):
        if FULL.isoformat() not in path.name:
            path.rename(tmp_path / path.name)
    assert crm_warehouse("run", "--home", home).stdout.startswith("Nothing is new")

    publish(home, tmp_path.glob("*.csv"))
    assert mart_hashes(home) == hashes_of_day(day_by_day, LAST)


NAME = "canonical/orders_2026-11-02.csv"


@pytest.fixture(scope="module")
def corrected(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where a file with too many bad rows stopped, was removed, and came back corrected.

    One of its rows is still bad, which is below the ceiling.
    """
    folder = tmp_path_factory.mktemp("undone")
    home = copy_of(small_home, folder / "home")
    before = fingerprint(home / "published")
    rows = [
        row | {"channel": "new_channel"}
        for row in exported_rows(small_home / "landing", "orders")[:200]
    ]
    one_bad = changed(rows, 16, net_revenue="12,x")
    bad = changed(changed(one_bad, 17, net_revenue=""), 18, net_revenue="many")

    delivered = deliver(home / "landing", NAME, as_csv([row | {"channel": "bad"} for row in bad]))
    assert crm_warehouse("run", "--home", home).exit_code == 2

    delivered.unlink()
    undone = crm_warehouse("run", "--home", home)
    assert undone.stdout.startswith("Nothing is new"), undone.stderr
    assert fingerprint(home / "published") == before

    deliver(home / "landing", NAME, as_csv(one_bad))
    publish(home, [])
    return home


def test_nothing_of_the_bad_file_remains(corrected: Path) -> None:
    with published(corrected) as con:
        files = con.execute(
            "select count(*) from audit.input_files where file_name like 'orders_2026-11-02%'"
        ).fetchone()
        orders = con.execute(
            "select count(*) filter (where channel = 'new_channel'), "
            "count(*) filter (where channel = 'bad') from marts.fct_orders"
        ).fetchone()
    assert files == (1,)
    assert orders == (199, 0)


def test_the_one_bad_row_is_kept_aside_with_its_place_and_reason(corrected: Path) -> None:
    with duckdb.connect(str(corrected / "warehouse.duckdb"), read_only=True) as con:
        found = con.execute(
            "select object, file_name, row_number, line_number, column_name, _value, reason "
            "from audit.quarantine"
        ).fetchall()
    assert found == [("orders", "orders_2026-11-02.csv", 17, 18, "net_revenue", "12,x", "bad_type")]


def test_every_row_is_accounted_for(corrected: Path) -> None:
    with published(corrected) as con:
        counts = con.execute(
            "select rows_in_file, rows_loaded, rows_quarantined from audit.input_files "
            "where file_name = 'orders_2026-11-02.csv'"
        ).fetchone()
        differences = con.execute(
            "select count(*) > 0, count(*) filter (where difference != 0) from audit.reconciliation"
        ).fetchone()
    assert counts == (200, 199, 1)
    assert differences == (True, 0)


def test_status_counts_it(corrected: Path) -> None:
    status = crm_warehouse("status", "--home", corrected)
    assert ", 1 in quarantine" in status.stdout
    assert ", 0 differences" in status.stdout


def test_a_new_setting_is_a_reason_to_run_and_a_lower_ceiling_stops(
    corrected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = tmp_path / "company.yml"
    company.write_text("quarantine_ceiling: 0.004\n", encoding="utf-8")
    monkeypatch.setenv("CRM_WAREHOUSE_COMPANY", str(company))
    earlier = builds(corrected)

    run = crm_warehouse("run", "--home", corrected)

    assert run.exit_code == 2
    assert "More than 0.4 % of a file's rows cannot be used." in run.stderr
    assert len(builds(corrected) - earlier) == 1
