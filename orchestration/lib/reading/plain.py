"""Which stretches of delimited text DuckDB reads as the grammar says, and the mending of others.

DuckDB reads fast, but accepts in silence what it reads otherwise than the grammar of `delimited`,
and stops at the first malformed record. So the text is looked at in blocks, all bytes of a block at
once; a block with anything doubtful is parsed record by record and written anew, and what remains
is a file that DuckDB reads rightly. Belongs here: what is doubtful, the mended file. Does not: the
grammar, how a file is laid out (`dialect`).
"""

import codecs
import io
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from orchestration.lib.reading.delimited import (
    LONE_QUOTE,
    LONGEST_CELL,
    OPEN_QUOTE,
    Dialect,
    TextRecord,
    line_count,
    parse_records,
)
from orchestration.lib.reading.dialect import FOOTER, TextLayout
from orchestration.lib.reading.encoding import MARK, UNDECODABLE, without_marks
from orchestration.lib.reading.json_text import compact
from orchestration.lib.reading.records import CUT_OFF, RefusedError
from orchestration.lib.reading.spellings import GROUP_TOTAL, PAGE, TEXT_NULLS, TOTAL

_BLOCK = 1 << 18  # bytes that are looked at together
# A line of one cell that is no piece of a row beside it: a comment, a rule, what reports print.
_NOTE = re.compile(
    rf"\s*(?:#|//|--|/\*|[^\w\s]{{2}}|\f|(?:{TOTAL}|{GROUP_TOTAL}|{PAGE})\s*$)", re.I
)
# Of the blocks one may have wrong counts, or nearly all rows are looked at anew: where there are
# many, cells too many and cells missing in one block may make up for each other.
_RARE = 20
# Bytes at the very end that begin a character.
_CUT_CHARACTER = re.compile(rf"(?:{MARK}<[0-9A-F]{{2}}>){{1,3}}\Z")
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode

RowNumbers = npt.NDArray[np.int64]
_Bits = npt.NDArray[np.uint64]  # one per byte of a block, 64 in a word, the lowest is the first


class Block(NamedTuple):
    """Whole records of a text: where they begin, and their bytes.

    `rows` is their number where as many delimiters stand between them as rows of the right width
    have, else None.
    """

    offset: int
    length: int
    rows: int | None


@dataclass(frozen=True)
class TextFacts:
    """What a look at every byte of a text file gave.

    `may_be_misread` tells whether the file may hold what DuckDB accepts in silence but reads
    otherwise. Where lines end with CR it loses rows before an LF in a cell; of spaces between a
    delimiter and a quote it drops one and keeps three; it takes an escape character at the very end
    for the end of a quoted cell; it reads over zero bytes and byte order marks within the text, and
    over one cell too many if that is empty; and quotes inside unquoted cells, which may come from a
    lost delimiter, are nothing to it. Delimiters of several characters are left to the grammar. May
    be true of text inside quoted cells, which costs time only.

    `nulls` are the spellings of "nothing" that occur in the file and never in quotes: what stands
    in quotes is a text that somebody wrote. `has_formulas` tells whether cells may be written as
    `="…"`, which makes spreadsheets leave their digits alone. `empty_lines` counts those between
    rows. `escaped_apostrophes` tells whether backslashes stand before apostrophes that are not
    quotes: before all of them they are escapes, before some a backslash may be text. `has_escapes`
    tells whether a backslash stands before n or t, with which databases write line breaks and tabs.

    `has_wrong_widths` tells that some rows have too many cells or too few, to which DuckDB would
    object only when it comes to them. `blocks` are those of the text where few have such rows. No
    record is longer than `longest` bytes; a row has `row_bytes` on average, 0 where none is known.
    """

    may_be_misread: bool
    nulls: tuple[str, ...]
    has_formulas: bool = False
    empty_lines: int = 0
    escaped_apostrophes: Literal["none", "some", "all"] = "none"
    has_escapes: bool = False
    has_wrong_widths: bool = False
    blocks: Sequence[Block] = ()
    longest: int = 0
    row_bytes: float = 0


