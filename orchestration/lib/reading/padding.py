"""What programs put around the cells of a column that is no part of them.

Reports and databases fill cells up with blanks; shops and banks write a tab, an apostrophe or a
backtick before each, which keeps a spreadsheet from taking numbers for numbers; programs that took
identifiers for numbers write `17850.0`. Belongs here: telling such signs from text, and their
removal. Does not: quotes, which are the dialect's.
"""

import re
from collections.abc import Container, Mapping, Sequence

from orchestration.lib.reading.spellings import BLANKS, INVISIBLE
from orchestration.lib.reading.sql import literal

_FEW = 3  # cells, below which all may begin alike by chance
_MANY = 10  # cells, of which all end with a blank that nobody meant
_BLANKS = " \t"
_PRINTED = "“”„«»\u2018\u2019\uff02「」『』"  # quotes of printed texts
_FRACTION = ".0"  # of identifiers, which a program took for numbers as some were missing
# What other programs put before every line (quoted mail, a diff, comments) and behind it.
_BEFORE = re.compile("[^\\w\\s'\"(\\[{]{1,3} *")
_BEHIND = re.compile("(?:[;|:~^*\\\\]{1,2}|<[Bb][Rr] ?/?>) *$")
_SIGNS = {
    " ": "blanks around the cells of {} were removed",
    INVISIBLE: "blanks that no one sees (Unicode) around the cells of {} were removed",
    "\t": "tabs around the cells of {} were removed",
    "'": "an apostrophe before every cell of {} was removed",
    "`": "a backtick before every cell of {} was removed",
    _FRACTION: "the fraction .0 behind every cell of {} was removed",
}


def padding_of(
    headers: Sequence[str], rows: Sequence[Sequence[str]], identifiers: Container[int] = ()
) -> dict[int, str]:
    """Find the columns whose cells are padded: their positions, each with the sign.

    `rows` are the first of a file, as wide as the header, `identifiers` the columns that hold such.
    """
    columns = list(zip(*rows, strict=True))
    found = {at: _padding(headers[at], cells) for at, cells in enumerate(columns)}
    if " " in found.values():  # then the texts of other columns may be equally long without it
        found |= {at: " " for at, cells in enumerate(columns) if not found[at] and _fill_up(cells)}
    if INVISIBLE in found.values():  # and empty cells may hold nothing else
        blanks = set(BLANKS)
        empty = (at for at, cells in enumerate(columns) if all(map(blanks.issuperset, cells)))
        found |= dict.fromkeys(empty, INVISIBLE)
    numbers = {
        at: len(filled)
        for at, cells in enumerate(columns)
        if at in identifiers
        and (filled := [cell for cell in cells if cell])
        and all(re.fullmatch("[0-9]+[.]0", cell) for cell in filled)
    }
    if any(count >= _FEW for count in numbers.values()):  # then others of few cells are so as well
        found |= dict.fromkeys(numbers, _FRACTION)
    return {at: sign for at, sign in found.items() if sign}


def _padding(header: str, cells: Sequence[str]) -> str | None:
    """Return the sign that all filled cells of a column begin or end with.

    Blanks may be text: they are padding where the name of the column has them as well, where they
    make texts of different lengths equally long, or where not one of many cells is without.
    """
    filled = [cell for cell in cells if cell.strip(BLANKS)]
    if len(filled) < _FEW:
        return None
    first, last = {cell[0] for cell in filled}, {cell[-1] for cell in filled}
    for sign in ("'", "`"):
        if first == {sign} and sign not in last:
            return sign
    if first == {"\t"} or last == {"\t"}:
        return "\t"
    if first <= set(INVISIBLE) or last <= set(INVISIBLE):
        return INVISIBLE
    if (first == {" "} and header[:1] == " ") or (last == {" "} and header[-1:] == " "):
        return " "
    if len(filled) >= _MANY and {" "} in (first, last):
        return " "
    lengths = {len(cell.strip(" ")) for cell in filled}
    return " " if len(lengths) > 1 and _fill_up(cells) else None


def _fill_up(cells: Sequence[str]) -> bool:
    """Tell whether blanks make all cells equally long."""
    has_blanks = any(cell != cell.strip(" ") for cell in cells)
    return has_blanks and len({len(cell) for cell in cells if cell}) == 1


def around_rows(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Return what stands before and behind every row, and the header as well: no part of either.

    `rows` are the first of a file, as wide as the header.
    """
    if len(headers) < 2 or len(rows) < _FEW:
        return "", ""
    before, behind = _BEFORE.match(headers[0]), _BEHIND.search(headers[-1])
    first, last = before.group() if before else "", behind.group() if behind else ""
    if first == headers[0] or not all(row[0].startswith(first) for row in rows):
        first = ""
    if last == headers[-1] or not all(row[-1].endswith(last) for row in rows):
        last = ""
    return first, last


def padding_warnings(headers: Sequence[str], padding: Mapping[int, str]) -> tuple[str, ...]:
    """Say what was removed from which columns."""
    return tuple(
        said.format(", ".join(names))
        for sign, said in _SIGNS.items()
        if (names := [headers[at].strip(BLANKS) for at in padding if padding[at] == sign])
    )


def quotes_that_are_text(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Warn of columns whose cells all stand in quotes of printed texts, which are no quotes."""
    found = []
    for header, cells in zip(headers, zip(*rows, strict=True), strict=False):
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(filled) >= _FEW and all(c[0] in _PRINTED and c[-1] in _PRINTED for c in filled):
            found.append(header.strip())
    return (f"the cells of {', '.join(found)} stand in “ and ”, which stay",) if found else ()


def without_padding(cell: str, sign: str) -> str:
    """Write the SQL of a cell without its padding; of nothing else is left, an empty text."""
    if sign in _BLANKS:
        return f"trim({cell}, {literal(_BLANKS)})"
    if sign == INVISIBLE:
        return f"trim({cell}, {literal(BLANKS)})"
    if sign == _FRACTION:
        return f"regexp_replace({cell}, '[.]0$', '')"
    return f"(case when starts_with({cell}, {literal(sign)}) then {cell}[2:] else {cell} end)"
