"""What a file is and what would become of its rows, without landing it.

The same code reads the file as when it lands, into a folder that is thrown away. Without a contract
one is drafted: the header is found by regularity, and every column gets the type that all its
values have. Belongs here: the dry run, the draft. Does not: how files are read, what is printed.
"""

import dataclasses
import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from orchestration.lib.contracts import ASIDE_MARK, CellType, Column, ExportObject
from orchestration.lib.reading.decisions import decide
from orchestration.lib.reading.dialect import sniff_headers
from orchestration.lib.reading.draft import completed, key_hashes
from orchestration.lib.reading.encoding import as_utf8, decide_encoding
from orchestration.lib.reading.file_reader import (
    ASIDE,
    CLEAN,
    format_of,
    parquet_columns,
    read_file,
    require_rows,
)
from orchestration.lib.reading.json_text import LONGEST_RECORD, decide_json, json_records
from orchestration.lib.reading.records import FileRecord, OpenDatesError, RefusedError
from orchestration.lib.reading.shapes import shapes_of
from orchestration.lib.reading.sheets import sniff_sheet
from orchestration.lib.reading.siblings import compared, following, noted, taken_order
from orchestration.lib.reading.sources import Source, digest, unpacked
from orchestration.lib.reading.spellings import COUNTS, CROSS, without_accents
from orchestration.lib.reading.sql import literal, quoted

# Of the values of a column of dates or times that may be none: one typing error is no text column.
_SLIPS = 0.05
_ODD = "{} but for {:,} of {:,} cells, whose rows would go to quarantine."
_JSON_RECORDS = 200  # from which the keys of a JSON file are collected
_SHOWN = 20  # quarantined rows that are shown

# The narrower type first. 0 and 1 are taken for numbers, not for yes and no.
_KINDS: tuple[CellType, ...] = ("integer", "decimal", "boolean", "date", "timestamp")

# With this the last of the header rows of Qualtrics begins, which follows at most as many others.
_LABEL, _LABEL_ROWS = '{"ImportId"', 3

# What a header hardly holds. A year, a month of a year or a point of a scale may well be a name.
_VALUE = re.compile(
    r"0\d+|\d{5,}|[^\w\s]?-?\d[\d.,]*[.,]\d\d|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}.*"
    r"|[0-9a-f-]{16,}|\S+@\S+[.]\w+|https?://.*"
)
# Of a time, with colons, as Oracle writes it (10.30.00 AM), or without either (20260131T1030).
_HOUR = "[0-9]:[0-9]|[ T][0-9]{1,2}[.][0-9]{2}([. ]|$)|^[0-9]{8}[ T]?[0-9]{4}"
# Names of columns whose numbers nobody adds; Salesforce writes `_c` behind those of its customers.
_IDENTIFYING = re.compile(
    r"(_|^)(id|(phones?|telephone|tel|mobile|cell|fax|zip|plz|postcode|postal|iban|ean|gtin|isbn|vat)"
    r"(_[a-z]+)?)(_c)?$"
)
# Names of columns whose numbers are dates, and those that may count seconds since 1970. No other
# names tell a time from a number: identifiers have as many digits.
_DATE = re.compile(
    r"date|datum|fecha|stamp|(_|^)(birth|birthday|dob|created|updated|modified)(_|$)|_at$"
)
_TIME = re.compile(
    rf"{_DATE.pattern}|(_|^)(time|on|since|until|start|end|expires|synced)(_|$)|time$"
)
_DURATION = re.compile("(_|^)(days?|hours?|minutes?|mins?|seconds?|secs?|duration|count|num)(_|$)")


@dataclass(frozen=True)
class BadRow:
    """One row that would go to quarantine."""

    row_number: int
    line_number: int | None
    column_name: str | None
    value: str | None
    reason: str
    message: str


@dataclass(frozen=True)
class Recognition:
    """What a file was recognised as.

    `record` has the counts and every decision as it would be recorded. `columns` has the header in
    the file of every column that was found, by its name in the contract (or the draft). `drafted`
    is a contract for a file without one. `open_dates` are columns in which the file itself does not
    tell days from months. `reasons` counts the rows that would go to quarantine,
    `bad_rows` are the first of them. `keys` are hashes of a draft's keys: all, or the smallest.
    """

    record: FileRecord
    exported: ExportObject | None
    is_draft: bool
    decisions: Mapping[str, Any]
    columns: Mapping[str, str]
    reasons: Mapping[str, int]
    bad_rows: tuple[BadRow, ...]
    open_dates: tuple[str, ...] = ()
    keys: tuple[int, ...] = ()