def look_at_text(layout: TextLayout) -> TextFacts:
    """Look at every quote of a file with its neighbours, and for what else may be misread.

    Only blocks in which a line is empty or ends with a delimiter are taken apart into records.

    Raises RefusedError where a line is longer than any cell is taken to be.
    """
    size = layout.path.stat().st_size
    dialect = layout.dialect
    is_simple = layout.line_end not in ("CR", "mixed") and not layout.not_rows
    is_simple = is_simple and len(dialect.delimiter.encode()) == 1
    quote = dialect.quote.encode()
    spelt = {text: text.encode() for text in TEXT_NULLS}
    occurring: set[str] = set()
    in_quotes: set[str] = set()
    has_formulas = has_escapes = False
    may_be_misread = not is_simple
    empty_lines = apostrophes = escaped_apostrophes = 0
    has_wrong_widths = False
    longest = counted_bytes = counted_rows = 0
    blocks: list[Block] = []
    with layout.path.open("rb") as file:
        # every look is at a block that is still in the cache of the processor
        while block := _next_block(file, layout):
            end = file.tell()
            longest = max(longest, len(block))
            if len(block) > LONGEST_CELL:
                _refuse_long_lines(block, end - len(block), layout)
            has_quotes = bool(quote) and quote in block
            for text, code in spelt.items():
                if _holds(block, code):
                    occurring.add(text)
                    if has_quotes and quote + code + quote in block:
                        in_quotes.add(text)
            has_formulas = has_formulas or _holds(block, b'="')
            if not has_escapes and b"\\" in block:
                has_escapes = b"\\n" in block or b"\\t" in block
            if b"'" in block and dialect.quote != "'":
                apostrophes += block.count(b"'")
                escaped_apostrophes += block.count(b"\\'") if b"\\" in block else 0
            if may_be_misread:
                continue
            is_last = end == size
            rows: int | None = None
            may_be_misread = b"\0" in block or _holds(block, codecs.BOM_UTF8)
            if dialect.escape != dialect.quote and is_last:
                may_be_misread = may_be_misread or block.endswith(dialect.escape.encode())
            marks = _marks_of(block, dialect)
            if not (_are_quotes_by_turns(marks, dialect) or _quotes_in_place(block, dialect)):
                may_be_misread = True
            elif block.endswith(b"\r") or _has_odd_line_ends(marks):
                records = _records_of(block.rstrip(b"\r\n") if is_last else block, layout)
                may_be_misread = may_be_misread or bool((records.delimiters >= layout.width).any())
                empty_lines += records.empty_lines if layout.width > 1 else 0
                rows = len(records.delimiters) - records.empty_lines
                is_right = int(records.delimiters.sum()) == rows * (layout.width - 1)
                has_wrong_widths = has_wrong_widths or not is_right
                blocks.append(Block(end - len(block), len(block), None))
            else:
                rows = _rows_by_count(marks, layout.width)
                has_wrong_widths = has_wrong_widths or rows is None
                blocks.append(Block(end - len(block), len(block), rows))
            if rows:
                counted_bytes += len(block)
                counted_rows += rows
    nulls = tuple(text for text in TEXT_NULLS if text in occurring - in_quotes)
    escaped: Literal["none", "some", "all"] = "some" if escaped_apostrophes else "none"
    if escaped_apostrophes and escaped_apostrophes == apostrophes:
        escaped = "all"
    is_rare = _RARE * sum(block.rows is None for block in blocks) <= len(blocks)
    return TextFacts(
        may_be_misread,
        nulls,
        has_formulas,
        empty_lines,
        escaped,
        has_escapes,
        has_wrong_widths,
        _behind_header(blocks, layout) if blocks and is_rare and not may_be_misread else (),
        longest,
        counted_bytes / counted_rows if counted_rows else 0,
    )


def _refuse_long_lines(block: bytes, offset: int, layout: TextLayout) -> None:
    lines = block.splitlines()
    long = next((n for n, line in enumerate(lines) if len(line) > LONGEST_CELL), None)
    if long is None:
        return
    with layout.path.open("rb") as file:
        before = sum(_lines(file.read(min(_BLOCK, offset - at))) for at in range(0, offset, _BLOCK))
    raise RefusedError(
        f"line {layout.first_line + before + long} has more than {LONGEST_CELL:,} bytes, which no "
        "cell of an export has",
        "export the column with the long text by itself, or not at all",
    )


class _Marks(NamedTuple):
    """Where in a block, whose last line ends with LF, characters are that mean something.

    `inside` are bytes with an odd number of quotes up to them; None where there are no quotes.
    """

    quotes: _Bits | None
    inside: _Bits | None
    delimiters: _Bits
    line_feeds: _Bits
    returns: _Bits | None


