# ruff: noqa: RUF001  (how values are spelt elsewhere is what this module knows)
"""How the cells of one column of one file are read, decided from all values of the column.

A typed cell lands as canonical text (`1234.56`, `true`, `2026-11-01`, `2026-11-01 13:30:00` in
UTC), so that staging only casts. What a cell means can depend on its neighbours: `03/04/2026` is a
day in March or in April, and only the other values of the column say which. Belongs here: the
spellings that are known, the decision between them, its SQL. Does not: which rows are set aside.

The decision is made from *shapes*: a value with every digit as 0, with counts. A column of a
million dates has a handful of shapes, so Python decides and DuckDB converts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import duckdb

from orchestration.lib.contracts import Column, DateOrder, ExportObject
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.sql import literal, sql_strings, text_list

# Whole cells that say "nothing here" in a column where they cannot be a value.
NULL_SPELLINGS = frozenset(
    {"null", "(null)", "<null>", "\\n", "n/a", "#n/a", "na", "nan", "nat", "none", "nil"}
    | {"(blank)", "-", "--", "–", "—", "?"}
)
# Those that no text means otherwise, in the spelling that programs write.
TEXT_NULLS = ("\\N", "#N/A", "NULL")

# What MySQL writes for "no date", with or without a time.
_ZERO_DATE = "0000-00-00"

_YES = "true t yes y 1 1.0 wahr ja oui vrai sí si sim verdadero verdadeiro vero да 是 真 はい 예"
_NO = "false f no n 0 0.0 falsch nein non faux não nao falso нет 否 假 いいえ 아니요"
TRUE, FALSE = tuple(_YES.split()), tuple(_NO.split())

# A share of values beyond which two conventions in one column are no longer slips of the pen: then
# the values that both could mean are set aside too.
_SLIP = 0.01
_SHAPES = 2000  # of one column; what has more is not of its type, and its rows are set aside

_EXPECTED = {
    "integer": "a whole number such as 42",
    "decimal": "a number such as 1234.50",
    "boolean": "true or false",
    "date": "a date such as 2026-11-01",
    "timestamp": "a time such as 2026-11-01 13:30:00",
}

_BLANKS = " \t\u00a0\u2007\u202f\u3000"
_WIDE = "０１２３４５６７８９．，：／－＋％　"
_NARROW = "0123456789.,:/-+% "

_PLAIN = {
    "integer": "-?[0-9]{1,18}",
    "decimal": "-?[0-9]{1,18}([.][0-9]{1,30})?",
}
# What Excel makes of a long number; the digits behind are lost.
_SCIENTIFIC = "[+-]?[0-9]([.,][0-9]+)?[eE][+][0-9]+"
# What programs write with all its digits. With a plus and more than nine it is what Excel shows.
_EXPONENT = "[+-]?[0-9]{1,18}(?:[.,][0-9]{1,30})?[eE](?:[+]?0?[0-9]|1[0-8]|-[0-9]{1,2})"

_MONTH = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|"
    "Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
)
_WEEKDAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? +)?"
_DAY_MONTH = "([0-9]{1,2})"
_YEAR = "([0-9]{4}|[0-9]{2})"
_CLOCK = (
    "(?:(?: *T| +|, *)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    "(?: *([AaPp])[.]?[Mm][.]?)?"
    "(?: *(?:UTC|GMT)?([Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_CLOCK_PARTS = ("h", "mi", "s", "f", "ap", "z")
# Spelling of a date or time → pattern and the parts it captures, in order.
_TIMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "ymd": (
        f"([0-9]{{4}})[-/.]{_DAY_MONTH}[-/.]{_DAY_MONTH}{_CLOCK}",
        ("y", "m", "d", *_CLOCK_PARTS),
    ),
    "dmy": (
        f"{_DAY_MONTH}[-/. ]{_DAY_MONTH}[-/. ]{_YEAR}{_CLOCK}",
        ("d", "m", "y", *_CLOCK_PARTS),
    ),
    "mdy": (
        f"{_DAY_MONTH}[-/. ]{_DAY_MONTH}[-/. ]{_YEAR}{_CLOCK}",
        ("m", "d", "y", *_CLOCK_PARTS),
    ),
    "yymd": (
        f"([0-9]{{2}})[-/.]{_DAY_MONTH}[-/.]{_DAY_MONTH}{_CLOCK}",
        ("y", "m", "d", *_CLOCK_PARTS),
    ),
    "day month-name year": (
        f"(?i){_WEEKDAY}{_DAY_MONTH}(?:st|nd|rd|th)?[ -]+({_MONTH})[.,]?[ -]+{_YEAR}{_CLOCK}",
        ("d", "m", "y", *_CLOCK_PARTS),
    ),
    "month-name day year": (
        f"(?i){_WEEKDAY}({_MONTH})[.]? +{_DAY_MONTH}(?:st|nd|rd|th)?,? +([0-9]{{4}}){_CLOCK}",
        ("m", "d", "y", *_CLOCK_PARTS),
    ),
    "年月日": (
        f"([0-9]{{4}}) *[年년] *{_DAY_MONTH} *[月월] *{_DAY_MONTH} *[日号號일]?"
        "(?: *(上午|下午|오전|오후)? *([0-9]{1,2})[:时時点點시] *([0-9]{1,2})?[:分분]? *"
        "([0-9]{1,2})?[秒초]?)?",
        ("y", "m", "d", "ap", "h", "mi", "s"),
    ),
    "yyyymmdd": (
        "([0-9]{4})([0-9]{2})([0-9]{2})(?:T?([0-9]{2})([0-9]{2})([0-9]{2})([Zz])?)?",
        ("y", "m", "d", "h", "mi", "s", "z"),
    ),
}
# Shapes of fixed length that have a quick way to be read, and how many of a column get it.
_ISO_FORM = "0000-00-00(?:[ T]00:00(?::00(?:[.]0{1,6})?Z?)?)?"
_ORDERED_FORM = f"{_ISO_FORM}|00([-/.])00\\1(?:0000)(?: 00:00(?::00)?)?"
_FORMS = 3
# Numbers that stand for a time, with the values they may have: Excel's days since 1899-12-30
# between 1927 and 2119, and seconds and milliseconds since 1970 between 1990 and 2100.
_COUNTS: Mapping[str, tuple[re.Pattern[str], float, float]] = {
    "Excel serial": (re.compile("0{5}(?:[.]0+)?"), 10_000, 80_000),
    "epoch seconds": (re.compile("0{9,10}(?:[.]0+)?"), 631_152_000, 4_102_444_800),
    "epoch milliseconds": (re.compile("0{12,13}"), 631_152_000_000, 4_102_444_800_000),
}

_GROUPERS = " \u00a0\u2007\u202f'’"
_CURRENCY = re.compile(
    "[$€£¥₹₩₽₺₫฿₴₱₦₪元円￥]|(?:US|R|C|CA|A|AU|NZ|HK|NT|S)[$]|[A-Z]{3}|kr|zł|Kč|Ft|lei|Rs"
)
_NUMBER = re.compile(
    r"[(]?[-+−]?\s*(?P<before>[^0-9\s.,\'’()+−-]*)\s*[-+−]?\s*"
    rf"(?P<core>0(?:[0.,{_GROUPERS}]*0)?[.,]?|[.,]0+)"
    r"\s*(?P<after>[^0-9\s.,\'’()+−-]*)\s*[-−]?[)]?"
)


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


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read.

    `spellings` are those that occur; `plain` means that every value is canonical already, so that
    checking is enough. `how` and `confidence` say where the decision comes from. `is_open` is set
    as long as values could mean two things. `forms` are frequent shapes of times that have a quick
    way to be read.
    """

    column: Column
    spellings: tuple[str, ...] = ()
    plain: bool = True
    nulls: tuple[tuple[str, int], ...] = ()
    wide: bool = False
    date_order: DateOrder | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str = ""
    currency: str = ""
    percent: bool = False
    timezone: str = "UTC"
    strict: bool = False
    how: str = ""
    confidence: Literal["certain", "declared", "likely"] = "certain"
    is_open: bool = False
    warning: str | None = None
    is_key: bool = False
    forms: tuple[str, ...] = ()

    @property
    def is_checked(self) -> bool:
        """Tell whether not every text is a value of the column."""
        return self.is_key or self.column.type != "text"

    def expected(self) -> str:
        """Say what a cell that is not of its type should have been."""
        kind = self.column.type
        if kind in ("text", "identifier"):
            return "an identifier with all its digits, not in scientific notation"
        if self.column.format:
            return f"{article(kind)} in the format {self.column.format}"
        if kind in ("integer", "decimal") and self.strict:
            return (
                f"{article(kind)} that can be read in one way only: declare `decimal:` in the "
                "contract"
            )
        if self.date_order and self.strict:
            return f"{article(kind)} that can be read in one way only: declare `date_order:`"
        if self.date_order:
            return f"{article(kind)} in the order {self.date_order}"
        if kind == "decimal" and self.decimal:
            return f"a decimal with {self.decimal!r} before its fraction"
        return _EXPECTED[kind]

    def is_filled(self, cell: str) -> str:
        """Write the condition under which a cell holds a value."""
        filled = f"{cell} is not null"
        if self.nulls:
            filled += f" and {cell} not in {sql_strings(text for text, _ in self.nulls)}"
        if self.column.type in ("date", "timestamp") and not self.plain:
            filled += f" and not starts_with({cell}, '{_ZERO_DATE}')"
        return f"({filled})"

    def sql(self, cell: str) -> str:
        """Write the canonical text of a filled cell; NULL where the cell is not of the type."""
        kind = self.column.type
        if kind == "identifier":
            return (
                f"(case when {_is_scientific(cell)} then null "
                f"when starts_with({cell}, chr(39)) then {cell}[2:] else {cell} end)"
            )
        if kind == "text":
            return f"(case when {_is_scientific(cell)} then null else {cell} end)"
        if self.column.format is not None:
            time = f"try_strptime({cell}, {literal(self.column.format)})"
            if kind == "date":
                return f"({time})::date::varchar"
            return f"({self._in_utc(time)})::varchar"
        if kind == "boolean":
            if self.plain:
                return f"(case when {cell} in ('true', 'false') then {cell} end)"
            low = f"lower({_trimmed(cell)})"
            true = [text for text in self.spellings if text in TRUE]
            false = [text for text in self.spellings if text in FALSE]
            return (
                f"(case when {cell} in {sql_strings(['', *true])} then 'true' "
                f"when {cell} in {sql_strings(['', *false])} then 'false' "
                f"when {low} in {sql_strings(TRUE)} then 'true' "
                f"when {low} in {sql_strings(FALSE)} then 'false' end)"
            )
        if kind in ("integer", "decimal"):
            if self.plain:
                return f"(case when regexp_full_match({cell}, '{_PLAIN[kind]}') then {cell} end)"
            return self._common_number(cell)
        if self.plain:
            return self._plain_time(cell)
        narrow = self._narrow(cell)
        found = [self._spelt_time(spelling, narrow) for spelling in self.spellings]
        if not found:
            return "null::varchar"
        forms = "".join(
            f"when {cell} like '{form.replace('0', '_')}' then {self._formed_time(form, cell)} "
            for form in self.forms
        )
        general = f"coalesce({', '.join(found)})"
        return f"(case {forms}else {general} end)" if forms else general

    def decision(self) -> dict[str, Any]:
        """Describe the decision for people and for the next run."""
        values: dict[str, Any] = {
            "type": self.column.type,
            "read_as": list(self.spellings),
            "date_order": self.date_order,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "currency": self.currency,
            "percent": self.percent,
            "timezone": self.timezone if self.column.type == "timestamp" else "",
            "null_spellings": dict(self.nulls),
            "how": self.how,
            "confidence": self.confidence,
        }
        return {key: value for key, value in values.items() if value}

    def _narrow(self, cell: str) -> str:
        text = _trimmed(cell)
        return f"translate({text}, {literal(_WIDE)}, {literal(_NARROW)})" if self.wide else text

    def _plain_time(self, cell: str) -> str:
        """Check a canonical date or time. In this form no offset can follow, which casts drop."""
        form = "____-__-__" if self.column.type == "date" else "____-__-__ __:__:__"
        return (
            f"(case when {cell} like '{form}' "
            f"and try_cast({cell} as {self.column.type}) is not null then {cell} end)"
        )

    def _spelt_time(self, spelling: str, cell: str) -> str:
        if spelling in _COUNTS:
            return self._counted_time(spelling, cell)
        pattern, parts = _TIMES[spelling]
        insensitive = "(?i)" if "name" in spelling else ""
        names = ", ".join(literal(part) for part in parts)
        found = f"regexp_extract({cell}, {literal(f'^{insensitive}(?:{pattern})$')}, [{names}])"
        # A list of one, so that the parts are computed once.
        return f"list_transform([{found}], lambda p: {self._assembled(spelling, parts)})[1]"

    def _formed_time(self, form: str, cell: str) -> str:
        """Write a time of a common form: quicker by ten than to take it apart by a pattern."""
        is_date = self.column.type == "date"
        if re.fullmatch(_ISO_FORM, form):
            time = f"try_cast({cell} as {self.column.type})"
            local = len(form) > 10 and not form.endswith("Z")
        else:
            text = {"dmy": "%d{0}%m{0}%Y", "mdy": "%m{0}%d{0}%Y"}[str(self.date_order)]
            text = text.format(form[2]) + {10: "", 16: " %H:%M", 19: " %H:%M:%S"}[len(form)]
            time = f"try_strptime({cell}, {literal(text)})" + ("::date" if is_date else "")
            local = len(form) > 10
        return f"({self._in_utc(time) if local else time})::varchar"

    def _assembled(self, spelling: str, parts: Sequence[str]) -> str:
        """Write the date or time of the parts that a pattern captured in `p`."""
        year = "case when length(p.y) = 2 then if(p.y >= '69', '19', '20') || p.y else p.y end"
        months = text_list(
            ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        )
        month = (
            f"coalesce(try_cast(p.m as int), list_position({months}, lower(left(p.m, 3))))::varchar"
        )
        day = f"{year} || '-' || {month} || '-' || p.d"
        if self.strict and self.date_order and "name" not in spelling and spelling != "ymd":
            # Days and months are mixed up: only what cannot be read the other way round.
            day = f"if(try_cast(p.d as int) > 12 or p.d = p.m, {day}, null)"
        if self.column.type == "date":
            return f"try_cast({day} as date)::varchar"
        hour, clock = "p.h", "p.h || ':' || if(p.mi = '', '00', p.mi)"
        if "ap" in parts:
            afternoon = "p.ap in ('P', 'p', '下午', '오후')"
            hour = (
                f"case when p.ap = '' then p.h when try_cast(p.h as int) between 1 and 12 "
                f"then (p.h::int % 12 + if({afternoon}, 12, 0))::varchar end"
            )
            clock = f"({hour}) || ':' || if(p.mi = '', '00', p.mi)"
        clock += " || ':' || if(p.s = '', '00', p.s)"
        if "f" in parts:
            clock += " || if(p.f = '', '', '.' || left(p.f, 6))"
        time = f"try_cast({day} || ' ' || if(p.h = '', '00:00:00', {clock}) as timestamp)"
        if "z" not in parts:
            return f"(if(p.h = '', {time}, {self._in_utc(time)}))::varchar"
        offset = (
            "if(left(p.z, 1) in ('+', '-'), (left(p.z, 1) || '1')::int * (60 * p.z[2:3]::int "
            "+ coalesce(try_cast(right(replace(p.z, ':', ''), -3) as int), 0)), 0)"
        )
        return (
            f"(case when p.h = '' then {time} when p.z = '' then {self._in_utc(time)} "
            f"else {time} - to_minutes({offset}) end)::varchar"
        )

    def _counted_time(self, spelling: str, cell: str) -> str:
        _, low, high = _COUNTS[spelling]
        number = f"try_cast({cell} as double)"
        seconds = {
            "Excel serial": f"(round({number} * 86400) - 25569 * 86400.0)",
            "epoch seconds": number,
            "epoch milliseconds": f"({number} / 1000)",
        }[spelling]
        time = f"make_timestamp(round({seconds} * 1000)::bigint * 1000)"
        if spelling == "Excel serial":  # what the spreadsheet shows is local time
            time = self._in_utc(time)
        if self.column.type == "date":
            time = f"({time})::date"
        return f"(case when {number} between {low} and {high} then ({time})::varchar end)"

    def _in_utc(self, time: str) -> str:
        """Bring a local time to UTC."""
        if self.timezone == "UTC" or self.column.type == "date":
            return time
        return f"timezone('UTC', timezone({literal(self.timezone)}, {time}))"

    def _common_number(self, cell: str) -> str:
        """Write numbers without anything but digits and a decimal character first, for speed."""
        general = self._number(self._narrow(cell))
        if self.strict:
            return general
        decimal = self.decimal or "."
        common = _PLAIN[self.column.type].replace("[.]", f"[{decimal}]")
        number = f"replace({cell}, ',', '.')" if decimal == "," else cell
        if self.percent:
            common, number = f"{common}%", f"rtrim({number}, '%')"
        return f"(case when regexp_full_match({cell}, '{common}') then {number} else {general} end)"

    def _number(self, cell: str) -> str:
        decimal = re.escape(self.decimal or ".")
        groupers = "".join(re.escape(c) for c in self.thousands)
        whole = "[0-9]+"
        if groupers:
            whole += f"|[0-9]{{1,3}}(?:[{groupers}][0-9]{{2,3}})*[{groupers}][0-9]{{3}}"
        unit = f"(?:{re.escape(self.currency)})?" if self.currency else ""
        percent = " *%" if self.percent else ""
        pattern = (
            f"^([(]?)([-+−]?) *{unit} *([-+−]?) *({whole})?(?:{decimal}([0-9]*))? *{unit}{percent}"
            " *([-−]?)([)]?)$"
        )
        found = (
            f"regexp_extract({cell}, {literal(pattern)}, "
            "['open', 'before', 'inner', 'whole', 'part', 'after', 'close'])"
        )
        digits = "regexp_replace(p.whole, '[^0-9]', '', 'g')"
        signs = "(p.open || p.before || p.inner || p.after)"
        minus = f"if(regexp_matches({signs}, '[(−-]'), '-', '')"
        fits = (
            f"p.whole || p.part <> '' and length({digits}) <= 18 and length(p.part) <= 30 "
            f"and length(replace({signs}, '+', '')) <= 1 and (p.open = '(') = (p.close = ')')"
        )
        if self.column.type == "integer":
            fits += " and rtrim(p.part, '0') = ''"
            text = f"{minus} || {digits}"
        else:
            text = (
                f"{minus} || if(p.whole = '', '0', {digits}) || if(p.part = '', '', '.' || p.part)"
            )
        number = f"list_transform([{found}], lambda p: case when {fits} then {text} end)[1]"
        if self.strict:
            open_number = "[^0-9]*[0-9]{1,3}[.,][0-9]{3}[^0-9]*"
            number = f"(case when not regexp_full_match({cell}, '{open_number}') then {number} end)"
        if self.column.type == "decimal":
            point = f"replace({cell}, '{self.decimal or '.'}', '.')"
            exact = f"rtrim(rtrim(try_cast({point} as decimal(38, 19))::varchar, '0'), '.')"
            number = (
                f"(case when regexp_full_match({cell}, '{_EXPONENT}') then {exact} "
                f"else {number} end)"
            )
        return number


