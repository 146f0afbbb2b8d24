"""From which files the staged tables were made, and which ones a run has to add.

Belongs here: deciding per exported object whether its staged rows can be brought up to date, and
remembering what they hold. Does not: the SQL that does it, `macros/staged_records.sql` of dbt.

A build starts from a copy of the last good warehouse, staged tables included. These hold what the
new files do not touch, unless something else decides as well: the code, the settings, another file
or another reading of one, a full export that makes absent records deleted ones. Whatever is not
certain to be the same makes the table anew, which costs time and never a row.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import duckdb

from orchestration.lib.contracts import ExportContract, ExportObject
from orchestration.lib.reading.records import FileRecord

# Not a published schema: what it holds concerns one run and the next.
_SCHEMA = "increments"


def plan_increments(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Sequence[FileRecord],
    as_of: date | None,
    made_by: str,
) -> bool:
    """List the files that the staged tables lack; False when all must be made anew.

    `records` are the system's input files and `as_of` the day asked for, as the raw views have
    them. `made_by` stands for everything besides files that decides what staging holds.

    For every object that only gained files, `increments.new_files` gets a row per file; a row
    without a hash says that there is none. Objects without a row are to be read from all files.
    """
    con.execute(f"create schema if not exists {_SCHEMA}")
    con.execute(
        f"create table if not exists {_SCHEMA}.staged_files "
        "(source_name varchar, made_by varchar, content_hash varchar, reading varchar)"
    )
    con.execute(
        f"create or replace table {_SCHEMA}.new_files (source_name varchar, content_hash varchar)"
    )
    is_same_code = False
    for exported in contract.objects:
        source_name = f"{contract.system}__{exported.name}"
        held = con.execute(
            f"select made_by, content_hash, reading from {_SCHEMA}.staged_files "
            "where source_name = ?",
            [source_name],
        ).fetchall()
        if not held or {row[0] for row in held} != {made_by}:
            continue
        is_same_code = True
        now = _readings(exported, records, as_of)
        before = {(content_hash, reading) for _, content_hash, reading in held}
        if not before <= now or _has_namesakes(records, exported):
            continue
        added: list[str | None] = [*sorted({content_hash for content_hash, _ in now - before})]
        con.executemany(
            f"insert into {_SCHEMA}.new_files values (?, ?)",
            [(source_name, content_hash) for content_hash in added or [None]],
        )
    return is_same_code


def remember_staged_files(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Sequence[FileRecord],
    as_of: date | None,
    made_by: str,
) -> None:
    """Note what the staged tables hold now; the list of new files has served."""
    con.execute(f"delete from {_SCHEMA}.new_files")
    for exported in contract.objects:
        source_name = f"{contract.system}__{exported.name}"
        con.execute(f"delete from {_SCHEMA}.staged_files where source_name = ?", [source_name])
        con.executemany(
            f"insert into {_SCHEMA}.staged_files values (?, ?, ?, ?)",
            [
                (source_name, made_by, content_hash, reading)
                for content_hash, reading in sorted(_readings(exported, records, as_of))
            ],
        )


def _readings(
    exported: ExportObject, records: Iterable[FileRecord], as_of: date | None
) -> set[tuple[str, str]]:
    """Return, per file that counts, its hash and everything that decides what its rows are in raw.

    The entry without a hash is the object's own: there without files too, and another one when a
    full export moves the day before which rows speak of deleted records.
    """
    files = [
        r
        for r in records
        if r.object == exported.name and r.status == "loaded" and r.known_by(as_of)
    ]
    full = [
        r.exported_at.date()
        for r in files
        if r.exported_at_source == "file_name" and exported.is_full(r.file_name)
    ]
    own = f"contract {exported.contract_hash()}, full export {max(full, default=None)}"
    return {("", own)} | {
        (
            r.sha256,
            f"{r.file_name}, exported {r.exported_at} by {r.exported_at_source}, "
            f"{r.rows_loaded} rows in {r.parquet_path}, contract {r.contract_hash}",
        )
        for r in files
    }


def _has_namesakes(records: Iterable[FileRecord], exported: ExportObject) -> bool:
    """Tell whether two files share a name: staged rows know their file by its name only."""
    names = Counter(r.file_name for r in records if r.object == exported.name)
    return any(count > 1 for count in names.values())
