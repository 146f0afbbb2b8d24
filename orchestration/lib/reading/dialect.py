"""How the text of one delimited file is laid out: dialect, header, what stands before and behind.

The contract knows which columns to expect, so the dialect is not sniffed from regularities: it is
the one under which some row of the beginning holds most names of the contract. Belongs here: the
decision on delimiter, quote, escape, header, preamble and footer. Does not: the grammar
(`delimited`), which column is which (`layout`).
"""

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.delimited import (
    Dialect,
    TextRecord,
    line_count,
    parse_records,
    width_alone,
)
from orchestration.lib.reading.header_rows import (
    count_header_rows,
    further_header_rows,
    missing_header_rows,
    timezone_beneath,
)
from orchestration.lib.reading.layout import (
    MARK_TWICE,
    count_matches,
    match_columns,
    matches_by_row,
)
from orchestration.lib.reading.padding import (
    around_rows,
    padding_of,
    padding_warnings,
    quotes_that_are_text,
)
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.spellings import INVISIBLE

# The likelier ones first. Those of two characters are what programs make of a tab or a comma.
DELIMITERS = (",", ";", "\t", "|", "^", "~", ", ", "; ", "\t\t", "\\t", "||", "::", ":", " ")
# Those that stand inside times, addresses and texts have to explain more of a file than others.
_INSIDE_VALUES = {":": 0.4, " ": 0.4}
_EMPTY_CELL = (",,", ";;")  # between two names, of which no program makes a delimiter
_LONGEST_DELIMITER = 4  # bytes, which DuckDB takes at most
# Those that are looked for where a text has no other.
_RARE_DELIMITERS = ("\x01", "\x1f", "\x1c", "¦", "§", "#", "*", "!", "&")
# With what a quote other than the usual one has to look better than that.
_QUOTES = {'"': 0.0, "'": 0.1, "`": 0.2, "": 0.3}
_RARE_QUOTES = "$%^~|!*#+"
# Pairs that wrap cells in files of programs that know no CSV, beside one sign at both ends; no
# reader takes them for quotes.
_WRAPPERS = ("“”", "„“", "«»", "[]", "{}", "<>")

_SAMPLE_CHARACTERS = 1 << 18
_SAMPLE_RECORDS = 200
# What it counts that rows are as wide as the header: more than that cells of JSON look wrapped.
_FIT = 0.6
_MOST = 0.8  # of the cells of a sample
# Rows that end with an empty cell too many, from which on it is a habit and not a shifted row; and
# their share of all rows, because in a shifted file other rows have other numbers of cells.
_FEW_ENDS = 3
_HABIT = 0.95
_FEW_NUMBERED = 5  # rows that are numbered, below which it may be chance
_FEW_MISFITS = 8  # rows of the sample; fewer that do not fit are set aside one by one
_FEW_NAMES = 3  # that a message lists
PREAMBLE = 60  # records among which a header is looked for
_TAIL = 1 << 16
_END_OF_TEXT = "\x1a"  # what DOS writes behind the last line

# Line ends of programs that know neither LF nor CR, and how people call them.
_UNUSUAL_LINE_ENDS = {
    "\u2028": "U+2028 LINE SEPARATOR",
    "\u2029": "U+2029 PARAGRAPH SEPARATOR",
    "\u0085": "U+0085 NEXT LINE",
    "\x1e": "U+001E RECORD SEPARATOR",
    "\x0b": "U+000B VERTICAL TAB",
    "\x0c": "U+000C FORM FEED",
}
# Cells of a row from which on one that holds a single text may be a note behind the rows.
_NOTED = 2
_SUM = re.compile(r"[\s(+-]*[^\w\s.,]?\s*\d[\d.,'\s]*[^\w\s.,]?[\s)-]*")
# The halves of a number with a decimal comma.
_WHOLE = re.compile(r"[^\w.,]*[+-]?\d{1,3}(?:[.\s]\d{3})*|[^\w.,]*[+-]?\d+")
_CENTS = re.compile(r"\d\d(?:\s?[^\w.,]+)?")
_SEPARATOR_LINE = re.compile(r"""\ufeff?"?sep=(.|\\t)"?[\r\n]*""", re.IGNORECASE)
_ESCAPED_LINE_END = re.compile(r"(?<!\\)(?:\\\\)*\\\r?\n?\Z")
# The first cell of a row of totals, which has as many cells as the others.
_TOTAL = re.compile(
    "(grand |report |sub[- ]?)?totals?:?|sum:?|summe|gesamt(summe)?|average:?|avg|mean|median"
    "|durchschnitt|mittelwert|moyenne|合计|总计|小计|平均",
    re.IGNORECASE,
)
_TOTAL_OF = re.compile(r"totals?\s*[:\uff1a-]\s.+", re.IGNORECASE)  # of advertising accounts
# What reports and query tools write behind the last row.
FOOTER = re.compile(
    r"""(?ix) [\s"'(*-]* (
        (grand|sub|report)?[ -]?totals?\b | (total|summe|gesamt|合计|总计)\b | sum\b
        | copyright | ©|\(c\) | confidential | generated\ (by|on|at)
        | \d[\d,.]*\ (rows?|records?|lines?)\b | (rows?|records?)\ *(affected|selected|:|=)
        | end\ of\ (file|report|data) | -- | --+ | \*\*+ | ==+
    )"""
)


