"""Rows of spreadsheet files (xlsx, xlsm, xlsb, xls, ods).

Belongs here: which sheet holds the records, where its header is, how a cell becomes text. Does not:
what the text means.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.dialect import FOOTER, PREAMBLE
from orchestration.lib.reading.header_rows import (
    count_header_rows,
    missing_header_rows,
    timezone_beneath,
)
from orchestration.lib.reading.layout import count_matches
from orchestration.lib.reading.records import RefusedError


@dataclass(frozen=True)
class SheetLayout:
    """Where the records of a workbook are. Rows are counted from 1, as the program shows them.

    `header_row` is the last of the `header_rows`; `timezone` what they say of the times.
    """

    sheet: str
    headers: tuple[str, ...]
    header_row: int
    header_rows: int
    rows: Sequence[Sequence[Any]]
    footer_rows: int
    other_sheets: tuple[str, ...]
    warnings: tuple[str, ...]
    timezone: str | None

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the records with their rows; rows without any text are left out."""
        for number, row in enumerate(self.rows, self.header_row + 1):
            cells = [text_of_cell(value) for value in row[: len(self.headers)]]
            cells += [""] * (len(self.headers) - len(cells))
            if any(cells):
                yield number, cells


def decide_sheet(path: Path, exported: ExportObject) -> SheetLayout:
    """Find the first sheet that holds the columns of the contract, and its header.

    Raises RefusedError when the file is no workbook or no sheet has a header that is known.
    """
    sheets = _sheets(path)
    best: tuple[int, str, int] = (0, "", 0)
    for name, rows in sheets.items():
        for position, row in enumerate(rows[:PREAMBLE]):
            matches = count_matches([text_of_cell(value) for value in row], exported)
            if matches > best[0]:
                best = (matches, name, position)
    matches, name, position = best
    if matches == 0:
        raise RefusedError(
            f"no row of any sheet ({', '.join(sheets) or 'none'}) is a header of {exported.name}",
            "check that the workbook is what its name says, and that the table has a header row",
        )
    headers = [text_of_cell(value) for value in sheets[name][position]]
    below = sheets[name][position + 1 : position + exported.header_rows]
    labels = [[text_of_cell(value) for value in row] for row in below]
    count = count_header_rows(headers, labels, exported)
    header_row = position + count
    body = sheets[name][header_row:]
    while headers and not headers[-1] and not any(_cell(row, len(headers) - 1) for row in body):
        headers.pop()
    footer = _footer_rows(body, headers, exported)
    return SheetLayout(
        sheet=name,
        headers=tuple(headers),
        header_row=header_row,
        header_rows=count,
        rows=body[: len(body) - footer],
        footer_rows=footer,
        other_sheets=tuple(other for other in sheets if other != name),
        warnings=missing_header_rows(count, header_row + 1, exported),
        timezone=timezone_beneath(headers, labels[: count - 1], exported),
    )


def sniff_sheet(path: Path) -> list[str]:
    """Return what is likely the header of a workbook: its first row with most texts."""
    found: list[str] = []
    for rows in _sheets(path).values():
        for row in rows[:PREAMBLE]:
            texts = [value for value in row if isinstance(value, str) and value.strip()]
            if len(texts) > len([text for text in found if text]):
                found = [text_of_cell(value) for value in row]
    return found


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    # Imported here, because few exports are workbooks.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        return {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in workbook.sheet_names
        }
    except (CalamineError, OSError, ValueError) as error:
        raise RefusedError(
            f"the workbook cannot be opened: {error}",
            "it is damaged or protected by a password: save it again, or as CSV",
        ) from error


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


def _cell(row: Sequence[Any], position: int) -> str:
    return text_of_cell(row[position]) if position < len(row) else ""


def _footer_rows(
    rows: Sequence[Sequence[Any]], headers: Sequence[str], exported: ExportObject
) -> int:
    """Count the rows at the end that are totals or notes, and the empty ones between."""
    count = found = 0
    for row in reversed(rows):
        cells = [text_of_cell(value) for value in row]
        filled = [cell for cell in cells if cell]
        count += 1
        if not filled:
            continue
        declared = any(fnmatchcase(filled[0].lower(), p.lower()) for p in exported.footer)
        if not declared and (not FOOTER.match(filled[0]) or 2 * len(filled) > len(headers)):
            break
        found = count
    return found
