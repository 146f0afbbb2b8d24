"""Sorts the rows of one file: those as the contract says into Parquet, the others aside.

All rows of a file go through one query into one Parquet file. A row that is not as the contract
says keeps its place there, so that all keep their numbers, with a mark that says what is wrong with
it; views leave marked rows out. Belongs here: what makes a row unusable, written once in SQL for
every format. Does not: parsing text, rules across files (those are gates).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from orchestration.lib.contracts import ASIDE_MARK, SOURCE_METADATA, Column, ExportObject
from orchestration.lib.reading.records import QuarantinedRow, RefusedError
from orchestration.lib.reading.spellings import GROUP_TOTAL, PAGE, SENTENCE, TOTAL
from orchestration.lib.reading.sql import is_one_of, literal, quoted
from orchestration.lib.reading.values import Reading, article

Readings = Mapping[str, Reading]

# Smaller than with the defaults by 7 %, in a quarter less time: most text columns either repeat few
# values or hardly any, which version 2 writes by their lengths (reading takes a quarter less, too),
# and row groups of half the usual size stay in the cache of the processor. Batches of rows that
# DuckDB reads together are written as they are where a row group is as large, give or take 2,047
# rows; else every row is copied from one to the other, a tenth of the whole time.
_GROUP_ROWS = 61_440
_BATCH_ROWS = range(8_192, 122_880)  # of which row groups are made
_GROUP_BYTES = 128_000_000  # of a row group at most, where rows hold long texts
_FEWEST_ROWS = 2048  # of a row group: what DuckDB works on at a time
ROW_GROUPS = "row_group_size getvariable('group_rows')"
_PARQUET = (
    "parquet_version v2, compression zstd, compression_level 1, dictionary_size_limit 5000, "
    f"{ROW_GROUPS}"
)

# Megabytes that DuckDB may take for a file, per thread and at most: what it is given it fills with
# rows that wait to be written. What needs more spills to disk.
_THREAD_MEMORY, MOST_MEMORY = 192, 2000
_CELL_BYTES = 16  # of a text in memory, without its letters

# That are sorted together, of eight bytes each.
_SORTED_HASHES = 5_000_000

# The reason of rows of which the temporary table `malformed` has more.
MALFORMED = "malformed"
# The reason of rows that are a header for those behind them, and refuse the file.
OTHER_HEADER = "other_header"
NO_METADATA = "null::varchar"
_EMPTY_ROW = "empty_row"
_NO_RECORD = "reads like a total, a page number or a note of a report, not like a record"
_SPARSE = "fills hardly a cell of those that all records fill: a heading, a tax, a sum or a note?"
_NUMBERS = r"[^\pL]{0,3}[0-9.,' \pZ()%+-]*[^\pL0-9]{0,3}"  # of sums: amounts, shares, or nothing
_LABEL = 30  # bytes, that a label of a total takes at most
_FEW_NUMBERS = 30  # columns, beyond which nobody prints totals
_COMMENTED = "begins with #, as hardly another row does: did somebody comment it out?"
_FEW_RECORDS = 10  # below which all may fill the same cells by chance
SPARSE = 2  # cells that such a row fills at most
RARE = 0.05  # of the rows, where hardly one is so
_FEW_CELLS = 3  # a row of fewer may be whatever it likes
_NAMES = 20  # of columns, which are enough to tell that a row holds them
_MANY_CELLS = 200  # of which nobody prints a report
_CONDITIONS = 100  # that are joined in one go: DuckDB takes expressions up to a depth of 1,000
# What a mark says, as JSON.
_MARK = json.dumps(
    {
        "line_number": "BIGINT",
        "problem": dict.fromkeys(("column_name", "value", "reason", "message"), "VARCHAR"),
        "raw_row": "VARCHAR",
        "key_values": "VARCHAR",
        "bad_cells": [{"name": "VARCHAR", "cell": "VARCHAR"}],
    }
)


@dataclass(frozen=True)
class Relation:
    """The rows of a file as DuckDB sees them, before anything was decided.

    `source` is what follows FROM, `cells` a SQL expression per contract column (None: the file does
    not have it), `metadata` one for the other columns as a JSON object, `raw_row` one for the whole
    row, `headers` the text of the header by contract column, `texts` all cells in the order of the
    file where people may have laid it out, `usual` those of them that all records fill.
    `last_cell` is the very last of a text that ends without a line end, which may be cut off.
    `may_be_commented` tells that a row whose first cell begins with # is none.
    `reason` and `message` are set where the text of a row was malformed, `line_number` where a
    format knows the lines of its rows. DuckDB reads `batch_rows` of them at a time, if it is known.
    """

    source: str
    cells: Mapping[str, str | None]
    metadata: str
    raw_row: str
    headers: Mapping[str, str] = field(default_factory=dict)
    texts: Sequence[str] = ()
    usual: Sequence[str] = ()
    last_cell: str | None = None
    may_be_commented: bool = False
    reason: str = "null::varchar"
    message: str = "null::varchar"
    line_number: str = "null::bigint"
    batch_rows: int = 0

    def is_empty(self, exported: ExportObject) -> str | None:
        """Write the condition under which a row says nothing; None where such a row may be right.

        Spreadsheets write their formatted but unused rows as delimiters without text.
        """
        cells = [cell for cell in self.cells.values() if cell]
        is_wide = len(self.texts) >= _FEW_CELLS
        if not cells or not (is_wide or any(map(exported.must_be_filled, exported.columns))):
            return None
        # one by one, of which the first is enough for nearly every row
        nothing = " and ".join(f"{cell} is null" for cell in cells)
        return f"({nothing} and {self.metadata_is_empty})"

    def is_no_record(self) -> str | None:
        """Write the condition under which a row reads like a total, a page number or a note."""
        if not _FEW_CELLS <= len(self.texts) <= _MANY_CELLS:
            return None
        has_gaps = " or ".join(f"{text} is null" for text in self.texts)
        filled = " + ".join(f"({text} is not null)::int" for text in self.texts)
        first = f"trim(coalesce({', '.join(self.texts)}))"

        def reads_like(pattern: str) -> str:
            return f"regexp_full_match({first}, {literal(pattern)}, 'i')"

        return (
            f"(({has_gaps}) and {reads_like(f'{TOTAL}|{GROUP_TOTAL}|{PAGE}|{SENTENCE}')} "
            f"and ({reads_like(TOTAL)} or {filled} = 1 "
            f"or ({reads_like(GROUP_TOTAL)} and 2 * ({filled}) <= {len(self.texts) + 1})))"
        )

    def is_total(self, exported: ExportObject) -> str | None:
        """Write the condition under which a row of a table without a key holds sums only.

        Behind the label stand numbers and nothing else. With a key, the label would be one.
        """
        if exported.key or not _FEW_CELLS - 1 <= len(self.texts) <= _FEW_NUMBERS:
            return None
        label, *others = self.texts
        numbers = " and ".join(
            f"regexp_full_match(coalesce({text}, ''), {literal(_NUMBERS)})" for text in others
        )
        return (
            f"(strlen({label}) <= {_LABEL} and coalesce({', '.join(others)}) is not null "
            f"and regexp_full_match(trim({label}), {literal(TOTAL)}, 'i') and {numbers})"
        )

    @property
    def first(self) -> str | None:
        """The column that stands first in files that people may have laid out."""
        firsts = (name for name, cell in self.cells.items() if cell and re.search(r"\bc0\b", cell))
        return next(firsts, None) if self.texts else None

    def is_sparse(self) -> str | None:
        """Write the condition under which a row fills next to nothing of what all records fill.

        So do headings of groups, taxes below a subtotal and sums without a label.
        """
        if len(self.usual) <= SPARSE + 1:
            return None
        # of any three usual cells a sparse row lacks one, which is soon seen
        lacks = " or ".join(f"{text} is null" for text in self.usual[: SPARSE + 1])
        filled = " + ".join(f"({text} is not null)::int" for text in self.texts)
        return f"(({lacks}) and {filled} <= {SPARSE})"

    @property
    def metadata_is_empty(self) -> str:
        """Write the condition under which no other column holds anything."""
        return f"not regexp_matches(coalesce({self.metadata}, ''), ':[^n]')"


@dataclass(frozen=True)
class Provenance:
    """Where rows come from: what all rows of a file share."""

    system: str
    file_name: str
    sha256: str


def limit_memory(
    con: duckdb.DuckDBPyConnection, letters: float, cells: int, batch_rows: int = 0
) -> None:
    """Give DuckDB what it needs to write rows with so many bytes and cells, however many rows.

    Every thread works on the rows of one row group: those of a batch that is read, or fewer where
    they hold long texts.
    """
    found = con.execute("select current_setting('threads')").fetchone()
    assert found is not None  # a setting has a value
    rows = int(_GROUP_BYTES / max(letters, 1)) // _FEWEST_ROWS * _FEWEST_ROWS
    usual = batch_rows if batch_rows in _BATCH_ROWS else _GROUP_ROWS
    rows = max(_FEWEST_ROWS, min(rows, usual))
    group = int(rows * (letters + _CELL_BYTES * cells) / 1_000_000)
    limit = min(int(found[0]) * (_THREAD_MEMORY + group), MOST_MEMORY)
    con.execute(f"set memory_limit = '{limit}MB'")
    con.execute(f"set variable group_rows = {rows}")


def copy_rows(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    readings: Readings,
    exported: ExportObject,
    target: Path,
) -> int:
    """Write all rows to Parquet in one pass, those that are unusable with a mark.

    Returns their number. Leaves what is wrong with the marked rows in the temporary table
    `quarantined`, where a row is listed once, with the first thing that is wrong with it.
    """
    values = {
        name: quoted(f"value of {name}") if readings[name].is_checked else str(cell)
        for name, cell in relation.cells.items()
        if cell
    }
    checked = "".join(
        f", {readings[name].sql(str(relation.cells[name]))} as {value}"
        for name, value in values.items()
        if readings[name].is_checked
    )
    rows = _copy(
        con,
        f"select {_columns(values, relation, exported)}, "
        f"{_mark(relation, readings, values, exported)} as {ASIDE_MARK} "
        f"from (select *{checked} from {relation.source})",
        target,
    )
    con.execute(
        f"""
        create or replace temp table quarantined as
        select row_number, mark.line_number, unnest(mark.problem), mark.raw_row, mark.key_values,
            mark.bad_cells
        from (
            select file_row_number + 1 as row_number, from_json({ASIDE_MARK}, '{_MARK}') as mark
            from read_parquet({literal(str(target))}, file_row_number = true)
            where {ASIDE_MARK} is not null
        )
        """
    )
    return rows


def usual_cells(con: duckdb.DuckDBPyConnection, relation: Relation) -> list[str]:
    """Return the cells that all records of the table `sample` fill, which are most of its rows.

    Records are rows that fill more than a heading does.
    """
    if not _FEW_CELLS <= len(relation.texts) <= _MANY_CELLS:
        return []
    filled = " + ".join(f"({text} is not null)::int" for text in relation.texts)
    counts = ", ".join(f"count({text})" for text in relation.texts)
    row = con.execute(
        f"select count(*), (select count(*) from sample), {counts} from sample "
        f"where {relation.reason} is null and {filled} > {SPARSE}"
    ).fetchone()
    assert row is not None  # an aggregate has a row
    records, rows, *found = row
    if records < _FEW_RECORDS or 2 * records < rows:
        return []
    return [text for text, n in zip(relation.texts, found, strict=True) if n == records]


def may_be_commented(
    con: duckdb.DuckDBPyConnection, relation: Relation, exported: ExportObject
) -> bool:
    """Tell whether # before a row of the table `sample` is no part of its key: hardly one has it.

    Texts and the numbers of orders (`#1001`) may well begin so.
    """
    if relation.first not in exported.key:
        return False
    row = con.execute(
        f"select count_if({is_comment(relation.texts[0])}) <= {RARE} * count(*) from sample"
    ).fetchone()
    return row is not None and bool(row[0])


def is_comment(cell: str) -> str:
    """Write the condition under which a cell begins as a row does that was commented out."""
    return f"({cell} >= '#' and {cell} < '$')"  # a third of what starts_with takes


def require_one_header(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse a file in which rows stand under a second header, with other columns."""
    found = con.execute(
        f"select min(row_number) from quarantined where reason = '{OTHER_HEADER}'"
    ).fetchone()
    if found and found[0]:
        raise RefusedError(
            f"row {found[0]} names the columns in another order: what follows is another export",
            "split the file there, or export it again in one go",
        )