@dataclass(frozen=True)
class TextLayout:
    """How the text of a file is laid out, and a file from which its rows can be read.

    `path` holds the rows in UTF-8, from line `first_line` of the export; its first `skip` records
    (0 or 1) are a header. `headers` are the contract's names where the file has none. `not_rows`
    has lines that look like a row and are none, each with the message of its row in quarantine.
    `timezone` is what the file itself says of its times. `last_cell` is the very last cell where no
    line end stands behind it. `padding` has the sign around the cells of a column, by its position,
    `around` what stands before and behind every row.
    Warnings say what a reader of the numbers should know.
    """

    path: Path
    dialect: Dialect
    headers: tuple[str, ...]
    skip: int
    first_line: int
    header_line: int | None
    preamble_lines: int
    footer_lines: int
    line_end: str
    how: str
    warnings: tuple[str, ...] = ()
    not_rows: Mapping[int, str] = field(default_factory=dict)
    timezone: str | None = None
    padding: Mapping[int, str] = field(default_factory=dict)
    around: tuple[str, str] = ("", "")
    last_cell: str | None = None

    @property
    def width(self) -> int:
        """The number of cells of a record."""
        return len(self.headers)

    def records(self) -> Iterator[TextRecord]:
        """Read the records behind the header that are rows."""
        skip = self.skip
        with self.path.open(encoding="utf-8", newline="") as file:
            # One more byte order mark begins every file that was appended to another.
            lines = (line.removeprefix("\ufeff") for line in file)
            for record in parse_records(lines, self.dialect, self.width, self.first_line):
                if not self.is_row(record):
                    continue
                if skip:
                    skip -= 1
                    continue
                yield record

    def is_row(self, record: TextRecord) -> bool:
        """Tell whether a record is a row: an empty line is one only where a row has one cell."""
        return (record.cells != [] or self.width == 1) and record.raw != _END_OF_TEXT


def decide_layout(text: Path, exported: ExportObject, *, tabs: bool, body: Path) -> TextLayout:
    """Decide how a UTF-8 text file is laid out.

    What the contract declares wins. Rows that are not at the very beginning, or are followed by a
    footer, are copied to `body`, from which any reader can read them.

    Raises RefusedError when the text has no header that the contract knows.
    """
    text, warnings = _with_known_line_ends(text, body.with_name("lines"))
    text, unpacked = _without_outer_quotes(text, body.with_name("unquoted"))
    warnings = (*warnings, *unpacked)
    sample = _sample(text)
    _require_a_table(sample)
    found = _best(sample, exported, tabs)
    found = replace(found, warnings=(*warnings, *found.warnings))
    dialect, records, header = found.dialect, found.records, found.header
    if header is None:
        return _without_header(text, exported, found, body)
    if found.matches == 0:
        raise RefusedError(
            f"line {records[header].line_number}: no header is a column of {exported.name}",
            "check that the file is what its name says and has a header row; if it has none, "
            "declare `header: false`",
        )
    head = records[header]
    headers = _as_wide_as_rows(head.cells or [], records[header + 1 :], dialect, exported)
    if any("\0" in name for name in headers):
        headers = [name.replace("\0", "") for name in headers]
        zeros = "zero bytes (NUL) in the header were left out"
        found = replace(found, warnings=(*found.warnings, zeros))
    if len(headers) > len(head.cells or []):
        habit = "rows end with a delimiter that the header does not have: taken for no cell"
        if headers[1:] == head.cells:
            habit = "rows are numbered in front, which the header does not name"
        found = replace(found, warnings=(*found.warnings, habit))
    labels = [record.cells or [] for record in records[header + 1 :][: exported.header_rows - 1]]
    count = count_header_rows(headers, labels, exported)
    if len(labels) < count < exported.header_rows:
        raise RefusedError(
            f"the contract declares {exported.header_rows} header rows, but the file has only "
            f"{len(records) - header}",
            f"correct `header_rows:` of {exported.name} in the contract, or export again",
        )
    last = header + count - 1
    if count <= len(labels):
        warned = missing_header_rows(count, records[last + 1].line_number, exported)
        found = replace(found, warnings=(*found.warnings, *warned))
    _require_rows_that_fit(found, exported, count)
    simple = head.line_number == 1 and header == last and len(head.raw.splitlines()) == 1
    simple = simple and len(head.cells or []) == len(headers)
    not_rows = further_header_rows(records[last + 1 :], headers)
    rows = [r.cells or [] for r in records[last + 1 :] if r.line_number not in not_rows]
    rows = [cells for cells in rows if len(cells) == len(headers)]
    before, behind = around = around_rows(headers, rows)
    if before or behind:
        headers[0] = headers[0].removeprefix(before)
        headers[-1] = headers[-1].removesuffix(behind)
        said = " and ".join(
            f"{sign!r} {where}" for sign, where in ((before, "before"), (behind, "behind")) if sign
        )
        found = replace(found, warnings=(*found.warnings, f"{said} every row was removed"))
    kinds = {
        at: exported.column(n).type for n, at in match_columns(headers, exported).matched.items()
    }
    found = replace(found, warnings=(*found.warnings, *_nameless(headers, rows, exported)))
    padding = padding_of(headers, rows, {at for at, kind in kinds.items() if kind == "identifier"})
    of_cells = (*padding_warnings(headers, padding), *quotes_that_are_text(headers, rows))
    return _cut(
        text,
        exported,
        TextLayout(
            text,
            dialect,
            tuple(headers),
            skip=int(simple),
            first_line=1,
            header_line=head.line_number,
            preamble_lines=head.line_number - 1,
            footer_lines=0,
            line_end=_line_end([r.raw for r in records]),
            how=found.how,
            warnings=(*found.warnings, *of_cells),
            not_rows=not_rows,
            timezone=timezone_beneath(headers, labels[: count - 1], exported),
            padding=padding,
            around=around,
        ),
        0 if simple else _bytes_before(text, records[last]),
        1 if simple else records[last].line_number + line_count(records[last].raw),
        body,
    )


