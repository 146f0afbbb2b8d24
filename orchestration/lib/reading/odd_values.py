"""Numbers, times and flags that are of their type and may be wrong nonetheless.

-999 is a number to every type, 7.30 a time in the morning and in the evening. Nothing here sets a
row aside, for a value may be odd. Belongs here: what all values of a typed column say together, and
the warnings that name the columns. Does not: texts (`doubts`), rows (`odd_rows`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from orchestration.lib.contracts import ASIDE_MARK, Column, ExportObject
from orchestration.lib.reading.shapes import COLUMNS_AT_ONCE
from orchestration.lib.reading.sorting import Readings
from orchestration.lib.reading.sql import literal, quoted
from orchestration.lib.reading.values import Reading

_ROWS = 5000  # that are looked at
_FEW = 3  # values, below which they may be what they are by chance
_SEVERAL = 10  # amounts with as many decimals; fewer may be shares or places
_MANY = 50  # times, of which some are at midnight or in the afternoon
_HOURS = 10  # of a clock of twelve, that many times show
_RARE = 0.2  # of the values, that have lost what all others have
_TIMES_LARGER = 10  # an amount without its decimal point is a hundred times as large, or ten

_NINES = "9{4,}([.]0+|[.]9+)?"
_BELOW = "-9{2,}([.]0+|[.]9+)?"
# A column of nothing else but noise behind its fourth decimal; coordinates have other digits there.
_LONG_DIGITS = 9
_LONG = f"[.][0-9]{{{_LONG_DIGITS},}}$"
_NOISE = "abs({0} - round({0}, 4)) < 1e-6 * greatest(1, abs({0}))"


def odd_values(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject, readings: Readings
) -> list[str]:
    """Say what the values of the first rows that landed may be instead of what they say.

    Few columns are anything like it, which a look at their texts tells.
    """
    asked = [
        (column.name, *condition)
        for column in exported.columns
        if column.name != exported.deleted_flag
        for condition in _conditions(column, readings[column.name])
    ]
    rows = _first_rows(parquet)
    may_be = _true(con, [may_be for _, _, may_be, _ in asked], rows)
    asked = [one for one, is_so in zip(asked, may_be, strict=True) if is_so]
    found: dict[str, list[str]] = {}
    are = _true(con, [condition for *_, condition in asked], rows)
    for (name, said, _, _), is_so in zip(asked, are, strict=True):
        if is_so:
            found.setdefault(said, []).append(name)
    return [f"values of {', '.join(names)} {said}" for said, names in found.items()]


def digits_of(
    con: duckdb.DuckDBPyConnection, parquet: Path, exported: ExportObject
) -> dict[str, list[int | bool]]:
    """Return the codes that are digits alone, each with its fewest and most, and zeros in front.

    A spreadsheet takes zeros away, which the other files of the object tell.
    """
    codes = [c.name for c in exported.columns if c.type in ("text", "identifier")]
    rows = _first_rows(parquet)
    for condition in (
        f"count({{0}}) >= {_FEW} and min({{0}}) >= '0' and max({{0}}) < ':'",
        "bool_and(regexp_full_match({0}, '[0-9]+'))",
    ):
        are = _true(con, [condition.format(quoted(name)) for name in codes], rows)
        codes = [name for name, is_so in zip(codes, are, strict=True) if is_so]
    if not codes:
        return {}
    told = ", ".join(
        f"min(strlen({c})), max(strlen({c})), bool_or(starts_with({c}, '0'))"
        for c in map(quoted, codes)
    )
    row = con.execute(f"select {told} from {rows}").fetchone() or ()
    return {name: list(row[3 * at : 3 * at + 3]) for at, name in enumerate(codes)}


def _first_rows(parquet: Path) -> str:
    return f"(from read_parquet({literal(str(parquet))}) where {ASIDE_MARK} is null limit {_ROWS})"


def _true(con: duckdb.DuckDBPyConnection, conditions: Sequence[str], rows: str) -> list[bool]:
    """Tell of each condition on all of the rows whether it is true."""
    found: list[bool] = []
    for start in range(0, len(conditions), COLUMNS_AT_ONCE):
        some = conditions[start : start + COLUMNS_AT_ONCE]
        asked = ", ".join(f"coalesce({condition}, false)" for condition in some)
        found += con.execute(f"select {asked} from {rows}").fetchone() or ()
    return found


def _conditions(column: Column, reading: Reading) -> Iterator[tuple[str, str, str]]:
    """Yield what is said of a column, and conditions in SQL on all its canonical texts.

    The first is cheap and holds wherever the second does, which is asked of few columns then.
    """
    cell = quoted(column.name)
    if column.type == "boolean" and not set(reading.spellings) <= {"true", "false"}:
        # where HubSpot writes true, it leaves false empty
        yield (
            "are yes or empty, never no: does empty mean no? it stays empty",
            f"count({cell}) < count(*)",
            f"count_if({cell} = 'true') >= {_FEW} and count_if({cell} = 'false') = 0",
        )
    if column.type == "timestamp":
        hour = f"substr({cell}, 12, 2)"
        yield (
            "have no hour above 12 and none before 1: were AM and PM lost?",
            f"count({cell}) >= {_MANY} and min({hour}) = '01' and max({hour}) = '12'",
            f"count(distinct {hour}) >= {_HOURS}",
        )
    if column.type not in ("integer", "decimal"):
        return
    number = f"try_cast({cell} as double)"
    nines, below = (f"regexp_full_match({cell}, '{form}')" for form in (_NINES, _BELOW))
    yield (
        "hold -999 or the like among positive numbers: it may stand for nothing and stays",
        f"count_if(starts_with({cell}, '-99')) >= {_FEW}",
        f"count_if({below}) >= {_FEW} and coalesce(min({number}) filter (not {below}), 0) >= 0",
    )
    yield (
        "hold 9999 or the like, far above all others: it may stand for nothing and stays",
        f"count_if(starts_with({cell}, '9999')) >= {_FEW}",
        f"count_if({nines}) >= {_FEW} and min({number}) filter ({nines}) > "
        f"{_TIMES_LARGER} * max({number}) filter (not {nines})",
    )
    if column.type == "decimal":
        has_point = f"contains({cell}, '.')"
        others = f"not {has_point} and {number} <> 0"
        yield (
            "hold numbers without decimals that are far larger than those with: a point lost?",
            f"count_if(not {has_point}) >= {_FEW} and count_if({has_point}) > 0",
            f"count_if({others}) between {_FEW} and {_RARE} * count({cell}) "
            f"and abs(median({number}) filter ({others})) > "
            f"{_TIMES_LARGER} * abs(median({number}) filter ({has_point}))",
        )
        is_long = f"regexp_matches({cell}, '{_LONG}')"
        yield (
            "hold the noise of floating point numbers behind the fourth decimal, which stays",
            f"count_if(strlen({cell}) > {_LONG_DIGITS}) >= {_SEVERAL}",
            f"count_if({is_long}) >= greatest({_SEVERAL}, count({cell}) / 2) and bool_and("
            f"{_NOISE.format(number)}) filter ({is_long})",
        )