def read_as_declared(exported: ExportObject) -> dict[str, Reading]:
    """Return how columns are read before any value was seen: as canonical text."""
    return {column.name: Reading(column, timezone=exported.timezone) for column in exported.columns}


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
    if selects:
        for name, *values in con.execute(" union all ".join(selects)).fetchall():
            found[name].append(Shape(*values))
    return found


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
            reading = _decide_time(reading, values, exported)
        readings[name] = reading
    return _settled_by_neighbours(readings, shapes)


def refuse_open_dates(readings: Mapping[str, Reading], exported: ExportObject) -> None:
    """Refuse a file in which days and months cannot be told apart."""
    unsettled = [
        r for r in readings.values() if r.is_open and r.column.type in ("date", "timestamp")
    ]
    if unsettled:
        names = ", ".join(reading.column.name for reading in unsettled)
        raise RefusedError(
            f"day and month of {names} cannot be told apart: no value has a number above 12, and "
            "no other column of the file says which comes first",
            f"declare `date_order: dmy` or `date_order: mdy` for {exported.name} in the contract",
        )


def _shapes_sql(column: Column, cell: str, source: str) -> str:
    shape = "left(translate(cell, '123456789', '000000000'), 80)"
    counts = "0, 0, 0"
    cells = f"(select {cell} as cell from {source} where {cell} is not null)"
    if column.type == "boolean":
        shape = "lower(trim(cell))"
    elif column.type in ("date", "timestamp"):
        pair = "'^[^0-9]*([0-9]{1,2})[^0-9]+([0-9]{1,2})[^0-9]', ['a', 'b']"
        cells = f"(select cell, regexp_extract(cell, {pair}) as pair from {cells})"
        a, b = "try_cast(pair.a as int)", "try_cast(pair.b as int)"
        counts = (
            f"count(*) filter ({a} > 12 and {b} <= 12), count(*) filter ({b} > 12 and {a} <= 12), "
            f"count(*) filter ({a} <= 12 and {b} <= 12 and {a} <> {b})"
        )
    number = "try_cast(cell as double)"
    return (
        f"(select {literal(column.name)}, {shape} as shape, count(*), min(cell), min({number}), "
        f"max({number}), {counts} from {cells} group by shape "
        f"order by count(*) desc, shape limit {_SHAPES})"
    )


