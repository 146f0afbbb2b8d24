"""Reads large sheets of a workbook a piece at a time, so that memory does not grow with them.

The library holds a sheet whole: one of a million rows and twelve columns takes 1 GB. So rows are
copied from the XML of the sheet into small workbooks, which have all else of the large one (formats
of numbers, shared texts, merged cells). What a cell means is decided by the same library. Belongs
here: how the XML is cut. Does not: what is read from a sheet (`sheets`).
"""

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from orchestration.lib.reading.records import RefusedError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

# Bytes of XML from which on a sheet is read in pieces, and of one piece at least: what else the
# workbook holds is in every piece, and must not take more time than the rows.
LARGE, PIECE = 48_000_000, 16_000_000
_CHUNK = 1 << 20

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError)
_NOT_NEEDED = (
    "xl/worksheets/",
    *("docProps/", "customXml/", "xl/theme/", "xl/media/", "xl/drawings/", "xl/charts/"),
    *("xl/pivotCache/", "xl/pivotTables/", "xl/embeddings/", "xl/printerSettings/"),
)
_BOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_TAG = re.compile(r"<(?:\w+:)?(?:sheet|Relationship)\s[^>]*>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_BEGIN = re.compile(rb"<(?:\w+:)?sheetData>")
_END = re.compile(rb"</(?:\w+:)?sheetData>")
_ROW = re.compile(rb'<(?:\w+:)?row\s(?:[^>]*\s)?r="\d+"')
_LONGEST_ROW = 1 << 20  # bytes; a sheet of longer ones is read whole
_LONGEST_TAG = 64
# Within these what looks like a row may be none.
_OPAQUE = (b"<!", b"<?")


@dataclass(frozen=True)
class LargeSheet:
    """A sheet that is read in pieces: its XML before the rows and behind them.

    Rows have at least `width` cells. Those of a piece are as long as the longest of them.
    """

    path: Path
    name: str
    member: str
    head: bytes
    tail: bytes
    width: int = 0

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield all rows, with their numbers from 1."""
        last = 0
        for piece in self._pieces():
            if piece.start is None:
                continue
            first, left = piece.start
            yield from ((number, []) for number in range(last + 1, first + 1))
            right = max(self.width - left - piece.width, 0)
            for last, cells in enumerate(piece.to_python(), first + 1):
                yield last, [*[""] * left, *cells, *[""] * right]
            del piece  # before the next one is there

    @cached_property
    def merged(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """The first and the last cell of merged ones, counted from 0."""
        return next((piece.merged_cell_ranges or [] for piece in self._pieces()), [])

    def _pieces(self) -> Iterator["CalamineSheet"]:
        """Yield sheets that hold some rows each, with their numbers in the large one."""
        from python_calamine import CalamineError, CalamineWorkbook

        with TemporaryDirectory() as folder:
            base, piece = Path(folder) / "base.xlsx", Path(folder) / "piece.xlsx"
            try:
                self._copy_all_else(base)
            except _BROKEN as error:
                raise unreadable(error) from error
            for rows in self._rows(max(PIECE, base.stat().st_size)):
                shutil.copyfile(base, piece)
                with zipfile.ZipFile(piece, "a") as archive:
                    archive.writestr(self.member, self.head + rows + self.tail)
                try:
                    sheet = CalamineWorkbook.from_path(str(piece)).get_sheet_by_name(self.name)
                except (CalamineError, OSError, ValueError) as error:
                    raise unreadable(error) from error
                yield sheet
                del sheet  # before the next one is there

    def _copy_all_else(self, base: Path) -> None:
        """Write the workbook without its sheets, and without what no cell needs."""
        with zipfile.ZipFile(self.path) as archive, zipfile.ZipFile(base, "w") as out:
            for info in archive.infolist():
                if info.is_dir() or info.filename.startswith(_NOT_NEEDED):
                    continue
                with archive.open(info) as source, out.open(info.filename, "w") as target:
                    shutil.copyfileobj(source, target, _CHUNK)

    def _rows(self, size: int) -> Iterator[bytes]:
        """Yield the XML of whole rows, about so many bytes of it."""
        with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
            file.read(len(self.head))
            left = archive.getinfo(self.member).file_size - len(self.head) - len(self.tail)
            rows = b""
            while left:
                rows += (read := file.read(min(left, size)))
                left -= len(read)
                *_, end = 0, *(m.start() for m in _ROW.finditer(rows, len(rows) - _LONGEST_ROW))
                if left and end:
                    yield rows[:end]
                    rows = rows[end:]
            yield rows


def large_sheets(path: Path, width: int = 0) -> dict[str, LargeSheet]:
    """Return the sheets of a workbook that are read in pieces, by their names.

    They are those of xlsx and xlsm files with much XML that can be cut between rows.
    """
    if not zipfile.is_zipfile(path):
        return {}
    try:
        return {name: replace(sheet, width=width) for name, sheet in _large_sheets(path).items()}
    except _BROKEN:  # which reading the whole says better
        return {}


def unreadable(error: Exception) -> RefusedError:
    """Make the error that refuses a workbook."""
    return RefusedError(
        f"the workbook cannot be opened: {error}",
        "it is damaged or protected by a password: save it again, or as CSV",
    )


def _large_sheets(path: Path) -> dict[str, LargeSheet]:
    found: dict[str, LargeSheet] = {}
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if max(sizes.values(), default=0) < LARGE or not {_BOOK, _RELATIONS} <= sizes.keys():
            return {}
        targets = {
            tag.get("Id"): str(tag.get("Target"))
            for tag in _attributes(archive.read(_RELATIONS).decode("utf-8", "replace"))
        }
        for tag in _attributes(archive.read(_BOOK).decode("utf-8", "replace")):
            ids = [text for name, text in tag.items() if name.endswith(":id")]
            target = targets.get(ids[0], "") if ids else ""
            member = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if sizes.get(member, 0) >= LARGE and (around := _around_rows(archive, member)):
                found[tag["name"]] = LargeSheet(path, tag["name"], member, *around)
    return found


def _attributes(xml: str) -> Iterator[dict[str, str]]:
    for tag in _TAG.findall(xml):
        yield {name: unescape(a or b) for name, a, b in _ATTRIBUTE.findall(tag)}


def _around_rows(archive: zipfile.ZipFile, member: str) -> tuple[bytes, bytes] | None:
    """Return the XML of a sheet before its rows and behind them; None where it cannot be cut."""
    with archive.open(member) as file:
        text = file.read(_CHUNK)
        begin = _BEGIN.search(text)
        if begin is None:
            return None
        head, text = text[: begin.end()], text[begin.end() :]
        while not (b"sheetData>" in text and (end := _END.search(text))):
            if any(sign in text for sign in _OPAQUE) or not (chunk := file.read(_CHUNK)):
                return None
            text = text[-_LONGEST_TAG:] + chunk
        if any(sign in text[: end.start()] for sign in _OPAQUE):
            return None
        tail = text[end.start() :] + file.read(PIECE)
        return None if file.read(1) else (head, tail)
