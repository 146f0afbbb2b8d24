"""Rows that nothing speaks against and that are unlike all others of their file.

A row of texts whose cells moved by one column, the rows of another table below, a last cell that
was cut off: no type objects. Nothing here sets a row aside, for a record may be odd. Belongs here:
telling such rows, columns of which reports leave cells out, and the warnings. Does not: odd texts
(`doubts`), odd values (`odd_values`), what makes a row unusable (`sorting`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb

from orchestration.lib.contracts import ASIDE_MARK, ExportObject
from orchestration.lib.reading.sql import literal, quoted

_ROWS = 2000  # that are looked at
_COLUMNS = 50  # that are looked at: a row that is odd is so in many
_FEW_ROWS = 20  # below which all may be alike by chance
# The share of cells that are alike in a column, that of such columns in which a row is odd, and the
# cells of it that have another form: where fewer cells are alike, a row has to be odd in more
# columns. One odd cell is a slip, or a rare value. Of 237 healthy files two have such rows.
_LEVELS = ((0.95, 1 / 3, 1), (0.95, 1 / 4, 2), (0.8, 2 / 3, 1))
_FEW_COLUMNS = 3  # in which rows are alike, below which one may be odd in two by chance
_FEW_CELLS = 2  # that are odd in one row
_GAPS = 3  # odd cells for one of another form, at most: the others are empty
_MANY_TEXTS = 10  # of a column that are equally long: fewer are so by chance
_FEW_ODD = 4  # cells that may be odd in a column, however few rows
_FEW_SWAPPED, _FEW_HEADINGS = 0.05, 0.1  # of the rows
_FEW_TEXTS, _TIMES_MORE = 3, 10  # of a text where it belongs: given names are family names, too
_FEW_OF_A_TEXT = 5  # rows, below which they may be alike by chance
_EXPECTED_REPEATS = 8  # by chance, where not one was seen
_LETTER = re.compile("[^\\W\\d_]")
_NUMBER, _DIGIT = re.compile("[+-]?[0-9]+(?:[.][0-9]+)?"), re.compile("[0-9]")
_EARLIEST, _LATEST = "1900-01-02", "2200"  # before and from which on a date stands for none


_Counts = Counter[str | None]  # how often a column holds each of its cells


class _Forms(NamedTuple):
    """What of a column is needed to say which of its cells are odd.

    `strange` has the cells that are no number, those with a digit, and those of another length than
    most, each with how many cells of the column hold one of them.
    """

    rows: int
    filled: int
    strange: tuple[tuple[set[str], int], ...]


class FirstRows(NamedTuple):
    """The first rows that landed: their places in the file, and of the first columns all cells.

    `counts` says how often each cell occurs in its column.
    """

    places: Sequence[int]
    columns: Sequence[Sequence[str | None]]
    counts: Sequence[_Counts]


def first_rows(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject
) -> FirstRows | None:
    """Return the first rows that landed; None where they are too few to say what is usual."""
    names = [quoted(column.name) for column in exported.columns][:_COLUMNS]
    rows = con.execute(
        f"select file_row_number + 1, {', '.join(names)} "
        f"from read_parquet({literal(str(parquet))}, file_row_number = true) "
        f"where {ASIDE_MARK} is null limit {_ROWS}"
    ).fetchall()
    if len(rows) < _FEW_ROWS:
        return None
    places, *columns = zip(*rows, strict=True)
    return FirstRows(places, columns, [Counter(cells) for cells in columns])


def odd_rows(exported: ExportObject, rows: FirstRows) -> list[str]:
    """Say which of the first rows that landed are in several columns unlike the others."""
    places, columns, counts = rows
    forms_of_columns = [
        _forms_of(of_column, has_lengths=column.type not in ("integer", "decimal"))
        for column, of_column in zip(exported.columns, counts, strict=False)
    ]
    odd: set[int] = set()
    for most, part, forms in _LEVELS:
        found = [_oddities(of_column, most) for of_column in forms_of_columns]
        told = sum(oddities is not None for oddities in found)
        if told < _FEW_COLUMNS:
            continue
        empty, others = Counter[int](), Counter[int]()
        for cells, oddities in zip(columns, found, strict=True):
            if oddities:  # else all cells are alike
                for place, cell in zip(places, cells, strict=True):
                    if cell in oddities:
                        (empty if cell is None else others)[place] += 1
        least = max(_FEW_CELLS, part * told)
        # rows that are mostly empty where others are not are records that are not known in full
        odd |= {
            place
            for place, count in others.items()
            if count >= forms and least <= count + empty[place] <= _GAPS * count
        }
    said = []
    if odd:
        said.append(
            f"{_which(odd)} unlike all others in several columns: shifted, or of another table?"
        )
    if swapped := _swapped(columns, counts):
        said.append(
            f"{_which({places[at] for at in swapped})} odd in two cells, each of which stands in "
            "the column of the other elsewhere: swapped?"
        )
    usual = sum(n[None] <= _FEW_HEADINGS * len(places) for n in counts)
    headings = {
        place
        for place, *cells in zip(places, *columns, strict=True)
        if cells.count(None) == len(columns) - 1
    }
    if headings and usual > _FEW_COLUMNS:
        said.append(
            f"{_which(headings)} empty but for one cell: headings, or "
            "records of which nothing else is known?"
        )
    return [*said, *_left_out(exported, columns, counts)]


def _which(rows: set[int]) -> str:
    return f"row {min(rows)} is" if len(rows) == 1 else f"{len(rows)} rows (first: {min(rows)}) are"


def _swapped(columns: Sequence[Sequence[str | None]], counts: Sequence[_Counts]) -> set[int]:
    """Return the rows in which two texts of columns that share none otherwise changed places."""
    rows = len(columns[0])
    columns_of = Counter(chain.from_iterable(counts))
    shared = [text for text, n in columns_of.items() if n > 1 and text and _LETTER.search(text)]
    # column and text that is hardly ever there -> columns to which it belongs
    foreign: dict[tuple[int, str], set[int]] = {}
    strangers = Counter[tuple[int, int]]()
    for text in shared:
        places = [at for at, of_column in enumerate(counts) if text in of_column]
        for at in places:
            for other in places:
                here, there = counts[at][text], counts[other][text]
                if there >= _FEW_TEXTS and here <= max(1, there / _TIMES_MORE):
                    foreign.setdefault((at, text), set()).add(other)
                    strangers[at, other] += counts[at][text]
    most = max(_FEW_ODD, _FEW_SWAPPED * rows)
    pairs = {
        (one, other)
        for one, other in strangers
        if one < other and 0 < strangers[other, one] <= most and strangers[one, other] <= most
    }
    return {
        row
        for one, other in pairs
        for row, (a, b) in enumerate(zip(columns[one], columns[other], strict=True))
        if other in foreign.get((one, str(a)), ()) and one in foreign.get((other, str(b)), ())
    }


def _left_out(
    exported: ExportObject,
    columns: Sequence[Sequence[str | None]],
    counts: Sequence[_Counts],
) -> Iterator[str]:
    """Name the columns whose cells are empty wherever they would repeat the one above.

    Reports do so. By chance the same text stands twice in a row as often as the texts are frequent.
    Where another column says which cells are empty, they are so on purpose: channels without a
    campaign.
    """
    for column, cells, of_column in zip(exported.columns, columns, counts, strict=False):
        if cells[0] is None or not of_column[None]:
            continue
        texts = [cell for cell in cells if cell is not None]
        if any(a == b for a, b in pairwise(texts)):
            continue
        by_chance = sum(n**2 for text, n in of_column.items() if text is not None) / len(texts)
        if by_chance < _EXPECTED_REPEATS:
            continue
        if not any(
            _says_which_are_empty(other, cells, n) for other, n in zip(columns, counts, strict=True)
        ):
            yield (
                f"{column.name} never repeats the cell above and is empty elsewhere: were repeated "
                "cells left out?"
            )


def _says_which_are_empty(
    column: Sequence[str | None], cells: Sequence[str | None], counts: _Counts
) -> bool:
    """Tell whether cells are empty in all rows of some texts of another column, else filled."""
    if None in counts or len(counts) * _FEW_OF_A_TEXT > len(cells):
        return False
    empty = Counter(text for text, cell in zip(column, cells, strict=True) if cell is None)
    return all(count == counts[text] for text, count in empty.items())


def _forms_of(counts: _Counts, *, has_lengths: bool) -> _Forms:
    """Describe a column; a number that is longer than others is larger, and no other form."""
    texts = {text: count for text, count in counts.items() if text is not None}
    filled = sum(texts.values())
    rows = filled + counts[None]
    if filled < _FEW_ROWS:
        return _Forms(rows, filled, ())
    strange = [
        {text for text in texts if not _NUMBER.fullmatch(text)},
        {text for text in texts if _DIGIT.search(text)},
    ]
    if has_lengths and len(texts) >= _MANY_TEXTS:
        lengths = Counter[int]()
        for text, count in texts.items():
            lengths[len(text)] += count
        length = lengths.most_common(1)[0][0]
        strange.append({text for text in texts if len(text) != length})
    return _Forms(
        rows, filled, tuple((some, sum(map(texts.__getitem__, some))) for some in strange)
    )


def _oddities(forms: _Forms, most: float) -> set[str | None] | None:
    """Return the cells of a column that are empty or of another form, where hardly one is.

    None where nothing can be said of the column.
    """
    is_filled = forms.filled >= min(most * forms.rows, forms.rows - _FEW_ODD)
    usual = min(most * forms.filled, forms.filled - _FEW_ODD)
    others = [some for some, count in forms.strange if forms.filled - count >= usual]
    if not is_filled and not others:
        return None
    empty: set[str | None] = {None} if is_filled and forms.filled < forms.rows else set()
    return empty.union(*others)


def far_dates(con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject) -> list[str]:
    """Name the columns with dates that are none, and these: 9999-12-31 for "never", 1900-01-01.

    The file knows the least and the greatest text of every column.
    """
    dates = {c.name for c in exported.columns if c.type in ("date", "timestamp")}
    if not dates:
        return []
    found = con.execute(
        "select path_in_schema, min(stats_min_value), max(stats_max_value) "
        f"from parquet_metadata({literal(str(parquet))}) group by path_in_schema"
    )
    extremes = {name: (least, greatest) for name, least, greatest in found.fetchall()}
    return [
        f"{name} ({', '.join(texts)})"
        for name in (c.name for c in exported.columns if c.name in dates)
        if (texts := list(_far(*extremes.get(name, (None, None)))))
    ]


def _far(least: str | None, greatest: str | None) -> Iterator[str]:
    if least is not None and least < _EARLIEST:
        yield least[:10]
    if greatest is not None and greatest >= _LATEST and greatest != least:
        yield greatest[:10]


def cut_last_cell(con: duckdb.DuckDBPyConnection, last: str, column: str, rows: int) -> list[str]:
    """Say whether the last cell of a file without a line end looks cut off.

    It is shorter than every other of its column, or has fewer decimals, or is the beginning of
    others and never stands alone. `column` is its text in the table `sample`, which holds the first
    of the file's `rows`: all of them but the last are others.
    """

    def decimals(cell: str) -> str:
        return f"strlen(regexp_extract({cell}, '[0-9][.,]([0-9]*)$', 1))"

    row = con.execute(
        f"""
        select
            count(*) >= {_FEW_ROWS} and (
                strlen($last) < min(strlen(coalesce(cell, '')))
                or {decimals("$last")} < min({decimals("cell")})
            ),
            count(distinct cell) * 2 < count(cell) and count_if(cell = $last) = 0
            and count_if(starts_with(cell, $last)) > 0
        from (
            select {column} as cell, row_number() over () as place from sample
        )
        where place < {rows}
        """,
        {"last": last},
    ).fetchone()
    if row is None or not any(row):
        return []
    return ["no line end stands behind the last row, whose last cell looks cut off: is it whole?"]
