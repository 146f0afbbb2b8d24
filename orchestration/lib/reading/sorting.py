"""Sorts the rows of one file: those as the contract says into Parquet, the others aside.

Belongs here: what makes a row unusable, written once in SQL for every format and for both paths.
Does not: parsing text, rules across files (those are gates).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration.lib.contracts import SOURCE_METADATA, Column, ExportObject
from orchestration.lib.reading.records import QuarantinedRow
from orchestration.lib.reading.sql import literal, quoted
from orchestration.lib.reading.values import Reading, article

Readings = Mapping[str, Reading]

# As small as with the defaults, in a sixth less time: most text columns either repeat few values
# or hardly any.
_PARQUET = "compression zstd, compression_level 1, dictionary_size_limit 5000"

# Of eight bytes each.
_SORTED_HASHES = 20_000_000

# The reason of rows of which the temporary table `malformed` has more.
MALFORMED = "malformed"
NO_METADATA = "null::varchar"
UNUSABLE_ROW = "unusable row"
_NO_TEXT = (
    "{'column_name': null::varchar, 'value': null::varchar, 'reason': 'empty_row', 'message': ''}"
)


@dataclass(frozen=True)
class Relation:
    """The rows of a file as DuckDB sees them, before anything was decided.

    `source` is what follows FROM, `cells` a SQL expression per contract column (None: the file does
    not have it), `metadata` one for the other columns as a JSON object, `headers` the text of the
    header by contract column. A relation that can be sorted, not only copied, also has the columns
    _row_number, _line_number, _reason, _message (set where the text itself was malformed) and
    _raw_row.
    """

    source: str
    cells: Mapping[str, str | None]
    metadata: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def is_empty(self, exported: ExportObject) -> str | None:
        """Write the condition under which a row says nothing; None where such a row may be right.

        Spreadsheets write their formatted but unused rows as delimiters without text.
        """
        cells = [cell for cell in self.cells.values() if cell]
        if not cells or not any(exported.must_be_filled(column) for column in exported.columns):
            return None
        return f"(coalesce({', '.join(cells)}) is null and {self.metadata_is_empty})"

    @property
    def metadata_is_empty(self) -> str:
        """Write the condition under which no other column holds anything."""
        return f"not regexp_matches(coalesce({self.metadata}, ''), ':[^n]')"


@dataclass(frozen=True)
class Provenance:
    """Where rows come from: the columns that every row of a file shares."""

    system: str
    file_name: str
    sha256: str


def copy_clean(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    readings: Readings,
    exported: ExportObject,
    provenance: Provenance,
    exported_at: datetime | None,
    target: Path,
) -> int:
    """Write all rows to Parquet in one pass and return their number.

    Raises duckdb.InvalidInputException with UNUSABLE_ROW in it at the first row that is not as the
    contract says; which row, and why, is `sort_rows`' to find out.
    """
    cells = {
        column.name: _checked(relation, readings[column.name], exported)
        for column in exported.columns
    }
    return _copy(
        con,
        f"select {_columns(cells, relation, exported, provenance, exported_at)} "
        f"from {relation.source}",
        target,
    )


def latest_watermark(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject
) -> datetime | None:
    """Return the latest watermark of a landed file; canonical times sort as text."""
    if not exported.watermark:
        return None
    row = con.execute(
        f"select try_cast(max({quoted(exported.watermark)}) as timestamp) "
        f"from read_parquet({literal(str(parquet))})"
    ).fetchone()
    value = row[0] if row else None
    return value if isinstance(value, datetime) else None


def has_conflicting_keys(
    con: duckdb.DuckDBPyConnection,
    parquet: Path,
    rows: int,
    relation: Relation,
    exported: ExportObject,
) -> bool:
    """Tell whether two rows of one key differ in what was landed of a relation."""
    if not exported.key:
        return False
    found = _landed(parquet, relation, exported)
    keys = ", ".join(quoted(name) for name in exported.key)
    repeated = _repeated(con, found, keys, rows)
    if repeated is None:
        return False
    conflicts = _conflicting_keys(repeated, repeated.cells, exported)
    return con.execute(f"select 1 from ({conflicts}) limit 1").fetchone() is not None


def _repeated(
    con: duckdb.DuckDBPyConnection, relation: Relation, key: str, rows: int
) -> Relation | None:
    """Return a relation without most rows whose key occurs once; None where all keys do.

    Different hashes are different keys, which settles nearly every file. Sorting them takes a
    quarter of the time of counting them in SQL, as long as they fit into memory.
    """
    hashed = f"hash({key})"
    if rows > _SORTED_HASHES:
        row = con.execute(f"select count(distinct {hashed}) from {relation.source}").fetchone()
        return None if row is not None and row[0] == rows else relation
    import numpy as np

    found = con.execute(f"select {hashed} as h from {relation.source}").fetchnumpy()["h"]
    ordered = np.sort(np.asarray(found))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(repeated) == 0:
        return None
    con.execute(
        "create or replace temp table repeated as select unnest(?::ubigint[]) as h",
        [repeated.tolist()],
    )
    return replace(
        relation, source=f"(from {relation.source} where {hashed} in (select h from repeated))"
    )


def sort_rows(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    readings: Readings,
    exported: ExportObject,
    provenance: Provenance,
    lines_of: Callable[[list[int]], Mapping[int, int]] | None,
    quarantine: Path,
) -> tuple[int, int]:
    """Write the rows that are not as the contract says to `quarantine`.

    Returns the number of these rows and of rows without any text, which are left out. A row is
    listed once, with the first thing that is wrong with it. `lines_of` gives the lines of rows
    where the relation does not have them. Leaves the row numbers of both in the temporary table
    `quarantined`, which `copy_sorted` leaves out.
    """
    whens = " ".join(
        f"when {condition} then {{'column_name': {literal(column.name)}, 'value': {cell}, "
        f"'reason': '{reason}', 'message': {literal(message)}}}"
        for condition, column, cell, reason, message in _problems(relation, readings, exported)
    )
    keys = [str(relation.cells[name]) for name in exported.key if relation.cells.get(name)]
    key_values = f"to_json([{', '.join(keys)}])::varchar" if keys else "null::varchar"
    complete = " and ".join(f"{key} is not null" for key in keys) or "false"
    empty = relation.is_empty(exported)
    con.execute(
        f"""
        create or replace temp table quarantined as
        select
            _row_number as row_number, _line_number as line_number, unnest(problem),
            _raw_row as raw_row, key_values
        from (
            select
                *,
                case when {complete} then {key_values} end as key_values,
                case
                    when _reason is not null then {{
                        'column_name': null::varchar, 'value': null::varchar,
                        'reason': _reason, 'message': _message
                    }}
                    {f"when {empty} then {_NO_TEXT}" if empty else ""}
                    {whens}
                end as problem
            from {relation.source}
        )
        where problem is not null
        """
    )
    con.execute(
        "create temp table if not exists malformed (_row_number bigint, _line_number bigint, "
        "_reason varchar, _message varchar, _raw_row varchar)"
    )
    con.execute(
        f"""
        update quarantined
        set line_number = _line_number, reason = _reason, message = _message, raw_row = _raw_row
        from malformed
        where row_number = _row_number and reason = {literal(MALFORMED)}
        """
    )
    _set_conflicts_aside(con, relation, readings, exported, key_values)
    if lines_of is not None:
        unknown = "select row_number from quarantined where line_number is null"
        lines = lines_of([number for (number,) in con.execute(unknown).fetchall()])
        con.execute(
            "update quarantined set line_number = lines.b "
            "from (select unnest(?::bigint[]) as a, unnest(?::bigint[]) as b) as lines "
            "where lines.a = quarantined.row_number and line_number is null",
            [list(lines), list(lines.values())],
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
    aside = _copy(
        con,
        f"select {columns} from quarantined where reason <> 'empty_row' order by row_number",
        quarantine,
    )
    empty_rows = con.execute("select count(*) from quarantined").fetchone()
    assert empty_rows is not None  # an aggregate has a row
    return aside, int(empty_rows[0]) - aside


def _set_conflicts_aside(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    readings: Readings,
    exported: ExportObject,
    key_values: str,
) -> None:
    """Add the rows to `quarantined` of which another row has the key but other values."""
    if not exported.key:
        return
    cells = {name: _landing(readings[name], cell) for name, cell in relation.cells.items() if cell}
    version = _version(cells, exported)
    good = _usable(relation, readings, exported)
    total = con.execute(f"select count(*) from {relation.source}").fetchone()
    assert total is not None  # an aggregate has a row
    repeated = _repeated(con, good, version, total[0])
    if repeated is None:
        return
    keys_text = ", ".join(cells[name] for name in exported.key)
    names = ", ".join(exported.key)
    con.execute(
        f"""
        insert into quarantined
        select
            _row_number, _line_number, {literal(names)}, concat_ws(', ', {keys_text}),
            'duplicate_key',
            'another row of this file has the same {names} but other values', _raw_row,
            {key_values}
        from {repeated.source}
        where ({version}) in ({_conflicting_keys(repeated, cells, exported)})
        """
    )


def copy_sorted(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    readings: Readings,
    exported: ExportObject,
    provenance: Provenance,
    exported_at: datetime | None,
    target: Path,
) -> int:
    """Write the rows that `sort_rows` left, in their order and under their numbers in the file.

    Rows are picked by what they say, not by their numbers: that keeps their order, which a join
    does not, and sorting a file takes memory of its size. Only conflicts are known by number.
    """
    cells = {name: _landing(readings[name], cell) for name, cell in relation.cells.items() if cell}
    source = _usable(relation, readings, exported).source
    conflicts = "select row_number from quarantined where reason = 'duplicate_key'"
    order = ""
    if con.execute(f"{conflicts} limit 1").fetchone():
        source = f"(from {source} where _row_number not in ({conflicts}))"
        order = "order by _row_number"
    return _copy(
        con,
        f"select {_columns(cells, relation, exported, provenance, exported_at)}, _row_number "
        f"from {source} {order}",
        target,
    )


def _usable(relation: Relation, readings: Readings, exported: ExportObject) -> Relation:
    """Leave out the rows with which anything is wrong by themselves."""
    wrong = [condition for condition, *_ in _problems(relation, readings, exported)]
    wrong = ["_reason is not null", *filter(None, [relation.is_empty(exported)]), *wrong]
    is_wrong = " or ".join(f"({condition})" for condition in wrong)
    return replace(
        relation, source=f"(from {relation.source} where not coalesce({is_wrong}, false))"
    )


def _landed(parquet: Path, relation: Relation, exported: ExportObject) -> Relation:
    """Describe what was landed of a relation as a relation."""
    return Relation(
        f"read_parquet({literal(str(parquet))})",
        {column.name: quoted(column.name) for column in exported.columns},
        relation.metadata if relation.metadata == NO_METADATA else SOURCE_METADATA,
    )


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> int:
    row = con.execute(
        f"copy ({select}) to {literal(str(target))} (format parquet, {_PARQUET})"
    ).fetchone()
    assert row is not None  # COPY always reports its count
    return int(row[0])


def _columns(
    cells: Mapping[str, str],
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    exported_at: datetime | None,
) -> str:
    """List the columns of a raw file up to the row number.

    Columns without any value are left to the view: each costs a fortieth of the whole.
    """
    columns = [
        f"{cells.get(c.name, 'null::varchar')} as {quoted(c.name)}" for c in exported.columns
    ]
    if relation.metadata != NO_METADATA:
        columns.append(f"{relation.metadata} as {SOURCE_METADATA}")
    columns.append(f"{literal(provenance.file_name)} as _file_name")
    columns.append(f"{literal(provenance.sha256)} as _content_hash")
    if exported_at is not None:
        columns.append(f"timestamp {literal(exported_at.isoformat(' '))} as _exported_at")
    return ", ".join(columns)


def _landing(reading: Reading, cell: str) -> str:
    """Write the text with which a cell lands."""
    if not reading.is_checked:
        return cell
    return f"(case when {reading.is_filled(cell)} then {reading.sql(cell)} end)"


def _checked(relation: Relation, reading: Reading, exported: ExportObject) -> str:
    """Write the text with which a cell lands; an error where the row is unusable."""
    column = reading.column
    cell = relation.cells.get(column.name)
    if cell is None:
        return "null::varchar"
    failure = f"error('{UNUSABLE_ROW}')"
    value = reading.sql(cell) if reading.is_checked else cell
    if column.name in exported.key and column.name in relation.headers:
        value = f"nullif({value}, {literal(relation.headers[column.name])})"
    again = None if exported.key else _header_again(relation, exported)
    if again and again[0] == column.name:
        value = f"(case when {again[1]} then {failure} else {value} end)"
    if exported.must_be_filled(column):
        deleted = _is_deleted(relation, None, exported)
        if deleted is None or column.name in exported.key:
            return f"coalesce({value}, {failure})"
        return (
            f"(case when {cell} is null and {deleted} then null else coalesce({value}, {failure}) "
            "end)"
        )
    if not reading.is_checked:
        return value
    return f"(case when {reading.is_filled(cell)} then coalesce({value}, {failure}) end)"


def _is_deleted(
    relation: Relation, readings: Readings | None, exported: ExportObject
) -> str | None:
    """Write the condition under which a row says that its record is deleted."""
    flag = relation.cells.get(exported.deleted_flag or "")
    if not flag or exported.deleted_flag is None:
        return None
    value = readings[exported.deleted_flag].sql(flag) if readings else flag
    return f"coalesce(try_cast({value} as boolean), false)"


def _header_again(relation: Relation, exported: ExportObject) -> tuple[str, str] | None:
    """Return a column and the condition under which a row is the header once more.

    The key tells, where there is none all columns together.
    """
    names = [name for name in exported.key or relation.headers if relation.cells.get(name)]
    names = [name for name in names if name in relation.headers]
    if not names or (len(names) == 1 and not exported.key):
        return None
    same = (f"{relation.cells[name]} = {literal(relation.headers[name])}" for name in names)
    return names[0], " and ".join(same)


def _problems(
    relation: Relation, readings: Readings, exported: ExportObject
) -> Iterable[tuple[str, Column, str, str, str]]:
    """Yield, column by column, what can be wrong: condition, column, cell, reason, message.

    Messages carry no value, so that personal data stays in the one column that is masked.
    """
    again = _header_again(relation, exported)
    if again:
        name, same = again
        message = "the header occurs again: the file holds several exports"
        yield same, exported.column(name), str(relation.cells[name]), "repeated_header", message
    # A row that says "deleted" needs nothing but its key: systems leave the other cells empty.
    deleted = _is_deleted(relation, readings, exported)
    for column in exported.columns:
        cell = relation.cells.get(column.name)
        if cell is None:
            continue
        reading = readings[column.name]
        if exported.must_be_filled(column):
            empty = f"not ({reading.is_filled(cell)})"
            if column.name not in exported.key and deleted:
                empty += f" and not {deleted}"
            yield empty, column, cell, "empty_cell", f"{column.name} is empty"
        if reading.is_checked:
            wrong = f"{reading.is_filled(cell)} and {reading.sql(cell)} is null"
            if column.type in ("text", "identifier"):
                message = f"{column.name} has lost digits: expected {reading.expected()}"
                yield wrong, column, cell, "digits_lost", message
            else:
                message = f"{column.name} is not {article(column.type)}: expected "
                yield wrong, column, cell, "bad_type", message + reading.expected()


def _version(cells: Mapping[str, str], exported: ExportObject) -> str:
    """List what tells versions of a record apart: its key, and its watermark where it has one."""
    version = [cells[name] for name in exported.key]
    if exported.watermark and cells.get(exported.watermark):
        version.append(f"coalesce({cells[exported.watermark]}, '')")
    return ", ".join(version)


def _conflicting_keys(
    relation: Relation, cells: Mapping[str, str | None], exported: ExportObject
) -> str:
    """Select the versions of which there are rows that differ in any column of the file."""
    texts = {name: cell for name, cell in cells.items() if cell}
    version = _version(texts, exported)
    row = ", ".join(texts.values())
    return f"""
        select {version}
        from {relation.source}
        where ({version}) in (
            select {version} from {relation.source} group by {version} having count(*) > 1
        )
        group by {version}
        having count(distinct to_json([{row}, {relation.metadata}])::varchar) > 1
    """
