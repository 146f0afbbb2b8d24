"""Records of delimited text, one by one, with the line on which each begins.

The careful half of the reader: it says of every record whether it is well formed, which DuckDB's
reader does not. Belongs here: the grammar of delimited text, the choice of the delimiter, the
header. Does not: what columns mean.

The grammar is RFC 4180 with what real exports add: any of LF, CRLF and CR ends a record; spaces
between a delimiter and a quote are dropped; a quote inside an unquoted cell is an ordinary
character; an empty line is no record where a record has several cells.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError

DELIMITERS = ",;\t|"

# A quoted cell longer than this is taken for a quote that nobody closed: it bounds memory, and the
# largest cell CRMs export (a Salesforce long text or rich text field) holds 131,072 characters.
LONGEST_CELL = 16_000_000


@dataclass(frozen=True)
class Dialect:
    """What delimited text is written with."""

    delimiter: str
    quote: str
    escape: str


class TextRecord(NamedTuple):
    """One record. `cells` is empty for an empty line, None where the text is malformed."""

    line_number: int
    cells: list[str] | None
    raw: str


def parse_records(lines: Iterable[str], dialect: Dialect) -> Iterator[TextRecord]:
    """Split lines (with their line ends) into records.

    After a malformed quote reading goes on at the next line. Raises RefusedError when the text ends
    inside a quoted cell.
    """
    grammar = _Grammar.of(dialect)
    delimiter, quote = dialect.delimiter, dialect.quote
    cells: list[str] = []
    raw: list[str] = []
    part: list[str] | None = None  # the text so far of an open quoted cell
    start = opened = length = 0
    for number, line in enumerate(lines, 1):
        if part is None:
            if quote not in line:
                body = line.rstrip("\r\n")
                yield TextRecord(number, body.split(delimiter) if body else [], line)
                continue
            start, cells, raw = number, [], []
        raw.append(line)
        position = 0
        while True:
            if part is None:
                opening = grammar.opening.match(line, position)
                if opening:
                    part, opened, length, position = [], number, 0, opening.end()
            if part is None:
                plain = grammar.plain.match(line, position)
                assert plain is not None  # the pattern matches the empty text
                cells.append(plain.group())
                position = plain.end()
            else:
                inside = grammar.inside.match(line, position)
                assert inside is not None  # the pattern matches the empty text
                part.append(inside.group())
                length += len(part[-1])
                if length > LONGEST_CELL:
                    raise _never_closed(opened, f"within {LONGEST_CELL:,} characters")
                position = inside.end()
                if not line.startswith(quote, position):
                    break  # the cell goes on in the next line
                closing = grammar.closing.match(line, position)
                if not closing:
                    part = None
                    yield TextRecord(start, None, "".join(raw))
                    break
                cells.append(grammar.escaped.sub(r"\1", "".join(part)))
                part = None
                position = closing.end()
            if not line.startswith(delimiter, position):
                yield TextRecord(start, cells, "".join(raw))
                break
            position += len(delimiter)
    if part is not None:
        raise _never_closed(opened, "before the file ends")


def data_records(path: Path, dialect: Dialect, exported: ExportObject) -> Iterator[TextRecord]:
    """Read the records of a UTF-8 file behind its header; empty lines are left out.

    Where a record has one cell only, an empty line is an empty cell.
    """
    header = exported.header
    width: int | None = None
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for record in parse_records(lines, dialect):
            if width is None and record.cells:
                width = len(record.cells)
            if record.cells == [] and width == 1:
                record = record._replace(cells=[""])
            if record.cells == []:
                continue
            if header:
                header = False
                continue
            yield record


def first_record(path: Path, dialect: Dialect) -> TextRecord:
    """Return the first record that is not an empty line: the header where the file has one."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for record in parse_records(lines, dialect):
            if record.cells != []:
                return record
    raise RefusedError("the file holds empty lines only", "export it again")


def decide_dialect(path: Path, exported: ExportObject, *, tabs: bool) -> Dialect:
    """Decide what the file is written with.

    The delimiter is what the contract says, else a tab in a TSV file, else the one under which the
    first record holds most columns of the contract (without a header: exactly as many cells).
    """

    def dialect(delimiter: str) -> Dialect:
        return Dialect(delimiter, exported.quote or '"', exported.escape or '"')

    if exported.delimiter is not None or tabs:
        return dialect(exported.delimiter or "\t")
    known = {
        name.strip().casefold()
        for column in exported.columns
        for name in (column.name, *column.aliases)
    }

    def fit(delimiter: str) -> int:
        cells = first_record(path, dialect(delimiter)).cells or []
        if not exported.header:
            return int(len(cells) == len(exported.columns))
        return len(known & {cell.strip().casefold() for cell in cells})

    return dialect(max(DELIMITERS, key=fit))  # the first of the best


def _never_closed(line_number: int, where: str) -> RefusedError:
    return RefusedError(
        f"line {line_number}: the quote opened on this line is not closed {where}",
        "the file is truncated or a quote is stray: export it again, or double the quote",
    )


class _Grammar(NamedTuple):
    opening: re.Pattern[str]
    inside: re.Pattern[str]
    closing: re.Pattern[str]
    escaped: re.Pattern[str]
    plain: re.Pattern[str]

    @classmethod
    def of(cls, dialect: Dialect) -> "_Grammar":
        quote, escape, delimiter = map(
            re.escape, (dialect.quote, dialect.escape, dialect.delimiter)
        )
        padding = "" if dialect.delimiter == " " else " *"
        if dialect.quote == dialect.escape:
            inside, escaped = f"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*", f"{quote}({quote})"
        else:
            ordinary = f"[^{quote}{escape}]*"
            inside, escaped = f"{ordinary}(?:{escape}.{ordinary})*", f"{escape}(.)"
        return cls(
            opening=re.compile(padding + quote),
            inside=re.compile(inside, re.DOTALL),
            closing=re.compile(rf"{quote}{padding}(?={delimiter}|[\r\n]|\Z)"),
            escaped=re.compile(escaped, re.DOTALL),
            plain=re.compile(rf"[^{delimiter}\r\n]*"),
        )
