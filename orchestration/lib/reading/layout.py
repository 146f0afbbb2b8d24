"""Which column of a file is which column of the contract.

Belongs here: matching names. Does not: reading headers out of files, cell values.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError

# Finding the header tries every line of the sample under every dialect, each against all names and
# aliases of the contract: the same few hundred texts hundreds of times.
_FOLDED_KEPT = 20_000
_FEW_HEADERS = 3  # of which all may begin alike by chance
# The byte order mark of a text that was read as windows-1252 and written as UTF-8.
MARK_TWICE = "ï»¿"


@dataclass(frozen=True)
class Layout:
    """Positions in a file: of contract columns by their name, of others by their header.

    `repeated` has the further positions of a contract column whose header occurs more than once:
    whether that matters depends on the cells.
    """

    matched: dict[str, int]
    unknown: dict[str, int]
    repeated: dict[str, list[int]] = field(default_factory=dict)

    def missing(self, exported: ExportObject) -> tuple[str, ...]:
        """Name the contract columns that the file does not have."""
        return tuple(c.name for c in exported.columns if c.name not in self.matched)


def match_columns(headers: Sequence[str], exported: ExportObject) -> Layout:
    """Match headers to contract columns: by name, then by alias in the contract's order.

    Case and surrounding spaces do not count. Columns that find no header so are matched by letters
    and digits alone (`First Name` is `first_name`). When a column's name and its alias both occur,
    the alias rides along as an unknown column. Unknown headers that repeat or are empty get a name
    of their own, so that no cell is lost.

    A table that stands before all names (`contacts.email`) is no part of them.

    Raises RefusedError when several headers would match only by letters and digits.
    """
    headers = _without_table(headers)
    matched: dict[str, int] = {}
    repeated: dict[str, list[int]] = {}
    taken: set[int] = set()
    for fold in (folded, _letters):
        positions: dict[str, list[int]] = {}
        for position, header in enumerate(headers):
            if position not in taken and fold(header):
                positions.setdefault(fold(header), []).append(position)
        for column in exported.columns:
            if column.name in matched:
                continue
            for candidate in (column.name, *column.aliases):
                found = [p for p in positions.get(fold(candidate), []) if p not in taken]
                if not found:
                    continue
                if fold is _letters and len({folded(headers[p]) for p in found}) > 1:
                    raise RefusedError(
                        f"{' and '.join(repr(headers[p].strip()) for p in found)} could both be "
                        f"the column {column.name}",
                        f"add the right one to the aliases of {exported.name}.{column.name} in "
                        "the contract",
                    )
                matched[column.name] = found[0]
                if len(found) > 1:
                    repeated[column.name] = found[1:]
                taken.update(found)
                break
    unknown: dict[str, int] = {}
    for position, header in enumerate(headers):
        if position not in taken:
            name = header.replace("\0", "").strip()  # which no SQL can say
            unknown[_free_name(name or f"column_{position + 1}", unknown)] = position
    return Layout(matched, unknown, repeated)


def _without_table(headers: Sequence[str]) -> Sequence[str]:
    """Cut off what all headers begin with up to a point, as Hive writes the name of a table."""
    tables = {header.partition(".")[0] if "." in header else None for header in headers}
    if len(tables) > 1 or None in tables or len(headers) < _FEW_HEADERS:
        return headers
    return [header.partition(".")[2] for header in headers]


def count_matches(headers: Sequence[str], exported: ExportObject) -> int:
    """Count the contract columns that a row of headers would name."""
    return matches_by_row([headers], exported)[0]


def matches_by_row(rows: Iterable[Sequence[str]], exported: ExportObject) -> list[int]:
    """Count the contract columns that each row would name if it were the header."""
    known = {
        _letters(text) for column in exported.columns for text in (column.name, *column.aliases)
    }

    def count(headers: Sequence[str]) -> int:
        if known.isdisjoint(
            map(_letters, _without_table(headers))
        ):  # as in nearly all lines that are no header
            return 0
        try:
            return len(match_columns(headers, exported).matched)
        except RefusedError:
            return 0

    return [count(headers) for headers in rows]


def require_columns(
    headers: Iterable[str], layout: Layout, exported: ExportObject, line: int = 1
) -> None:
    """Refuse a file that lacks a required column, naming the header that comes nearest."""
    for column in exported.columns:
        if column.name in layout.matched or not exported.must_be_present(column):
            continue
        spellings = [folded(name) for name in (column.name, *column.aliases)]
        candidates = [name for name in layout.unknown if name]
        nearest = max(candidates, key=lambda name: _likeness(folded(name), spellings), default=None)
        has = ", ".join(h.strip() for h in headers) or "none"
        if nearest is not None and _likeness(folded(nearest), spellings) >= 0.6:
            remedy = (
                f"if {nearest!r} is that column, add it to the aliases of "
                f"{exported.name}.{column.name} in the contract; otherwise export it again"
            )
        else:
            meaning = f": {column.description}" if column.description else ""
            remedy = f"export {exported.name} again with the column {column.name}{meaning}"
        raise RefusedError(
            f"line {line}: required column {column.name} is missing; the file has: {has}", remedy
        )
    if not layout.matched:
        raise RefusedError(
            f"line {line}: no header is a column of {exported.name}",
            "check that the file is what its name says, and that it has a header row",
        )


def _likeness(name: str, spellings: Iterable[str]) -> float:
    return max(difflib.SequenceMatcher(None, name, other).ratio() for other in spellings)


def _free_name(name: str, taken: dict[str, int]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    return f"{name} ({number})"


@lru_cache(_FOLDED_KEPT)
def folded(header: str) -> str:
    """Bring a header to the form in which two are compared."""
    return header.strip().removeprefix(MARK_TWICE).casefold()


@lru_cache(_FOLDED_KEPT)
def _letters(header: str) -> str:
    """Leave letters and digits, of the same header in other letters the same."""
    if header.isascii() and header.isalnum():
        return header.lower()
    text = unicodedata.normalize("NFKC", header.removeprefix(MARK_TWICE)).casefold()
    return "".join(c for c in text if c.isalnum())
