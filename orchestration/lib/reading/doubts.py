"""What looks wrong in the texts of a file, though its rows are as the contract says.

A text may be anything, so nothing here sets a row aside: that `&amp;` was an ampersand, that a row
was commented out, is for people to say. Belongs here: such signs, and the warnings that name the
columns. Does not: what is padded or encoded as a whole (`padding`, `encoding`), typed cells.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import duckdb

from orchestration.lib.contracts import CellType, Column, ExportObject
from orchestration.lib.reading.delimited import TELLING_WIDTH
from orchestration.lib.reading.shapes import COLUMNS_AT_ONCE
from orchestration.lib.reading.sorting import RARE, Relation, is_comment
from orchestration.lib.reading.spellings import BLANKS, INVISIBLE, SCIENTIFIC
from orchestration.lib.reading.sql import is_one_of, literal

_LENGTHS = (255, 256, 500, 512, 1000, 1024, 2000, 2048, 4000, 4096, 32_767)  # usual limits
_FEW = 3  # cells, below which all may look alike by chance

_ENTITY = (
    "&(amp|lt|gt|quot|apos|nbsp|euro|szlig|#x?[0-9A-Fa-f]{2,6}|[A-Za-z](acute|grave|uml|circ|tilde"
    "|cedil|ring));|<[Bb][Rr] ?/?>"
)
_MARKUP = "</[A-Za-z]"  # of texts that are HTML on purpose
_LOST_LETTER = "[A-Za-z][?]{1,2}[a-z]"
_UNICODE = r"\\u00[0-9a-fA-F]{2}|\\x[c-fC-F][0-9a-fA-F]|=[Cc][2-9A-Fa-f]=[89AaBb]"
_PERCENT = "%(20|2[CcFf]|[Cc][2-9A-Fa-f]%[89AaBb][0-9A-Fa-f])"
_ADDRESS = "[/?=]"  # of web addresses, which are written so on purpose
_ERRORS = ("#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!")
_HASHES = "#{4,}"  # what a spreadsheet shows of a number that is wider than its column
# GBK or UTF-8 that was read as Latin-1: letters with accents alone, or what no text holds.
_MISREAD = "[\u00c0-\u00ff][\u00a1-\u00ff]{2,}[\u00c0-\u00ff]|[\u0080-\u009f]"
_CONTROL = (
    "[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]|_x00[01][0-9A-F]_"  # also as Excel writes them
)
_ACCENT = "[A-Za-z][\u0300-\u0333]"

# What programs write instead of a value: of JavaScript, .NET, Python and Ruby an object, of a
# template the place where the value belongs. Whole cells only, for a text may hold a template.
_UNFILLED = (
    r"\[object [A-Za-z]+\]|System\.[A-Za-z.]+(\[\])?|<[A-Za-z_.]+ object at 0x[0-9A-Fa-f]+>"
    r"|#<[A-Z][A-Za-z:]*(:0x[0-9a-f]+)?>|\{\{[^{}]*\}\}|[$%]\{[^{}]*\}|%[sd]|\{[0-9]\}"
)
_MASKED = r"[*•●█▇]{3,}.*|[xX]{4,}([^A-Za-z].*)?|\[?(redacted|REDACTED|Redacted|masked|MASKED)\]?"
_STARS = "regexp_full_match(cell, '[*]{1,5}')"  # of a rating, where no cell says anything else
_BYTES = "b'.*'|b\".*\""
# Marks of direction, lines and no width, which are part of no word; joiners are, in Persian and
# emoji.
_UNSEEN = "[\u00ad\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
_LOOKS_ALIKE = "[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z]"
# Letters and digits as wide as ideographs, in a text that has none.
_WIDE = "[ -~\u3000]*[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a][ -~\uff01-\uff5e\u3000]*"
_DITTO = ('"', "〃", "″", "''", '-"-', '"-"', "ditto", "dito", "idem")
_WRAPPED = "[{].*[}]|[\\[].*[\\]]|<.*>|\".*\"|'.*'|[(].*[)]|=[A-Z]+[(].*[)]|https?://.+"

# Quotes of other programs, in which hardly a cell stands by chance.
_QUOTES = ("'", "`", "~", "^", "|", "%", "$", "!")

# One of these is in every cell with a sign: few columns have to be looked at closely.
_STRANGE = (
    "[^ -~]|[&<%#*]|[Ee][+]|_x00|[0-9]{15}0|[0-9][,.][0-9]{3}|^[ '`~^|%$!]|[ '`~^|%$!]$"
    "|  |://|[a-z][?]|[?][a-z]|\\\\[ux]|=[Cc]|^[\\[{(\"=]|^b'|^0[0-9]+$|xxxx|XXXX|[A-Za-z]+[+][A-Za-z]"
    "|[.]{3}$|^System|^(ditto|dito|idem)$"
)

_PLAIN = "trim(cell, ' ' || chr(9))"
_TRIMMED = f"trim(cell, {literal(BLANKS)})"
_BEYOND_ASCII = "strlen(cell) <> length(cell)"  # which most texts need not be looked at for
_BREAKS = "\r\n"
_BREAK_AT_END = f"^[{_BREAKS}]|[{_BREAKS}]$"
_IS_UNREADABLE = f"regexp_full_match(cell, {literal(_MASKED)}) and not {_STARS}"
_SHORTENED = "ends_with(cell, '...') or ends_with(cell, '…')"
# An apostrophe for a spreadsheet, before what is no 't or 's of a Dutch name.
_APOSTROPHE = "^'([^'nst ]|[nst][^ '-])[^']*$"
# Digits beside others that begin with zeros and are all equally long: a spreadsheet took them for
# numbers.
_ZEROS = (
    f"bool_and(regexp_full_match(cell, '[0-9]+')) and "
    f"count(distinct cell) filter (starts_with(cell, '0')) >= {_FEW} "
    "and count(distinct strlen(cell)) filter (starts_with(cell, '0')) = 1 "
    "and max(strlen(cell)) = max(strlen(cell)) filter (starts_with(cell, '0')) "
    "and min(strlen(cell)) < max(strlen(cell))"
)
# A day that began elsewhere: midnight in Berlin is 22:00 or 23:00 of the day before in UTC.
_DAY_AND_HOUR = 16  # bytes of 2026-10-31 22:00, more than of a date alone
_ON_THE_HOUR = "regexp_matches(cell, '[ T](0[1-9]|1[0-9]|2[0-3]):00(:00)?([^0-9:]|$)')"
_DAY = "regexp_matches(cell, '^[^ T]+$|[ T]00:00')"

_TEXT: Sequence[CellType] = ("text",)
_CODE: Sequence[CellType] = ("identifier",)
_TEXTS: Sequence[CellType] = ("text", "identifier")
_ALL: Sequence[CellType] = ("text", "identifier", "integer")
_LOOKED_AT: Sequence[CellType] = (*_ALL, "date")


class _Doubt(NamedTuple):
    """What is said of columns of some types, and the condition in SQL on all cells of one."""

    said: str
    condition: str
    types: Sequence[CellType] = _TEXT


def _any(condition: str) -> str:
    return f"bool_or({condition})"


def _few(condition: str) -> str:
    return f"count_if({condition}) >= {_FEW}"


def _every(condition: str) -> str:
    return f"count(cell) >= {_FEW} and bool_and({condition})"


def _other_blank(said: str, blank: str) -> _Doubt:
    """Tell blanks of another kind where no cell of a column has a plain one."""
    is_one = f"regexp_matches(cell, {literal(blank)})"
    return _Doubt(said, f"{_few(is_one)} and not bool_or(regexp_matches(cell, '[^ ] [^ ]'))")


SWALLOWED = "hold whole rows: a quote that was never closed may have swallowed them"
_COMMENTED = _Doubt(
    "begin with #, as rows do that somebody commented out",
    f"count_if({is_comment('cell')}) between 1 and {RARE} * count(cell)",
)
_UNREADABLE = "hold texts that were made unreadable (***, [REDACTED]), which stay"
_HIDDEN = "hold signs within that no one sees (of direction, of no width), which stay"
_DOUBTS = (
    _Doubt(
        "hold HTML (&amp;), which stays as it is",
        _any(
            "(contains(cell, '&') or contains(cell, '<')) "
            f"and regexp_matches(cell, {literal(_ENTITY)}) "
            f"and not regexp_matches(cell, {literal(_MARKUP)})"
        ),
    ),
    _Doubt(
        "hold letters written as %C3%A9, which stay as they are",
        _any(
            f"contains(cell, '%') and regexp_matches(cell, {literal(_PERCENT)}) "
            f"and not regexp_matches(cell, '{_ADDRESS}')"
        ),
    ),
    _Doubt(
        "hold letters written as \\u00e9 or =C3=A9, which stay as they are",
        _any(f"regexp_matches(cell, {literal(_UNICODE)})"),
    ),
    _Doubt(
        "hold errors of a spreadsheet (#REF!), which stay as they are",
        _any(
            "starts_with(cell, '#') and "
            f"({is_one_of('cell', _ERRORS)} or regexp_full_match(cell, '{_HASHES}'))"
        ),
    ),
    _Doubt(
        "begin or end with blanks that no one sees, which stay",
        _any(
            f"{_BEYOND_ASCII} and ({is_one_of('left(cell, 1)', INVISIBLE)} "
            f"or {is_one_of('right(cell, 1)', INVISIBLE)})"
        ),
    ),
    _Doubt(
        "hold letters that were read in a wrong encoding once (Ð\u009c, ÉÏº£)",
        _any(f"{_BEYOND_ASCII} and regexp_matches(cell, '{_MISREAD}')"),
    ),
    _Doubt(
        "hold accents apart from their letters (NFD), which no search for é finds",
        _any(f"{_BEYOND_ASCII} and regexp_matches(cell, '{_ACCENT}')"),
    ),
    _Doubt(
        "hold numbers in scientific notation, as a spreadsheet shows long ones: digits are lost",
        _any(
            "(contains(cell, 'E+') or contains(cell, 'e+')) "
            f"and regexp_full_match(cell, '{SCIENTIFIC}')"
        ),
    ),
    _Doubt(
        "stand in quotes of another kind ('…', ~…~), which stay",
        _any(
            "strlen(cell) > 2 and left(cell, 1) = right(cell, 1) "
            f"and {is_one_of('left(cell, 1)', _QUOTES)}"
        ),
    ),
    _Doubt(
        "begin with an apostrophe, as texts do for a spreadsheet, which stays",
        _few(f"starts_with(cell, chr(39)) and regexp_matches(cell, {literal(_APOSTROPHE)})"),
    ),
    _Doubt(
        "hold control characters, which stay",
        _any(f"regexp_matches(cell, {literal(_CONTROL)})"),
        _TEXTS,
    ),
    _Doubt(
        "hold what a program wrote instead of a value ([object Object], {{name}})",
        _any(f"cell <= '~' and regexp_full_match(cell, {literal(_UNFILLED)})"),
    ),
    _Doubt(
        "are written as Python writes bytes (b'…'), which stays",
        _any(f"starts_with(cell, 'b') and regexp_full_match(cell, {literal(_BYTES)})"),
        _TEXTS,
    ),
    _Doubt(_HIDDEN, _any(f"{_BEYOND_ASCII} and regexp_matches({_TRIMMED}, '{_UNSEEN}')")),
    _Doubt(
        _HIDDEN,
        _any(f"{_BEYOND_ASCII} and regexp_matches({_TRIMMED}, '[{INVISIBLE}]')"),
        _CODE,
    ),
    _Doubt(
        "hold Greek or Cyrillic letters within Latin words, which look alike: no key finds them",
        _any(f"{_BEYOND_ASCII} and regexp_matches(cell, '{_LOOKS_ALIKE}')"),
        _TEXTS,
    ),
    _Doubt(
        "are written in letters as wide as ideographs (\uff21\uff22\uff23), which no key finds",
        _any(f"{_BEYOND_ASCII} and regexp_full_match(cell, '{_WIDE}')"),
        _TEXTS,
    ),
    # behind a sentence one may be meant, or does no harm
    _Doubt(
        "begin or end with blanks or tabs, which stay",
        f"bool_or({_PLAIN} <> cell) and "
        f"(bool_or(ends_with(cell, '  ')) or not bool_or(contains({_PLAIN}, ' ')))",
    ),
    # of card numbers all are, and stars alone are marks
    _Doubt(
        _UNREADABLE,
        f"bool_or(({_IS_UNREADABLE}) or {_STARS}) "
        f"and bool_or(regexp_matches(cell, '[A-Za-z0-9]') and not ({_IS_UNREADABLE}))",
    ),
    _Doubt(_UNREADABLE, _any(_IS_UNREADABLE), _CODE),
    _Doubt(
        "begin or end with a line break, which stays",
        f"bool_or(regexp_matches(cell, {literal(_BREAK_AT_END)})) "
        f"and not bool_or(regexp_matches(trim(cell, {literal(_BREAKS)}), '[\r\n]'))",
    ),
    _other_blank("hold blanks twice", "[^ ]  [^ ]"),
    _other_blank("hold tabs for blanks", "[^\t]\t[^\t]"),
    _other_blank("hold blanks that do not break (U+00A0) for blanks", "[^\u00a0]\u00a0[^\u00a0]"),
    _other_blank("hold + for blanks, as web addresses do", "^[A-Za-z]{2,}([+][A-Za-z]{2,})+$"),
    _Doubt(
        "hold ? within words, as programs write letters that they do not have",
        f"bool_or(regexp_matches(cell, {literal(_LOST_LETTER)}) "
        f"and not regexp_matches(cell, '[/=]')) and not bool_or({_BEYOND_ASCII})",
    ),
    _Doubt(
        "hold signs for what the row above says, which were not filled in",
        _few(is_one_of("cell", _DITTO)),
    ),
    _Doubt(
        "were shortened to end with ...",
        f"{_few(_SHORTENED)} and max(length(cell)) = min(length(cell)) filter ({_SHORTENED})",
    ),
    _Doubt(
        "may be cut off: the longest are as long as a program keeps",
        f"max(length(cell)) in {_LENGTHS} and min(length(cell)) < max(length(cell)) "
        f"and {_few(f'length(cell) in {_LENGTHS}')}",
    ),
    _Doubt(
        "stand in brackets, quotes, formulas or web addresses, which stay",
        _every(f"regexp_full_match(cell, {literal(_WRAPPED)})"),
        _CODE,
    ),
    _Doubt(
        "have lost zeros in front: fewer digits than 00123, as others are written", _ZEROS, _TEXTS
    ),
    _Doubt(
        "end with zeros behind their fifteenth digit, beyond which a spreadsheet keeps none",
        _every("regexp_full_match(cell, '[0-9]{15}0+')"),
        _ALL,
    ),
    _Doubt(  # integers are read as what they say
        "hold numbers with grouped digits (1,234,567), which stay",
        _every("regexp_full_match(cell, '[0-9]{1,3}([,.][0-9]{3})+')"),
        _TEXTS,
    ),
    _Doubt(
        "hold times on the hour that are not midnight: of another time zone, which moves the day?",
        f"{_few(_ON_THE_HOUR)} and bool_and({_ON_THE_HOUR} or {_DAY})",
        ("date",),
    ),
)


def doubts(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    delimiter: str | None,
) -> list[str]:
    """Say what the texts in the rows of the table `sample` may be instead of what they say.

    `delimiter` is that of delimited text: lines of a cell with as many as a row has may be rows.
    """
    found: dict[str, list[str]] = {}
    for column in _strange(con, relation, exported):
        is_first = column.type == "text" and column.name == relation.first
        asked = (_COMMENTED, *_DOUBTS) if is_first else _DOUBTS
        conditions = {d.said: d.condition for d in asked if column.type in d.types}
        if delimiter and column.type == "text" and len(relation.texts) >= TELLING_WIDTH:
            conditions[SWALLOWED] = _holds_rows(delimiter, len(relation.texts))
        cell = relation.cells[column.name]
        row = con.execute(
            f"select {', '.join(conditions.values())} from (select {cell} as cell from sample)"
        ).fetchone()
        assert row is not None  # an aggregate has a row
        for said, is_so in zip(conditions, row, strict=True):
            if is_so:
                found.setdefault(said, []).append(column.name)
    return [f"cells of {', '.join(names)} {said}" for said, names in found.items()]


def _holds_rows(delimiter: str, width: int) -> str:
    """Write the condition under which a whole line within some cell has the cells of a row."""
    others = f"length(line) - length(replace(line, {literal(delimiter)}, ''))"
    is_row = f"{others} = {(width - 1) * len(delimiter)}"
    lines = f"list_transform(string_split(cell, chr(10))[2:-2], lambda line: {is_row})"
    return f"bool_or(contains(cell, chr(10)) and list_contains({lines}, true))"


def _strange(
    con: duckdb.DuckDBPyConnection, relation: Relation, exported: ExportObject
) -> Iterator[Column]:
    """Yield the columns with texts that are worth a closer look."""
    columns = [
        column
        for column in exported.columns
        if relation.cells.get(column.name) and column.type in _LOOKED_AT
    ]
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        some, strange = columns[start : start + COLUMNS_AT_ONCE], literal(_STRANGE)
        texts = ", ".join(f"{relation.cells[c.name]} as t{at}" for at, c in enumerate(some))
        signs = ", ".join(
            f"bool_or(strlen(t{at}) >= {_DAY_AND_HOUR})"
            if column.type == "date"
            else f"bool_or(strlen(t{at}) >= {min(_LENGTHS)} or regexp_matches(t{at}, {strange}))"
            for at, column in enumerate(some)
        )
        row = con.execute(f"select {signs} from (select {texts} from sample)").fetchone()
        assert row is not None  # an aggregate has a row
        yield from (column for column, is_so in zip(some, row, strict=True) if is_so)