def _nameless(
    headers: Sequence[str], rows: Sequence[Sequence[str]], exported: ExportObject
) -> tuple[str, ...]:
    """Warn of columns without a name that hold what may be a column of the contract."""
    missing = match_columns(headers, exported).missing(exported)
    places = [
        str(at + 1)
        for at, name in enumerate(headers)
        if not name.strip() and any(row[at] for row in rows)
    ]
    if not missing or not places:
        return ()
    return (
        f"the header names nothing over column {', '.join(places)}, and no column is "
        f"{' or '.join(missing[:_FEW_NAMES])}",
    )


def sniff_headers(text: Path, work: Path) -> list[str]:
    """Return what is likely the header of a text that no contract describes.

    The text may be the export itself, so that what is made of it is kept in the folder `work`.

    The dialect is the one under which most records have as many cells as most others, and several;
    the header is the first of these records that is mostly filled.

    Raises RefusedError when the text holds nothing, or JSON.
    """
    text, _ = _with_known_line_ends(text, work / "sniffed.lines")
    text, _ = _without_outer_quotes(text, work / "sniffed.unquoted")
    sample = _sample(text)
    _require_a_table(sample)
    start = next(line.strip() for line in sample if line.strip())
    if start.startswith(('{"', "[{")):
        raise RefusedError("the file holds JSON", "name it .json, or .ndjson for a record per line")
    names = _sniffed(sample, DELIMITERS)
    if len(names) < 2:
        rare = _sniffed(sample, _RARE_DELIMITERS, least=_MOST)
        names = rare if all(re.search(r"\w", name) for name in rare) and rare else names
    return [name.replace("\0", "").removeprefix(MARK_TWICE) for name in names] or [
        start.strip(' "')
    ]


def _sniffed(sample: Sequence[str], delimiters: Sequence[str], least: float = 0) -> list[str]:
    """Return the header under the delimiter that fits best; nothing where none fits well enough."""
    best: tuple[float, list[str]] = (least, [])
    has_escapes = any('\\"' in line for line in sample)
    for delimiter in delimiters:
        for quote, handicap in _quotes(sample).items():
            if quote == delimiter:
                continue
            escape = "\\" if has_escapes and quote == '"' else quote
            try:
                records = _records(sample, Dialect(delimiter, quote, escape), None)
            except RefusedError:
                continue
            # lines above a table may be padded with delimiters
            widths = Counter(
                len(r.cells) for r in records if r.cells and sum(map(bool, r.cells)) > 1
            )
            if not widths:
                continue
            # of two that are as frequent the wider: lines above a table have few cells
            width = max(widths, key=lambda width: (widths[width], width))
            cells = _ending_alike([r.cells or [] for r in records], width)
            count = sum(len(c) == width for c in cells)
            filled = [2 * sum(map(bool, c)) > width for c in cells]
            header = next((i for i, c in enumerate(cells) if filled[i] and len(c) == width), None)
            if header is None or any(filled[:header]):
                continue
            names = cells[header]
            # Names that hold another delimiter are rows of it, cut at their one decimal comma.
            split = sum(any(d in name for d in DELIMITERS[:4]) for name in names) / width
            if delimiter in _INSIDE_VALUES and (header > 0 or split):
                continue
            score = count / len(records) - handicap - _INSIDE_VALUES.get(delimiter, 0) - split
            score -= sum(c[:1] in _QUOTES and c[:1] == c[-1:] != "" for c in names) / width
            if quote != '"':  # cells that have one of two double quotes are torn
                torn = sum(any(c.count('"') % 2 for c in r.cells or []) for r in records)
                score -= torn / len(records)
            if score > best[0]:
                best = (score, names)
    return best[1]


def _ending_alike(cells: list[list[str]], width: int) -> list[list[str]]:
    """Give the header an empty cell more where it lacks the one that all rows end with.

    Take those from it that no row has, and give it one before the others where all rows have their
    number there. It is the first record that is mostly filled.
    """
    header = next((i for i, c in enumerate(cells) if 2 * sum(map(bool, c)) > width), None)
    if header is not None and not any(cells[header][width:]):
        cells = [*cells[:header], cells[header][:width], *cells[header + 1 :]]
    rows = [c for c in cells if len(c) == width]
    if header is None or len(cells[header]) != width - 1:
        return cells
    if _have_numbers(rows):
        return [*cells[:header], ["", *cells[header]], *cells[header + 1 :]]
    if any(c[-1] for c in rows):
        return cells
    return [*cells[:header], [*cells[header], ""], *cells[header + 1 :]]