def recognise(
    source: Source,
    exported: ExportObject | None,
    system: str = "",
    others: Iterable[FileRecord] = (),
) -> Recognition:
    """Read a file as it would land and say what was found; nothing is kept.

    `exported` is the object its name stands for, None for an unknown layout; `others` are the
    records of the files that would land with it. A file that would be refused is described by the
    message and remedy of its record.
    """
    is_draft = exported is None
    sha256, size = "", 0
    reasons: Mapping[str, int] = {}
    bad_rows: tuple[BadRow, ...] = ()
    open_dates: tuple[str, ...] = ()
    keys: tuple[int, ...] = ()
    try:
        sha256, size = digest(source)
        with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
            con.execute("set enable_progress_bar = false")
            if exported is None:
                (Path(folder) / "draft").mkdir()
                exported = _drafted(con, source, Path(folder) / "draft")
            (Path(folder) / "read").mkdir()
            work = Path(folder) / "read"
            try:
                record = read_file(con, system, exported, source, sha256, size, work)
            except OpenDatesError as error:
                open_dates = error.columns
                taken = taken_order(others, exported, open_dates)
                if taken is None:
                    raise
                work = Path(folder) / "again"
                work.mkdir()
                ordered = following(exported, taken)
                record = read_file(con, system, ordered, source, sha256, size, work)
                record = noted(record, exported, taken)
            require_rows(record, exported)
            beside = [other for other in others if other.file_name != record.file_name]
            told = compared([record, *beside])
            record = next(r for r in told if r.file_name == record.file_name)
            if is_draft:
                named = json.loads(record.decisions).get("headers", {})
                said = [record.message, *_values_in(exported), *_values_again(con, work, named)]
                if record.format in ("json", "ndjson") and record.rows_in_file == 1:
                    said.append("the file holds one object: if it wraps a list, export the list")
                keys = key_hashes(con, _landed(work), exported)
                message = "; ".join(text for text in said if text)
                record = dataclasses.replace(record, message=message or None)
                if json.loads(record.decisions).get("encoding", {}).get("confidence") == "likely":
                    exported = exported.model_copy(update={"encoding": record.encoding})
            if record.rows_quarantined:
                reasons, bad_rows = _reasons(con, work), _bad_rows(con, work)
    except RefusedError as error:
        record = FileRecord(
            system=system,
            object=exported.name if exported else None,
            file_name=source.name,
            sha256=sha256,
            status="refused",
            message=error.message,
            remedy=error.remedy,
            size_bytes=size,
        )
    decisions = json.loads(record.decisions)
    headers = decisions.pop("headers", {})
    return Recognition(
        record, exported, is_draft, decisions, headers, reasons, bad_rows, open_dates, keys
    )


def headers_of(source: Source) -> list[str]:
    """Return what are likely the names of the columns, whatever contract the file belongs to.

    Raises RefusedError when the file cannot be opened or holds nothing.
    """
    _, size = digest(source)
    if size == 0:
        raise RefusedError("the file is empty (0 bytes)", "export it again")
    with tempfile.TemporaryDirectory() as folder:
        return _headers(source, Path(folder))


def _reasons(con: duckdb.DuckDBPyConnection, work: Path) -> dict[str, int]:
    found = con.execute(
        f"select reason, count(*) from read_parquet({literal(str(work / ASIDE))}) "
        "group by reason order by count(*) desc, reason"
    )
    return dict(found.fetchall())


def _bad_rows(con: duckdb.DuckDBPyConnection, work: Path) -> tuple[BadRow, ...]:
    rows = con.execute(
        "select row_number, line_number, column_name, value, reason, message "
        f"from read_parquet({literal(str(work / ASIDE))}) order by row_number limit {_SHOWN}"
    )
    return tuple(BadRow(*row) for row in rows.fetchall())


