"""Sorts the rows of one file: those as the contract says into Parquet, the others aside.

Belongs here: what makes a row unusable, written once in SQL for every format and for both paths.
Does not: parsing text, rules across files (those are gates).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.contracts import SOURCE_METADATA, Column, ExportObject
from orchestration.lib.reading.records import QuarantinedRow

# Cells are bounded so that what passes here can be cast exactly, to bigint and decimal(38, 9).
# Plain spaces around a value are allowed because casts ignore them. Scientific notation is what
# spreadsheets and floats export; nothing reads an identifier this way, identifiers are text.
_INTEGER = " *[+-]?[0-9]{1,18}([.]0*)? *"
_DECIMAL = " *[+-]?([0-9]{1,18}([.][0-9]{0,30})?|[.][0-9]{1,30})([eE]([+]?0?[0-9]|-[0-9]{1,2}))? *"
_BOOLEAN = ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0")

_EXPECTED = {
    "integer": "a whole number such as 42",
    "decimal": "a number with a point such as 1234.50",
    "boolean": "true or false",
    "date": "a date such as 2026-11-01",
    "timestamp": "a time such as 2026-11-01 13:30:00",
}


@dataclass(frozen=True)
class Relation:
    """The rows of a file as DuckDB sees them, before anything was decided.

    `source` is what follows FROM, `cells` a SQL expression per contract column (None: the file does
    not have it), `metadata` one for the other columns as a JSON object. A relation that can be
    sorted, not only copied, also has the columns _row_number, _line_number, _reason, _message (set
    where the text itself was malformed) and _raw_row.
    """

    source: str
    cells: Mapping[str, str | None]
    metadata: str


@dataclass(frozen=True)
class Provenance:
    """Where rows come from: the columns that every row of a file shares."""

    system: str
    file_name: str
    sha256: str


def copy_clean(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    exported_at: datetime,
    target: Path,
) -> int:
    """Write all rows to Parquet in one pass and return their number.

    Raises duckdb.InvalidInputException at the first row that is not as the contract says; which
    row, and why, is `sort_rows`' to find out.
    """
    problems = " or ".join(condition for condition, *_ in _problems(relation, exported))
    guard = (
        f"where case when {problems} then error('unusable row') else true end" if problems else ""
    )
    return _copy(
        con,
        f"select {_columns(relation, exported, provenance, exported_at)}, "
        f"null::bigint as _row_number from {relation.source} {guard}",
        target,
    )


def max_watermark(
    con: duckdb.DuckDBPyConnection, relation: Relation, exported: ExportObject
) -> datetime | None:
    """Return the latest watermark of the rows, None when there is none."""
    cell = relation.cells.get(exported.watermark) if exported.watermark else None
    if cell is None:
        return None
    assert exported.watermark is not None
    time = _timestamp(exported.column(exported.watermark), cell)
    row = con.execute(f"select max({time}) from {relation.source}").fetchone()
    value = row[0] if row else None
    return value if isinstance(value, datetime) else None


def has_conflicting_keys(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject
) -> bool:
    """Tell whether a landed file holds two rows of one key that differ.

    Counting distinct keys first is much cheaper than comparing rows, and settles nearly every file.
    """
    if not exported.key:
        return False
    source = f"read_parquet({literal(str(parquet))})"
    keys = ", ".join(quoted(name) for name in exported.key)
    row = con.execute(
        f"select (select count(*) from {source})"
        f" = (select count(*) from (select distinct {keys} from {source}))"
    ).fetchone()
    if row is not None and row[0]:
        return False
    conflicts = _conflicting_keys(landed(parquet, exported), exported)
    return con.execute(f"select 1 from ({conflicts}) limit 1").fetchone() is not None


def sort_rows(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    quarantine: Path,
) -> int:
    """Write the rows that are not as the contract says to `quarantine` and return their number.

    A row is listed once, with the first thing that is wrong with it. Leaves the row numbers in the
    temporary table `quarantined`, which `copy_sorted` leaves out.
    """
    whens = " ".join(
        f"when {condition} then {{'column_name': {literal(column.name)}, 'value': {cell}, "
        f"'reason': '{reason}', 'message': {literal(message)}}}"
        for condition, column, cell, reason, message in _problems(relation, exported)
    )
    con.execute(
        f"""
        create or replace temp table quarantined as
        select
            _row_number as row_number, _line_number as line_number, unnest(problem),
            _raw_row as raw_row
        from (
            select
                *,
                case
                    when _reason is not null then {{
                        'column_name': null::varchar, 'value': null::varchar,
                        'reason': _reason, 'message': _message
                    }}
                    {whens}
                end as problem
            from {relation.source}
        )
        where problem is not null
        """
    )
    if exported.key:
        good = without_quarantined(relation)
        keys = ", ".join(str(relation.cells[name]) for name in exported.key)
        names = ", ".join(exported.key)
        con.execute(
            f"""
            insert into quarantined
            select
                _row_number, _line_number, {literal(names)}, concat_ws(', ', {keys}),
                'duplicate_key',
                'another row of this file has the same {names} but other values', _raw_row
            from {good.source}
            where ({keys}) in ({_conflicting_keys(good, exported)})
            """
        )
    constants = {
        "system": provenance.system,
        "object": exported.name,
        "file_name": provenance.file_name,
        "content_hash": provenance.sha256,
    }
    columns = ", ".join(
        f"{literal(constants[field.name])} as {quoted(field.name)}"
        if field.name in constants
        else field.name
        for field in fields(QuarantinedRow)
    )
    return _copy(con, f"select {columns} from quarantined order by row_number", quarantine)


def without_quarantined(relation: Relation) -> Relation:
    """Leave out the rows that `sort_rows` has set aside."""
    rest = "_row_number not in (select row_number from quarantined)"
    return replace(relation, source=f"(from {relation.source} where {rest})")


def copy_sorted(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    exported_at: datetime,
    target: Path,
) -> int:
    """Write the rows that `sort_rows` left, under the numbers they have in the file."""
    return _copy(
        con,
        f"select {_columns(relation, exported, provenance, exported_at)}, _row_number "
        f"from {without_quarantined(relation).source} order by _row_number",
        target,
    )


def landed(parquet: Path, exported: ExportObject) -> Relation:
    """Describe a landed file as a relation."""
    return Relation(
        f"read_parquet({literal(str(parquet))})",
        {column.name: quoted(column.name) for column in exported.columns},
        SOURCE_METADATA,
    )


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def text_list(texts: Iterable[str]) -> str:
    """Write texts as a SQL list."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> int:
    row = con.execute(
        f"copy ({select}) to {literal(str(target))} (format parquet, compression zstd)"
    ).fetchone()
    assert row is not None  # COPY always reports its count
    return int(row[0])