@dataclass(frozen=True)
class _Candidate:
    """A dialect with what the beginning of the file looks like in it.

    `regular` is the share of rows of the most frequent width, `fit` of those as wide as the header,
    `quoted` of those in which double quotes look like quotes.
    """

    dialect: Dialect
    records: list[TextRecord]
    header: int | None
    matches: int
    width: int
    regular: float
    fit: float
    bare: float
    quoted: float
    how: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def line(self) -> int:
        """The line of the header."""
        return 0 if self.header is None else self.records[self.header].line_number

    @property
    def rank(self) -> tuple[float, float]:
        # such a row is as little right as one that does not fit
        strange = 0 if self.dialect.quote == '"' else (1 + _FIT) * self.quoted
        handicap = _QUOTES.get(self.dialect.quote, 0) + strange
        return self.matches, self.regular + _FIT * self.fit + self.bare - handicap


def _best(sample: Sequence[str], exported: ExportObject, tabs: bool) -> _Candidate:
    """Return the dialect under which a row holds most names and the rows are most regular."""
    separator = _SEPARATOR_LINE.fullmatch(sample[0])
    if exported.delimiter is not None:
        delimiters, how = [exported.delimiter], "delimiter declared"
    elif separator:
        delimiters = ["\t" if separator[1] == "\\t" else separator[1]]
        how = "delimiter named by the file's first line"
    else:
        text = "".join(sample)
        delimiters = [d for d in DELIMITERS if d in text] or [","]
        if exported.header:  # between all names: the first choice where others fit alike
            # A comma that is nowhere: a file of one column, whose cells may hold colons and blanks.
            alone = [] if "," in delimiters else [","]
            delimiters = [*_unusual_delimiters(sample, exported), *alone, *delimiters]
        if tabs and "\t" in delimiters:
            delimiters.sort(key=lambda d: d != "\t")
        how = "the dialect under which most columns of the contract are named"
    quotes = list(_quotes(sample)) if exported.quote is None else [exported.quote]
    # Quotes that some line leaves open: of several lines a record may have more cells than of one.
    left_open = {q for q in quotes if q and any(line.count(q) % 2 for line in sample)}
    candidates: list[_Candidate] = []
    for delimiter in delimiters:
        most_cells = max(line.count(delimiter) for line in sample) + 1
        for quote in quotes:
            for escape in _escapes(sample, quote, exported):
                # What names fewer columns than another can neither be the best nor a rival.
                least = max((c.matches for c in candidates), default=0)
                dialect = Dialect(delimiter, quote, escape)
                if quote == delimiter or (most_cells < least and quote not in left_open):
                    continue
                if candidate := _looked_at(sample, dialect, exported, least):
                    candidates.append(candidate)
    if not candidates:
        raise RefusedError(
            "line 1: the text cannot be taken apart: a quote is opened and never closed",
            "the file is truncated or a quote is stray: export it again, or declare `quote:`",
        )
    best = max(candidates, key=lambda c: c.rank)  # the first of the best: the likelier
    # Two files in one, with different delimiters: above the second header stand rows.
    above = [c for c in candidates if c.matches == best.matches > 1 and c.line < best.line]
    best = max(above, key=lambda c: c.rank, default=best)
    warnings = [
        f"{c.dialect.delimiter!r} would name as many columns of the contract"
        for c in candidates
        if c.rank == best.rank
        and c.dialect.delimiter != best.dialect.delimiter
        and best.matches > 1
    ]
    if exported.quote is None and best.dialect.quote not in _QUOTES:
        warnings.append(f"cells stand in {best.dialect.quote}, which was taken for a quote")
    kept = re.compile(f'(?:^|{re.escape(best.dialect.delimiter)})"')
    is_kept = exported.quote is None and best.dialect.quote != '"'
    if is_kept and any(kept.search(line) for line in sample):
        warnings.append("cells that begin with a double quote keep it: no quoting by it fits")
    return replace(best, how=how, warnings=tuple(dict.fromkeys(warnings)))


def _quotes(sample: Sequence[str]) -> dict[str, float]:
    """Return the quotes that cells may stand in, each with its handicap.

    The usual ones, of those behind the first what some line holds: the others take nothing apart
    that the first does not. Beside them a sign with which most lines begin and end.
    """
    usual = {
        quote: handicap
        for quote, handicap in _QUOTES.items()
        if quote == '"' or any((quote or '"') in line for line in sample)
    }
    lines = [stripped for line in sample[:_SAMPLE_RECORDS] if (stripped := line.strip("\r\n"))]
    signs = Counter(line[0] for line in lines if line[0] == line[-1] and len(line) > 1)
    found = (s for s in _RARE_QUOTES if 2 * signs[s] > len(lines))
    return {**usual, **dict.fromkeys(found, _QUOTES["'"])}