def _drafted(con: duckdb.DuckDBPyConnection, source: Source, work: Path) -> ExportObject:
    """Draft a contract: the columns of the file, each with the type that all its values have."""
    name = _slug(PurePosixPath(source.plain_name).stem.split(".")[0]) or "records"
    headers = _headers(source, work)
    if len(headers) < 2:
        raise _no_table()
    if 2 * sum(any(c.isalpha() for c in header) for header in headers) < len(headers):
        raise RefusedError(
            "the file has no header: most cells of its first row hold no letter",
            "describe its columns in their order in a contract with `header: false`",
        )
    as_text = _object(name, source, headers)
    record = read_file(con, "", as_text, source, "", 1, work)
    parquet = f"read_parquet({literal(str(work / CLEAN))}, file_row_number = true)"
    first = quoted(as_text.columns[0].name)
    labels = con.execute(
        f"select file_row_number from {parquet} where starts_with({first}, '{_LABEL}') limit 1"
    ).fetchone()
    if labels and labels[0] < _LABEL_ROWS and as_text.header_rows == 1:
        as_text = as_text.model_copy(update={"header_rows": labels[0] + 2})
        work = work / "below"
        work.mkdir()
        record = read_file(con, "", as_text, source, "", 1, work)
    if record.rows_quarantined > record.rows_loaded:
        raise _no_table()
    landed = _landed(work)
    # An empty column stays a text, whatever is asked of it: wide exports have hundreds of them.
    cells: dict[str, str | None] = {name: quoted(name) for name in _filled(con, landed, as_text)}
    kinds: dict[str, CellType] = {}
    counted: dict[str, str] = {}
    nearly: dict[str, CellType] = {}
    odd: dict[str, str] = {}
    for kind in _KINDS:
        typed = as_text.model_copy(
            update={"columns": tuple(c.model_copy(update={"type": kind}) for c in as_text.columns)}
        )
        readings = decide(typed, shapes_of(con, landed, cells, typed))
        counts = "".join(
            f"count(*) filter ({readings[n].is_filled(str(cell))}), count(*) filter "
            f"({readings[n].is_filled(str(cell))} and {readings[n].sql(str(cell))} is null), "
            for n, cell in cells.items()
        )
        found = con.execute(f"select {counts}count(*) from {landed}").fetchone()
        assert found is not None  # an aggregate has a row
        for position, column in enumerate(cells):
            filled, wrong = found[2 * position : 2 * position + 2]
            if CROSS in readings[column].spellings:
                continue  # a person says whether it is a flag: names may have been made x
            if filled and not wrong and column not in kinds:
                kinds[column] = kind
            elif filled and not wrong and kind == "timestamp":
                counted.update((column, s) for s in readings[column].spellings if s in COUNTS)
            elif kind in ("date", "timestamp") and filled and wrong <= _SLIPS * filled:
                nearly.setdefault(column, kind)
            elif kind in ("integer", "decimal") and filled and wrong <= _SLIPS * filled:
                odd.setdefault(column, _ODD.format(kind, wrong, filled))
    kinds = {**nearly, **kinds}
    for column in [c for c, kind in kinds.items() if kind == "date"]:
        # What is a date to one value and a time to another is a time.
        timed = con.execute(
            f"select 1 from {landed} where regexp_matches({quoted(column)}, '{_HOUR}') limit 1"
        ).fetchone()
        if timed:
            kinds[column] = "timestamp"
    for column in [c for c, kind in kinds.items() if kind == "integer"]:
        # Three letters before digits may be a currency; in front of a number that begins with
        # zeros, or glued to it (INC0000045), they are part of a key. Amounts may all be even.
        # Of other numbers of eight digits hardly one is a date, let alone all.
        is_key, has_fraction = "^([^0-9]*0|[A-Za-z]+|[+][0-9]{3})[0-9]", "[.,][0-9]{1,2}[^0-9]*$"
        century = "c[1:2] in ('19', '20')" if _DATE.search(column) else "c[1:2] = '20'"
        is_date = f"strlen(c) = 8 and {century} and try_strptime(c, '%Y%m%d') is not null"
        is_time = f"strlen(c) = 14 and {century} and try_strptime(c, '%Y%m%d%H%M%S') is not null"
        found = con.execute(
            f"select count(*) filter (regexp_matches(c, '{is_key}')), "
            f"count(*) filter (regexp_matches(c, '{has_fraction}')), "
            f"coalesce(bool_and({is_date}), false), coalesce(bool_and({is_time}), false) "
            f"from (select {quoted(column)} as c from {landed}) where c is not null"
        ).fetchone()
        assert found is not None  # an aggregate has a row
        if found[0] or _IDENTIFYING.search(column):
            kinds[column] = "identifier"
        elif found[1]:
            kinds[column] = "decimal"
        elif found[2]:
            kinds[column] = "date"
        elif found[3]:
            kinds[column] = "timestamp"
    for column, unit in counted.items():
        # no amount has so many decimals
        precise = con.execute(
            f"select 1 from {landed} "
            f"where regexp_matches({quoted(column)}, '[.,][0-9]{{5}}') limit 1"
        ).fetchone()
        may_be_amount = unit == "Excel serial" and not precise
        named = (_DATE if may_be_amount else _TIME).search(column)
        if named and kinds.get(column) in ("integer", "decimal") and not _DURATION.search(column):
            is_day = unit == "Excel serial" and kinds[column] == "integer"
            kinds[column] = "date" if is_day else "timestamp"
    for column in [name for name in cells if name not in kinds]:
        # An apostrophe keeps a spreadsheet from dropping zeros.
        kept = con.execute(
            f"select 1 from {landed} where regexp_full_match({quoted(column)}, ?) limit 1",
            ["'[0-9]+"],
        ).fetchone()
        if kept:
            kinds[column] = "identifier"
    columns = tuple(
        c.model_copy(update={"type": kinds[c.name]})
        if c.name in kinds
        else c.model_copy(update={"description": odd.get(c.name, c.description)})
        for c in as_text.columns
    )
    typed = as_text.model_copy(update={"columns": columns})
    readings = decide(typed, shapes_of(con, landed, cells, typed))
    orders = {r.date_order for r in readings.values() if r.date_order in ("dmy", "mdy")}
    is_certain = all(r.confidence == "certain" for r in readings.values() if r.date_order)
    usual = orders.pop() if len(orders) == 1 and is_certain else None
    return completed(con, landed, typed.model_copy(update={"usual_date_order": usual}))