def _columns(
    relation: Relation, exported: ExportObject, provenance: Provenance, exported_at: datetime
) -> str:
    """List the columns of a raw file up to the row number."""
    cells = [
        f"{relation.cells.get(column.name) or 'null::varchar'} as {quoted(column.name)}"
        for column in exported.columns
    ]
    return ", ".join(
        [
            *cells,
            f"{relation.metadata} as {SOURCE_METADATA}",
            f"{literal(provenance.file_name)} as _file_name",
            f"{literal(provenance.sha256)} as _content_hash",
            f"timestamp {literal(exported_at.isoformat(' '))} as _exported_at",
        ]
    )


def _problems(
    relation: Relation, exported: ExportObject
) -> Iterable[tuple[str, Column, str, str, str]]:
    """Yield, column by column, what can be wrong: condition, column, cell, reason, message.

    Messages carry no value, so that personal data stays in the one column that is masked.
    """
    # A row that says "deleted" needs nothing but its key: systems leave the other cells empty.
    flag = relation.cells.get(exported.deleted_flag or "")
    for column in exported.columns:
        cell = relation.cells.get(column.name)
        if cell is None:
            continue
        if exported.must_be_filled(column):
            empty = f"{cell} is null"
            if column.name not in exported.key and flag:
                empty += f" and not coalesce(try_cast({flag} as boolean), false)"
            yield empty, column, cell, "empty_cell", f"{column.name} is empty"
        if column.type not in ("text", "identifier"):
            expected = f"the format {column.format}" if column.format else _EXPECTED[column.type]
            message = f"{column.name} is not {_article(column.type)}: expected {expected}"
            yield f"not ({_fits(column, cell)})", column, cell, "bad_type", message


def _article(cell_type: str) -> str:
    return f"an {cell_type}" if cell_type[0] in "aeiou" else f"a {cell_type}"


def _fits(column: Column, cell: str) -> str:
    """Write the condition under which a filled cell is of its type; NULL for an empty one.

    DuckDB's own casts are too tolerant to be the condition: '1.5' and '1_0' are bigints to them,
    'epoch' is a date, '2020-01-05x' as well, and '05/01/26' is a day of the year 5.
    """
    if column.type == "integer":
        return f"regexp_full_match({cell}, '{_INTEGER}')"
    if column.type == "decimal":
        return f"regexp_full_match({cell}, '{_DECIMAL}')"
    if column.type == "boolean":
        return f"lower(trim({cell})) in {_BOOLEAN}"
    if column.format is not None:
        return f"{cell} is null or {_timestamp(column, cell)} is not null"
    inside = (
        f"{_timestamp(column, cell)} "
        "between timestamp '1000-01-01' and timestamp '9999-12-31 23:59:59'"
    )
    return f"{cell} is null or ({cell} >= '0' and {cell} < ':' and coalesce({inside}, false))"


def _timestamp(column: Column, cell: str) -> str:
    if column.format is not None:
        return f"try_strptime({cell}, {literal(column.format)})"
    return f"try_cast({cell} as timestamp)"


def _conflicting_keys(relation: Relation, exported: ExportObject) -> str:
    """Select the keys of which there are rows that differ in any column of the file."""
    keys = ", ".join(str(relation.cells[name]) for name in exported.key)
    cells = ", ".join(
        [cell for cell in relation.cells.values() if cell],
    )
    return f"""
        select {keys}
        from {relation.source}
        where ({keys}) in (select {keys} from {relation.source} group by {keys} having count(*) > 1)
        group by {keys}
        having count(distinct to_json([{cells}, {relation.metadata}])::varchar) > 1
    """