def _without_nulls(reading: Reading, seen: Sequence[Shape]) -> tuple[Reading, list[Shape]]:
    """Take the spellings of "nothing" out of what a column holds."""
    nulls: Counter[str] = Counter()
    values = []
    for shape in seen:
        text = shape.text.strip(_BLANKS)
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
    spellings = tuple(sorted(shape.text for shape in values if shape.text in TRUE + FALSE))
    return replace(reading, plain=False, spellings=spellings, how="spellings of yes and no")


# --- numbers


def _decide_number(reading: Reading, values: Sequence[Shape], exported: ExportObject) -> Reading:
    """Decide the decimal character, what groups digits, the currency and the sign of per cent."""
    plain = re.compile(_PLAIN[reading.column.type])
    has_points = any("." in shape.text for shape in values)
    if (
        reading.plain
        and all(plain.fullmatch(shape.text) for shape in values)
        and not (has_points and exported.decimal == ",")
    ):
        says = any(_vote(shape.text.strip("-")) == "point" for shape in values)
        return replace(reading, decimal="." if says else None)
    wide = any(set(shape.text) & set(_WIDE) for shape in values)
    narrow = str.maketrans(_WIDE, _NARROW)
    units: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    groupers: set[str] = set()
    total = sum(shape.count for shape in values)
    for shape in values:
        text = re.sub("[1-9]", "0", shape.text.translate(narrow))
        found = _NUMBER.fullmatch(text)
        if not found:
            continue
        for unit in (found["before"], found["after"]):
            if unit:
                units[unit] += shape.count
        groupers |= set(found["core"]) & set(_GROUPERS)
        votes[_vote(found["core"])] += shape.count
    percent = units.pop("%", 0) * 2 > total
    unit = next((text for text, _ in units.most_common() if _CURRENCY.fullmatch(text)), "")
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