def _landed(work: Path) -> str:
    """Write what follows FROM for the good rows of a file."""
    return f"(from read_parquet({literal(str(work / CLEAN))}) where {ASIDE_MARK} is null)"


def _filled(con: duckdb.DuckDBPyConnection, landed: str, exported: ExportObject) -> list[str]:
    """Return the columns that hold anything."""
    names = [column.name for column in exported.columns]
    counts = ", ".join(f"count({quoted(name)})" for name in names)
    found = con.execute(f"select {counts} from {landed}").fetchone() or ()
    return [name for name, count in zip(names, found, strict=True) if count]


def _no_table() -> RefusedError:
    return RefusedError(
        "no table was found in the file: its lines have no columns in common",
        "if it is an export, describe it in a contract of its own",
    )


def _headers(source: Source, work: Path) -> list[str]:
    """Find the names of the columns of a file that no contract describes."""
    file_format = format_of(source, None)
    path = unpacked(source, work / "sniffed")
    if file_format == "parquet":
        with duckdb.connect() as con:
            return list(parquet_columns(con, path))
    if file_format == "xlsx":
        return sniff_sheet(path)
    anything = _object("anything", source, ["anything"])
    text, _ = as_utf8(path, decide_encoding(path, anything), work / "sniffed.utf8")
    if file_format in ("json", "ndjson"):
        by_line = file_format == "ndjson" or _has_a_record_per_line(text)
        records = json_records(text, decide_json(text, anything, by_line=by_line))
        keys = (key for r in islice(records, _JSON_RECORDS) for key in r.value or {})
        return list(dict.fromkeys(keys))
    return sniff_headers(text, work)


def _has_a_record_per_line(text: Path) -> bool:
    """Tell whether a JSON file of any name is one of lines: more than one object stands in it."""
    with text.open(encoding="utf-8-sig") as file:
        first, second = file.readline(LONGEST_RECORD), file.readline(LONGEST_RECORD)
    return first.rstrip().endswith("}") and first[:1] == second[:1] == "{"


def _values_in(draft: ExportObject) -> list[str]:
    """Say which names look like values: dates, amounts, codes that begin with zero; not years."""
    return [
        f"the name of column {position} looks like a value: if the file has no header, describe "
        "its columns in their order in a contract with `header: false`"
        for position, column in enumerate(draft.columns, 1)
        if column.aliases and _VALUE.fullmatch(column.aliases[0])
    ]


def _values_again(
    con: duckdb.DuckDBPyConnection, work: Path, headers: Mapping[str, str]
) -> list[str]:
    """Say which names occur among the cells of their columns, as values do; one may by chance."""
    if not headers:
        return []
    again = ", ".join(f"bool_or({quoted(n)} = {literal(text)})" for n, text in headers.items())
    found = con.execute(
        f"select {again} from read_parquet({literal(str(work / CLEAN))}) where {ASIDE_MARK} is null"
    ).fetchone()
    assert found is not None  # an aggregate has a row
    positions = [str(position) for position, is_value in enumerate(found, 1) if is_value]
    if len(positions) < 2:
        return []
    return [
        f"the names of columns {', '.join(positions)} are also values there: if the file has no "
        "header, describe its columns in their order in a contract with `header: false`"
    ]


def _object(name: str, source: Source, headers: Sequence[str]) -> ExportObject:
    columns: dict[str, Column] = {}
    seen: set[str] = set()
    for position, header in enumerate(headers, 1):
        folded = header.strip().casefold()
        if folded in seen:
            continue
        seen.add(folded)
        slug = _slug(header) or ("number" if folded in ("#", "№") else f"column_{position}")
        if slug in columns or slug == "source_metadata":
            slug = f"{slug}_{position}"
        aliases = (header.strip(),) if folded and folded != slug else ()
        seen.add(slug)
        columns[slug] = Column(name=slug, aliases=aliases)
    return ExportObject(
        name=name,
        files=(PurePosixPath(source.name).name,),
        mode="delta",
        key=(),
        columns=tuple(columns.values()) or (Column(name="anything"),),
    )


def _slug(text: str) -> str:
    plain = without_accents(text).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return slug if re.match("[a-z]", slug) else ""
