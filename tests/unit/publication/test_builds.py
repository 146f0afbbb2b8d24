"""Builds: a failed run leaves the last good warehouse as it was, and there is one writer."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.lib import builds
from orchestration.lib.builds import (
    BuildError,
    RunLockedError,
    begin_build,
    build_database,
    drop_build,
    exclusive_run,
    promote,
)
from orchestration.lib.home import Home
from orchestration.lib.receipts import read_receipts, record_built


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def write(database: Path, value: int) -> None:
    with duckdb.connect(database) as con:
        con.execute("create schema if not exists marts")
        con.execute("create or replace table marts.t as select ?::integer as value", [value])
        con.execute("create or replace view marts.v as from warehouse.marts.t")


def read(database: Path) -> int:
    with duckdb.connect(database, read_only=True) as con:
        row = con.execute("select value from marts.v").fetchone()
    assert row is not None
    return int(row[0])


def build_and_promote(home: Home, build_id: str, value: int) -> None:
    begin_build(home, build_id)
    write(build_database(home, build_id), value)
    promote(home, build_id)


def test_the_first_build_starts_with_an_empty_database(home: Home) -> None:
    folder = begin_build(home, "b1")
    assert folder == home.builds / "b1"
    assert [path.name for path in folder.iterdir()] == ["warehouse.duckdb"]
    with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as con:
        assert con.execute("from duckdb_tables()").fetchall() == []


def test_promotion_makes_the_build_the_last_good_warehouse(home: Home) -> None:
    build_and_promote(home, "b1", 1)
    assert read(home.warehouse) == 1
    assert not build_database(home, "b1").exists()
    assert [path.name for path in home.root.iterdir() if "wal" in path.name] == []


def test_a_build_works_on_a_copy(home: Home) -> None:
    build_and_promote(home, "b1", 1)
    folder = begin_build(home, "b2")
    assert read(folder / "warehouse.duckdb") == 1
    write(folder / "warehouse.duckdb", 2)
    assert read(home.warehouse) == 1
    drop_build(home, "b2")
    assert read(home.warehouse) == 1
    assert not build_database(home, "b2").exists()


def test_dropping_keeps_the_receipts(home: Home) -> None:
    folder = begin_build(home, "b1")
    write(folder / "warehouse.duckdb", 1)
    (folder / "overflow").mkdir()
    record_built(folder, "marts", "all")
    drop_build(home, "b1")
    assert [path.name for path in folder.iterdir()] == ["receipts.jsonl"]


def test_a_changed_build_with_a_write_ahead_log_is_promoted_whole(home: Home) -> None:
    database = begin_build(home, "b1") / "warehouse.duckdb"
    write(database, 1)
    script = (
        "import duckdb, os, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute('update marts.t set value = 7')\n"
        "os._exit(0)\n"  # As killed: the change is in the log only.
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=True)
    assert database.with_name("warehouse.duckdb.wal").exists()
    promote(home, "b1")
    assert read(home.warehouse) == 7


def test_promotion_is_refused_while_another_process_writes(home: Home) -> None:
    build_and_promote(home, "b1", 1)
    database = begin_build(home, "b2") / "warehouse.duckdb"
    script = (
        "import duckdb, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BuildError, match="in use or damaged"):
            promote(home, "b2")
        other.communicate()
    promote(home, "b2")


def test_promotion_is_refused_while_this_process_has_a_handle(home: Home) -> None:
    database = begin_build(home, "b1") / "warehouse.duckdb"
    write(database, 1)
    for read_only in (False, True):
        with (
            duckdb.connect(database, read_only=read_only),
            pytest.raises(BuildError, match="Close the other handle"),
        ):
            promote(home, "b1")
    promote(home, "b1")
    assert read(home.warehouse) == 1


def test_promoting_twice_says_what_to_do(home: Home) -> None:
    build_and_promote(home, "b1", 1)
    with pytest.raises(BuildError, match="Start a new run"):
        promote(home, "b1")


def test_a_stale_log_beside_the_warehouse_does_not_survive_promotion(home: Home) -> None:
    """A log left beside a swapped file makes every later open of it fail."""
    build_and_promote(home, "b1", 1)
    folder = begin_build(home, "b2")
    write(folder / "warehouse.duckdb", 2)
    home.warehouse.with_name("warehouse.duckdb.wal").write_bytes(b"of another file")
    promote(home, "b2")
    assert read(home.warehouse) == 2


def test_a_foreign_writer_of_the_warehouse_is_noticed(home: Home) -> None:
    build_and_promote(home, "b1", 1)
    home.warehouse.with_name("warehouse.duckdb.wal").write_bytes(b"x")
    with pytest.raises(BuildError, match="another program wrote"):
        begin_build(home, "b2")


def test_working_copies_of_killed_runs_are_removed(home: Home) -> None:
    folder = begin_build(home, "killed")
    write(folder / "warehouse.duckdb", 1)
    (folder / "warehouse.duckdb.wal").write_bytes(b"x")
    record_built(folder, "raw", "a")
    begin_build(home, "next")
    assert [path.name for path in folder.iterdir()] == ["receipts.jsonl"]


def test_only_the_last_journals_are_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "KEPT_JOURNALS", 3)
    for number in range(6):
        folder = begin_build(home, f"b{number}")
        record_built(folder, "raw", "a")
        os.utime(folder / "receipts.jsonl", ns=(number, number))
    begin_build(home, "last")
    assert sorted(path.name for path in home.builds.iterdir()) == ["b3", "b4", "b5", "last"]


def test_receipts_of_a_first_attempt_do_not_vouch_for_the_second(home: Home) -> None:
    folder = begin_build(home, "b1")
    record_built(folder, "raw", "a")
    begin_build(home, "b1")
    assert read_receipts(folder) == []


@pytest.mark.parametrize("build_id", ["", "..", "a/b", ".hidden", "a b"])
def test_a_build_id_must_be_a_folder_name(home: Home, build_id: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        begin_build(home, build_id)


HOLD_THE_LOCK = """
import sys
from pathlib import Path
from orchestration.lib.builds import exclusive_run
from orchestration.lib.home import Home
with exclusive_run(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_by_name_and_the_lock_dies_with_its_holder(home: Home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(RunLockedError, match=rf"process {holder.pid}\b"), exclusive_run(home):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with exclusive_run(home):
        assert (home.root / ".lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_is_free_after_a_run_that_failed(home: Home) -> None:
    with pytest.raises(KeyError), exclusive_run(home):
        raise KeyError
    with exclusive_run(home), pytest.raises(RunLockedError), exclusive_run(home):
        pass