def _marks_of(block: bytes, dialect: Dialect) -> _Marks:
    code = _code(block)
    quotes = _quotes_of(code, dialect)
    return _Marks(
        quotes,
        None if quotes is None else _inside(quotes),
        _bits(code == ord(dialect.delimiter)),
        _bits(code == 10),
        _bits(code == 13) if b"\r" in block else None,
    )


def _bits(marks: npt.NDArray[np.bool_]) -> _Bits:
    bits = np.packbits(marks, bitorder="little")
    return np.concatenate((bits, np.zeros(-len(bits) % 8, dtype=np.uint8))).view("<u8")


def _behind(bits: _Bits, first: bool) -> _Bits:
    """Mark the bytes behind marked ones, and the first where a marked one stands before it."""
    behind = bits << np.uint64(1)
    behind[1:] |= bits[:-1] >> np.uint64(63)
    behind[0] |= np.uint64(first)
    return behind


def _before(bits: _Bits) -> _Bits:
    """Mark the bytes before marked ones."""
    before = bits >> np.uint64(1)
    before[:-1] |= bits[1:] << np.uint64(63)
    return before


def _rows_by_count(marks: _Marks, width: int) -> int | None:
    """Count the rows of a block; None where it has not as many delimiters as they need."""

    def count(bits: _Bits) -> int:
        outside = bits if marks.inside is None else bits & ~marks.inside
        return int(np.bitwise_count(outside).sum())

    rows = count(marks.line_feeds)
    return rows if count(marks.delimiters) == rows * (width - 1) else None


def _behind_header(blocks: Sequence[Block], layout: TextLayout) -> Sequence[Block]:
    """Cut the header off the first block."""
    first, *others = blocks
    start = _first_byte(layout)
    first = Block(
        start,
        first.length - (start - first.offset),
        None if first.rows is None else first.rows - layout.skip,
    )
    return [first, *others]


def _holds(block: bytes, text: bytes) -> bool:
    """Tell whether a text occurs; to look for its bytes one by one is much faster."""
    return all(bytes([byte]) in block for byte in set(text)) and text in block


def _has_odd_line_ends(marks: _Marks) -> bool:
    """Tell whether a line of a block is empty, or ends with a delimiter or a lone CR."""
    ends = marks.line_feeds
    if marks.returns is not None:
        if (marks.returns & ~_before(ends)).any():
            return True
        ends = ends | marks.returns
    return bool((ends & _behind(marks.delimiters | marks.line_feeds, first=True)).any())


def _code(block: bytes) -> npt.NDArray[np.uint8]:
    """Return the bytes of a block, which end with LF: index -1, before the first, is a line end."""
    return np.frombuffer(block if block.endswith(b"\n") else block + b"\n", dtype=np.uint8)


def _next_block(file: io.BufferedReader, layout: TextLayout) -> bytes:
    """Read whole lines, as many as a block has and until no quoted cell is open."""
    dialect = layout.dialect
    is_first = file.tell() == 0
    block = file.read(_BLOCK) + _rest_of_line(file, layout)
    quote, escape = dialect.quote.encode(), dialect.escape.encode()

    def quotes(text: bytes) -> int:
        code = np.frombuffer(text, dtype=np.uint8)
        count = int(np.count_nonzero(code == quote[0]))  # of many, twice as fast as bytes.count
        return count - (text.count(escape + quote) if escape != quote else 0)

    if quote and quotes(block) % 2:
        lines, length = [block], 0
        while length < LONGEST_CELL and (line := _rest_of_line(file, layout)):
            lines.append(line)
            length += len(line)
            if quotes(line) % 2:
                break
        block = b"".join(lines)
    return block.removeprefix(codecs.BOM_UTF8) if is_first else block


def _rest_of_line(file: io.BufferedReader, layout: TextLayout) -> bytes:
    if layout.line_end != "CR":
        return file.readline()
    parts = []
    while piece := file.peek():
        end = piece.find(b"\r") + 1
        parts.append(file.read(end or len(piece)))
        if end:
            break
    return b"".join(parts)


