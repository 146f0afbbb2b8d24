# ruff: noqa: RUF001  (how values are spelt elsewhere is what this module reads)
"""How the cells of one column of one file are read: what was decided, and its SQL.

A typed cell lands as canonical text (`1234.56`, `true`, `2026-11-01`, `2026-11-01 13:30:00` in
UTC), so that staging only casts. Belongs here: the reading of a column and the SQL that checks and
converts its cells. Does not: deciding it (`decisions`), which rows are set aside.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestration.lib.contracts import Column, DateOrder, ExportObject
from orchestration.lib.reading.spellings import (
    BLANKS,
    COUNTS,
    CROSS,
    EXPONENT,
    FALSE,
    ISO_FORM,
    MONTHS,
    NARROW,
    PLAIN,
    ROUNDED,
    SCIENTIFIC,
    TIMES,
    TRUE,
    UNGROUPED,
    WIDE,
    ZERO_DATE,
    ZONES,
)
from orchestration.lib.reading.sql import is_one_of, literal, text_list

_EXPECTED = {
    "integer": "a whole number such as 42",
    "decimal": "a number such as 1234.50",
    "boolean": "true or false",
    "date": "a date such as 2026-11-01",
    "timestamp": "a time such as 2026-11-01 13:30:00",
}


@dataclass(frozen=True)
class Reading:
    """How the cells of one column are read.

    `spellings` are those that occur; `plain` means that every value is canonical already, so that
    checking is enough. `how` and `confidence` say where the decision comes from. `is_open` is set
    as long as values could mean two things. `forms` are frequent shapes of times that have a quick
    way to be read. `has_points` tells whether numbers with a point were seen.
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
    has_points: bool = False

    @property
    def is_checked(self) -> bool:
        """Tell whether not every text is a value of the column."""
        return self.is_key or self.column.type != "text"

    def reads_alike(self, other: "Reading") -> bool:
        """Tell whether all that the other one reads means the same in this one.

        It may read more: other spellings, in other forms.
        """
        if other.plain and not self.plain:
            canonical = self.decimal != "," and not self.percent and not self.strict
            return canonical and self.timezone == other.timezone
        same = replace(
            self,
            spellings=other.spellings,
            nulls=other.nulls,
            forms=other.forms,
            how=other.how,
            confidence=other.confidence,
            warning=other.warning,
            has_points=other.has_points,
        )
        return set(other.spellings) <= set(self.spellings) and same == other

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
        if self.column.type == "identifier":
            filled += f" and {_trimmed(cell)} <> ''"
        if self.nulls:
            # of booleans shapes are in lower case
            seen = f"lower({_trimmed(cell)})" if self.column.type == "boolean" else cell
            filled += f" and not {is_one_of(seen, (text for text, _ in self.nulls))}"
        if self.column.type in ("date", "timestamp"):
            filled += f" and not starts_with({cell}, '{ZERO_DATE}')"
        return f"({filled})"

    def sql(self, cell: str) -> str:
        """Write the canonical text of a filled cell; NULL where the cell is not of the type."""
        kind = self.column.type
        if kind == "identifier":
            # Blanks around it tell nothing apart. To look for them is a tenth of cutting them off.
            # All but the space are more than one byte.
            ends = f"ends_with({cell}, ' ') or ends_with({cell}, chr(9))"
            odd = f"{cell} < '(' or {ends} or strlen({cell}) <> length({cell})"
            plain = f"if(starts_with({cell}, chr(39)), {cell}[2:], nullif({_trimmed(cell)}, ''))"
            return (
                f"(case when {_is_scientific(cell)} then null "
                f"when {odd} then {plain} else {cell} end)"
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
            if CROSS in self.spellings:
                return f"(case when {low} = '{CROSS}' then 'true' end)"
            true = [text for text in self.spellings if text in TRUE]
            false = [text for text in self.spellings if text in FALSE]
            return (
                f"(case when {is_one_of(cell, ['', *true])} then 'true' "
                f"when {is_one_of(cell, ['', *false])} then 'false' "
                f"when {is_one_of(low, TRUE)} then 'true' "
                f"when {is_one_of(low, FALSE)} then 'false' end)"
            )
        if kind in ("integer", "decimal"):
            if self.plain:
                # Where no value had a point, 1.250 may be grouped: the column is decided again.
                form = UNGROUPED if kind == "decimal" and not self.has_points else PLAIN[kind]
                return f"(case when regexp_full_match({cell}, '{form}') then {cell} end)"
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
        return f"translate({text}, {literal(WIDE)}, {literal(NARROW)})" if self.wide else text

    def _plain_time(self, cell: str) -> str:
        """Check a canonical date or time. In this form no offset can follow, which casts drop."""
        form = "____-__-__" if self.column.type == "date" else "____-__-__ __:__:__"
        # DuckDB takes 24:00 for the midnight at the end of a day
        is_late = f"and not contains({cell}, ' 24') " if self.column.type == "timestamp" else ""
        return (
            f"(case when {cell} like '{form}' {is_late}"
            f"and try_cast({cell} as {self.column.type}) is not null then {cell} end)"
        )

    def _spelt_time(self, spelling: str, cell: str) -> str:
        if spelling in COUNTS:
            return self._counted_time(spelling, cell)
        pattern, parts = TIMES[spelling]
        insensitive = "(?i)" if "name" in spelling else ""
        names = ", ".join(literal(part) for part in parts)
        found = f"regexp_extract({cell}, {literal(f'^{insensitive}(?:{pattern})$')}, [{names}])"
        # A list of one, so that the parts are computed once.
        return f"list_transform([{found}], lambda p: {self._assembled(spelling, parts)})[1]"

    def _formed_time(self, form: str, cell: str) -> str:
        """Write a time of a common form: quicker by ten than to take it apart by a pattern."""
        is_date = self.column.type == "date"
        if re.fullmatch(ISO_FORM, form):
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
        year = "case when length(p.y) = 2 then if(p.y >= '50', '19', '20') || p.y else p.y end"
        named = f"list_position({text_list(MONTHS)}, strip_accents(lower(p.m)))"
        month = f"coalesce(try_cast(p.m as int), {[*MONTHS.values()]}[{named}])::varchar"
        day = f"{year} || '-' || {month} || '-' || p.d"
        is_mixed = self.date_order and "name" not in spelling
        if self.strict and is_mixed and (spelling != "ymd" or self.date_order == "ymd"):
            # Days and months are mixed up: only what cannot be read the other way round.
            day = f"if(try_cast(p.d as int) > 12 or p.d = p.m, {day}, null)"
        if "w" in parts:
            # there and back, for week 53 of a year that has none would be the first of the next
            week, form = "p.y || '-' || p.w || '-' || p.d", "'%G-%V-%u'"
            day = f"try_strptime({week}, {form})"
            day = f"if(strftime({day}, {form}) = {week}, {day}, null)"
        if self.column.type == "date":
            return f"try_cast({day} as date)::varchar"
        if "w" in parts:
            return f"({day})::varchar"
        hour, clock = "p.h", "p.h || ':' || if(p.mi = '', '00', p.mi)"
        if "ap" in parts:
            afternoon = "p.ap in ('P', 'p', '下午', '오후', '午後')"
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
        hours = f"{[*ZONES.values()]}[list_position({text_list(ZONES)}, upper(p.zone))]"
        named_zone = f"when p.zone <> '' then {time} - to_hours({hours}) "
        return (
            f"(case when p.h = '' then {time} {named_zone if 'zone' in parts else ''}"
            f"when p.z = '' then {self._in_utc(time)} "
            f"else {time} - to_minutes({offset}) end)::varchar"
        )

    def _counted_time(self, spelling: str, cell: str) -> str:
        _, low, high = COUNTS[spelling]
        number = f"try_cast(replace({cell}, ',', '.') as double)"
        seconds = {
            "Excel serial": f"(round({number} * 86400) - 25569 * 86400.0)",
            "epoch seconds": number,
            "epoch milliseconds": f"({number} / 1000)",
            "epoch microseconds": f"({number} / 1000000)",
        }[spelling]
        time = f"make_timestamp(round({seconds} * 1000)::bigint * 1000)"
        if spelling == "epoch microseconds":
            time = f"make_timestamp(try_cast({cell} as bigint))"
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
        common = PLAIN[self.column.type].replace("[.]", f"[{decimal}]")
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
        cents = f"{decimal}(?:[-−]|([0-9]*))"  # a stroke says that there are none: 12,-
        pattern = (
            f"^([(]?)([-+−]?) *{unit} *([-+−]?) *({whole})?(?:{cents})? *{unit}{percent}"
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
                f"(case when regexp_full_match({cell}, '{ROUNDED}') then null "
                f"when regexp_full_match({cell}, '{EXPONENT}') then {exact} "
                f"else {number} end)"
            )
        return number


def read_as_declared(exported: ExportObject) -> dict[str, Reading]:
    """Return how columns are read before any value was seen: as canonical text."""
    return {column.name: Reading(column, timezone=exported.timezone) for column in exported.columns}


def _trimmed(cell: str) -> str:
    return f"trim({cell}, {literal(BLANKS)})"


def _is_scientific(cell: str) -> str:
    """Write the condition under which a cell is a long number as Excel abbreviates it."""
    is_one = f"contains({cell}, '+') and regexp_full_match({cell}, '{SCIENTIFIC}')"
    return f"({cell} < ':' and {is_one})"  # letters, with which most texts begin, stand behind


def article(kind: str) -> str:
    """Put the article before the name of a type."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
