"""Shows what was landed to DuckDB: the schema `raw` and two tables of `audit`.

Belongs here: views over the landed Parquet files, the tables of files and of quarantined rows.
Does not: deciding what is landed.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.contracts import (
    ASIDE_MARK,
    PROVENANCE,
    SOURCE_METADATA,
    ExportContract,
    ExportObject,
)
from orchestration.lib.reading.landing import quarantine_path
from orchestration.lib.reading.records import FileRecord
from orchestration.lib.reading.sources import name_without_time
from orchestration.lib.reading.sql import insert_rows, literal, quoted, text_list

# Rows that are records, of which nothing tells which cell is the key; and what stands in them:
# cells, else words, and texts with blanks in them.
_TORN = "('wrong_cell_count', 'torn_row', 'malformed_quote', 'malformed_json', 'undecodable')"
_WORDS = """case when starts_with(raw_row, '["') and json_valid(raw_row)
    then json_extract_string(raw_row, '$[*]')
    else regexp_split_to_array(raw_row, '[]["{},;:|\\s]+')
        || regexp_split_to_array(raw_row, '[]["{},;|\\t]+') end"""


def create_raw_views(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Iterable[FileRecord],
    raw: Path,
    as_of: date | None,
) -> None:
    """Create `raw.<system>__<object>` for every object of the contract.

    With `as_of` only files that had been exported by then are seen. An object without files gets
    an empty view with the same columns. The files are listed one by one, so that a file which lands
    later does not enter a build that has begun.
    """
    con.execute("create schema if not exists raw")
    files = sorted(
        (r for r in records if r.status == "loaded" and r.known_by(as_of)),
        key=lambda r: (r.exported_at, r.sha256),
    )
    for exported in contract.objects:
        mine = [r for r in files if (r.system, r.object) == (contract.system, exported.name)]
        name = quoted(f"{contract.system}__{exported.name}")
        con.execute(f"create or replace view raw.{name} as {_select(exported, mine, raw)}")


def write_input_files(
    con: duckdb.DuckDBPyConnection, system: str, records: Sequence[FileRecord]
) -> None:
    """Write a system's rows of `audit.input_files`: one per export file, as FileRecord has it."""
    con.execute("create schema if not exists audit")
    _drop_if_older(con, "input_files", {field.name for field in dataclasses.fields(FileRecord)})
    con.execute(
        """
        create table if not exists audit.input_files (
            system varchar, object varchar, file_name varchar, sha256 varchar, status varchar,
            format varchar, encoding varchar, delimiter varchar, quote varchar, escape varchar,
            line_end varchar, header_line bigint, preamble_lines bigint, footer_lines bigint,
            decisions varchar,
            exported_at timestamp, exported_at_source varchar, max_watermark timestamp,
            rows_in_file bigint, rows_loaded bigint, rows_quarantined bigint,
            rows_released bigint default 0,
            columns_missing varchar[], columns_added varchar[], message varchar, remedy varchar,
            parquet_path varchar, size_bytes bigint, contract_hash varchar,
            times_replaced bigint
        )
        """
    )
    con.execute("delete from audit.input_files where system = ?", [system])
    names = [field.name for field in dataclasses.fields(FileRecord)]
    rows = [{name: getattr(record, name) for name in names} for record in records]
    insert_rows(con, "audit.input_files", rows)


