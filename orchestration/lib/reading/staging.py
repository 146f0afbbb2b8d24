"""Brings records that Python has read into a Parquet file that `sorting` can work on.

Belongs here: the shape of that intermediate file, which lives only while one export is landed.
Does not: the grammar of text or JSON, what makes a row unusable.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.delimited import Dialect, data_records
from orchestration.lib.reading.json_text import compact, json_records, text_of
from orchestration.lib.reading.layout import Layout, match_columns
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.sorting import Relation, literal

_BATCH = 20_000  # rows in memory at a time


class _Row(NamedTuple):
    """One record as it is staged; `reason` is set where it could not be taken apart."""

    row_number: int
    line_number: int
    reason: str | None
    message: str | None
    raw_row: str | None
    cells: Sequence[str | None]


def stage_delimited(
    path: Path, dialect: Dialect, exported: ExportObject, width: int, staged: Path
) -> str:
    """Stage the records of a UTF-8 text file with `width` columns; return what to select from.

    Raises RefusedError when the last record is cut off.
    """
    _write(_delimited_rows(path, dialect, exported, width), width, staged)
    cells = ", ".join(f"c{position}" for position in range(width))
    return (
        f"(select * replace (coalesce(_raw_row, to_json([{cells}])::varchar) as _raw_row) "
        f"from read_parquet({literal(str(staged))}))"
    )


def stage_json(
    path: Path, exported: ExportObject, *, by_line: bool, staged: Path
) -> tuple[Relation, Layout]:
    """Stage the records of a JSON file: one cell per contract column, then the other keys.

    The layout says which columns and which other keys occurred in any record.
    """
    layout = Layout({}, {})
    width = len(exported.columns) + 1
    _write(_json_rows(path, exported, by_line, layout), width, staged)
    relation = Relation(
        f"read_parquet({literal(str(staged))})",
        {column.name: f"c{position}" for position, column in enumerate(exported.columns)},
        f"c{width - 1}",
    )
    return relation, layout


def _delimited_rows(
    path: Path, dialect: Dialect, exported: ExportObject, width: int
) -> Iterator[_Row]:
    nulls = {"", *exported.null_values}
    nothing = [None] * width
    for number, record in enumerate(data_records(path, dialect, exported), 1):
        if record.cells is None:
            message = "text follows a closing quote: quotes inside a quoted cell must be doubled"
            yield _Row(number, record.line_number, "malformed_quote", message, record.raw, nothing)
        elif len(record.cells) != width:
            if len(record.cells) < width and not record.raw.endswith(("\n", "\r")):
                raise RefusedError(
                    f"line {record.line_number}: the last record has {len(record.cells)} of "
                    f"{width} cells and no line end",
                    "the file is truncated: export it again",
                )
            message = f"{len(record.cells)} cells instead of {width}"
            raw = compact(record.cells)
            yield _Row(number, record.line_number, "wrong_cell_count", message, raw, nothing)
        else:
            cells = [None if cell in nulls else cell for cell in record.cells]
            yield _Row(number, record.line_number, None, None, None, cells)


def _json_rows(
    path: Path, exported: ExportObject, by_line: bool, occurring: Layout
) -> Iterator[_Row]:
    nulls = {"", *exported.null_values}
    names = [column.name for column in exported.columns]
    nothing = [None] * (len(names) + 1)
    layouts: dict[tuple[str, ...], Layout | RefusedError] = {}
    for number, record in enumerate(json_records(path, exported, by_line=by_line), 1):
        if record.value is None:
            yield _Row(
                number, record.line_number, "malformed_json", record.problem, record.raw, nothing
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
        if isinstance(layout, RefusedError):
            yield _Row(
                number, record.line_number, "duplicate_column", layout.message, record.raw, nothing
            )
            continue
        values = list(record.value.values())
        texts = [
            text_of(values[layout.matched[name]]) if name in layout.matched else None
            for name in names
        ]
        others = {name: values[position] for name, position in layout.unknown.items()}
        cells = [None if text in nulls else text for text in texts]
        metadata = compact(others) if others else None
        yield _Row(number, record.line_number, None, None, record.raw, [*cells, metadata])


def _write(rows: Iterable[_Row], width: int, target: Path) -> None:
    """Write rows in batches, so that memory does not grow with the file."""
    import pyarrow as pa  # type: ignore[import-untyped]  # takes a quarter of a second that clean CSV files need not pay
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    schema = pa.schema(
        [
            ("_row_number", pa.int64()),
            ("_line_number", pa.int64()),
            ("_reason", pa.string()),
            ("_message", pa.string()),
            ("_raw_row", pa.string()),
            *((f"c{position}", pa.string()) for position in range(width)),
        ]
    )
    iterator = iter(rows)
    with pq.ParquetWriter(target, schema, compression="lz4") as writer:
        while batch := list(islice(iterator, _BATCH)):
            numbers, lines, reasons, messages, raws, cells = zip(*batch, strict=True)
            columns = [numbers, lines, reasons, messages, raws, *zip(*cells, strict=True)]
            writer.write_table(
                pa.table(
                    [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)],
                    schema=schema,
                )
            )
