"""Rows that nothing speaks against and that are unlike all others of their file.

A row of texts whose cells moved by one column, the rows of another table below, a last cell that
was cut off: no type objects. Nothing here sets a row aside, for a record may be odd. Belongs here:
telling such rows, and warnings that say where they are. Does not: odd texts (`doubts`), what makes
a row unusable (`sorting`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from orchestration.lib.contracts import ASIDE_MARK, ExportObject
from orchestration.lib.reading.sql import literal, quoted

_ROWS = 5000  # that are looked at
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
_NUMBER, _DIGIT = re.compile("[+-]?[0-9]+(?:[.][0-9]+)?"), re.compile("[0-9]")
_EARLIEST, _LATEST = "1901", "2200"  # years, beyond which a date stands for none


def odd_rows(con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject) -> list[str]:
    """Say which of the first rows that landed are in several columns unlike the others."""
    names = [quoted(column.name) for column in exported.columns][:_COLUMNS]
    rows = con.execute(
        f"select file_row_number + 1, {', '.join(names)} "
        f"from read_parquet({literal(str(parquet))}, file_row_number = true) "
        f"where {ASIDE_MARK} is null limit {_ROWS}"
    ).fetchall()
    if len(rows) < _FEW_ROWS:
        return []
    places, *columns = zip(*rows, strict=True)
    texts = [Counter(cells) for cells in columns]
    odd: set[int] = set()
    for most, part, forms in _LEVELS:
        found = [_oddities(counts, most) for counts in texts]
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
    if not odd:
        return []
    which = f"row {min(odd)} is" if len(odd) == 1 else f"{len(odd)} rows (first: {min(odd)}) are"
    return [f"{which} unlike all others in several columns: shifted, or of another table?"]


def _oddities(counts: Mapping[str | None, int], most: float) -> set[str | None] | None:
    """Return the cells of a column that are empty or of another form, where hardly one is.

    None where nothing can be said of the column.
    """
    rows = sum(counts.values())
    texts = {text: count for text, count in counts.items() if text is not None}
    filled = sum(texts.values())
    is_known = False
    odd: set[str | None] = set()
    if filled >= min(most * rows, rows - _FEW_ODD):
        is_known = True
        odd |= {text for text in counts if text is None}
    if filled < _FEW_ROWS:
        return odd if is_known else None
    usual = min(most * filled, filled - _FEW_ODD)
    lengths = Counter[int]()
    for text, count in texts.items():
        lengths[len(text)] += count
    others = [
        {text for text in texts if not _NUMBER.fullmatch(text)},
        {text for text in texts if _DIGIT.search(text)},
    ]
    if len(texts) >= _MANY_TEXTS:
        length = lengths.most_common(1)[0][0]
        others.append({text for text in texts if len(text) != length})
    for strange in others:
        if filled - sum(texts[text] for text in strange) >= usual:
            is_known = True
            odd |= strange
    return odd if is_known else None


def far_dates(con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject) -> list[str]:
    """Name the columns with dates that are none: 9999-12-31 for "never", 1900-01-01 for nothing.

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
    far = [
        f"{name} ({', '.join(texts)})"
        for name in (c.name for c in exported.columns if c.name in dates)
        if (texts := list(_far(*extremes.get(name, (None, None)))))
    ]
    return [f"dates far from ours, which may stand for none, stay: {', '.join(far)}"] if far else []


def _far(least: str | None, greatest: str | None) -> Iterator[str]:
    if least is not None and least < _EARLIEST:
        yield least[:10]
    if greatest is not None and greatest >= _LATEST and greatest != least:
        yield greatest[:10]


def cut_off(con: duckdb.DuckDBPyConnection, last: str, column: str) -> list[str]:
    """Say whether the last cell of a file without a line end looks cut off.

    It is shorter than every other of its column, or has fewer decimals, or is the beginning of
    others and never stands alone. `column` is its text in the table `sample`, of which all but this
    row are others.
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
            select {column} as cell, row_number() over () as place, count(*) over () as n
            from sample
        )
        where place < n or n = {_ROWS}
        """,
        {"last": last},
    ).fetchone()
    if row is None or not any(row):
        return []
    return ["no line end stands behind the last row, whose last cell looks cut off: is it whole?"]