def read_input_files(con: duckdb.DuckDBPyConnection, system: str) -> list[FileRecord]:
    """Read a system's rows of `audit.input_files` back, in the order of the file names."""
    names = [field.name for field in dataclasses.fields(FileRecord)]
    found = con.execute(
        f"select {', '.join(names)} from audit.input_files where system = ? "
        "order by file_name, sha256",
        [system],
    )
    return [FileRecord(*map(_as_tuple, row)) for row in found.fetchall()]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def write_quarantine(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    records: Sequence[FileRecord],
    raw: Path,
) -> None:
    """Write a system's rows of `audit.quarantine`, as QuarantinedRow has them.

    A row is released once another file, exported no earlier, has brought its record: `released_by`
    names that file, and `audit.input_files` counts the row. Rows that do not say their key are
    released by a later file of the same name, dates aside, that does not hold them any more.
    Expects the system's raw views and its rows of `audit.input_files`.

    What a row said may be personal data. It stands in columns that begin with an underscore, which
    stay behind when `audit` is published.
    """
    con.execute("create schema if not exists audit")
    _drop_if_older(con, "quarantine", {"released_by"})
    con.execute(
        """
        create table if not exists audit.quarantine (
            system varchar, object varchar, file_name varchar, content_hash varchar,
            row_number bigint, line_number bigint, column_name varchar, reason varchar,
            message varchar, released_by varchar, _value varchar, _raw_row varchar,
            _key_values varchar
        )
        """
    )
    con.execute("delete from audit.quarantine where system = ?", [contract.system])
    loaded = [record for record in records if record.status == "loaded"]
    bad = [record for record in loaded if record.rows_quarantined]
    if not bad:
        return
    found = text_list(str(quarantine_path(record, raw)) for record in bad)
    con.execute(
        f"insert into audit.quarantine by name "
        "select * rename (value as _value, raw_row as _raw_row, key_values as _key_values) "
        # files that were landed by an earlier reader lack the key
        f"from read_parquet({found}, union_by_name = true) "
        "order by system, object, file_name, row_number"
    )
    for exported in contract.objects:
        if exported.key and any(record.object == exported.name for record in bad):
            _release_by_key(con, contract.system, exported)
    for record in bad:
        _release_by_name(con, record, loaded)
    con.execute(
        """
        update audit.input_files as f
        set rows_released = (
            select count(distinct q.row_number) from audit.quarantine as q
            where q.content_hash = f.sha256 and q.file_name = f.file_name
                and q.object = f.object and q.system = f.system
                and q.released_by is not null
        )
        where f.system = ?
        """,
        [contract.system],
    )


def _release_by_key(con: duckdb.DuckDBPyConnection, system: str, exported: ExportObject) -> None:
    view = f"raw.{quoted(f'{system}__{exported.name}')}"
    key = f"to_json([{', '.join(quoted(name) for name in exported.key)}])::varchar"
    con.execute(
        f"""
        update audit.quarantine as q
        set released_by = fixed.file_name
        from (
            select
                bad.content_hash, bad.file_name as bad_file_name, bad._key_values,
                arg_min(good.file_name, (good.exported_at, good.content_hash)) as file_name
            from (
                select distinct content_hash, file_name, exported_at, _key_values
                from audit.quarantine
                join audit.input_files using (system, object, file_name)
                where system = $system and object = $object and _key_values is not null
            ) as bad
            join (
                select distinct
                    {key} as key_values, _file_name as file_name,
                    ltrim(_content_hash, '-') as content_hash,
                    _exported_at as exported_at
                from {view}
                where {key} in (
                    select _key_values from audit.quarantine
                    where system = $system and object = $object
                )
            ) as good on good.key_values = bad._key_values
            where good.content_hash <> bad.content_hash
                and (good.exported_at >= bad.exported_at or good.file_name = bad.file_name)
            group by bad.content_hash, bad.file_name, bad._key_values
        ) as fixed
        where q.system = $system and q.object = $object and q.content_hash = fixed.content_hash
            and q.file_name = fixed.bad_file_name and q._key_values = fixed._key_values
        """,
        {"system": system, "object": exported.name},
    )


def _release_by_name(
    con: duckdb.DuckDBPyConnection, bad: FileRecord, loaded: Sequence[FileRecord]
) -> None:
    """Release the keyless rows of a file that its newest successor does not hold any more."""
    name = name_without_time(bad.file_name)
    successors = [
        record
        for record in loaded
        if record.object == bad.object
        and record.sha256 != bad.sha256
        and (record.exported_at, record.sha256) > (bad.exported_at, bad.sha256)
        and name_without_time(record.file_name) == name
    ]
    if not successors:
        return
    newest = max(successors, key=lambda record: (record.exported_at, record.sha256))
    con.execute(
        """
        update audit.quarantine as q
        set released_by = $newest
        where q.system = $system and q.content_hash = $bad and q.file_name = $bad_name
            and q._key_values is null
            and q._raw_row not in (
                select other._raw_row from audit.quarantine as other
                where other.system = $system and other.content_hash = $newest_hash
            )
        """,
        {
            "newest": newest.file_name,
            "system": bad.system,
            "bad": bad.sha256,
            "bad_name": bad.file_name,
            "newest_hash": newest.sha256,
        },
    )


