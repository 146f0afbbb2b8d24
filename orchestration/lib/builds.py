"""One run, one build: a working copy of the last good warehouse, promoted only on success.

Belongs here: the lock that makes a run the only writer, the working copy and its end. Does not:
filling it, judging it (receipts) or publishing it.

A run that fails has already replaced tables and moved incrementals and snapshots on. So it works
in `builds/<build_id>/warehouse.duckdb`, a copy of `warehouse.duckdb`, which replaces the original
when everything has passed and is dropped otherwise. The copy keeps the name of the file because
DuckDB calls the catalog by it, and views name their catalog.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.lib.durability import check_name, sync_file, sync_folder
from orchestration.lib.home import Home
from orchestration.lib.receipts import JOURNAL_NAME

LOCK_NAME = ".lock"
DATABASE_NAME = "warehouse.duckdb"
# The newest that every 1.x driver from 1.4 on and 2.0 can read. Against the default, that of 1.0,
# writing five marts of 30,000 customers took 2.1 instead of 2.4 CPU s, and 38 instead of 44 MB.
STORAGE_VERSION = "v1.4.0"
KEPT_JOURNALS = 20  # A few weeks of daily runs to look back on, at some kilobytes each.


class BuildError(Exception):
    """The build cannot go on; the message says why and what to do."""


class RunLockedError(BuildError):
    """Another run is writing to this home."""


@contextmanager
def exclusive_run(home: Home) -> Iterator[None]:
    """Hold the home's lock, so that this process is the only one that writes to it.

    The operating system lets go of the lock when the process ends, however it ends: there is no
    stale lock to remove. Raises RunLockedError at once, naming the process that holds it.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    lock = home.root / LOCK_NAME
    with lock.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise RunLockedError(
                f"Another run (process {holder}) is writing to {home.root}. "
                "Wait until it has finished, or stop that process; the lock ends with it."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def build_folder(home: Home, build_id: str) -> Path:
    """Return the folder that holds the receipts and, while it runs, the database of a build."""
    return home.builds / check_name("The build id", build_id)


def build_database(home: Home, build_id: str) -> Path:
    """Return the working database of a build."""
    return build_folder(home, build_id) / DATABASE_NAME


def begin_build(home: Home, build_id: str) -> Path:
    """Make the folder of a build with a copy of the last good warehouse; return the folder.

    Without a last good warehouse the database is a new, empty one. Working copies of killed
    runs are removed, and all but the last journals. A build id that was used before starts from
    nothing: receipts of its first attempt must not vouch for the second. Call it inside
    `exclusive_run`: a copy that is in use would be taken for one of a killed run.
    """
    folder = build_folder(home, build_id)
    if _log_of(home.warehouse).exists():
        raise BuildError(
            f"{_log_of(home.warehouse)} exists: another program wrote to the working database, "
            "which only runs may do. Close that program, then delete both files: the next run "
            "makes them anew from the raw files."
        )
    _remove_leftovers(home)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / DATABASE_NAME
    if home.warehouse.exists():
        shutil.copyfile(home.warehouse, database)
    else:
        duckdb.connect(database, config={"storage_compatibility_version": STORAGE_VERSION}).close()
    return folder


def promote(home: Home, build_id: str) -> None:
    """Make the database of a finished build the last good warehouse, atomically.

    The file must be complete by itself before it moves: a write-ahead log beside a swapped file
    makes every later open fail. So no other handle may be open, in any process.
    """
    database = build_database(home, build_id)
    if not database.exists():
        raise BuildError(
            f"Build {build_id} has no database at {database}: it was promoted or dropped "
            "before. Start a new run."
        )
    try:
        with duckdb.connect(database) as con:
            con.execute("checkpoint")
        # A handle left open in this process shares the connection above, but not this one.
        duckdb.connect(database, read_only=True).close()
    except duckdb.Error as error:
        raise BuildError(
            f"Build {build_id} cannot be promoted, {database} is in use or damaged: {error}. "
            "Close the other handle, or start a new run."
        ) from error
    sync_file(database)
    _log_of(home.warehouse).unlink(missing_ok=True)
    database.replace(home.warehouse)
    sync_folder(home.root)


def drop_build(home: Home, build_id: str) -> None:
    """Remove the working copy of a failed build; its receipts stay to be looked at."""
    _remove_all_but_journal(build_folder(home, build_id))


def _remove_leftovers(home: Home) -> None:
    journals = sorted(
        home.builds.glob(f"*/{JOURNAL_NAME}"), key=lambda path: path.stat().st_mtime_ns
    )
    kept = {journal.parent for journal in journals[-KEPT_JOURNALS:]}
    for folder in home.builds.glob("*/"):
        if folder in kept:
            _remove_all_but_journal(folder)
        else:
            shutil.rmtree(folder)


def _remove_all_but_journal(folder: Path) -> None:
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != JOURNAL_NAME:
            path.unlink()


def _log_of(database: Path) -> Path:
    """Return where DuckDB keeps the write-ahead log of a database."""
    return database.with_name(database.name + ".wal")
