"""What looks wrong in the texts of a file, though its rows are as the contract says.

A text may be anything, so nothing here sets a row aside: that `&amp;` was an ampersand, that a row
was commented out, is for people to say. Belongs here: such signs, and the warnings that name the
columns. Does not: what is padded or encoded as a whole (`padding`, `encoding`), typed cells.
"""

from collections.abc import Iterator

import duckdb

from orchestration.lib.contracts import Column, ExportObject
from orchestration.lib.reading.sorting import RARE, Relation, is_comment
from orchestration.lib.reading.spellings import INVISIBLE, SCIENTIFIC
from orchestration.lib.reading.sql import is_one_of, literal, quoted

_LOOKS = 1000  # at columns in one query
_LENGTHS = (255, 256, 500, 512, 1000, 1024, 2000, 2048, 4000, 4096, 32_767)  # usual limits
_FEW = 3  # cells, below which all may look alike by chance

_ENTITY = (
    "&(amp|lt|gt|quot|apos|nbsp|euro|szlig|#x?[0-9A-Fa-f]{2,6}|[A-Za-z](acute|grave|uml|circ|tilde"
    "|cedil|ring));|<[Bb][Rr] ?/?>"
)
_MARKUP = "</[A-Za-z]"  # of texts that are HTML on purpose
_PERCENT = "%(20|2[CcFf]|[Cc][2-9A-Fa-f]%[89AaBb][0-9A-Fa-f])"
_ADDRESS = "[/?=]"  # of web addresses, which are written so on purpose
_ERRORS = ("#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#GETTING_DATA", "#SPILL!")
_HASHES = "#{4,}"  # what a spreadsheet shows of a number that is wider than its column
# GBK or UTF-8 that was read as Latin-1: letters with accents alone, or what no text holds.
_MISREAD = "[\u00c0-\u00ff][\u00a1-\u00ff]{2,}[\u00c0-\u00ff]|[\u0080-\u009f]"
_CONTROL = "[\u0001-\u0008\u000e-\u001f\u007f]|_x00[01][0-9A-F]_"  # also as Excel writes them
_ACCENT = "[A-Za-z][\u0300-\u0333]"

_BEYOND_ASCII = "strlen({0}) <> length({0})"  # which most texts need not be looked at for
# What is said of columns of which some cells fulfil a condition.
_SIGNS = {
    "hold HTML (&amp;), which stays as it is": (
        "(contains({0}, '&') or contains({0}, '<')) "
        f"and regexp_matches({{0}}, {literal(_ENTITY)}) "
        f"and not regexp_matches({{0}}, {literal(_MARKUP)})"
    ),
    "hold letters written as %C3%A9, which stay as they are": (
        f"contains({{0}}, '%') and regexp_matches({{0}}, {literal(_PERCENT)}) "
        f"and not regexp_matches({{0}}, '{_ADDRESS}')"
    ),
    "hold errors of a spreadsheet (#REF!), which stay as they are": (
        "starts_with({0}, '#') and "
        f"({is_one_of('{0}', _ERRORS)} or regexp_full_match({{0}}, '{_HASHES}'))"
    ),
    "begin or end with blanks that no one sees, which stay": (
        f"{_BEYOND_ASCII} and "
        f"({is_one_of('left({0}, 1)', INVISIBLE)} or {is_one_of('right({0}, 1)', INVISIBLE)})"
    ),
    "hold letters that were read in a wrong encoding once (Ð\u009c, ÉÏº£)": (
        f"{_BEYOND_ASCII} and regexp_matches({{0}}, '{_MISREAD}')"
    ),
    "hold accents apart from their letters (NFD), which no search for é finds": (
        f"{_BEYOND_ASCII} and regexp_matches({{0}}, '{_ACCENT}')"
    ),
    "hold numbers in scientific notation, as a spreadsheet shows long ones: digits are lost": (
        "(contains({0}, 'E+') or contains({0}, 'e+')) "
        f"and regexp_full_match({{0}}, '{SCIENTIFIC}')"
    ),
    "hold control characters, which stay": (f"regexp_matches({{0}}, {literal(_CONTROL)})"),
}
# The same of identifiers: of all cells of a column.
_IDENTIFIER_SIGNS = {
    "end with zeros behind their fifteenth digit, beyond which a spreadsheet keeps none": (
        "regexp_full_match({0}, '[0-9]{15}0+')"
    ),
    "hold numbers with grouped digits (1,234,567), which stay": (
        "regexp_full_match({0}, '[0-9]{1,3}([,.][0-9]{3})+')"
    ),
}


def doubts(con: duckdb.DuckDBPyConnection, relation: Relation, exported: ExportObject) -> list[str]:
    """Say what the texts in the rows of the table `sample` may be instead of what they say."""
    looks = [
        (column.name, said, condition)
        for column in exported.columns
        if relation.cells.get(column.name)
        for said, condition in _conditions(column, is_first=column.name == relation.first)
    ]
    found: dict[str, list[str]] = {}
    for start in range(0, len(looks), _LOOKS):
        some = looks[start : start + _LOOKS]
        names = dict.fromkeys(name for name, _, _ in some)
        texts = ", ".join(f"{relation.cells[name]} as {quoted(name)}" for name in names)
        holds = ", ".join(condition.replace("{0}", quoted(name)) for name, _, condition in some)
        row = con.execute(f"select {holds} from (select {texts} from sample)").fetchone()
        assert row is not None  # an aggregate has a row
        for (name, said, _), is_so in zip(some, row, strict=True):
            if is_so:
                found.setdefault(said, []).append(name)
    return [f"cells of {', '.join(names)} {said}" for said, names in found.items()]


def _conditions(column: Column, *, is_first: bool) -> Iterator[tuple[str, str]]:
    if column.type == "text":
        if is_first:
            yield (
                "begin with #, as rows do that somebody commented out",
                f"count_if({is_comment('{0}')}) between 1 and {RARE} * count({{0}})",
            )
        for said, condition in _SIGNS.items():
            yield said, f"bool_or({condition})"
        # of those that are as long as a program keeps
        cut = f"count_if(length({{0}}) in {_LENGTHS}) >= {_FEW}"
        longest = f"max(length({{0}})) in {_LENGTHS} and min(length({{0}})) < max(length({{0}}))"
        yield "may be cut off: the longest are as long as a program keeps", f"{cut} and {longest}"
    if column.type in ("text", "identifier", "integer"):
        for said, condition in _IDENTIFIER_SIGNS.items():
            yield said, f"count({{0}}) >= {_FEW} and bool_and({condition})"
