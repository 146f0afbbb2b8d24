"""From which files the staged tables were made, and which ones a run has to add.

Belongs here: deciding per exported object whether its staged rows can be brought up to date, and
remembering what they hold; by which code and settings the tables of later layers were made, whose
rows know themselves what they were made from. Does not: the SQL that does it,
`macros/staged_records.sql` and `macros/kept_rows.sql` of dbt.

A build starts from a copy of the last good warehouse, staged tables included. These hold what the
new files do not touch, unless something else decides as well: the code, the settings, another file
or another reading of one, a full export that makes absent records deleted ones. Whatever is not
certain to be the same makes the table anew, which costs time and never a row.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb

from orchestration.lib.contracts import ExportContract, ExportObject
from orchestration.lib.reading.records import FileRecord
from orchestration.lib.reading.sql import insert_rows, literal, quoted, text_list
from orchestration.lib.reading.views import newest_full_export, read_input_files

# Not a published schema: what it holds concerns one run and the next.
_SCHEMA = "increments"
# All rows of the records that new files name, under the names that their objects have in raw; while
# the models run only.
_TOUCHED = "touched"


@contextmanager
def increments(
    database: Path, contract: ExportContract, as_of: date | None, made_by: str
) -> Iterator[bool]:
    """List the files that the staged tables lack; remember at the end what these then hold.

    Gives False when all tables of the system must be made anew. `as_of` is the day asked for, which
    the raw views were made with; `made_by` stands for all that decides besides the files. Nothing
    is remembered when the models fail. Expects `audit.input_files` and closes the database.
    """
    with duckdb.connect(str(database)) as con:
        records = [r for r in read_input_files(con, contract.system) if r.known_by(as_of)]
        can_be_added_to = _plan(con, contract, records, made_by)
    yield can_be_added_to
    with duckdb.connect(str(database)) as con:
        _remember(con, contract, records, made_by)


def counts_before(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, tuple[int, int | None]]:
    """Return what the gate counted in a staged table before it was brought up to date.

    These are failing and judged rows by rule, nothing when no gate has looked at the table since
    the last time before.
    """
    _create_counts(con)
    found = con.execute(
        f"select rule, failing, judged from {_SCHEMA}.counts where is_before and table_name = ?",
        [table],
    ).fetchall()
    return {rule: (failing, judged) for rule, failing, judged in found}


def keep_counts(
    con: duckdb.DuckDBPyConnection, counts: Mapping[str, Mapping[str, tuple[int, int | None]]]
) -> None:
    """Remember what the gate counted in staged tables as they are now, by table and rule."""
    _create_counts(con)
    con.execute(
        f"delete from {_SCHEMA}.counts where not is_before and table_name in {text_list(counts)}"
    )
    insert_rows(
        con,
        f"{_SCHEMA}.counts",
        [
            {
                "table_name": table,
                "rule": rule,
                "failing": failing,
                "judged": judged,
                "is_before": False,
            }
            for table, of_rules in counts.items()
            for rule, (failing, judged) in of_rules.items()
        ],
    )


def _create_counts(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"create schema if not exists {_SCHEMA}")
    con.execute(
        f"create table if not exists {_SCHEMA}.counts "
        "(table_name varchar, rule varchar, failing bigint, judged bigint, is_before boolean)"
    )


def changed_tables(con: duckdb.DuckDBPyConnection, system: str) -> dict[str, tuple[str, str]]:
    """Return, per staged table that was brought up to date, where its new rows and old ones are.

    These are a table with the rows that came and one with those that left.
    """
    found = con.execute(
        "select table_name from duckdb_tables() where schema_name = ? "
        "and starts_with(table_name, ?)",
        [_SCHEMA, f"stg_{system}__"],
    ).fetchall()
    return {f"staging.{name}": (f"{_SCHEMA}.{name}", f"{_SCHEMA}.left_{name}") for (name,) in found}


@contextmanager
def kept_rows(database: Path, step: str, made_by: str) -> Iterator[bool]:
    """Tell whether the tables of a step may keep rows; remember at the end what made them.

    Gives False when all of them must be made anew: other code or settings, or a build before this
    one that failed between them. Closes the database.
    """
    with duckdb.connect(str(database)) as con:
        con.execute(f"create schema if not exists {_SCHEMA}")
        con.execute(f"create table if not exists {_SCHEMA}.made_by (step varchar, made_by varchar)")
        held = con.execute(
            f"delete from {_SCHEMA}.made_by where step = ? returning made_by", [step]
        ).fetchall()
    yield held == [(made_by,)]
    with duckdb.connect(str(database)) as con:
        con.execute(f"insert into {_SCHEMA}.made_by values (?, ?)", [step, made_by])


def _plan(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Sequence[FileRecord],
    made_by: str,
) -> bool:
    """Fill `increments.new_files`: a row per new file of every object that only gained files.

    A row without a hash says that there is none; an object without a row is read from all files.
    """
    con.execute(f"create schema if not exists {_SCHEMA}")
    con.execute(
        f"create table if not exists {_SCHEMA}.staged_files "
        "(source_name varchar, made_by varchar, content_hash varchar, reading varchar)"
    )
    con.execute(
        f"create or replace table {_SCHEMA}.new_files (source_name varchar, content_hash varchar)"
    )
    con.execute(f"create schema if not exists {_TOUCHED}")
    _create_counts(con)
    # What no gate has counted since the last time is forgotten: it is of another table.
    own = f"starts_with(table_name, {literal(f'staging.stg_{contract.system}__')})"
    con.execute(f"delete from {_SCHEMA}.counts where is_before and {own}")
    con.execute(f"update {_SCHEMA}.counts set is_before = true where {own}")
    for came, gone in changed_tables(con, contract.system).values():
        con.execute(f"drop table {came}")
        con.execute(f"drop table if exists {gone}")  # a build of an earlier version has none
    is_same_code = False
    new: list[dict[str, str | None]] = []
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
        now = _readings(exported, records)
        before = {(content_hash, reading) for _, content_hash, reading in held}
        if not before <= now or not exported.key or _has_namesakes(records, exported):
            continue
        added = sorted({content_hash for content_hash, _ in now - before})
        listed: Sequence[str | None] = added or [None]
        new += [{"source_name": source_name, "content_hash": of_file} for of_file in listed]
        if added:
            _find_touched(con, exported, source_name, added)
    insert_rows(con, f"{_SCHEMA}.new_files", new)
    return is_same_code


def _find_touched(
    con: duckdb.DuckDBPyConnection, exported: ExportObject, source_name: str, added: Sequence[str]
) -> None:
    """Copy all rows, from whatever file, of the records that the new files of an object name.

    Every model and total that is made from them would look through all rows of raw for them: for
    33 M rows that took 7.5 CPU s in all, finding them once 1.4. A semi join by columns: by a row of
    them (`(a, b) in (select (a, b) ...)`) finding 14,500 of 8.8 M order lines took 2.1 instead of
    0.3. The hashes are named, not selected: then only the new files are opened for their keys.
    """
    key = ", ".join(quoted(name) for name in exported.key)
    raw = f"raw.{quoted(source_name)}"
    con.execute(
        f"create or replace table {_TOUCHED}.{quoted(source_name)} as select * from {raw} semi join"
        f" (select {key} from {raw} where _content_hash in {text_list(added)}) using ({key})"
    )


def _remember(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Sequence[FileRecord],
    made_by: str,
) -> None:
    con.execute(f"delete from {_SCHEMA}.new_files")
    con.execute(f"drop schema {_TOUCHED} cascade")
    objects = {f"{contract.system}__{exported.name}": exported for exported in contract.objects}
    con.execute(f"delete from {_SCHEMA}.staged_files where source_name in {text_list(objects)}")
    insert_rows(
        con,
        f"{_SCHEMA}.staged_files",
        [
            {
                "source_name": source_name,
                "made_by": made_by,
                "content_hash": content_hash,
                "reading": reading,
            }
            for source_name, exported in objects.items()
            for content_hash, reading in sorted(_readings(exported, records))
        ],
    )


def _readings(exported: ExportObject, records: Iterable[FileRecord]) -> set[tuple[str, str]]:
    """Return, per file that counts, its hash and everything that decides what its rows are in raw.

    The entry without a hash is the object's own: there without files too, and another one when a
    full export moves the day before which rows speak of deleted records, or has rows aside, whose
    records are not deleted.
    """
    files = [r for r in records if r.object == exported.name and r.status == "loaded"]
    full = newest_full_export(exported, files)
    own = (
        f"contract {exported.contract_hash()}, "
        f"full export {full[0].exported_at.date() if full else None}, "
        f"with rows aside {sorted(r.sha256 for r in full if r.rows_quarantined)}"
    )
    return {("", own)} | {
        (
            r.sha256,
            f"{r.file_name}, exported {r.exported_at} by {r.exported_at_source}, "
            f"replaced {r.times_replaced} times, {r.rows_loaded} rows in {r.parquet_path}, "
            f"contract {r.contract_hash}",
        )
        for r in files
    }


def _has_namesakes(records: Iterable[FileRecord], exported: ExportObject) -> bool:
    """Tell whether two files share a name: staged rows know their file by its name only."""
    names = Counter(r.file_name for r in records if r.object == exported.name)
    return any(count > 1 for count in names.values())
