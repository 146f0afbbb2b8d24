"""Which column of a file is which column of the contract.

Belongs here: matching names. Does not: reading headers out of files, cell values.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.records import RefusedError


@dataclass(frozen=True)
class Layout:
    """Positions in a file: of contract columns by their name, of others by their header."""

    matched: dict[str, int]
    unknown: dict[str, int]

    def missing(self, exported: ExportObject) -> tuple[str, ...]:
        """Name the contract columns that the file does not have."""
        return tuple(c.name for c in exported.columns if c.name not in self.matched)


def match_columns(headers: Sequence[str], exported: ExportObject) -> Layout:
    """Match headers to contract columns: by name, then by alias in the contract's order.

    Case and surrounding spaces do not count. When a column's name and its alias both occur, the
    alias rides along as an unknown column. Unknown headers that repeat or are empty get a name of
    their own, so that no cell is lost.

    Raises RefusedError when a header that stands for a contract column occurs twice.
    """
    positions: dict[str, list[int]] = {}
    for position, header in enumerate(headers):
        positions.setdefault(_folded(header), []).append(position)
    matched: dict[str, int] = {}
    for column in exported.columns:
        for candidate in (column.name, *column.aliases):
            found = positions.get(_folded(candidate), [])
            if len(found) > 1:
                places = " and ".join(str(position + 1) for position in found)
                raise RefusedError(
                    f"the column {headers[found[0]].strip()!r} occurs twice, at positions {places}",
                    f"export {column.name} once, or rename one of the two",
                )
            if found:
                matched[column.name] = found[0]
                break
    unknown: dict[str, int] = {}
    taken = set(matched.values())
    for position, header in enumerate(headers):
        if position not in taken:
            unknown[_free_name(header.strip() or f"column_{position + 1}", unknown)] = position
    return Layout(matched, unknown)


def require_columns(headers: Iterable[str], layout: Layout, exported: ExportObject) -> None:
    """Refuse a file that lacks a required column, naming the header that comes nearest."""
    for column in exported.columns:
        if column.name in layout.matched or not exported.must_be_present(column):
            continue
        spellings = [_folded(name) for name in (column.name, *column.aliases)]
        candidates = [name for name in layout.unknown if name]
        nearest = max(
            candidates, key=lambda name: _likeness(_folded(name), spellings), default=None
        )
        has = ", ".join(h.strip() for h in headers) or "none"
        if nearest is not None and _likeness(_folded(nearest), spellings) >= 0.6:
            remedy = (
                f"if {nearest!r} is that column, add it to the aliases of "
                f"{exported.name}.{column.name} in the contract; otherwise export it again"
            )
        else:
            remedy = f"export {exported.name} again with the column {column.name}"
        raise RefusedError(
            f"line 1: required column {column.name} is missing; the file has: {has}", remedy
        )
    if not layout.matched:
        raise RefusedError(
            f"line 1: no header is a column of {exported.name}",
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


def _folded(header: str) -> str:
    return header.strip().casefold()