def _select(exported: ExportObject, files: Sequence[FileRecord], raw: Path) -> str:
    names = [*(column.name for column in exported.columns), SOURCE_METADATA]
    empty = ", ".join(f"null::varchar as {quoted(name)}" for name in names)
    if not files:
        provenance = ", ".join(f"null::{kind} as {name}" for name, (kind, _) in PROVENANCE.items())
        return f"select {empty}, {provenance} where false"
    paths = [str((raw / str(r.parquet_path)).resolve()) for r in files]
    known = ", ".join(
        # Of equal times the content that was replaced counts last.
        f"({number}::ubigint, {literal(r.file_name)}, "
        f"{literal('-' * r.times_replaced + r.sha256)}, "
        f"timestamp {literal(r.exported_at.isoformat(' '))})"
        for number, r in enumerate(files)
    )
    columns = ", ".join(
        [
            *(quoted(name) for name in names),
            "_file_name",
            "_content_hash",
            "_exported_at",
            "file_row_number + 1 as _row_number",
            f"{_is_deleted(exported, files, raw)} as _is_deleted",
        ]
    )
    good = f" where {ASIDE_MARK} is null" if any(r.has_marks for r in files) else ""
    # Files lack the columns that are empty in all their rows, and those that the contract did not
    # have when they were landed. What is known of a file is joined by its number in the list: a
    # `case` over 2,000 names took 30 CPU s to find the rows of one file, this takes 0.2. The number
    # is of the type of `file_index`, so that files which are not asked for are not opened: to find
    # the rows of a new file among 8.8 M takes nothing one can see, else 0.2.
    return (
        f"select {columns} from (select {empty}, null::bigint as file_row_number, "
        "null::ubigint as _file where false "
        "union all by name select *, file_index as _file "
        f"from read_parquet({text_list(paths)}, union_by_name = true, file_row_number = true)) "
        f"join (values {known}) as known(_file, _file_name, _content_hash, _exported_at) "
        f"using (_file){good}"
    )


def _is_deleted(exported: ExportObject, files: Sequence[FileRecord], raw: Path) -> str:
    """Write the condition under which a row speaks of a record that is no longer there.

    Its own flag says so, or it was exported before the last full export: had that one held the
    record, its row would be the newest of the key. Full exports may come in parts, so it is the
    day that counts. A file that does not tell when it was exported cannot prove an absence, and
    a record whose row it holds in quarantine is not absent, nor one whose key stands among the
    cells (of a line of JSON: the words) of a row that does not say which of them is its key. Of a
    key of several columns its texts and identifiers are looked for: times and numbers may be
    written otherwise than they landed. They need not stand in one row: it may be two, broken.
    """
    conditions = []
    if exported.deleted_flag:
        conditions.append(f"coalesce(try_cast({quoted(exported.deleted_flag)} as boolean), false)")
    full = newest_full_export(exported, files)
    if full:
        before = f"_exported_at < timestamp '{full[0].exported_at.date()}'"
        aside = [str(path) for r in full if (path := quarantine_path(r, raw))]
        if aside and exported.key:
            parts = [quoted(name) for name in exported.key]
            types = {column.name: column.type for column in exported.columns}
            texts = [name for name in exported.key if types[name] in ("text", "identifier")]
            named = [quoted(name) for name in texts or exported.key]
            rows = (
                "(select null::varchar as key_values, null::varchar as raw_row, "
                "null::varchar as reason where false union all by name select * "
                f"from read_parquet({text_list(aside)}, union_by_name = true))"
            )
            known = f"select key_values from {rows} where key_values is not null"
            words = (
                # identifiers land without the apostrophe of spreadsheets
                "select ltrim(trim(word), chr(39)) "
                f"from (select unnest({_WORDS}) as word from {rows} "
                f"where reason in {_TORN} and key_values is null and raw_row is not null) "
                "where word is not null"  # an empty cell
            )
            is_named = " and ".join(f"{part} in ({words})" for part in named)
            before = (
                f"({before} and to_json([{', '.join(parts)}])::varchar not in ({known}) "
                f"and not ({is_named}))"
            )
        conditions.append(before)
    return " or ".join(conditions) or "false"


def newest_full_export(exported: ExportObject, files: Iterable[FileRecord]) -> list[FileRecord]:
    """Return the files of the newest day on which all records were exported, as their names say."""
    full = [
        r for r in files if r.exported_at_source == "file_name" and exported.is_full(r.file_name)
    ]
    newest = max((r.exported_at.date() for r in full), default=None)
    return [r for r in full if r.exported_at.date() == newest]


def _drop_if_older(con: duckdb.DuckDBPyConnection, table: str, columns: set[str]) -> None:
    """Drop a table of the last build that an earlier version of the code made without a column.

    Every system writes its rows again in every run, so nothing is lost.
    """
    found = con.execute(
        "select column_name from duckdb_columns() where schema_name = 'audit' and table_name = ?",
        [table],
    ).fetchall()
    if found and not columns <= {name for (name,) in found}:
        con.execute(f"drop table audit.{table}")