def _are_quotes_by_turns(marks: _Marks, dialect: Dialect) -> bool:
    """Tell whether quotes open and close cells by turns and do nothing else, as nearly always."""
    if marks.quotes is None or marks.inside is None:
        return True
    if dialect.escape != dialect.quote:
        return False
    edges = marks.delimiters | marks.line_feeds
    if marks.returns is not None:
        edges |= marks.returns
    opens, closes = marks.quotes & marks.inside, marks.quotes & ~marks.inside
    return not (
        (opens != marks.quotes & _behind(edges, first=True)).any()
        or (closes != marks.quotes & _before(edges)).any()
        or marks.inside[-1] >> np.uint64(63)  # none closes the last
    )


def _quotes_in_place(block: bytes, dialect: Dialect) -> bool:
    """Tell whether every quote of a block stands where a quoted cell has one, and every escape.

    Of quotes in a row an even number is text. The one left over must open a cell behind a
    delimiter or close it before one, by turns. All quotes at once, because there may be millions.
    """
    if not dialect.quote:
        return True
    quote, escape = ord(dialect.quote), ord(dialect.escape)
    edge = np.zeros(256, dtype=bool)
    edge[[ord(dialect.delimiter), 10, 13]] = True
    code = _code(block)
    at = np.flatnonzero(code == quote)
    if escape != quote:
        at = at[code[at - 1] != escape]
        escaped = code[np.flatnonzero(code == escape) + 1]
        if ((escaped != quote) & (escaped != escape)).any():  # DuckDB would drop the escape
            return False
    if len(at) == 0:
        return True
    joined = np.diff(at) == 1
    if joined.any():
        first = np.concatenate(([True], ~joined))
        starts, ends = at[first], at[np.concatenate((first[1:], [True]))]
        single = (ends - starts) % 2 == 0
        left, right = code[starts - 1], code[ends + 1]
        spaced = ((left == 32) & edge[right]) | ((right == 32) & edge[left])
        if (spaced & ~single).any():
            return False
        # outside of quoted cells, behind a delimiter and spaces, even two quotes may open one
        is_outside = np.cumsum(single) % 2 == 0
        before = starts[~single & is_outside & (left == 32)] - 1
        while (is_space := code[before] == 32).any():
            before = before - is_space
        if edge[code[before]].any():
            return False
        opens, closes = edge[left[single]], edge[right[single]]
    else:
        opens, closes = edge[code[at - 1]], edge[code[at + 1]]
    if (opens == closes).any():
        return False
    # by turns: the first opens, no two in a row do the same, the last closes
    return len(opens) == 0 or bool(opens[0] and closes[-1] and (opens[1:] != opens[:-1]).all())


class _Records(NamedTuple):
    """The records of a block: delimiters in each, empty lines, whether all line ends are alike."""

    delimiters: npt.NDArray[np.int32]
    empty_lines: int
    have_line_ends_alike: bool


def _records_of(block: bytes, layout: TextLayout) -> _Records:
    """Take a block whose quotes are in place apart into records, without their text."""
    line_end = b"\r\n" if layout.line_end == "CRLF" else b"\n"
    code = np.frombuffer(line_end + block.removesuffix(line_end) + line_end, dtype=np.uint8)
    dialect = layout.dialect
    delimiters, ends = code == ord(dialect.delimiter), code == line_end[-1]
    strays = (code == 13) | (code == 10)
    if (quotes := _quotes_of(code, dialect)) is not None:
        inside = _inside(quotes).view(np.uint8)
        outside = np.unpackbits(inside, bitorder="little")[: len(code)] == 0
        for marks in (delimiters, ends, strays):
            marks &= outside
    at = np.flatnonzero(ends)
    is_alike = np.count_nonzero(strays) == len(line_end) * len(at)
    if len(line_end) == 2:
        is_alike = is_alike and bool((code[at - 1] == line_end[0]).all())
    return _Records(
        np.diff(np.cumsum(delimiters, dtype=np.int32)[at]),
        int(np.count_nonzero(np.diff(at) <= len(line_end))),
        is_alike,
    )


def _quotes_of(code: npt.NDArray[np.uint8], dialect: Dialect) -> _Bits | None:
    """Mark the quotes that no escape stands before; None where there are none."""
    if not dialect.quote:
        return None
    quotes = code == ord(dialect.quote)
    if not quotes.any():
        return None
    if dialect.escape != dialect.quote:
        quotes[1:] &= code[:-1] != ord(dialect.escape)
    return _bits(quotes)


