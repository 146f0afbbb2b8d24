"""What stands between the names of the columns and the first row.

Survey tools write questions and ids beneath the names, laboratories units, databases a rule.
Belongs here: telling such records from rows, and the time zone that they name. Does not: finding
the names (`dialect`, `sheets`), matching them (`layout`).
"""

import json
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.lib.contracts import ExportObject
from orchestration.lib.reading.decisions import spelling_of
from orchestration.lib.reading.delimited import TextRecord
from orchestration.lib.reading.layout import match_columns
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.spellings import NULL_SPELLINGS, PLAIN, ZONES

# A zone that the name of a column holds, in brackets: `Created (EST)`, `Zeit [MEZ]`.
_ZONE = re.compile(
    rf"[(\[](?:in )?((?:UTC|GMT) ?[+-] ?[0-9:]+|{'|'.join(ZONES)}|[CIB]ST|[A-Z]\w+/[A-Z]\w+)[)\]]"
)
_RULE = re.compile("[-=_:+]{2,}")  # what is drawn under a header
# Rows from which on a column of numbers is known to be one.
_FEW_NUMBERS = 3
_FEW_COLUMNS = 4  # in which a row may well be 1, 2, 3, 4


def count_header_rows(
    headers: Sequence[str], following: Sequence[Sequence[str]], exported: ExportObject
) -> int:
    """Count the header rows of a file, the names included, up to what the contract declares.

    Somebody may have removed the others. A record with a date in a column of dates is a row, and
    would be lost; where no column holds dates, one with a number in a column of numbers. Beside
    dates, numbers may be labels: the choices of a scale.
    """
    kinds = {
        position: exported.column(name).type
        for name, position in match_columns(headers, exported).matched.items()
    }
    times = {at: kind for at, kind in kinds.items() if kind in ("date", "timestamp")}
    declared = following[: exported.header_rows - 1]
    for count, cells in enumerate(declared, 1):
        for position, kind in (times or kinds).items():
            text = cells[position].strip() if position < len(cells) else ""
            is_time = kind in ("date", "timestamp") and spelling_of(re.sub("[1-9]", "0", text))
            if is_time or (kind in PLAIN and re.fullmatch(PLAIN[kind], text)):
                return count
    return 1 + len(declared)


def missing_header_rows(count: int, line: int, exported: ExportObject) -> tuple[str, ...]:
    """Say that a file has fewer header rows than declared."""
    if count >= exported.header_rows:
        return ()
    return (
        f"{count} of {exported.header_rows} header rows: line {line} holds dates or numbers and "
        "was read as a row",
    )


def timezone_beneath(
    headers: Sequence[str], labels: Sequence[Sequence[str]], exported: ExportObject
) -> str | None:
    """Return the time zone that header rows name for the times of a file; None where none does.

    Qualtrics does: `{"ImportId":"startDate","timeZone":"America/New_York"}`.

    Raises RefusedError when there are several, or one that nobody knows.
    """
    zones = set()
    for name, position in match_columns(headers, exported).matched.items():
        if exported.column(name).type != "timestamp":
            continue
        for cells in labels:
            text = cells[position].strip() if position < len(cells) else ""
            if text.startswith("{") and '"timeZone"' in text:
                try:
                    zones.add(str(json.loads(text)["timeZone"]))
                except (json.JSONDecodeError, KeyError):
                    continue  # a text that is only similar
    if not zones:
        return None
    remedy = f"declare `timezone:` for {exported.name} in the contract"
    if len(zones) > 1:
        raise RefusedError(
            f"the header rows name several time zones: {', '.join(sorted(zones))}", remedy
        )
    zone = zones.pop()
    try:
        return ZoneInfo("UTC" if zone == "Z" else zone).key
    except (ZoneInfoNotFoundError, ValueError):
        raise RefusedError(f"the header rows name the unknown time zone {zone}", remedy) from None


def zones_in_names(headers: Sequence[str], exported: ExportObject) -> tuple[str, ...]:
    """Warn of columns of times whose names hold a zone in which the contract does not read them.

    What is meant by `CST`, or by `MEZ` in summer, is for people to say.
    """
    if "timezone" in exported.model_fields_set:
        return ()
    return tuple(
        f"{name}: its header names the time zone {zone[1]}, but times without an offset are read "
        f"in {exported.timezone}: declare `timezone:`"
        for name, position in match_columns(headers, exported).matched.items()
        if exported.column(name).type == "timestamp" and (zone := _ZONE.search(headers[position]))
    )


def further_header_rows(records: Sequence[TextRecord], headers: Sequence[str]) -> dict[int, str]:
    """Find the records behind the header that label columns: rules, units, types, other names.

    A rule is drawn in every cell. Other labels have no digit where every row of the file has one,
    or stand where the header names nothing (the choices of a question, in surveys).
    """
    rows = [record for record in records if record.cells and len(record.cells) == len(headers)]
    labels: dict[int, str] = {}
    if rows and _names_the_nameless(headers, [row.cells or [] for row in rows]):
        first, *rows = rows
        labels[first.line_number] = (
            "reads like a further header row, with names where the header has none: if it is one, "
            "declare `header_rows:`"
        )
    while rows:
        first, *rows = rows
        filled = [cell.strip() for cell in first.cells or [] if cell.strip()]
        if len(headers) > _FEW_COLUMNS and filled == [
            str(number + 1) for number in range(len(headers))
        ]:
            labels[first.line_number] = "the numbers of the columns under the header, no row"
            continue
        if len(filled) > 1 and all(_RULE.fullmatch(cell) for cell in filled):
            labels[first.line_number] = "a rule under the header, no row"
        # more of them may follow, at most two
        elif _labels_numbers(first.cells or [], [row.cells or [] for row in rows[2:]]):
            labels[first.line_number] = (
                "reads like a further header row, without a digit where all other rows have one: "
                "if it is one, declare `header_rows:`"
            )
        else:
            break
    return labels


def _names_the_nameless(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names columns that the header does not, and is no row itself.

    All others begin with a cell that it lacks, and no cell of it says what a row says there.
    """
    first, *others = rows
    named = sum(bool(cell.strip()) and not headers[i].strip() for i, cell in enumerate(first))
    return (
        named > 0
        and bool(others)
        and bool(headers[0].strip())
        and not first[0].strip()
        and all(row[0].strip() for row in others)
        and not any(re.fullmatch(r"[\d\s.,:/+-]+", cell) for cell in first)
    )


def _labels_numbers(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a record has texts, or nothing at all, in columns where all rows have digits."""
    texts = numbers = gaps = 0
    for position, cell in enumerate(cells):
        others = [row[position] for row in rows if row[position].strip()]
        if len(others) < _FEW_NUMBERS or not all(re.search(r"\d", other) for other in others):
            continue
        if not cell.strip() or cell.strip().lower() in NULL_SPELLINGS:
            gaps += len(others) == len(rows)
        elif re.search(r"\d", cell):
            numbers += 1
        else:
            texts += 1
    return texts > max(1, numbers) or (gaps > 1 and numbers == texts == 0)
