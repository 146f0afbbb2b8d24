"""What the cells of a column look like, and what contradicts that.

Nothing is wrong with `delivered` as a text, nor with `#1001`; below the header `customer_id`, or
beside a thousand numbers without `#`, it is odd. Nothing here sets a row aside. Belongs here: what
the cells of a column have in common, which others, its name or other files contradict, and the
warnings. Does not: rows (`odd_rows`), single values (`odd_values`, `doubts`).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from orchestration.lib.contracts import Column, ExportObject
from orchestration.lib.reading.odd_rows import FirstRows

_TEXTS = 500  # different ones of a column that are looked at
_FEW = 20  # filled cells, below which all may be alike by chance
_FEW_ODD = 3  # cells, below which an odd one may be a slip
_MOST, _HARDLY = 0.9, 0.1  # of the cells: nearly all of them, hardly any
_MOST_ODD = 0.5  # of the identifiers
_LENGTHS = 8  # that texts have, below which they are written by a rule
_FEW_CUT, _TIMES_MORE = 5, 3  # texts as long as the longest, and of those a letter or two shorter
_BEGINNING = 5  # letters, by which texts of one program are alike
_MANY = 0.5  # different texts for each cell, as identifiers of records have

_DIGIT = re.compile("[0-9]")
_SIGNED = re.compile("(.*[^A-Za-z0-9])?([A-Za-z0-9]+)([^A-Za-z0-9]*)", re.DOTALL)
_CODE = re.compile("(^|_)(id|ids|uuid|guid)$")
_EMAIL = re.compile("e_?mail")
_CREATED, _CHANGED = re.compile("creat"), re.compile("updat|modif")

# What cells may hold: of texts, of flags and of amounts.
_TEXT_SIGNS: Mapping[str, Callable[[str], object]] = {
    "digits": _DIGIT.search,
    "small letters": lambda text: text != text.upper(),
    "capital letters": lambda text: text != text.lower(),
    "blanks": lambda text: " " in text,
    "signs": lambda text: not text.replace(" ", "").isalnum(),
    "@": lambda text: "@" in text,
}
_SIGNS: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "text": _TEXT_SIGNS,
    "identifier": _TEXT_SIGNS,
    "boolean": {"yes": lambda text: text == "true"},
    "decimal": {"decimals": lambda text: "." in text},
}


class Form(NamedTuple):
    """How many cells of a column are filled, and which share of these hold what."""

    filled: int
    shares: Mapping[str, float]

    def holds(self, sign: str) -> bool | None:
        """Tell whether nearly all cells hold a sign (true), or hardly any (false)."""
        share = self.shares.get(sign, 0.5)
        return True if share >= _MOST else False if share <= _HARDLY else None


def forms_of(exported: ExportObject, rows: FirstRows) -> dict[str, Form]:
    """Return the forms of the columns in the first rows that landed, where enough are filled."""
    forms = {}
    for column, counts in zip(exported.columns, rows.counts, strict=False):
        signs = _SIGNS.get(column.type, {})
        texts = list(islice(((t, n) for t, n in counts.items() if t is not None), _TEXTS))
        filled = sum(count for _, count in texts)
        if filled >= _FEW and signs:
            shares = {
                name: round(sum(count for text, count in texts if holds(text)) / filled, 2)
                for name, holds in signs.items()
            }
            forms[column.name] = Form(filled, shares)
    return forms


def odd_forms(exported: ExportObject, rows: FirstRows, forms: Mapping[str, Form]) -> list[str]:
    """Say what contradicts the forms of columns within their file."""
    columns = {c.name: c for c in exported.columns if c.name in forms}
    counts = {c.name: n for c, n in zip(exported.columns, rows.counts, strict=False)}
    said = []
    for name, column in columns.items():
        if column.type == "identifier" and (affix := _affix(counts[name])):
            said.append(
                f"some cells of {name} hold what others have with {affix} around it: may be one id "
                "written in two ways"
            )
        if column.type == "text" and (length := _cut_at(counts[name])):
            said.append(
                f"cells of {name} may be cut off: many are {length} letters long and none is longer"
            )
    deleted = exported.deleted_flag
    if deleted and deleted in forms and forms[deleted].holds("yes"):
        said.append(f"{deleted} says that nearly all records are deleted: is it turned around?")
    said += [
        f"the cells of {one} look like those of {other}, and the other way round: are the headers "
        "in their places?"
        for one, other in (*_misplaced(columns, counts, forms), *_too_early(exported, rows))
    ]
    return said


def _cut_at(counts: Counter[str | None]) -> int | None:
    """Return the length at which the texts of a column were cut off, None where none was.

    Texts as people write them are the fewer the longer they are; where some were cut, as many as
    would be longer have that length. Those of a program begin or end alike ("My order is #1926.").
    """
    texts = list(islice((t for t in counts if t is not None), _TEXTS))
    lengths = Counter(map(len, texts))
    if len(lengths) < _LENGTHS:
        return None
    length = max(lengths)
    shorter = max(lengths[length - 1], lengths[length - 2])
    if lengths[length] < max(_FEW_CUT, _TIMES_MORE * shorter):
        return None
    longest = [text for text in texts if len(text) == length]
    beginnings = {text[:_BEGINNING] for text in longest}
    differ = 2 * len(beginnings) >= len(longest) and len({text[-1] for text in longest}) > 1
    return length if differ else None


def _affix(counts: Counter[str | None]) -> str | None:
    """Return what stands before or behind some identifiers of which most have nothing like it.

    `#1001` beside 1002 and 1003: the rest is as long as others, of digits or letters as these are.
    """
    texts = list(islice((t for t in counts if t is not None), _TEXTS))
    plain = {(len(text), text.isdigit()) for text in texts if text.isascii() and text.isalnum()}
    affixes = Counter[tuple[str, str]]()
    for text in texts:
        if text.isalnum() or not (found := _SIGNED.fullmatch(text)):
            continue
        before, core, behind = found.groups(default="")
        if _DIGIT.search(core) and (len(core), core.isdigit()) in plain:  # words may be compounds
            affixes[before, behind] += 1
    if not affixes:
        return None
    ((before, behind), count), *_ = affixes.most_common(1)
    if not _FEW_ODD <= count <= _MOST_ODD * len(texts):
        return None
    return " and ".join(filter(None, (before, behind)))


def _misplaced(
    columns: Mapping[str, Column],
    counts: Mapping[str, Counter[str | None]],
    forms: Mapping[str, Form],
) -> Iterator[tuple[str, str]]:
    """Yield columns whose names say what the cells of another column are, and not their own."""
    texts = [name for name, column in columns.items() if column.type in ("text", "identifier")]
    addresses = [name for name in texts if forms[name].holds("@")]
    emails = [n for n in texts if _EMAIL.search(n) and n not in addresses]
    others = [n for n in addresses if not _EMAIL.search(n)]
    for one, other in zip(emails, others, strict=False):
        if forms[one].holds("@") is False:
            yield one, other
    codes = [n for n in texts if columns[n].type == "identifier" or _CODE.search(n)]
    words = [
        n
        for n in codes
        if forms[n].holds("digits") is False and len(counts[n]) < _MANY * forms[n].filled
    ]
    like_codes = [
        n
        for n in texts
        if n not in codes
        and n not in addresses
        and forms[n].holds("digits")
        and forms[n].holds("blanks") is False
        and forms[n].holds("signs") is False
        and len(counts[n]) >= _MANY * forms[n].filled
    ]
    yield from ((words[0], other) for other in like_codes[:1] if words)


def _too_early(exported: ExportObject, rows: FirstRows) -> Iterator[tuple[str, str]]:
    """Yield two times, of which records have changed before they were created."""
    times = [
        (column.name, cells)
        for column, cells in zip(exported.columns, rows.columns, strict=False)
        if column.type == "timestamp"
    ]
    for created, before in times:
        for changed, behind in times:
            if not (_CREATED.search(created) and _CHANGED.search(changed)):
                continue
            pairs = [(a, b) for a, b in zip(before, behind, strict=True) if a and b and a != b]
            if len(pairs) >= _FEW and sum(a > b for a, b in pairs) >= _MOST * len(pairs):
                yield created, changed


def unlike_others(
    forms: Mapping[str, Form], others: Sequence[Mapping[str, Form]]
) -> Iterable[tuple[str, list[str]]]:
    """Yield the columns that hold what they hold in no other file, or do not what they hold there.

    Two of the others have to agree: one alone may itself be the odd one.
    """
    for name, form in forms.items():
        beside = [other[name] for other in others if name in other]
        if len(beside) < 2:
            continue
        signs = [
            sign
            for sign in form.shares
            if (here := form.holds(sign)) is not None
            and all(other.holds(sign) is (not here) for other in beside)
        ]
        if signs:
            yield name, signs
