"""Decides how the columns of a file are read, from all values of a column and from its neighbours.

What a cell means can depend on other cells: `03/04/2026` is a day in March or in April, and only
the other values of the column say which. Belongs here: the decision between the spellings that are
known. Does not: the spellings (`spellings`), the SQL of what was decided (`values`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from orchestration.lib.contracts import Column, DateOrder, ExportObject
from orchestration.lib.reading.records import OpenDatesError
from orchestration.lib.reading.shapes import Shape
from orchestration.lib.reading.spellings import (
    BLANKS,
    COUNTS,
    CROSS,
    CURRENCY,
    FALSE,
    GROUPERS,
    ISO_FORM,
    NARROW,
    NULL_SPELLINGS,
    NUMBER,
    ORDERED_FORM,
    PLAIN,
    REACHED,
    TIMES,
    TRUE,
    WIDE,
    ZONES,
)
from orchestration.lib.reading.values import Reading, read_as_declared

# A share of values beyond which two conventions in one column are no longer slips of the pen: then
# the values that both could mean are set aside too.
_SLIP = 0.01
# Of ten days one in a hundred times all are above 12, of ten years of this century all.
_FEW_DAYS = 10
# Years that stand for this century elsewhere.
_ERAS = {"Buddhist": range(2480, 2650), "Persian or Islamic": range(1330, 1480)}
_FEW_SWAPPED = 5  # dates of either kind, below which their days may be so by chance
_SHORT_YEARS = "years of two digits were read as 1950 to 2049"
_FORMS = 3  # of one column that get a quick way to be read


def decide(exported: ExportObject, shapes: Mapping[str, Sequence[Shape]]) -> dict[str, Reading]:
    """Decide how every column of a file is read.

    Columns that say nothing themselves follow the others of the file. What stays open after that is
    marked: `refuse_open_dates` refuses the file, and numbers that could mean two things are set
    aside.
    """
    readings = read_as_declared(exported)
    for name, seen in shapes.items():
        reading = readings[name]
        kind = reading.column.type
        reading, values = _without_nulls(reading, seen)
        if kind == "boolean":
            reading = _decide_boolean(reading, values)
        elif kind in ("integer", "decimal"):
            reading = _decide_number(reading, values, exported)
        else:
            reading = _noting_era(_decide_time(reading, values, exported), values)
        readings[name] = reading
    return _settled_by_neighbours(readings, shapes)


def refuse_open_dates(readings: Mapping[str, Reading], exported: ExportObject) -> None:
    """Refuse a file in which days and months cannot be told apart, by an OpenDatesError."""
    unsettled = [
        r for r in readings.values() if r.is_open and r.column.type in ("date", "timestamp")
    ]
    if unsettled:
        names = ", ".join(reading.column.name for reading in unsettled)
        raise OpenDatesError(
            f"day and month of {names} cannot be told apart: "
            f"{' and '.join(dict.fromkeys(r.how for r in unsettled))}, and no other column of the "
            "file says which comes first",
            f"declare `date_order: dmy` or `date_order: mdy` for {exported.name} in the contract",
            tuple(reading.column.name for reading in unsettled),
        )


def _without_nulls(reading: Reading, seen: Sequence[Shape]) -> tuple[Reading, list[Shape]]:
    """Take the spellings of "nothing" out of what a column holds."""
    nulls: Counter[str] = Counter()
    values = []
    for shape in seen:
        text = shape.text.strip(BLANKS)
        if not text or text.lower() in NULL_SPELLINGS:
            nulls[shape.text] += shape.count
        else:
            values.append(replace(shape, text=text))
    plain = not nulls and all(a.text == b.text for a, b in zip(seen, values, strict=True))
    return replace(reading, nulls=tuple(sorted(nulls.items())), plain=plain), values


def _decide_boolean(reading: Reading, values: Sequence[Shape]) -> Reading:
    texts = {shape.example for shape in values}
    if reading.plain and texts <= {"true", "false"}:
        return reading
    if values and {shape.text for shape in values} == {CROSS}:
        said = ["a cross was read as yes, no cell says no"]
        how = "crosses and nothing else"
        warning = _joined(reading.column, said)
        return replace(reading, plain=False, spellings=(CROSS,), how=how, warning=warning)
    spellings = tuple(sorted(shape.text for shape in values if shape.text in TRUE + FALSE))
    return replace(reading, plain=False, spellings=spellings, how="spellings of yes and no")


# --- numbers


def _decide_number(reading: Reading, values: Sequence[Shape], exported: ExportObject) -> Reading:
    """Decide the decimal character, what groups digits, the currency and the sign of per cent."""
    plain = re.compile(PLAIN[reading.column.type])
    has_points = any("." in shape.text for shape in values)
    if (
        reading.plain
        and all(plain.fullmatch(shape.text) for shape in values)
        and not (has_points and exported.decimal == ",")
    ):
        said = {_vote(shape.text.strip("-"), shape) for shape in values}
        if exported.decimal or said != _MAY_GROUP:
            reading = replace(reading, has_points=has_points)
            return replace(reading, decimal="." if "point" in said else None)
    wide = any(set(shape.text) & set(WIDE) for shape in values)
    narrow = str.maketrans(WIDE, NARROW)
    units: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    groupers: set[str] = set()
    total = sum(shape.count for shape in values)
    for shape in values:
        text = re.sub("[1-9]", "0", shape.text.translate(narrow))
        found = NUMBER.fullmatch(text)
        if not found:
            continue
        for unit in (found["before"], found["after"]):
            if unit:
                units[unit] += shape.count
        groupers |= set(found["core"]) & set(GROUPERS)
        votes[_vote(found["core"], shape)] += shape.count
    percent = units.pop("%", 0) * 2 > total
    unit = next((text for text, _ in units.most_common() if CURRENCY.fullmatch(text)), "")
    reading = replace(reading, plain=False, wide=wide, currency=unit, percent=percent)
    warnings = []
    if percent:
        warnings.append("the per cent sign was removed: 45 % is 45")
    decimal, strict, how, confidence = _decimal(votes, exported, reading.column.type)
    is_open = decimal is None
    decimal = decimal or "."
    other = "," if decimal == "." else "."
    thousands = exported.thousands or other + "".join(sorted(groupers))
    if votes["point"] and votes["comma"] and not exported.decimal:
        warnings.append("both 1,5 and 1.5 occur; the rarer of them is set aside")
    return replace(
        reading,
        spellings=tuple(
            text for text, holds in (("percent", percent), ("currency", bool(unit))) if holds
        ),
        decimal=decimal,
        thousands=thousands,
        strict=strict,
        how=how,
        confidence=confidence,
        is_open=is_open,
        warning=_joined(reading.column, warnings),
    )


_NOTHING_SAID = "no value says otherwise"
# Who writes 1.250 for five quarters writes 3.000, or 1.25 and 3: beside 3, 1.250 may be a thousand.
_MAY_GROUP = {"open point", "nothing"}


def _vote(core: str, shape: Shape) -> str:
    """Tell what a number says of its decimal character: point, comma, either or nothing.

    `open point` and `open comma` are one separator before exactly three digits. Nobody groups the
    digits of 0.125.
    """
    core = "".join(c for c in core if c not in GROUPERS)
    separators = [c for c in core if c in ".,"]
    if not separators:
        return "nothing"
    last = separators[-1]
    decimal = {".": "point", ",": "comma"}
    if len(set(separators)) == 2:
        return decimal[last] if separators.count(last) == 1 else "nothing"
    if len(separators) > 1:
        return decimal["," if last == "." else "."]
    whole, part = core.split(last)
    is_fraction = any(
        -1 < bound < 1 for bound in (shape.lowest, shape.highest) if bound is not None
    )
    if len(part) == 3 and 1 <= len(whole) <= 3 and not is_fraction:
        return f"open {decimal[last]}"
    return decimal[last]


def _decimal(
    votes: Mapping[str, int], exported: ExportObject, kind: str
) -> tuple[Literal[".", ","] | None, bool, str, Literal["certain", "declared", "likely"]]:
    """Decide the decimal character from votes: it, whether open numbers are set aside, why."""
    if exported.decimal is not None:
        return exported.decimal, False, "declared", "declared"
    point, comma = votes.get("point", 0), votes.get("comma", 0)
    if point or comma:
        rarer = min(point, comma)
        how = f"{point:,} values have a decimal point, {comma:,} a decimal comma"
        return (
            "." if point >= comma else ",",
            rarer > _SLIP * (point + comma),
            how,
            "certain" if rarer == 0 else "likely",
        )
    if votes.get("open comma", 0):
        if kind == "integer":
            return ".", False, "whole numbers: a comma can only group digits", "certain"
        return None, True, "a comma before three digits may group or be decimal", "likely"
    if {vote for vote, count in votes.items() if count} == _MAY_GROUP and kind == "decimal":
        return None, True, "a point before three digits may group or be decimal", "likely"
    return ".", False, _NOTHING_SAID, "certain"


# --- dates and times


def _decide_time(reading: Reading, values: Sequence[Shape], exported: ExportObject) -> Reading:
    """Decide which spellings occur, and which number comes first in dates of numbers only."""
    plain = "0000-00-00" if reading.column.type == "date" else "0000-00-00 00:00:00"
    is_plain = reading.plain and all(s.text == plain for s in values) and not _has_late_days(values)
    if is_plain and (reading.timezone == "UTC" or reading.column.type == "date"):
        return reading
    wide = any(set(shape.text) & set(WIDE) for shape in values)
    narrow = str.maketrans(WIDE, NARROW)
    values = [replace(s, text=re.sub("[1-9]", "0", s.text.translate(narrow))) for s in values]
    reading = replace(reading, plain=False, wide=wide)

    counted = _counted(values)
    if counted:
        warning = f"numbers were read as {counted}"
        return replace(
            reading,
            spellings=(counted,),
            how=f"all values are numbers that make sense as {counted}",
            confidence="likely",
            warning=_joined(reading.column, [warning]),
        )
    spellings: dict[str, None] = {}
    numeric: list[Shape] = []
    spelt = [(shape, spelling_of(shape.text)) for shape in values]
    for shape, spelling in spelt:
        if spelling == "dmy":
            numeric.append(shape)
        elif spelling:
            spellings[spelling] = None
    reading = replace(reading, spellings=tuple(spellings), how="only one way to read the values")
    if any(spelling and _has_short_year(shape.text, spelling) for shape, spelling in spelt):
        reading = replace(reading, warning=_joined(reading.column, [_SHORT_YEARS]))
    if "ymd" in spellings and exported.date_order != "ymd" and not numeric:
        reading = _doubting_days(reading, [s for s in values if spelling_of(s.text) == "ymd"])
    if numeric:
        reading = _decide_order(reading, numeric, exported)
        reading = _noting_swapped(reading, numeric, values)
    named = [zone for zone in ZONES if any(_holds_word(shape.text, zone) for shape in values)]
    if named:
        warnings = [reading.warning] if reading.warning else []
        zones = ", ".join(f"{zone} is UTC{ZONES[zone]:+d}" for zone in named)
        warnings.append(f"{reading.column.name}: time zones are abbreviated: {zones}")
        reading = replace(reading, warning="; ".join(warnings))
    has_order = reading.date_order in ("dmy", "mdy") and not reading.strict
    form = ORDERED_FORM if has_order else ISO_FORM
    forms = [
        shape.text for shape in values if re.fullmatch(form, shape.text) and not reading.strict
    ]
    return replace(reading, forms=tuple(forms[:_FORMS]))


def _has_late_days(values: Sequence[Shape]) -> bool:
    """Tell whether the number behind a year is above 12 too often for a slip of the pen."""
    days = sum(shape.first_above_12 for shape in values)
    return days > _SLIP * (days + sum(shape.second_above_12 for shape in values))


def _doubting_days(reading: Reading, values: Sequence[Shape]) -> Reading:
    """Set dates aside that may be year-day-month where others of the column can be nothing else."""
    days = sum(shape.first_above_12 for shape in values)
    months = sum(shape.second_above_12 for shape in values)
    if not _has_late_days(values):
        return reading
    how = f"the number behind the year is above 12 in {days:,} values, the last in {months:,}"
    warning = _joined(reading.column, [f"days and months are mixed up: {how}"])
    return replace(
        reading, date_order="ymd", strict=True, how=how, confidence="likely", warning=warning
    )


def _noting_swapped(reading: Reading, numeric: Sequence[Shape], values: Sequence[Shape]) -> Reading:
    """Warn of what a spreadsheet leaves behind that took months for days wherever it could.

    These became its dates, with days up to 12 only; all others stayed texts, with days above 12.
    """
    iso = [shape for shape in values if spelling_of(shape.text) == "ymd"]
    late = sum(shape.first_above_12 + shape.second_above_12 for shape in numeric)
    is_split = not any(s.open for s in numeric) and not any(s.second_above_12 for s in iso)
    if not is_split or min(late, sum(shape.count for shape in iso)) < _FEW_SWAPPED:
        return reading
    said = "no day is above 12 where the year comes first, and all are elsewhere: swapped?"
    said = f"{reading.column.name}: {said}"
    return replace(reading, warning="; ".join(filter(None, (reading.warning, said))))


def _noting_era(reading: Reading, values: Sequence[Shape]) -> Reading:
    """Warn of years that are far from ours: those of another calendar look like any other."""
    if any(spelling in COUNTS for spelling in reading.spellings):
        return reading  # 45123.2525 is no year 2525
    years = [int(y) for s in values for y in re.findall("(?<![0-9])[0-9]{4}(?![0-9])", s.example)]
    eras = {name for year in years for name, span in _ERAS.items() if year in span}
    if not years or len(eras) != 1 or any(all(y not in s for s in _ERAS.values()) for y in years):
        return reading
    said = f"its years are those of the {eras.pop()} calendar: they land as they are written"
    warning = "; ".join(
        text for text in (reading.warning, f"{reading.column.name}: {said}") if text
    )
    return replace(reading, warning=warning)


def _holds_word(text: str, word: str) -> bool:
    return bool(re.search(f"(?<![a-z]){word}(?![a-z])", text, re.IGNORECASE))


def spelling_of(shape: str) -> str | None:
    """Name the way a shape is spelt; dates of numbers only are `dmy`, whatever their order."""
    for spelling, (pattern, _) in TIMES.items():
        flags = re.IGNORECASE if "name" in spelling else 0
        if spelling not in ("mdy", "yymd") and re.fullmatch(pattern, shape, flags):
            return spelling
    return None


def _has_short_year(shape: str, spelling: str) -> bool:
    """Tell whether the year of a shape, spelt so, has two digits."""
    pattern, parts = TIMES[spelling]
    found = re.fullmatch(pattern, shape)
    return found is not None and len(found[parts.index("y") + 1]) == 2


def _counted(values: Sequence[Shape]) -> str | None:
    """Name what a column of bare numbers counts, None where it holds anything else."""
    bounds = [n for shape in values for n in (shape.lowest, shape.highest) if n is not None]
    if len(bounds) < 2 * len(values) or not values:
        return None
    for name, (pattern, low, high) in COUNTS.items():
        early, late = REACHED.get(name, (high, low))
        is_one = low <= min(bounds) and max(bounds) <= high
        is_one = is_one and (min(bounds) < early or max(bounds) > late)
        if is_one and all(pattern.fullmatch(shape.text) for shape in values):
            return name
    return None


def _decide_order(reading: Reading, numeric: Sequence[Shape], exported: ExportObject) -> Reading:
    """Decide whether the day or the month comes first, from the numbers above 12."""

    def ordered(order: DateOrder, how: str, **changes: Any) -> Reading:
        spelling = "yymd" if order == "ymd" else order
        return replace(
            reading,
            spellings=(*reading.spellings, spelling),
            date_order=order,
            how=how,
            **changes,
        )

    short = any(_has_short_year(shape.text, "dmy") for shape in numeric)
    warnings = [_SHORT_YEARS] if short else []
    if exported.date_order in ("dmy", "mdy") or (exported.date_order == "ymd" and short):
        return ordered(
            exported.date_order,
            "declared",
            confidence="declared",
            warning=_joined(reading.column, warnings),
        )
    first = sum(shape.first_above_12 for shape in numeric)
    second = sum(shape.second_above_12 for shape in numeric)
    total = sum(shape.count for shape in numeric)
    if short and first == total >= _FEW_DAYS:
        how = "the first number is always above 12, so that it may be a year of two digits"
        return ordered("dmy", how, confidence="likely", is_open=True)
    if first or second:
        rarer = min(first, second)
        order: DateOrder = "dmy" if first >= second else "mdy"
        how = f"the first number is above 12 in {first:,} values, the second in {second:,}"
        if rarer:
            warnings.append(f"days and months are mixed up: {how}")
        strict = rarer > _SLIP * (first + second)
        separators = {c for shape in numeric for c in shape.text[:6] if c in "-/. "}
        if order == "mdy" and "." in separators and len(separators) > 1:
            warnings.append("dates with points, which are day.month.year, stand among others")
            strict = True
        return ordered(
            order,
            how,
            strict=strict,
            confidence="likely" if rarer else "certain",
            warning=_joined(reading.column, warnings),
        )
    if all("." in shape.text[:6] and "/" not in shape.text for shape in numeric):
        warnings.append("read as day.month.year, which is how dates with points are written")
        return ordered(
            "dmy",
            "dates with points",
            confidence="likely",
            warning=_joined(reading.column, warnings),
        )
    if any(shape.open for shape in numeric):
        how = "no value has a number above 12"
        return ordered("dmy", how, confidence="likely", is_open=True)
    # whichever is taken: nothing that another column may follow
    how = "day and month are the same number in every value"
    return ordered("dmy", how, confidence="likely")


# --- columns that say nothing themselves


def _settled_by_neighbours(
    readings: Mapping[str, Reading], shapes: Mapping[str, Sequence[Shape]]
) -> dict[str, Reading]:
    """Let open columns follow the other columns of the file where these agree."""
    orders = {
        r.date_order: name
        for name, r in readings.items()
        if r.date_order in ("dmy", "mdy") and not r.is_open and r.confidence != "likely"
    }
    decimals = {
        r.decimal: name
        for name, r in readings.items()
        if r.decimal and not r.is_open and r.how != _NOTHING_SAID
    }
    settled = dict(readings)
    for name, reading in readings.items():
        if reading.date_order and reading.is_open and len(orders) == 1:
            ((order, neighbour),) = orders.items()
            settled[name] = replace(
                reading,
                date_order=order,
                spellings=(*reading.spellings[:-1], str(order)),
                is_open=False,
                how=f"as in {neighbour}",
            )
        if reading.column.type not in ("integer", "decimal") or len(decimals) != 1:
            continue
        ((decimal, neighbour),) = decimals.items()
        # A column of 1.234 says nothing, but where others have decimal commas it is 1234.
        says_nothing = not reading.decimal or reading.how == _NOTHING_SAID
        has_points = any("." in shape.text for shape in shapes.get(name, []))
        if reading.is_open or (says_nothing and decimal == "," and has_points):
            settled[name] = replace(
                reading,
                plain=False,
                decimal=decimal,
                thousands="," if decimal == "." else "." + reading.thousands.replace(",", ""),
                strict=False,
                is_open=False,
                how=f"as in {neighbour}",
                confidence="likely",
                warning=_joined(
                    reading.column, [f"the decimal character is taken from {neighbour}"]
                ),
            )
    return settled


def _joined(column: Column, warnings: Sequence[str]) -> str | None:
    return f"{column.name}: {'; '.join(warnings)}" if warnings else None
