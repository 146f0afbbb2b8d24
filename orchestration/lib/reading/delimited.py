"""Records of delimited text, one by one, with the line on which each begins.

The careful half of the reader: it says of every record whether it is well formed, which DuckDB's
reader does not. Belongs here: the grammar of delimited text. Does not: deciding which dialect a
file is written in (`dialect`), what columns mean.

The grammar is RFC 4180 with what real exports add: any of LF, CRLF and CR ends a record; spaces
between a delimiter and a quote are dropped; a quote inside an unquoted cell is an ordinary
character; an empty line is no record where a record has several cells.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from orchestration.lib.reading.records import RefusedError

# A quoted cell longer than this is taken for a quote that nobody closed: it bounds memory, and the
# largest cell CRMs export (a Salesforce long text or rich text field) holds 131,072 characters.
LONGEST_CELL = 16_000_000

TELLING_WIDTH = 4  # cells of a row; lines of a text may well have fewer delimiters
_FEW_SWALLOWED = 2  # lines of a cell, of which one may look like a row by chance

_LINE_END = re.compile(r"\r\n|\n|\r")
_AFTER_QUOTE = "text follows a closing quote: quotes inside a quoted cell must be doubled"
_STRAY_QUOTE = "a quote is opened on this line and not closed where its cell ends"
OPEN_QUOTE = "the last record ends inside a quoted cell"
_ODD_QUOTES = "quotes stand inside unquoted cells: a delimiter or a quote is missing"
LONE_QUOTE = "a quote stands inside an unquoted cell and was taken as text"


@dataclass(frozen=True)
class Dialect:
    """What delimited text is written with; an empty quote says that cells are never quoted."""

    delimiter: str
    quote: str
    escape: str


class TextRecord(NamedTuple):
    """One record. `cells` is empty for an empty line, None where the text is malformed.

    `problem` says what is malformed, or doubtful about the cells.
    """

    line_number: int
    cells: list[str] | None
    raw: str
    problem: str | None = None


class _Line(NamedTuple):
    number: int
    text: str


def parse_records(
    lines: Iterable[str], dialect: Dialect, width: int | None = None, first_line: int = 1
) -> Iterator[TextRecord]:
    """Split lines (with their line ends) into records.

    A stray quote opens a cell that swallows the following records. Where `width`, the cells of a
    record, is known, and most of the swallowed lines are records of that width by themselves, only
    the line with the quote is malformed, and reading goes on behind it; all of them, and several,
    where the whole happens to have that width as well. Where the text ends inside a quoted cell
    that holds no record of that width, its last record is cut off (OPEN_QUOTE). Raises RefusedError
    when a quote is left open otherwise and nothing says that it is a stray one.
    """
    source = (_Line(number, text) for number, text in enumerate(lines, first_line))
    again: deque[_Line] = deque()
    quote, delimiter = dialect.quote, dialect.delimiter
    while True:
        line = again.popleft() if again else next(source, None)
        if line is None:
            return
        if not quote or quote not in line.text:
            body = line.text.rstrip("\r\n")
            is_empty = not body or (body.isspace() and delimiter not in body)
            yield TextRecord(line.number, [] if is_empty else body.split(delimiter), line.text)
            continue
        read = [line]
        cells, problem = _cells(read, again, source, dialect)
        alone = 0
        swallows = width is not None and _swallows(read, width, dialect)
        if (
            len(read) > 1
            and width is not None
            and (swallows or cells is None or len(cells) != width)
        ):
            alone = sum(width_alone(other.text, dialect) == width for other in read[1:])
            if 2 * alone >= len(read) - 1:
                again.extendleft(reversed(read[1:]))
                yield TextRecord(line.number, None, line.text, _STRAY_QUOTE)
                continue
        is_alone = len(read) == 1 and line.text.endswith(("\n", "\r"))
        if problem is OPEN_QUOTE and (is_alone or width is None or alone):
            problem = _STRAY_QUOTE
        if problem is _STRAY_QUOTE and not is_alone:
            raise RefusedError(
                f"line {line.number}: the quote opened on this line is not closed before the file "
                f"ends or within {LONGEST_CELL:,} characters",
                "the file is truncated or a quote is stray: export it again, or double the quote",
            )
        yield TextRecord(line.number, cells, "".join(other.text for other in read), problem)


def _swallows(read: Sequence[_Line], width: int, dialect: Dialect) -> bool:
    """Tell whether the lines within a record are several, and all of them records by themselves."""
    inner = read[1:-1]
    return (
        width >= TELLING_WIDTH
        and len(inner) >= _FEW_SWALLOWED
        and all(width_alone(line.text, dialect) == width for line in inner)
    )


def line_count(raw: str) -> int:
    """Count the lines of a record."""
    return len(_LINE_END.findall(raw)) + (not raw.endswith(("\n", "\r")))


def width_alone(line: str, dialect: Dialect) -> int | None:
    """Count the cells of a line that is a record by itself; None where it is none."""
    if not dialect.quote or dialect.quote not in line:
        return line.count(dialect.delimiter) + 1
    cells, _ = _cells([_Line(1, line)], deque(), iter(()), dialect)
    return len(cells) if cells is not None else None


def _cells(
    read: list[_Line], again: deque[_Line], source: Iterator[_Line], dialect: Dialect
) -> tuple[list[str] | None, str | None]:
    """Parse the record that begins with the line in `read`; lines it goes on in are added there."""
    grammar = _grammar(dialect)
    cells: list[str] = []
    odd = 0  # unquoted cells with an odd number of quotes; two of them were one quoted cell
    line, position, length = read[0].text, 0, 0
    part: list[str] | None = None  # the text so far of an open quoted cell
    while True:
        if part is None:
            opening = grammar.opening.match(line, position)
            if opening:
                part, length, position = [], 0, opening.end()
        if part is None:
            plain = grammar.plain.match(line, position)
            assert plain is not None  # the pattern matches the empty text
            cells.append(plain.group())
            odd += _bare_quotes(cells[-1], dialect) % 2
            position = plain.end()
        else:
            inside = grammar.inside.match(line, position)
            assert inside is not None  # the pattern matches the empty text
            part.append(inside.group())
            length += len(part[-1])
            position = inside.end()
            if not line.startswith(dialect.quote, position):  # the cell goes on in the next line
                following = again.popleft() if again else next(source, None)
                if following is None:
                    return None, OPEN_QUOTE
                read.append(following)
                if length > LONGEST_CELL:
                    return None, _STRAY_QUOTE
                line, position = following.text, 0
                continue
            closing = grammar.closing.match(line, position)
            if not closing:
                return None, _AFTER_QUOTE
            cells.append(grammar.escaped.sub(r"\1", "".join(part)))
            part, position = None, closing.end()
        if not line.startswith(dialect.delimiter, position):
            if odd > 1:
                return None, _ODD_QUOTES
            return cells, LONE_QUOTE if odd else None
        position += len(dialect.delimiter)


def _bare_quotes(cell: str, dialect: Dialect) -> int:
    """Count the quotes of an unquoted cell that no escape stands before."""
    count = cell.count(dialect.quote)
    if dialect.escape != dialect.quote:
        count -= cell.count(dialect.escape + dialect.quote)
    return count


class _Grammar(NamedTuple):
    opening: re.Pattern[str]
    inside: re.Pattern[str]
    closing: re.Pattern[str]
    escaped: re.Pattern[str]
    plain: re.Pattern[str]


@lru_cache(maxsize=64)
def _grammar(dialect: Dialect) -> _Grammar:
    quote, escape, delimiter = map(re.escape, (dialect.quote, dialect.escape, dialect.delimiter))
    padding = "" if dialect.delimiter.startswith(" ") else " *"
    if dialect.quote == dialect.escape:
        inside, escaped = f"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*", f"{quote}({quote})"
    else:
        ordinary = f"[^{quote}{escape}]*"
        inside = f"{ordinary}(?:{escape}.{ordinary})*"
        # MySQL writes it before line ends as well; before anything else it is text
        escaped = f"{escape}([{quote}{escape}\r\n])"
    return _Grammar(
        opening=re.compile(padding + quote),
        inside=re.compile(inside, re.DOTALL),
        closing=re.compile(rf"{quote}{padding}(?={delimiter}|[\r\n]|\Z)"),
        escaped=re.compile(escaped, re.DOTALL),
        plain=re.compile(rf"(?:(?!{delimiter})[^\r\n])*"),
    )