def _escapes(sample: Sequence[str], quote: str, exported: ExportObject) -> list[str]:
    """Return what may stand before a quote inside a quoted cell, the likelier first.

    MySQL writes a backslash before line ends as well: beside doubled quotes nobody does.
    """
    if not quote:
        return [""]
    if exported.escape:
        return [exported.escape]
    backslashed = [line for line in sample if "\\" in line]  # of most files none
    if any(_ESCAPED_LINE_END.search(line) for line in backslashed):
        return ["\\", quote]
    return [quote, "\\"] if any(f"\\{quote}" in line for line in backslashed) else [quote]


def _unusual_delimiters(sample: Sequence[str], exported: ExportObject) -> list[str]:
    """Return what stands between two names of the contract and is no delimiter known."""
    spellings = [text for c in exported.columns for text in (c.name, *c.aliases)]
    spellings = sorted(spellings, key=len, reverse=True)
    # `order_id` may be spelt `Order ID`
    names = "|".join("[\\W_]?".join(re.findall(r"[^\W_]+", text)) for text in spellings)
    name = rf"(?<![^\W_])(?:{names})(?![^\W_])"
    between = re.compile(rf"""(?i){name}["'` ]?([^\w"'`.-]{{1,4}}?)(?=["'` ]?{name})""")
    found = Counter(
        text
        for line in sample[:PREAMBLE]
        for text in between.findall(line[:_SAMPLE_CHARACTERS])
        # a comma and a space that does not break, before every cell, is a comma before such cells
        if text.strip(INVISIBLE) not in DELIMITERS
        and text not in _EMPTY_CELL
        and len(text.encode()) <= _LONGEST_DELIMITER
        # `!,!` is a comma between cells that stand in exclamation marks
        and not (len(text) > 2 and line.startswith(text[-1]) and text[0] == text[-1])
    )
    return [text for text, _ in found.most_common(2)]


def _looked_at(
    sample: Sequence[str], dialect: Dialect, exported: ExportObject, least: int
) -> _Candidate | None:
    """Take the sample apart by a dialect; None where it cannot be, or names fewer than `least`."""
    try:
        records = _records(sample, dialect, None if exported.header else len(exported.columns))
    except RefusedError:
        return None
    if not records:
        return None
    if exported.header:
        matches = matches_by_row((r.cells or [] for r in records[:PREAMBLE]), exported)
        header = max(range(len(matches)), key=lambda i: matches[i])
        if matches[header] < least:
            return None
        rows = records[header + 1 :]
        names = _as_wide_as_rows(records[header].cells or [], rows, dialect, exported)
        width = len(names)
        found = matches[header]
    else:
        header, found, names, width = None, 0, [], len(exported.columns)
        rows = records
    # Most rows alike, even when not like the header: so look rows that are taken apart rightly.
    widths = Counter(len(r.cells) for r in rows if r.cells)
    alike = max(widths.values(), default=0)
    cells = [cell for r in rows if len(r.cells or []) == width for cell in r.cells or [] if cell]
    # Behind ", " names look right under "," as well, but begin with a space.
    indented = len(names) > 1 and all(name[:1] == names[-1][:1] for name in names[1:])
    indented = indented and bool(re.match(rf"[^\w\"'`($%#{INVISIBLE}]", names[-1]))
    return _Candidate(
        dialect,
        records,
        header,
        found,
        width,
        regular=alike / len(rows) if rows else 1.0,
        fit=widths[width] / len(rows) if rows else 1.0,
        bare=1
        - _wrapped(cells, dialect)[1]
        - 0.5 * indented
        - sum(not re.search(r"\w", name) for name in names) / max(len(names), 1),
        quoted=sum(_has_quoted_cell(r.cells or []) for r in rows) / max(len(rows), 1),
    )


def _has_quoted_cell(cells: Sequence[str]) -> bool:
    """Tell whether a cell stands in double quotes, or begins with one that is never closed."""
    return any(c[:1] == '"' and (c[-1:] == '"' or c.count('"') == 1) for c in cells)


def _wrapped(cells: Sequence[str], dialect: Dialect) -> tuple[str, float]:
    """Return the most frequent pair that wraps cells and is not the quote, and its share."""
    pairs = Counter(c[0] + c[-1] for c in cells if len(c) > 1)
    for sign in dialect.quote, " ":
        pairs.pop(2 * sign, None)
    wrapping = [pair for pair in pairs if pair in _WRAPPERS or re.fullmatch(r"([^\w\s])\1", pair)]
    pair = max(wrapping, key=lambda pair: pairs[pair], default="")
    return pair, pairs[pair] / max(len(cells), 1)


