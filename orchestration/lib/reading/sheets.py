"""Rows of spreadsheet files (xlsx, xlsm, xlsb, xls, ods).

Belongs here: which sheet holds the records, where its header is, how a cell becomes text. Does not:
what the text means.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.dialect import FOOTER, PREAMBLE
from orchestration.lib.reading.header_rows import (
    count_header_rows,
    missing_header_rows,
    timezone_beneath,
)
from orchestration.lib.reading.layout import matches_by_row
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.sheet_pieces import large_sheets, unreadable

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_Result = TypeVar("_Result")

_CHUNK = 1 << 20
# Cells of a workbook as its XML has them. #N/A says that there is nothing.
_ERROR = re.compile(rb't="e"[^>]*>(?:<f[^>]*(?:/>|>[^<]*</f>))?<v>#(?!N/A)')
_NO_RESULT = re.compile(
    rb"""<c (?![^>]*t="str")[^>]*><f[^>]*(?:/>|>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>"""
)


class _Table(Protocol):
    """The cells of a sheet, of which a row at a time becomes objects of Python."""

    @property
    def name(self) -> str:
        """Its name."""

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield all rows, with their numbers from 1."""

    @property
    def merged(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """The first and the last cell of merged ones, counted from 0."""


@dataclass(frozen=True)
class _WholeSheet:
    """A sheet that is in memory."""

    sheet: "CalamineSheet"

    @property
    def name(self) -> str:
        return str(self.sheet.name)

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        # the library leaves out the columns before the first cell, but not the rows above it
        left = [""] * self.sheet.start[1] if self.sheet.start else []
        for number, cells in enumerate(self.sheet.iter_rows(), 1):
            yield number, [*left, *cells]

    @property
    def merged(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        return self.sheet.merged_cell_ranges or []


@dataclass(frozen=True)
class SheetLayout:
    """Where the records of a workbook are. Rows are counted from 1, as the program shows them.

    `header_row` is the last of the `header_rows`; `timezone` is what the header says of the times.
    """

    sheet: str
    headers: tuple[str, ...]
    header_row: int
    header_rows: int
    other_sheets: tuple[str, ...]
    warnings: tuple[str, ...]
    timezone: str | None
    table: "_Table"
    footer: Sequence[str]

    def records(self) -> "SheetRecords":
        """Read the records, in one pass."""
        return SheetRecords(self)


class SheetRecords:
    """The records of a sheet with their rows; rows without any text are left out.

    `footer_rows` counts the rows of totals and notes behind them, once all were read.
    """

    def __init__(self, layout: SheetLayout) -> None:
        self._layout = layout
        self.footer_rows = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield row and cells.

        Raises WiderRowsError where a row has more cells than the header, which the first rows of a
        large sheet do not tell.
        """
        layout = self._layout
        width, footer, last = len(layout.headers), 0, 0
        held: list[tuple[int, list[str]]] = []  # a footer, if no record stands behind it
        for last, row in _numbered(layout.table, layout.header_row):
            cells = [*map(text_of_cell, row)]
            filled = [*filter(None, cells)]
            if not filled:
                continue
            if any(cells[width:]):
                raise WiderRowsError(len(row))
            cells = [*cells[:width], *[""] * (width - len(cells))]
            first = filled[0]
            is_footer = bool(FOOTER.match(first)) and 2 * len(filled) <= width
            if is_footer or any(fnmatchcase(first.lower(), p.lower()) for p in layout.footer):
                footer = footer or last
                held.append((last, cells))
                continue
            yield from held
            held.clear()
            footer = 0
            yield last, cells
        self.footer_rows = last - footer + 1 if footer else 0


class WiderRowsError(Exception):
    """Rows of a sheet have more cells than was known when its header was looked at."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.width = width


def with_sheet(
    path: Path, exported: ExportObject, use: Callable[[SheetLayout], _Result]
) -> _Result:
    """Return what is made of the layout of a workbook, whose width later rows may correct.

    Raises RefusedError when the file is no workbook or no sheet has a header that is known.
    """
    width = 0
    while True:
        try:
            return use(decide_sheet(path, exported, width))
        except WiderRowsError as wider:
            width = wider.width


def decide_sheet(path: Path, exported: ExportObject, width: int = 0) -> SheetLayout:
    """Find the first sheet that holds the columns of the contract, and its header.

    Rows of large sheets have at least `width` cells.

    Raises RefusedError when the file is no workbook or no sheet has a header that is known.
    """
    best: tuple[int, int, _Table | None] = (0, 0, None)
    alike: list[str] = []  # sheets with as many of the columns
    workbook = _workbook(path)
    names = workbook.sheet_names
    for sheet in _tables(workbook, path, width):
        rows = ([*map(text_of_cell, row)] for row in _first_rows(sheet))
        matches = matches_by_row(rows, exported)
        position = max(range(len(matches)), key=lambda at: matches[at], default=0)
        most = matches[position] if matches else 0
        if most > best[0]:
            best, alike = (most, position, sheet), []
        elif most == best[0] > 0 and any(True for _ in _numbered(sheet, position + 1)):
            alike.append(sheet.name)
    _, position, table = best
    if table is None:
        raise RefusedError(
            f"no row of any sheet ({', '.join(names) or 'none'}) is a header of {exported.name}",
            "check that the workbook is what its name says, and that the table has a header row",
        )
    headers = [text_of_cell(value) for value in _first_rows(table)[position]]
    below = _numbered(table, position + 1, position + exported.header_rows)
    labels = [[text_of_cell(value) for value in row] for _, row in below]
    count = count_header_rows(headers, labels, exported)
    header_row = position + count
    while headers and not headers[-1] and _is_empty(table, header_row, len(headers) - 1):
        headers.pop()
    unread = f"{' and '.join(alike)} with the same columns as {table.name} were not read"
    return SheetLayout(
        sheet=table.name,
        headers=tuple(headers),
        header_row=header_row,
        header_rows=count,
        other_sheets=tuple(name for name in names if name != table.name),
        warnings=(
            *missing_header_rows(count, header_row + 1, exported),
            *([unread] if alike else []),
            *_cells_without_values(path),
        ),
        timezone=timezone_beneath(headers, labels[: count - 1], exported),
        table=table,
        footer=exported.footer,
    )


def sniff_sheet(path: Path) -> list[str]:
    """Return what is likely the header of a workbook: its first row with most texts."""
    found: list[str] = []
    for table in _tables(_workbook(path), path):
        for row in _first_rows(table):
            texts = [value for value in row if isinstance(value, str) and value.strip()]
            if len(texts) > len([text for text in found if text]):
                found = [text_of_cell(value) for value in row]
    return found


def _workbook(path: Path) -> "CalamineWorkbook":
    # Imported here, because few exports are workbooks.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        return CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError, ValueError) as error:
        raise unreadable(error) from error


def _tables(workbook: "CalamineWorkbook", path: Path, width: int = 0) -> Iterator[_Table]:
    """Read one sheet after the other, those that are hidden last."""
    from python_calamine import CalamineError, SheetVisibleEnum

    sheets, large = workbook.sheets_metadata, large_sheets(path, width)
    for sheet in sorted(sheets, key=lambda sheet: sheet.visible != SheetVisibleEnum.Visible):
        try:
            yield large.get(sheet.name) or _WholeSheet(workbook.get_sheet_by_name(sheet.name))
        except (CalamineError, OSError, ValueError) as error:
            raise unreadable(error) from error


def _first_rows(table: _Table) -> list[list[Any]]:
    """Return the rows among which a header may be."""
    return [row for _, row in _numbered(table, 0, PREAMBLE)]


def _numbered(
    table: _Table, behind: int, last: int | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows behind one and up to another, with their numbers from 1."""
    # Cells that are merged from row to row hold what the first of them holds.
    merged: dict[int, list[int]] = {}
    for (first, column), (end, right) in table.merged:
        for row in range(first + 1, end + 1) if column == right else ():
            merged.setdefault(row, []).append(column)
    above: list[Any] = []
    for number, cells in islice(table.rows(), last):
        for column in merged.get(number - 1, ()):
            if column < len(above):
                cells += [""] * (column + 1 - len(cells))
                cells[column] = above[column]
        above = cells
        if number > behind:
            yield number, cells


def _cells_without_values(path: Path) -> list[str]:
    """Say how many cells of a workbook have a formula and no value: they are read as empty ones."""
    if not zipfile.is_zipfile(path):
        return []
    errors = formulas = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not re.fullmatch(r"xl/worksheets/[^/]+[.]xml", member):
                continue
            with archive.open(member) as file:
                rest = b""
                while chunk := file.read(_CHUNK):
                    whole, end, rest = (rest + chunk).rpartition(b"</c>")
                    errors += len(_ERROR.findall(whole + end)) if b't="e"' in whole else 0
                    formulas += len(_NO_RESULT.findall(whole + end)) if b"<f" in whole else 0
    return [
        f"{count:,} cells {said}, and were read as empty"
        for count, said in (
            (errors, "hold errors of formulas (#REF!)"),
            (formulas, "hold formulas whose results no spreadsheet has stored"),
        )
        if count
    ]


def text_of_cell(value: Any) -> str:
    """Bring a cell to text: whole numbers without a fraction, times as ISO 8601.

    A spreadsheet keeps fifteen digits of a number. What has more is written in scientific notation,
    so that an identifier which has lost digits is seen to have lost them.
    """
    if isinstance(value, str):  # most cells
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return f"{value:E}" if abs(value) >= 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    return str(value) if value is not None else ""


def _is_empty(table: _Table, header_row: int, position: int) -> bool:
    """Tell whether a column has no cell below its header."""
    rows = (row for _, row in _numbered(table, header_row))
    return not any(text_of_cell(row[position]) for row in rows if position < len(row))
