"""Rows of spreadsheet files (xlsx, xlsm, xlsb, xls, ods).

Belongs here: which sheet holds the records, where its header is, how a cell becomes text. Does not:
what the text means.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.dialect import FOOTER, PREAMBLE
from orchestration.lib.reading.header_rows import (
    count_header_rows,
    missing_header_rows,
    timezone_beneath,
)
from orchestration.lib.reading.layout import matches_by_row
from orchestration.lib.reading.records import RefusedError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_CHUNK = 1 << 20
# Cells of a workbook as its XML has them. #N/A says that there is nothing.
_ERROR = re.compile(rb't="e"[^>]*>(?:<f[^>]*(?:/>|>[^<]*</f>))?<v>#(?!N/A)')
_NO_RESULT = re.compile(
    rb"""<c (?![^>]*t="str")[^>]*><f[^>]*(?:/>|>[^<]*</f>)(?:<v ?/>|<v></v>)?</c>"""
)


@dataclass(frozen=True)
class SheetLayout:
    """Where the records of a workbook are. Rows are counted from 1, as the program shows them.

    `header_row` is the last of the `header_rows`, `last_row` that before the `footer_rows`;
    `timezone` is what the header says of the times. `table` holds the cells, of which a row at a
    time becomes objects of Python: all of them take three times as much memory.
    """

    sheet: str
    headers: tuple[str, ...]
    header_row: int
    header_rows: int
    last_row: int
    footer_rows: int
    other_sheets: tuple[str, ...]
    warnings: tuple[str, ...]
    timezone: str | None
    table: "CalamineSheet"

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the records with their rows; rows without any text are left out."""
        for number, row in _numbered(self.table, self.header_row, self.last_row):
            cells = [text_of_cell(value) for value in row[: len(self.headers)]]
            cells += [""] * (len(self.headers) - len(cells))
            if any(cells):
                yield number, cells


def decide_sheet(path: Path, exported: ExportObject) -> SheetLayout:
    """Find the first sheet that holds the columns of the contract, and its header.

    Raises RefusedError when the file is no workbook or no sheet has a header that is known.
    """
    best: tuple[int, int, CalamineSheet | None] = (0, 0, None)
    alike: list[str] = []  # sheets with as many of the columns
    workbook = _workbook(path)
    names = workbook.sheet_names
    for table in _tables(workbook):
        rows = ([*map(text_of_cell, row)] for row in _first_rows(table))
        matches = matches_by_row(rows, exported)
        position = max(range(len(matches)), key=lambda at: matches[at], default=0)
        most = matches[position] if matches else 0
        if most > best[0]:
            best, alike = (most, position, table), []
        elif most == best[0] > 0 and table.end and table.end[0] > position:
            alike.append(table.name)
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
    last_row, footer_rows = _ends(table, header_row, headers, exported)
    unread = f"{' and '.join(alike)} with the same columns as {table.name} were not read"
    return SheetLayout(
        sheet=table.name,
        headers=tuple(headers),
        header_row=header_row,
        header_rows=count,
        last_row=last_row,
        footer_rows=footer_rows,
        other_sheets=tuple(name for name in names if name != table.name),
        warnings=(
            *missing_header_rows(count, header_row + 1, exported),
            *([unread] if alike else []),
            *_cells_without_values(path),
        ),
        timezone=timezone_beneath(headers, labels[: count - 1], exported),
        table=table,
    )


def sniff_sheet(path: Path) -> list[str]:
    """Return what is likely the header of a workbook: its first row with most texts."""
    found: list[str] = []
    for table in _tables(_workbook(path)):
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
        raise _unreadable(error) from error


def _tables(workbook: "CalamineWorkbook") -> Iterator["CalamineSheet"]:
    """Read one sheet after the other, those that are hidden last."""
    from python_calamine import CalamineError, SheetVisibleEnum

    sheets = workbook.sheets_metadata
    for sheet in sorted(sheets, key=lambda sheet: sheet.visible != SheetVisibleEnum.Visible):
        try:
            yield workbook.get_sheet_by_name(sheet.name)
        except (CalamineError, OSError, ValueError) as error:
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> RefusedError:
    return RefusedError(
        f"the workbook cannot be opened: {error}",
        "it is damaged or protected by a password: save it again, or as CSV",
    )


def _first_rows(table: "CalamineSheet") -> list[list[Any]]:
    """Return the rows among which a header may be."""
    return [row for _, row in _numbered(table, 0, PREAMBLE)]


def _numbered(
    table: "CalamineSheet", behind: int, last: int | None = None
) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows behind one and up to another, with their numbers from 1."""
    # which leaves out the columns before the first cell, but not the rows above it
    left = [""] * table.start[1] if table.start else []
    # Cells that are merged from row to row hold what the first of them holds.
    merged: dict[int, list[int]] = {}
    for (first, column), (end, right) in table.merged_cell_ranges or ():
        for row in range(first + 1, end + 1) if column == right else ():
            merged.setdefault(row, []).append(column)
    above: list[Any] = []
    for number, cells in islice(enumerate(table.iter_rows(), 1), last):
        cells = [*left, *cells]
        for column in merged.get(number - 1, ()):
            if column < len(above):
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


def _is_empty(table: "CalamineSheet", header_row: int, position: int) -> bool:
    """Tell whether a column has no cell below its header."""
    rows = (row for _, row in _numbered(table, header_row))
    return not any(text_of_cell(row[position]) for row in rows if position < len(row))


def _ends(
    table: "CalamineSheet", header_row: int, headers: Sequence[str], exported: ExportObject
) -> tuple[int, int]:
    """Find the last row, and count those behind it that are totals and notes or empty."""
    last, footer = header_row, None
    for last, row in _numbered(table, header_row):
        filled = [value for value in row if value not in ("", None)]
        if not filled:
            continue
        first = text_of_cell(filled[0])
        is_footer = bool(FOOTER.match(first)) and 2 * len(filled) <= len(headers)
        is_footer = is_footer or any(fnmatchcase(first.lower(), p.lower()) for p in exported.footer)
        footer = (footer or last) if is_footer else None
    return (footer - 1, last - footer + 1) if footer else (last, 0)