def _require_rows_that_fit(found: _Candidate, exported: ExportObject, header_rows: int) -> None:
    """Refuse a text whose rows are mostly not what its header, or the contract, announces.

    It is another dialect than any that is known, or a header of another file: rows that happen to
    fit would be no better than the others.
    """
    start = 0 if found.header is None else found.header + header_rows
    rows = found.records[start:]
    misfits = [r for r in rows if r.cells is None or len(r.cells) > 1]
    misfits = [r for r in misfits if len(r.cells or []) != found.width]
    if len(misfits) >= _FEW_MISFITS and 2 * len(misfits) > len(rows):
        widths = Counter(len(r.cells or []) for r in misfits)
        width = widths.most_common(1)[0][0]
        if found.header is not None and width and widths[width] == len(rows):
            # A name lost or added anywhere: which cell is under which name is anybody's guess.
            line = found.records[found.header].line_number
            raise RefusedError(
                f"line {line}: the header names {found.width} columns, but each of the first "
                f"{len(rows)} rows has {width} cells",
                "name every column of the rows in that line, and no other, or export it again",
            )
        others = f"have {width} cells" if width else "are malformed"
        raise RefusedError(
            f"line {misfits[0].line_number}: {len(misfits)} of the first {len(rows)} rows "
            f"{others}, but {found.width} were expected",
            "export it again, or declare `delimiter:`, `quote:` and `escape:` for "
            f"{exported.name} in the contract",
        )
    cells = [cell for r in rows if r not in misfits for cell in r.cells or [] if cell]
    pair, share = _wrapped(cells, found.dialect)
    twice = sum(cell[0] == cell[-1] == '"' and len(cell) > 1 for cell in cells)
    if found.dialect.quote == '"' and twice > _MOST * len(cells):
        raise RefusedError(
            f"line {rows[0].line_number}: most cells stand in quotes twice",
            "the file was quoted again by a second program: export it again",
        )
    if exported.quote is None and share > _MOST:
        raise RefusedError(
            f"line {rows[0].line_number}: most cells stand in {pair[0]} and {pair[1]}",
            f"export it with double quotes, or declare `quote:` for {exported.name} in the "
            'contract (`quote: ""` where these are part of the values)',
        )


def _records(sample: Sequence[str], dialect: Dialect, width: int | None) -> list[TextRecord]:
    """Parse the sample, which may end within a record; empty lines are left out."""
    records = []
    try:
        for record in islice(parse_records(sample, dialect, width), _SAMPLE_RECORDS):
            if record.cells != []:
                records.append(record)
    except RefusedError:
        if not records:
            raise
    return records


def _without_header(
    text: Path, exported: ExportObject, found: _Candidate, body: Path
) -> TextLayout:
    """Lay out a file that the contract says has no header: as many cells as columns."""
    width = len(exported.columns)
    first = next((r for r in found.records if r.cells is not None and len(r.cells) == width), None)
    if first is None:
        cells = len(found.records[0].cells or [])
        raise RefusedError(
            f"line {found.records[0].line_number}: {cells} cells, but the contract has {width} "
            "columns and the file has no header to tell which are there",
            f"export all columns in the contract's order, or declare `header: true` for "
            f"{exported.name}",
        )
    _require_rows_that_fit(found, exported, 0)
    names = tuple(column.name for column in exported.columns)
    padding = padding_of(
        names, [r.cells for r in found.records if len(r.cells or []) == width and r.cells]
    )
    layout = TextLayout(
        text,
        found.dialect,
        names,
        skip=0,
        first_line=1,
        header_line=None,
        preamble_lines=first.line_number - 1,
        footer_lines=0,
        line_end=_line_end([r.raw for r in found.records]),
        how=found.how,
        warnings=(*found.warnings, *padding_warnings(names, padding)),
        padding=padding,
    )
    before = 0 if first.line_number == 1 else _bytes_before_line(text, first.line_number)
    return _cut(text, exported, layout, before, first.line_number, body)


def _cut(
    text: Path,
    exported: ExportObject,
    layout: TextLayout,
    before: int,
    first_line: int,
    body: Path,
) -> TextLayout:
    """Cut off what stands before the rows and behind them."""
    footer = _footer(text, exported, layout)
    if not footer.lines:
        layout = replace(layout, last_cell=_last_cell(text, layout))
    if footer.total:
        said = f"the last row begins with {footer.total!r}"
        if not any(map(str.isalpha, footer.total)):
            said = "the last row holds a few numbers and nothing else"
        said += ": if it sums up the others, declare "
        said += f"`footer:` for {exported.name}"
        layout = replace(layout, warnings=(*layout.warnings, said))
    if footer.lines:
        # no more than the words that gave it away: the rest may be about a person
        phrases = [FOOTER.match(line) for line in footer.lines]
        shown = [p.group().strip(" \"'(*") if p else "a note" for p in phrases]
        layout = replace(
            layout,
            footer_lines=len(footer.lines),
            warnings=(*layout.warnings, f"left out behind the last row: {' / '.join(shown)}"),
        )
    if before == 0 and not footer.lines:
        return layout
    end = footer.offset
    with text.open("rb") as source, body.open("wb") as out:
        source.seek(before)
        left = end - before
        while left > 0 and (chunk := source.read(min(left, 1 << 20))):
            out.write(chunk)
            left -= len(chunk)
    return replace(layout, path=body, first_line=first_line)


def _last_cell(text: Path, layout: TextLayout) -> str | None:
    """Return the last cell of a text that ends without a line end; None of others.

    Nor is it known where it stands in quotes, which are closed then, or on several lines.
    """
    with text.open("rb") as file:
        file.seek(max(0, text.stat().st_size - _TAIL))
        *_, last = file.read().decode("utf-8", "replace").splitlines(keepends=True)
    cells = last.split(layout.dialect.delimiter)
    quote = layout.dialect.quote
    if last.endswith(("\n", "\r")) or len(cells) != layout.width or (quote and quote in last):
        return None
    return cells[-1]