def _inside(quotes: _Bits) -> _Bits:
    """Mark the bytes with an odd number of quotes up to them.

    Of 64 bytes at a time, as simdjson does: a tenth of the time of a sum over all bytes.
    """
    words = quotes.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(shift)
    is_odd = np.bitwise_xor.accumulate(words >> np.uint64(63))
    words[1:] ^= np.uint64(0) - is_odd[:-1]
    return words


# --- the mended file


class _Anchor(NamedTuple):
    """Where a stretch of the text begins: its first row, line and byte."""

    row: int
    line: int
    offset: int


@dataclass
class Mended:
    """A file with one header line that DuckDB reads rightly, and what had to be done for it.

    Malformed records are rows there that hold a mark only; `malformed` has, as one JSON array per
    line (the longest of them of `longest` bytes), what they were: row number, line, reason,
    message, text. Counted are they, empty lines between rows and records with a quote that was
    taken as text.
    """

    layout: TextLayout
    path: Path
    malformed: Path
    count_malformed: int = 0
    longest: int = 0
    empty_lines: int = 0
    lone_quotes: int = 0
    anchors: list[_Anchor] = field(default_factory=list)

    @property
    def dialect(self) -> Dialect:
        """The dialect of the file; DuckDB reads those with longer delimiters in part only."""
        dialect = self.layout.dialect
        return dialect if len(dialect.delimiter.encode()) == 1 else Dialect(",", '"', '"')

    def line_numbers(self, rows: RowNumbers, _total: int) -> RowNumbers:
        """Return the lines of the export on which rows begin, whose numbers from 1 are sorted."""
        return _located(self.layout, self.anchors, rows)


def line_numbers(layout: TextLayout, rows: RowNumbers, total: int) -> RowNumbers:
    """Return the lines on which some of all rows begin, of a text that DuckDB reads as it is.

    Where there are as many lines as rows, a row is a line. Else blocks are counted up to the row.
    The numbers of the rows, from 1, are sorted.
    """
    if len(rows) == 0:
        return rows
    first = layout.first_line + layout.skip
    anchors: list[_Anchor] = []
    with layout.path.open("rb") as source:
        if layout.line_end in ("LF", "CRLF"):
            last = b""
            lines = 0
            while chunk := source.read(_BLOCK):
                lines, last = lines + chunk.count(b"\n"), chunk
            if lines + (not last.endswith(b"\n")) == total + layout.skip:
                return rows + (first - 1)
            source.seek(0)
        at = _Anchor(1, first, _first_byte(layout))
        while at.row <= rows[-1]:
            source.seek(at.offset)
            if not (block := _next_block(source, layout)):
                break
            anchors.append(at)
            count = _plain_rows(block, layout)
            end = at.offset + len(block)
            if count is not None:
                at = _Anchor(at.row + count, at.line + _lines(block), end)
                continue
            for record, offset in _parsed(layout, at):
                row = at.row + layout.is_row(record)
                at = _Anchor(row, record.line_number + line_count(record.raw), offset)
                if offset >= end:
                    break
    return _located(layout, anchors, rows)


def _located(layout: TextLayout, anchors: Sequence[_Anchor], rows: RowNumbers) -> RowNumbers:
    """Return the lines on which rows begin, from places whose row and line are known.

    0 for a row behind the last.
    """
    lines = np.zeros_like(rows)
    start = 0
    while start < len(rows):
        at = bisect_right(anchors, (int(rows[start]), 1 << 62, 0)) - 1
        is_last = at + 1 == len(anchors)
        end = len(rows) if is_last else int(np.searchsorted(rows, anchors[at + 1].row))
        here = {row: place for place, row in enumerate(rows[start:end].tolist(), start)}
        count = max(here) - anchors[at].row + 1
        records = (r for r, _ in _parsed(layout, anchors[at]) if layout.is_row(r))
        for row, record in enumerate(islice(records, count), anchors[at].row):
            if (place := here.get(row)) is not None:
                lines[place] = record.line_number
        start = end
    return lines