def _vote(core: str) -> str:
    """Tell what a number says of its decimal character: point, comma, either or nothing.

    `open point` and `open comma` are one separator before exactly three digits.
    """
    core = "".join(c for c in core if c not in _GROUPERS)
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
    if len(part) == 3 and 1 <= len(whole) <= 3:
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
    return ".", False, _NOTHING_SAID, "certain"


# --- dates and times


def _decide_time(reading: Reading, values: Sequence[Shape], exported: ExportObject) -> Reading:
    """Decide which spellings occur, and which number comes first in dates of numbers only."""
    plain = "0000-00-00" if reading.column.type == "date" else "0000-00-00 00:00:00"
    if reading.plain and reading.timezone == "UTC" and all(s.text == plain for s in values):
        return reading
    if reading.plain and reading.column.type == "date" and all(s.text == plain for s in values):
        return reading
    wide = any(set(shape.text) & set(_WIDE) for shape in values)
    narrow = str.maketrans(_WIDE, _NARROW)
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
    for shape in values:
        spelling = _spelling(shape.text)
        if spelling == "dmy":
            numeric.append(shape)
        elif spelling:
            spellings[spelling] = None
    reading = replace(reading, spellings=tuple(spellings), how="only one way to read the values")
    if numeric:
        reading = _decide_order(reading, numeric, exported)
    has_order = reading.date_order in ("dmy", "mdy") and not reading.strict
    form = _ORDERED_FORM if has_order else _ISO_FORM
    forms = [shape.text for shape in values if re.fullmatch(form, shape.text)]
    return replace(reading, forms=tuple(forms[:_FORMS]))


