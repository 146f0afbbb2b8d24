"""Brings records that Python has read into a Parquet file that `sorting` can work on.

Belongs here: the shape of that intermediate file, which lives only while one export is landed.
Does not: the grammar of text or JSON, what makes a row unusable.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from orchestration.lib.contracts import Column, ExportObject
from orchestration.lib.reading.encoding import MARK
from orchestration.lib.reading.json_text import JsonLayout, compact, json_records, text_of
from orchestration.lib.reading.layout import Layout, match_columns
from orchestration.lib.reading.plain import Mended
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.sorting import MALFORMED, ROW_GROUPS, Relation, limit_memory
from orchestration.lib.reading.sql import literal

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


class _Row(NamedTuple):
    """One record as it is staged; `reason` is set where it could not be taken apart."""

    row_number: int
    line_number: int
    reason: str | None
    message: str | None
    raw_row: str | None
    cells: Sequence[str | None]


# The condition under which the text of a row was malformed and left a mark in the mended file.
MARKED = f"if(c0 = {literal(MARK)}, {literal(MALFORMED)}, null)"


def read_malformed(con: duckdb.DuckDBPyConnection, mended: Mended) -> None:
    """Read what the malformed rows of a mended file were into the temporary table `malformed`."""
    names = ("_row_number", "_line_number", "_reason", "_message", "_raw_row")
    select = ", ".join(
        f"cell[{position}]{'::bigint' if position <= 2 else ''} as {name}"
        for position, name in enumerate(names, 1)
    )
    limit_memory(con, mended.malformed.stat().st_size / mended.count_malformed, len(names))
    con.execute(
        f"create or replace temp table malformed as select {select} from "
        + _json_lines(mended.malformed, mended.longest)
    )


def stage_sheet(
    con: duckdb.DuckDBPyConnection,
    rows: Iterable[tuple[int, Sequence[str]]],
    width: int,
    staged: Path,
) -> str:
    """Stage the rows of a spreadsheet, given with their line; return what to select from."""
    _write(
        con,
        (
            _Row(number, line, None, None, None, [cell or None for cell in cells])
            for number, (line, cells) in enumerate(rows, 1)
        ),
        width,
        staged,
    )
    return f"read_parquet({literal(str(staged))})"


def stage_json(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    exported: ExportObject,
    place: JsonLayout,
    staged: Path,
) -> tuple[Relation, Layout]:
    """Stage the records of a JSON file: one cell per contract column, then the other keys.

    The layout says which columns and which other keys occurred in any record.
    """
    layout = Layout({}, {})
    width = len(exported.columns) + 1
    _write(con, _json_rows(path, exported, place, layout), width, staged)
    relation = Relation(
        f"read_parquet({literal(str(staged))})",
        {column.name: f"c{position}" for position, column in enumerate(exported.columns)},
        f"c{width - 1}",
        raw_row="_raw_row",
        reason="_reason",
        message="_message",
        line_number="_line_number",
    )
    return relation, layout


def _json_rows(
    path: Path, exported: ExportObject, place: JsonLayout, occurring: Layout
) -> Iterator[_Row]:
    nulls = {"", *exported.null_values}
    nothing = [None] * (len(exported.columns) + 1)
    layouts: dict[tuple[str, ...], Layout | RefusedError] = {}
    for number, record in enumerate(json_records(path, place), 1):
        if record.value is None:
            yield _Row(
                number, record.line_number, record.reason, record.problem, record.raw, nothing
            )
            continue
        keys = tuple(record.value)
        layout = layouts.get(keys)
        if layout is None:
            try:
                layout = match_columns(keys, exported)
            except RefusedError as error:
                layout = error
            else:
                occurring.matched.update(layout.matched)
                occurring.unknown.update(layout.unknown)
            layouts[keys] = layout
        values = list(record.value.values())
        problem = (
            layout.message if isinstance(layout, RefusedError) else _contradiction(layout, values)
        )
        if isinstance(layout, RefusedError) or problem:
            yield _Row(number, record.line_number, "duplicate_column", problem, record.raw, nothing)
            continue
        texts = [
            _cell(column, values[layout.matched[column.name]])
            if column.name in layout.matched
            else None
            for column in exported.columns
        ]
        others = {name: values[position] for name, position in layout.unknown.items()}
        cells = [None if text in nulls else text for text in texts]
        metadata = compact(others) if others else None
        yield _Row(number, record.line_number, None, None, record.raw, [*cells, metadata])


def _cell(column: Column, value: Any) -> str | None:
    """Bring a value to text; an identifier that a program took for a number loses its `.0`."""
    text = text_of(value)
    is_number = column.type == "identifier" and text is not None and isinstance(value, float)
    return text.removesuffix(".0") if is_number and text else text


def _contradiction(layout: Layout, values: Sequence[Any]) -> str | None:
    """Say which column occurs several times with different values."""
    for name, positions in layout.repeated.items():
        if any(values[position] != values[layout.matched[name]] for position in positions):
            return f"the column {name!r} occurs twice with different values"
    return None


def _write(con: duckdb.DuckDBPyConnection, rows: Iterable[_Row], width: int, staged: Path) -> None:
    """Write rows to Parquet by way of JSON lines, in memory that does not grow with them.

    DuckDB makes the Parquet file, because importing pyarrow (which imports pandas) takes longer
    than staging a hundred thousand rows. JSON and not CSV, because it has one way only to write a
    line break.
    """
    lines = staged.with_suffix(".ndjson")
    longest = count = 0
    with lines.open("wb") as file:
        for count, row in enumerate(rows, 1):  # noqa: B007 (used behind the loop)
            line = _ENCODE([*row[:-1], *row.cells]).encode() + b"\n"
            longest = max(longest, len(line))
            file.write(line)
    names = ["_row_number", "_line_number", "_reason", "_message", "_raw_row"]
    names += [f"c{position}" for position in range(width)]
    select = ", ".join(
        f"cell[{position}]{'::bigint' if position <= 2 else ''} as {name}"
        for position, name in enumerate(names, 1)
    )
    limit_memory(con, lines.stat().st_size / max(count, 1), width)
    con.execute(
        f"copy (select {select} from {_json_lines(lines, longest)}) "
        f"to {literal(str(staged))} (format parquet, compression lz4, {ROW_GROUPS})"
    )
    lines.unlink()


def _json_lines(path: Path, longest: int) -> str:
    """Read lines of JSON arrays, of which the longest may have that many bytes, as lists."""
    return (
        f"read_json({literal(str(path))}, format = 'newline_delimited', records = false, "
        f"columns = {{cell: 'varchar[]'}}, maximum_object_size = {max(16_777_216, longest)})"
    )