@dataclass(frozen=True)
class _Footer:
    """The lines behind the last row, where they begin, and what that row calls itself if a total.

    A total with a number in every cell may as well be a record: there is a company of that name.
    """

    lines: tuple[str, ...]
    offset: int
    total: str = ""


def _footer(text: Path, exported: ExportObject, layout: TextLayout) -> _Footer:
    """Find the lines at the end that are no rows.

    They match the contract's `footer`, or they have other cells than a row and either read like a
    footer or stand behind an empty line.
    """
    size = text.stat().st_size
    with text.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    raw = tail.splitlines(keepends=True)
    lines = [line.decode("utf-8", "replace") for line in raw]
    end, footer_at = size, size
    footer: list[str] = []
    waiting: list[str] = []
    total = ""
    for line, code in zip(reversed(lines[1:]), reversed(raw[1:]), strict=True):
        end -= len(code)
        if not line.strip():
            # What stands behind an empty line, and is no row, is a footer whatever it says.
            if waiting:
                footer, waiting, footer_at = [*waiting, *footer], [], end
            continue
        cells = line.rstrip("\r\n").split(layout.dialect.delimiter)
        first = next((c.strip(" \"'") for c in cells if c.strip(" \"'")), "")
        declared = any(fnmatch.fnmatch(first.lower(), p.lower()) for p in exported.footer)
        is_footer = declared or bool(_TOTAL.fullmatch(first) and "" in cells)
        is_footer = is_footer or bool(_TOTAL_OF.fullmatch(first))
        # sums without a label, above the line that has one
        is_footer = is_footer or (bool(footer) and _are_sums(line, layout))
        if not is_footer:
            is_row = width_alone(line, layout.dialect) in (layout.width, None)
            is_note = is_row and _is_a_note(line, layout)
            if is_row and not is_note:
                total = first if _TOTAL.fullmatch(first) or _are_sums(line, layout) else ""
                break  # a row, or the end of one
            is_footer = not is_row and bool(FOOTER.match(line))
            if not is_footer and not is_note and not waiting and len(cells) > 1:
                break
        if is_footer:
            footer, waiting, footer_at = [line, *waiting, *footer], [], end
        else:
            waiting = [line, *waiting]
    return _Footer(tuple(footer), footer_at, total)


def _are_sums(line: str, layout: TextLayout) -> bool:
    """Tell whether a row of several cells is empty but for numbers in less than half of them."""
    filled = _filled(line, layout)
    return 0 < 2 * len(filled) < layout.width and all(_SUM.fullmatch(cell) for cell in filled)


def _is_a_note(line: str, layout: TextLayout) -> bool:
    """Tell whether a row of several cells holds one text and nothing else."""
    filled = _filled(line, layout)
    return layout.width > _NOTED and len(filled) == 1 and not _SUM.fullmatch(filled[0])


def _filled(line: str, layout: TextLayout) -> list[str]:
    try:
        record = next(parse_records([line], layout.dialect, layout.width), None)
    except RefusedError:  # the end of a record of several lines
        return []
    return [cell for cell in (record and record.cells) or [] if cell.strip()]