def _spelling(shape: str) -> str | None:
    """Name the way a shape is spelt; dates of numbers only are `dmy`, whatever their order."""
    for spelling, (pattern, _) in _TIMES.items():
        flags = re.IGNORECASE if "name" in spelling else 0
        if spelling not in ("mdy", "yymd") and re.fullmatch(pattern, shape, flags):
            return spelling
    return None


def _counted(values: Sequence[Shape]) -> str | None:
    """Name what a column of bare numbers counts, None where it holds anything else."""
    for name, (pattern, low, high) in _COUNTS.items():
        if values and all(
            pattern.fullmatch(shape.text)
            and shape.lowest is not None
            and shape.highest is not None
            and low <= shape.lowest <= shape.highest <= high
            for shape in values
        ):
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

    short = any(re.match("0{1,2}[-/. ]0{1,2}[-/. ]0{2}(?!0)", shape.text) for shape in numeric)
    warnings = ["years of two digits were read as 1969 to 2068"] if short else []
    if exported.date_order in ("dmy", "mdy") or (exported.date_order == "ymd" and short):
        return ordered(
            exported.date_order,
            "declared",
            confidence="declared",
            warning=_joined(reading.column, warnings),
        )
    first = sum(shape.first_above_12 for shape in numeric)
    second = sum(shape.second_above_12 for shape in numeric)
    if first or second:
        rarer = min(first, second)
        order: DateOrder = "dmy" if first >= second else "mdy"
        how = f"the first number is above 12 in {first:,} values, the second in {second:,}"
        if rarer:
            warnings.append(f"days and months are mixed up: {how}")
        strict = rarer > _SLIP * (first + second)
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
        return ordered("dmy", "no value tells", confidence="likely", is_open=True)
    return ordered("dmy", "day and month are the same number in every value")


# --- columns that say nothing themselves


def _settled_by_neighbours(
    readings: Mapping[str, Reading], shapes: Mapping[str, Sequence[Shape]]
) -> dict[str, Reading]:
    """Let open columns follow the other columns of the file where these agree."""
    orders = {
        r.date_order: name
        for name, r in readings.items()
        if r.date_order in ("dmy", "mdy") and not r.is_open and not r.strict
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


# --- SQL


def _trimmed(cell: str) -> str:
    return f"trim({cell}, {literal(_BLANKS)})"


def _is_scientific(cell: str) -> str:
    """Write the condition under which a cell is a long number as Excel abbreviates it."""
    return f"(contains({cell}, '+') and regexp_full_match({cell}, '{_SCIENTIFIC}'))"


def article(kind: str) -> str:
    """Put the article before the name of a type."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _joined(column: Column, warnings: Sequence[str]) -> str | None:
    return f"{column.name}: {'; '.join(warnings)}" if warnings else None
