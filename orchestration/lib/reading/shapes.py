"""The spellings that occur in a column, counted: what decisions on columns are made from.

A shape is a value with every digit as 0. A column of a million dates has a handful of shapes, so
Python decides and DuckDB converts. Belongs here: finding them. Does not: what they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from orchestration.lib.contracts import Column, ExportObject
from orchestration.lib.reading.spellings import BLANKS, NARROW, WIDE
from orchestration.lib.reading.sql import literal

COLUMNS_AT_ONCE = 100  # that are looked at together; a thousand take more memory than there is
_SHAPES = 2000  # of one column; what has more is not of its type, and its rows are set aside


@dataclass(frozen=True)
class Shape:
    """A spelling that occurs in a column: `text` has every digit as 0.

    `first_above_12` counts values of which only the first of the first two numbers is above 12,
    `second_above_12` those of which only the second is, `open` those that could be swapped.
    """

    text: str
    count: int
    example: str
    lowest: float | None = None
    highest: float | None = None
    first_above_12: int = 0
    second_above_12: int = 0
    open: int = 0


def shapes_of(
    con: duckdb.DuckDBPyConnection,
    source: str,
    cells: Mapping[str, str | None],
    exported: ExportObject,
) -> dict[str, list[Shape]]:
    """Return the shapes of every typed column of a relation, the most frequent first."""
    found: dict[str, list[Shape]] = {}
    selects = []
    for column in exported.columns:
        cell = cells.get(column.name)
        if cell is None or column.type in ("text", "identifier") or column.format is not None:
            continue
        found[column.name] = []
        selects.append(_shapes_sql(column, cell, source))
    for start in range(0, len(selects), COLUMNS_AT_ONCE):
        query = " union all ".join(selects[start : start + COLUMNS_AT_ONCE])
        for name, *values in con.execute(query).fetchall():
            found[name].append(Shape(*values))
    return found


def _shapes_sql(column: Column, cell: str, source: str) -> str:
    shape = "left(translate(cell, '123456789', '000000000'), 80)"
    counts, number = "0, 0, 0", "cell"
    cells = f"(select {cell} as cell from {source} where {cell} is not null)"
    if column.type == "boolean":
        shape = "lower(trim(cell))"
    elif column.type in ("date", "timestamp"):
        # behind the year, where it comes first
        pair = "'^(?:[0-9]{4}[-/.])?([0-9]{1,2})[^0-9]+([0-9]{1,2})(?:[^0-9]|$)', ['a', 'b']"
        digits = f"ltrim(translate(cell, {literal(WIDE)}, {literal(NARROW)}), {literal(BLANKS)})"
        cells = f"(select cell, regexp_extract({digits}, {pair}) as pair from {cells})"
        number = "replace(cell, ',', '.')"
        a, b = "try_cast(pair.a as int)", "try_cast(pair.b as int)"
        counts = (
            f"count(*) filter ({a} > 12 and {b} <= 12), count(*) filter ({b} > 12 and {a} <= 12), "
            f"count(*) filter ({a} <= 12 and {b} <= 12 and {a} <> {b})"
        )
    number = f"try_cast({number} as double)"
    return (
        f"(select {literal(column.name)}, {shape} as shape, count(*), min(cell), min({number}), "
        f"max({number}), {counts} from {cells} group by shape "
        f"order by count(*) desc, shape limit {_SHAPES})"
    )