def mend(
    layout: TextLayout, path: Path, blocks: Sequence[Block] = (), *, everything: bool = False
) -> Mended:
    """Write the rows of a text so that DuckDB reads them as the grammar says.

    Blocks without anything doubtful are copied, unless `everything` is to be written anew; of those
    in `blocks` with a number of rows it is believed, and DuckDB objects if it is wrong.
    """
    mended = Mended(layout, path, path.with_suffix(".malformed"))
    line_end = b"\r\n" if layout.line_end == "CRLF" else b"\n"
    empty_lines = 0
    believed = {block.offset: block for block in blocks if block.rows is not None}
    row: _Row | None = None  # read and not yet written: the next line may be a piece of it
    piece: TextRecord | None = None  # the line before, if it may be a piece of the next row
    with (
        layout.path.open("rb") as source,
        path.open("wb") as out,
        mended.malformed.open("w", encoding="utf-8", newline="\n") as aside,
    ):
        at = _Anchor(1, layout.first_line + layout.skip, _first_byte(layout))
        # DuckDB takes the first line break it meets for the line end, be it in a quoted cell.
        header = mended.dialect.delimiter.join(f"c{position}" for position in range(layout.width))
        out.write(header.encode() + line_end)
        while True:
            source.seek(at.offset)
            told = believed.get(at.offset)
            block = source.read(told.length) if told else _next_block(source, layout)
            if not block:
                out.write(_written(mended, row, aside) + line_end if row else b"")
                return mended
            mended.anchors.append(at)
            end = at.offset + len(block)
            has_others = any(at.line <= n <= at.line + _lines(block) for n in layout.not_rows)
            rows = None
            if told and not piece and not _holds(block, MARK.encode()):
                rows = told.rows
            elif not (everything or has_others or piece):
                rows = _plain_rows(block, layout)
            if rows is not None and not _may_be_torn(source, layout):
                out.write(_written(mended, row, aside) + line_end if row else b"")
                out.write(block)
                row = None
                at = _Anchor(at.row + rows, at.line + _lines(block), end)
                mended.empty_lines, empty_lines = mended.empty_lines + empty_lines, 0
                continue
            for record, offset in _parsed(layout, at):
                is_row = layout.is_row(record)
                at = _Anchor(at.row + is_row, record.line_number + line_count(record.raw), offset)
                after = record if _is_a_piece(record, layout) else None
                if row:
                    out.write(_written(mended, row._replace(after=after), aside) + line_end)
                row = _Row(at.row - 1, record, piece, None) if is_row else None
                piece = after
                if is_row:
                    mended.empty_lines, empty_lines = mended.empty_lines + empty_lines, 0
                else:
                    empty_lines += 1
                if offset >= end:
                    break


def _first_byte(layout: TextLayout) -> int:
    """Return where the rows of a text begin, behind a byte order mark and the header."""
    with layout.path.open("rb") as file:
        mark = len(codecs.BOM_UTF8) * file.read(3).startswith(codecs.BOM_UTF8)
    if not layout.skip:
        return mark
    with layout.path.open(encoding="utf-8-sig", newline="") as text:
        return mark + len(text.readline().encode())


def _lines(block: bytes) -> int:
    code = np.frombuffer(block, dtype=np.uint8)  # of many, six times as fast as bytes.count
    lines = int(np.count_nonzero(code == 10))
    return lines + (block.count(b"\r") - block.count(b"\r\n") if b"\r" in block else 0)


def _plain_rows(block: bytes, layout: TextLayout) -> int | None:
    """Count the rows of a block in which nothing is doubtful; None where something is."""
    dialect = layout.dialect
    doubtful = (b"\0", b"\xef\xbb\xbf", MARK.encode())
    if len(dialect.delimiter.encode()) > 1 or any(text in block for text in doubtful):
        return None
    if layout.line_end == "CR":
        return None
    if dialect.escape != dialect.quote and block.endswith(dialect.escape.encode()):
        return None
    if not _quotes_in_place(block, dialect):
        return None
    records = _records_of(block, layout)
    is_plain = records.have_line_ends_alike and not records.empty_lines
    if not is_plain or (records.delimiters != layout.width - 1).any():
        return None
    return len(records.delimiters)


def _parsed(layout: TextLayout, start: _Anchor) -> Iterator[tuple[TextRecord, int]]:
    """Parse the text from a place on; yield every record with the byte behind it."""
    behind: dict[int, int] = {}  # the byte behind a line

    def lines(text: io.TextIOWrapper) -> Iterator[str]:
        offset = start.offset
        for number, line in enumerate(text, start.line):
            offset += len(line.encode())
            behind[number] = offset
            # One more byte order mark begins every file that was appended to another.
            yield line.removeprefix("\ufeff")

    with layout.path.open("rb") as file:
        file.seek(start.offset)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        for record in parse_records(lines(text), layout.dialect, layout.width, start.line):
            last = record.line_number + line_count(record.raw) - 1
            offset = behind[last]
            for number in range(record.line_number, last + 1):
                del behind[number]
            yield record, offset