def _with_known_line_ends(text: Path, target: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a text with LF for line ends that no reader knows, and a warning that says so."""
    with text.open(encoding="utf-8", newline="") as file:
        start = file.read(_SAMPLE_CHARACTERS)
    if "\n" in start or "\r" in start:
        return text, ()
    counts = {end: start.count(end) for end in _UNUSUAL_LINE_ENDS}
    line_end = max(counts, key=lambda end: counts[end])
    if not counts[line_end]:
        return text, ()
    with (
        text.open(encoding="utf-8", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        while chunk := source.read(_SAMPLE_CHARACTERS):
            out.write(chunk.replace(line_end, "\n"))
    return target, (f"lines end with {_UNUSUAL_LINE_ENDS[line_end]}",)


def _without_outer_quotes(text: Path, target: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a text without the quotes around every line, and a warning that says so.

    Spreadsheets put them there that saved lines of CSV, all in their first column, once more.
    """
    packed = Dialect(",", '"', '"')
    sample = _sample(text)
    if not sample or not sample[0].startswith('"'):
        return text, ()
    try:
        cells = [record.cells for record in _records(sample, packed, None)]
    except RefusedError:
        return text, ()
    if len(cells) < 2 or not all(row and not any(row[1:]) for row in cells):
        return text, ()
    inner = [row[0] for row in cells[:2] if row]
    widths = ({width_alone(x, replace(packed, delimiter=d)) for x in inner} for d in DELIMITERS[:4])
    if not any(len(found) == 1 and (found.pop() or 1) > 1 for found in widths):
        return text, ()
    with (
        text.open(encoding="utf-8-sig", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        for record in parse_records(source, packed):
            end = record.raw[len(record.raw.rstrip("\r\n")) :]
            whole = record.cells is None or any(record.cells[1:])
            out.write(record.raw if whole or not record.cells else record.cells[0] + end)
    return target, ("every line stood in quotes of its own, which were removed",)


def _require_a_table(sample: Sequence[str]) -> None:
    """Refuse a text of empty lines, and what programs write under the name of a table."""
    start = next((line.strip().lower() for line in sample if line.strip()), "")
    if not start:
        raise RefusedError("the file holds empty lines only", "export it again")
    if start.startswith("version https://git-lfs."):
        raise RefusedError(
            "the file is a pointer of Git LFS, not its content", "fetch it (`git lfs pull`)"
        )
    if re.match(r"<(!doctype|html|head|body|table|\?xml|meta|style|div)\b", start):
        raise RefusedError(
            "the file holds HTML or XML", "open it in a spreadsheet and save it as CSV or XLSX"
        )


def _sample(text: Path) -> list[str]:
    """Read the first lines of a file; the last one is whole."""
    with text.open(encoding="utf-8-sig", newline="") as file:
        return file.readlines(_SAMPLE_CHARACTERS)


def _as_wide_as_rows(
    headers: Sequence[str], rows: Sequence[TextRecord], dialect: Dialect, exported: ExportObject
) -> list[str]:
    """Drop empty headers at the end that no row has a cell for, or add those that rows end with.

    Programs that write a delimiter behind every cell may leave it out in the header, or only write
    it there. They do so in every row: where only most rows are wider, cells are shifted. So they
    are where the header has lost a delimiter, which leaves a name that the contract does not know
    in place of two that it does, maybe where quotes protect nothing, and where a delimiter stands
    inside the cells of one column.
    """
    widths = Counter(len(r.cells) for r in rows if r.cells)
    usual, often = widths.most_common(1)[0] if widths else (len(headers), 0)
    kept = list(headers)
    while len(kept) > usual and not kept[-1].strip():
        kept.pop()
    if usual == len(kept) + 1 and often >= _HABIT * widths.total():
        cells = [r.cells for r in rows if r.cells and len(r.cells) == usual]
        if _are_numbered(cells, kept, exported):
            return ["", *kept]
    ends = [r.cells[len(kept) :] for r in rows if r.cells and len(r.cells) == usual]
    is_habit = len(ends) >= _FEW_ENDS and often >= _HABIT * widths.total()
    is_habit = is_habit and bool(dialect.quote) and not any(any(cells) for cells in ends)
    if usual <= len(kept) or not is_habit:
        return kept
    known = count_matches(kept, exported)
    if known < min(len(kept), len(exported.columns)):
        return kept
    cells = [r.cells for r in rows if r.cells and len(r.cells) == usual]
    if _are_shifted(cells, kept, dialect, exported):
        return kept
    return kept + [""] * (usual - len(kept))


def _are_numbered(
    rows: Sequence[Sequence[str]], headers: Sequence[str], exported: ExportObject
) -> bool:
    """Tell whether rows have their number in front, which the header does not name, as R writes it.

    A first column of whole numbers may be the number itself, and another name be lost.
    """
    if not _have_numbers(rows):
        return False
    named = {at: n for n, at in match_columns(headers, exported).matched.items()}
    is_known = 0 in named and len(named) >= min(len(headers), len(exported.columns))
    return is_known and exported.column(named[0]).type not in ("integer", "identifier")


def _have_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether rows begin with their number, and do not end with an empty cell instead."""
    firsts = [row[0].strip() for row in rows]
    counted = ([str(start + i) for i in range(len(rows))] for start in (0, 1))
    return len(rows) >= _FEW_NUMBERED and any(row[-1] for row in rows) and firsts in counted


def _are_shifted(
    rows: Sequence[Sequence[str]], headers: Sequence[str], dialect: Dialect, exported: ExportObject
) -> bool:
    """Tell whether rows that end with an empty cell too many look as if cells had moved there.

    So they do where the last column is never filled, and every row is numbered in front of its
    first cell, or holds a comma that nobody quoted: `65,08` or `Doe, Jane`.
    """
    firsts = [row[0].strip() for row in rows]
    starts = [start for start in (0, 1) if firsts == [str(start + i) for i in range(len(rows))]]
    numbered = {c.name: c for c in exported.columns if c.type in ("integer", "identifier")}
    first = next((n for n, at in match_columns(headers, exported).matched.items() if at == 0), None)
    if starts and first not in numbered and first not in exported.key:
        return True
    if dialect.delimiter != ",":
        return False
    for before, after in pairwise(range(len(headers))):
        pairs = [(row[before], row[after]) for row in rows if row[before] and row[after]]
        is_name = all(right[0] == " " and left[0] != " " for left, right in pairs)
        is_number = all(_WHOLE.fullmatch(left) and _CENTS.fullmatch(right) for left, right in pairs)
        if len(pairs) == len(rows) and (is_name or is_number):
            return True
    return False


def _line_end(lines: Sequence[str]) -> str:
    kinds = Counter(re.search(r"\r?\n?\Z", line)[0] for line in lines[:-1])  # type: ignore[index]
    names = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}
    seen = [names[kind] for kind in kinds if kind in names]
    return seen[0] if len(seen) == 1 else "mixed" if seen else "none"


def _bytes_before(text: Path, last: TextRecord) -> int:
    return _bytes_before_line(text, last.line_number + line_count(last.raw))


def _bytes_before_line(text: Path, number: int) -> int:
    """Return where a line begins."""
    with text.open(encoding="utf-8", newline="") as lines:
        return sum(len(line.encode()) for line in islice(lines, number - 1))