def bad_columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the columns in which `copy_rows` found cells that are not of their type."""
    found = con.execute(
        "select distinct unnest(list_transform(bad_cells, lambda bad: bad.name)) from quarantined"
    )
    return {name for (name,) in found.fetchall()}


@dataclass(frozen=True)
class BadCells:
    """What follows FROM for the bad cells of a file, one per row, and the cells of each column."""

    source: str
    cells: Mapping[str, str]


def bad_cells(names: Iterable[str], behind: int) -> BadCells:
    """Return the cells of some columns that `copy_rows` found bad, in rows behind that number."""
    return BadCells(
        f"(select unnest(bad_cells) as bad from quarantined where row_number > {behind})",
        {name: f"(case when bad.name = {literal(name)} then bad.cell end)" for name in names},
    )


def are_all_bad(con: duckdb.DuckDBPyConnection, reading: Reading) -> bool:
    """Tell whether the cells that `copy_rows` found bad in a column are bad in a reading, too."""
    good = con.execute(
        f"""
        select 1
        from (select unnest(bad_cells) as bad from quarantined)
        where bad.name = {literal(reading.column.name)}
            and not ({reading.is_filled("bad.cell")} and {reading.sql("bad.cell")} is null)
        limit 1
        """
    )
    return good.fetchone() is None


def latest_watermark(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject
) -> datetime | None:
    """Return the latest watermark of a landed file; canonical times sort as text.

    Where no row is marked, the file knows the largest text of the column.
    """
    if not exported.watermark:
        return None
    file, column = literal(str(parquet)), exported.watermark
    latest, source = f"max({quoted(column)})", f"read_parquet({file}) where {ASIDE_MARK} is null"
    marked = con.execute("select 1 from quarantined limit 1").fetchone()
    if marked is None and exported.column(column).type == "timestamp":
        latest = "max(stats_max_value)"
        source = f"parquet_metadata({file}) where path_in_schema = {literal(column)}"
    row = con.execute(f"select try_cast({latest} as timestamp) from {source}").fetchone()
    value = row[0] if row else None
    return value if isinstance(value, datetime) else None


def set_conflicts_aside(
    con: duckdb.DuckDBPyConnection,
    parquet: Path,
    rows: int,
    relation: Relation,
    exported: ExportObject,
) -> None:
    """Mark the rows of which another row of the file has the key but other values.

    They are added to the temporary table `quarantined`.
    """
    if not exported.key:
        return
    landed = _landed(parquet, relation, exported)
    version = _version(landed.cells, exported)
    key = ", ".join(quoted(name) for name in exported.key)
    repeated = _repeated(con, landed, key, rows, parquet.with_suffix(".hashes"))
    if repeated is None:
        return
    conflicts = _conflicting_keys(repeated, landed.cells, exported)
    select = f"select file_row_number from {repeated.source} where ({version}) in ({conflicts})"
    found = np.asarray(con.execute(select).fetchnumpy()["file_row_number"])
    if len(found) == 0:
        return
    names = ", ".join(exported.key)
    keys = [f"landed.{quoted(name)}" for name in exported.key]
    _keep(con, "conflicts", place=found)
    # The file is read again for what these rows said: a window without an order numbers rows as
    # they come.
    con.execute(
        f"""
        insert into quarantined by name
        select
            place + 1 as row_number, line_number, {literal(names)} as column_name,
            concat_ws(', ', {", ".join(keys)}) as value, 'duplicate_key' as reason,
            'another row of this file has the same {names} but other values' as message,
            whole.raw_row, to_json([{", ".join(keys)}])::varchar as key_values
        from conflicts
        join (
            select
                {relation.raw_row} as raw_row, {relation.line_number} as line_number,
                row_number() over () - 1 as place
            from {relation.source}
        ) as whole using (place)
        join read_parquet({literal(str(parquet))}, file_row_number = true) as landed
            on landed.file_row_number = place
        """
    )
    bits = np.zeros(rows, dtype=bool)
    bits[found] = True
    con.execute("set variable conflicts = ?::blob::bit", [np.packbits(bits).tobytes()])
    is_conflict = "get_bit(getvariable('conflicts'), file_row_number::int) = 1"
    copy = parquet.with_suffix(".marked")
    _copy(
        con,
        f"select * exclude (file_row_number) replace (case when {is_conflict} then 'duplicate_key' "
        f"else {ASIDE_MARK} end as {ASIDE_MARK}) "
        f"from read_parquet({literal(str(parquet))}, file_row_number = true)",
        copy,
    )
    copy.replace(parquet)


def _repeated(
    con: duckdb.DuckDBPyConnection, relation: Relation, key: str, rows: int, dealt: Path
) -> Relation | None:
    """Return a relation without most rows whose key occurs once; None where all keys do.

    Different hashes are different keys, which settles nearly every file. Sorting them takes a
    quarter of the time of counting them in SQL. Those of a large file are dealt out to several
    files, of which one at a time is sorted, so that memory does not grow with the keys.
    """
    hashed = f"hash({key})"
    select = f"select {hashed} as h from {relation.source}"
    selects = [select]
    if rows > _SORTED_HASHES:
        con.execute(
            f"copy (select h, h % {rows // _SORTED_HASHES + 1} as part from ({select})) "
            f"to {literal(str(dealt))} (format parquet, partition_by (part), overwrite true)"
        )
        parts = (literal(f"{part}/*.parquet") for part in dealt.iterdir())
        selects = [f"select h from read_parquet({part})" for part in parts]
    repeated = np.unique(np.concatenate([_repeated_hashes(con, select) for select in selects]))
    if len(repeated) == 0:
        return None
    _keep(con, "repeated", h=repeated)
    return replace(
        relation, source=f"(from {relation.source} where {hashed} in (select h from repeated))"
    )


def _keep(con: duckdb.DuckDBPyConnection, table: str, **columns: npt.NDArray[Any]) -> None:
    """Make a temporary table of arrays, which DuckDB can move to disk."""
    con.register("arrays", columns)
    con.execute(f"create or replace temp table {table} as from arrays")
    con.unregister("arrays")


def _repeated_hashes(con: duckdb.DuckDBPyConnection, select: str) -> npt.NDArray[np.uint64]:
    ordered = np.asarray(con.execute(select).fetchnumpy()["h"])
    ordered.sort()  # in place: a copy takes as much memory once more
    repeated: npt.NDArray[np.uint64] = ordered[1:][ordered[1:] == ordered[:-1]]
    return repeated


def write_aside(
    con: duckdb.DuckDBPyConnection,
    exported: ExportObject,
    provenance: Provenance,
    lines_of: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]] | None,
    quarantine: Path,
) -> tuple[int, int]:
    """Write the rows of the temporary table `quarantined` to a file of their own.

    Returns their number and that of rows without any text, which are left out; there is no file
    where there are none of both. `lines_of` gives the lines of rows, by their sorted numbers, where
    the format does not know them, 0 for none.
    """
    marked = con.execute("select count(*) from quarantined").fetchone()
    assert marked is not None  # an aggregate has a row
    if not marked[0]:
        return 0, 0
    con.execute(
        "create temp table if not exists malformed (_row_number bigint, _line_number bigint, "
        "_reason varchar, _message varchar, _raw_row varchar)"
    )
    found: dict[str, npt.NDArray[np.int64]] = {
        "row_number": np.empty(0, np.int64),
        "line": np.empty(0, np.int64),
    }
    if lines_of is not None:
        unknown = f"from quarantined where reason not in ('{_EMPTY_ROW}', '{MALFORMED}')"
        unknown = f"select row_number {unknown} and line_number is null order by row_number"
        rows = np.asarray(con.execute(unknown).fetchnumpy()["row_number"])
        found = {"row_number": rows, "line": lines_of(rows)}
    _keep(con, "lines", **found)
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
    # joined, and not updated before, because DuckDB keeps all updates in memory
    aside = _copy(
        con,
        f"""
        select {columns}
        from (
            select
                row_number, coalesce(line_number, _line_number, nullif(line, 0)) as line_number,
                column_name, value, coalesce(_reason, reason) as reason,
                coalesce(_message, message) as message, coalesce(_raw_row, raw_row) as raw_row,
                key_values
            from quarantined
            left join malformed
                on _row_number = case when reason = {literal(MALFORMED)} then row_number end
            left join lines using (row_number)
            where reason <> {literal(_EMPTY_ROW)}
        )
        order by row_number
        """,
        quarantine,
    )
    return aside, int(marked[0]) - aside


def _mark(
    relation: Relation, readings: Readings, values: Mapping[str, str], exported: ExportObject
) -> str:
    """Write what is wrong with a row, as JSON; NULL where nothing is."""
    problems = list(_problems(relation, readings, values, exported))
    conditions = [f"{relation.reason} is not null"]
    whens = [
        "when " + conditions[0] + " then {'column_name': null::varchar, 'value': null::varchar, "
        f"'reason': {relation.reason}, 'message': {relation.message}}}"
    ]
    if empty := relation.is_empty(exported):
        conditions.append(empty)
        whens.append(
            f"when {empty} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': {literal(_EMPTY_ROW)}, 'message': ''}}"
        )
    if other_header := _other_header(relation, exported):
        conditions.append(other_header)
        whens.append(
            f"when {other_header} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': {literal(OTHER_HEADER)}, 'message': ''}}"
        )
    if no_record := relation.is_no_record():
        conditions.append(no_record)
        whens.append(
            f"when {no_record} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': 'not_a_record', 'message': {literal(_NO_RECORD)}}}"
        )
    if total := relation.is_total(exported):
        conditions.append(total)
        whens.append(
            f"when {total} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': 'not_a_record', 'message': {literal(_NO_RECORD)}}}"
        )
    if relation.may_be_commented:
        commented = is_comment(relation.texts[0])
        conditions.append(commented)
        whens.append(
            f"when {commented} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': 'not_a_record', 'message': {literal(_COMMENTED)}}}"
        )
    if sparse := relation.is_sparse():
        conditions.append(sparse)
        whens.append(
            f"when {sparse} then {{'column_name': null::varchar, 'value': null::varchar, "
            f"'reason': 'not_a_record', 'message': {literal(_SPARSE)}}}"
        )
    for p in problems:
        conditions.append(p.condition)
        whens.append(
            f"when {p.condition} then {{'column_name': {literal(p.column.name)}, "
            f"'value': {p.cell}, 'reason': '{p.reason}', 'message': {literal(p.message)}}}"
        )
    bad_cells = ", ".join(
        f"if({p.condition}, {{'name': {literal(p.column.name)}, 'cell': {p.cell}}}, null)"
        for p in problems
        if p.is_type
    )
    keys = [values[name] for name in exported.key if name in values]
    key_values = "null::varchar"
    if keys:
        complete = " and ".join(f"{key} is not null" for key in keys)
        complete += f" and {relation.reason} is null"  # else the cells are no cells
        key_values = f"case when {complete} then to_json([{', '.join(keys)}])::varchar end"
    mark = f"""to_json({{
        'line_number': {relation.line_number}, 'problem': case {" ".join(whens)} end,
        'raw_row': {relation.raw_row}, 'key_values': {key_values},
        'bad_cells': list_filter([{bad_cells}], lambda bad: bad is not null)
    }})::varchar"""
    return f"case when {_any_of(conditions)} then {mark} end"


def _any_of(conditions: Sequence[str]) -> str:
    parts = [
        " or ".join(f"({condition})" for condition in conditions[start : start + _CONDITIONS])
        for start in range(0, len(conditions), _CONDITIONS)
    ]
    return " or ".join(f"({part})" for part in parts)


def _landed(parquet: Path, relation: Relation, exported: ExportObject) -> Relation:
    """Describe what was landed of a relation as a relation."""
    return Relation(
        f"(from read_parquet({literal(str(parquet))}, file_row_number = true) "
        f"where {ASIDE_MARK} is null)",
        {column.name: quoted(column.name) for column in exported.columns},
        relation.metadata if relation.metadata == NO_METADATA else SOURCE_METADATA,
        raw_row=NO_METADATA,
    )


def _copy(con: duckdb.DuckDBPyConnection, select: str, target: Path) -> int:
    copy = f"copy ({select}) to {literal(str(target))} (format parquet, {_PARQUET})"
    try:
        row = con.execute(copy).fetchone()
    except duckdb.OutOfMemoryException:  # later rows are longer than the first
        con.execute(f"set memory_limit = '{MOST_MEMORY}MB'")
        con.execute(f"set variable group_rows = {_FEWEST_ROWS}")
        try:
            row = con.execute(copy).fetchone()
        except duckdb.OutOfMemoryException as error:
            raise RefusedError(
                f"the rows are too long: {_FEWEST_ROWS:,} of them take more than "
                f"{MOST_MEMORY:,} MB",
                "export the column with the long texts by itself, or not at all",
            ) from error
    assert row is not None  # COPY always reports its count
    return int(row[0])


def _columns(cells: Mapping[str, str], relation: Relation, exported: ExportObject) -> str:
    """List the columns of a landed file.

    What all its rows share is left to the view: each column costs a fortieth of the whole.
    """
    columns = [
        f"{cells.get(c.name, 'null::varchar')} as {quoted(c.name)}" for c in exported.columns
    ]
    if relation.metadata != NO_METADATA:
        columns.append(f"{relation.metadata} as {SOURCE_METADATA}")
    return ", ".join(columns)


def _is_deleted(values: Mapping[str, str], exported: ExportObject) -> str | None:
    """Write the condition under which a row says that its record is deleted."""
    flag = values.get(exported.deleted_flag or "")
    return f"coalesce(try_cast({flag} as boolean), false)" if flag else None


def _header_again(relation: Relation, exported: ExportObject) -> tuple[str, str] | None:
    """Return a column and the condition under which a row is the header once more.

    The key tells, where there is none all columns together.
    """
    names = [name for name in exported.key or relation.headers if relation.cells.get(name)]
    names = [name for name in names if name in relation.headers][:_NAMES]
    if not names or (len(names) == 1 and not exported.key):
        return None
    # another program may have written them in capitals
    spelt = {name: relation.headers[name].strip() for name in names}
    spellings = {
        n: dict.fromkeys((relation.headers[n], s, s.upper(), s.lower(), f"\f{s}"))
        for n, s in spelt.items()
    }
    same = (is_one_of(str(relation.cells[name]), spellings[name]) for name in names)
    return names[0], " and ".join(same)


def _other_header(relation: Relation, exported: ExportObject) -> str | None:
    """Write the condition under which a row holds the names of the columns in another order."""
    names = [name for name in relation.headers if relation.cells.get(name)][:_FEW_CELLS]
    if len(names) < _FEW_CELLS or len(relation.headers) > _MANY_CELLS:
        return None
    headers = list(dict.fromkeys(relation.headers.values()))
    others = " or ".join(f"{relation.cells[n]} <> {literal(relation.headers[n])}" for n in names)
    held = " and ".join(is_one_of(str(relation.cells[n]), headers) for n in names)
    # Asked of every row: that the first cell is part of all names together is soon said.
    may_be = f"contains({literal(' '.join(headers))}, {relation.cells[names[0]]})"
    return f"(case when {may_be} then {held} and ({others}) else false end)"


@dataclass(frozen=True)
class _Problem:
    """What can be wrong with a cell: under which condition, and what is said then.

    `is_type` where the cell is not of the type of its column, which another reading might mend.
    """

    condition: str
    column: Column
    cell: str
    reason: str
    message: str
    is_type: bool = False


def _problems(
    relation: Relation, readings: Readings, values: Mapping[str, str], exported: ExportObject
) -> Iterable[_Problem]:
    """Yield, column by column, what can be wrong.

    Messages carry no value, so that personal data stays in the one column that is masked.
    """
    again = _header_again(relation, exported)
    if again:
        name, same = again
        message = "the header occurs again: the file holds several exports"
        cell = str(relation.cells[name])
        yield _Problem(same, exported.column(name), cell, "repeated_header", message)
    # A row that says "deleted" needs nothing but its key: systems leave the other cells empty.
    deleted = _is_deleted(values, exported)
    for column in exported.columns:
        cell = relation.cells.get(column.name) or ""
        if not cell:
            continue
        reading = readings[column.name]
        # in this order: what has a value, as nearly all, need not be looked at again
        no_value = f"{values[column.name]} is null"
        if exported.must_be_filled(column):
            empty = f"{no_value} and not {reading.is_filled(cell)}"
            if column.name not in exported.key and deleted:
                empty += f" and not {deleted}"
            yield _Problem(empty, column, cell, "empty_cell", f"{column.name} is empty")
        if reading.is_checked:
            wrong = f"{no_value} and {reading.is_filled(cell)}"
            if column.type in ("text", "identifier"):
                message = f"{column.name} has lost digits: expected {reading.expected()}"
                yield _Problem(wrong, column, cell, "digits_lost", message)
            else:
                message = f"{column.name} is not {article(column.type)}: expected "
                message += reading.expected()
                yield _Problem(wrong, column, cell, "bad_type", message, is_type=True)


def _version(cells: Mapping[str, str | None], exported: ExportObject) -> str:
    """List what tells versions of a record apart: its key, and its watermark where it has one."""
    version = [str(cells[name]) for name in exported.key]
    if exported.watermark and cells.get(exported.watermark):
        version.append(f"coalesce({cells[exported.watermark]}, '')")
    return ", ".join(version)


def _conflicting_keys(
    relation: Relation, cells: Mapping[str, str | None], exported: ExportObject
) -> str:
    """Select the versions of which there are rows that differ in any column of the file.

    Rows are compared by their hashes of 64 bits: their texts would be kept for every version.
    """
    texts = {name: cell for name, cell in cells.items() if cell}
    version = _version(texts, exported)
    row = f"hash({', '.join(texts.values())}, {relation.metadata})"
    return f"""
        select {version}
        from {relation.source}
        group by {version}
        having min({row}) <> max({row})
    """