class _Row(NamedTuple):
    """A row of a text: its number, its record, lines before and behind that may be pieces of it."""

    number: int
    record: TextRecord
    before: TextRecord | None
    after: TextRecord | None


def _is_a_piece(record: TextRecord, layout: TextLayout) -> bool:
    """Tell whether a line may be the beginning or the end of a cell that no quotes held together.

    It has one cell, as what a line break tears off the first or the last cell of a row. From other
    cells it tears off more, and both pieces have too few cells. A row with other delimiters is
    whole.
    """
    cells = record.cells or []
    if not layout.is_row(record) or len(cells) != 1 or layout.width == 1:
        return False
    quote = layout.dialect.quote
    is_whole = bool(quote) and record.raw.lstrip(" ").startswith(quote)
    is_whole = is_whole or any(record.raw.count(d) == layout.width - 1 for d in ",;\t|")
    return not is_whole and not _NOTE.match(cells[0]) and not FOOTER.match(cells[0])


def _may_be_torn(source: io.BufferedReader, layout: TextLayout) -> bool:
    """Tell whether the line behind a block has one cell, so that the last row may be torn."""
    following = source.readline()
    return bool(following.strip()) and layout.dialect.delimiter.encode() not in following


def _torn(row: _Row, layout: TextLayout) -> tuple[str, str, str] | None:
    """Say of a row that a line beside it may be a piece of it; cells in quotes are whole."""
    quote, raw = layout.dialect.quote, row.record.raw.strip(" \r\n")
    pieces = (
        (row.before, "before", bool(quote) and raw.startswith(quote)),
        (row.after, "behind", bool(quote) and raw.endswith(quote)),
    )
    for piece, where, is_whole in pieces:
        if piece and not is_whole:
            message = (
                f"line {piece.line_number} {where} it has one cell: it may be a piece of this "
            )
            message += "row, torn off by a line break that nobody quoted"
            return "torn_row", message, compact(row.record.cells)
    return None


def _written(mended: Mended, row: _Row, aside: io.TextIOBase) -> bytes:
    """Write a row anew, of a malformed one a mark, while its text goes aside."""
    layout, dialect, record = mended.layout, mended.dialect, row.record
    problem = _problem(record, layout) or _torn(row, layout)
    if problem is not None:
        line = _ENCODE([row.number, record.line_number, *problem]) + "\n"
        aside.write(line)
        mended.count_malformed += 1
        mended.longest = max(mended.longest, len(line.encode()))
        cells = [MARK, *[""] * (layout.width - 1)]
    else:
        cells = [cell.strip("\ufeff") for cell in record.cells or [""]]
        mended.lone_quotes += record.problem is LONE_QUOTE
    if not dialect.quote:
        return dialect.delimiter.join(cells).encode()
    quote, escape = dialect.quote, dialect.escape
    if escape != quote:
        cells = [cell.replace(escape, escape + escape) for cell in cells]
    quoted = [quote + cell.replace(quote, escape + quote) + quote for cell in cells]
    return dialect.delimiter.join(quoted).encode()


def _problem(record: TextRecord, layout: TextLayout) -> tuple[str, str, str] | None:
    """Say why a record cannot be a row: reason, message, text."""
    if record.problem is OPEN_QUOTE:
        return CUT_OFF, OPEN_QUOTE, without_marks(record.raw)
    if _CUT_CHARACTER.search(record.raw):
        return CUT_OFF, "the last record ends inside a character", without_marks(record.raw)
    if record.cells is None:
        return "malformed_quote", str(record.problem), record.raw
    count = len(record.cells) or 1
    if count < layout.width and not record.raw.endswith(("\n", "\r")):
        said = f"the last record has {count} of {layout.width} cells and no line end"
        return CUT_OFF, said, without_marks(record.raw)
    if MARK in record.raw or "\0" in record.raw:
        raw = without_marks(record.raw)
        if MARK in record.raw:
            return "undecodable", UNDECODABLE, raw
        return "undecodable", "zero bytes (NUL) in the row: it was damaged on its way", raw
    if count == layout.width:
        message = layout.not_rows.get(record.line_number)
        return ("repeated_header", message, compact(record.cells)) if message else None
    return "wrong_cell_count", f"{count} cells instead of {layout.width}", compact(record.cells)
