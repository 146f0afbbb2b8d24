"""Make clean exports as dirty as exports are in life, and count what was planted.

Works on written files and knows nothing of the company. Every kind of dirt has a rate: of files, of
rows or of cells. A file gets at most one fault of layout (encoding, dates, decimals, preamble,
footer, header), so that each can be told from the others. Rows are only broken or deleted in
objects that nothing else refers to: what a missing row leaves behind is not the fault itself.
"""

import csv
import io
import json
import math
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

# Rates of `realistic`; those marked f are of files, r of rows, c of cells.
REALISTIC: dict[str, float] = {
    "encoding": 0.12,  # f: GB18030, windows-1252, UTF-16 or UTF-8 with a byte order mark
    "dates": 0.08,  # f: day or month first instead of ISO
    "decimals": 0.06,  # f: decimal comma, thousands with points, semicolons between cells
    "preamble": 0.05,  # f: lines above the header
    "footer": 0.05,  # f: a line of totals below the rows
    "header_drift": 0.10,  # f: columns in another order and case, and one more
    "duplicate_rows": 0.003,  # r: exact repeats
    "bad_rows": 0.002,  # r: cells missing, too many, or of the wrong type; an end cut off in JSON
    "quotes": 0.01,  # r: quotes and line breaks in a text
    "null_spellings": 0.05,  # c: of empty cells, written as NULL, #N/A or \\N
    "sci_ids": 0.002,  # r: a phone number as 2.13E+09
    "apostrophe_zips": 0.2,  # f: postal codes as '02134
    "deletes": 0.002,  # r: marked as deleted
    "resent": 0.10,  # f: the same file once more
    "overlapping": 0.10,  # f of deltas: rows of the export before once more
    "out_of_order": 0.15,  # f: arrive later than their turn, see `arrival`
}
LAYOUT = ("encoding", "dates", "decimals", "preamble", "footer", "header_drift")
# Objects that nothing refers to, as the names of their files begin.
LEAVES = {
    "canonical": ("interactions", "consents"),
    "salesforce": ("Task", "Event", "CaseHistory", "CampaignMember"),
    "zendesk": ("ticket_events",),
    "loyalty": ("ledger",),
    "marketing": ("responses",),
}
_PHONES = {"shopify": ("customers_export", "Phone")}  # a customer lost here is a guest
_ZIPS = ("postal_code", "Postal Code", "BillingPostalCode", "MailingPostalCode")
_DELETED_FLAGS = ("is_deleted", "IsDeleted")
_TEXTS = ("subject", "comment", "Subject", "Description", "Ticket description", "Notes")
_NULLS = ("NULL", "#N/A", "\\N")
_OVERLAPPING_ROWS = 5
_SPARED_BELOW = 150  # rows
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)( \d\d:\d\d(?::\d\d)?)?")
_DECIMAL = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Fault:
    """What was planted in one file; `rows` counts rows, cells or, for layout, all rows."""

    file: str
    kind: str
    rows: int
    detail: str = ""


@dataclass
class _Sheet:
    """A CSV file in cells: header rows on top, the first of them names."""

    header: list[list[str]]
    rows: list[list[str]]
    quote_all: bool
    faults: list[Fault] = field(default_factory=list)


def parse_dirt(text: str) -> dict[str, float]:
    """Read `none`, `realistic` or kind=rate pairs with commas between.

    Raises ValueError for an unknown kind or a rate outside 0-1.
    """
    if text == "none":
        return {}
    if text == "realistic":
        return dict(REALISTIC)
    rates: dict[str, float] = {}
    for pair in text.split(","):
        kind, _, rate = (part.strip() for part in pair.partition("="))
        if kind not in REALISTIC:
            raise ValueError(f"dirt: {kind!r} is not one of {', '.join(REALISTIC)}")
        try:
            rates[kind] = float(rate)
        except ValueError:
            raise ValueError(
                f"dirt: {pair.strip()!r} is not kind=rate, such as encoding=0.1"
            ) from None
        if not 0 <= rates[kind] <= 1:
            raise ValueError(f"dirt: the rate of {kind} is {rate}, outside 0-1")
    return rates


def make_dirty(folder: Path, rates: Mapping[str, float], seed: int) -> None:
    """Spoil the files below folder/<system>/ and write folder/truth/faults.json.

    Its `faults` say what was planted where, its `arrival` in which order the files come in.
    """
    files = sorted(
        path
        for path in folder.glob("*/**/*")
        if path.is_file() and path.relative_to(folder).parts[0] != "truth"
    )
    faults = _overlap(folder, files, rates.get("overlapping", 0.0), seed)
    layouts = _choose_layouts(folder, files, rates, seed)
    for path in files:
        name = str(path.relative_to(folder))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        if path.suffix == ".ndjson":
            faults += _spoil_lines(path, name, rates, rng)
        elif path.suffix == ".csv":
            faults += _spoil_sheet(path, name, layouts.get(name), rates, rng)
    faults += _resend(folder, files, rates.get("resent", 0.0), seed)
    arrival = _arrival(folder, rates.get("out_of_order", 0.0), seed)
    report = {
        "rates": dict(rates),
        "faults": [asdict(fault) for fault in sorted(faults, key=lambda f: (f.file, f.kind))],
        "arrival": arrival,
    }
    (folder / "truth" / "faults.json").write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _choose_layouts(
    folder: Path, files: list[Path], rates: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Give every kind of layout its share of the CSV files, one at least; no file gets two."""
    rng = np.random.default_rng([seed, zlib.crc32(b"layouts")])
    free = [
        str(path.relative_to(folder))
        for path in files
        if path.suffix == ".csv" and not _has_more_header_rows(path)
    ]
    chosen: dict[str, str] = {}
    count = len(free)
    for kind in LAYOUT:
        rate = rates.get(kind, 0.0)
        if not rate:
            continue
        suits = [name for name in free if _SUITS[kind](_read(folder / name))]
        share = min(max(round(rate * count), 1), len(suits))
        for entry in rng.choice(len(suits), share, replace=False) if suits else []:
            chosen[suits[int(entry)]] = kind
            free.remove(suits[int(entry)])
    return chosen


def _has_more_header_rows(path: Path) -> bool:
    with path.open(encoding="utf-8") as stream:
        return "ImportId" in stream.read(20_000)


def _read(path: Path) -> _Sheet:
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    count = 3 if "ImportId" in text[:20_000] else 1
    return _Sheet(rows[:count], rows[count:], quote_all=text.startswith('"'))


def _write(path: Path, sheet: _Sheet, delimiter: str = ",") -> None:
    """Write a sheet as it was read: where all cells are quoted, empty ones are not."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        if sheet.quote_all:
            for row in [*sheet.header, *sheet.rows]:
                stream.write(delimiter.join(_quoted(cell) if cell else "" for cell in row) + "\n")
        else:
            writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
            writer.writerows([*sheet.header, *sheet.rows])


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _columns(sheet: _Sheet, pattern: re.Pattern[str]) -> list[int]:
    """Find the columns whose filled cells all have a form."""
    found = []
    for place in range(len(sheet.header[0])):
        cells = [row[place] for row in sheet.rows if row[place]]
        if cells and all(map(pattern.fullmatch, cells)):
            found.append(place)
    return found


def _spoil_sheet(
    path: Path, name: str, layout: str | None, rates: Mapping[str, float], rng: np.random.Generator
) -> list[Fault]:
    """Plant the faults of rows and cells, then the one of the layout."""
    sheet = _read(path)
    system, stem = name.split("/")[0], path.stem
    is_leaf = stem.startswith(LEAVES.get(system, ()))
    names = sheet.header[0]

    def some(kind: str) -> list[int]:
        chosen = rng.random(len(sheet.rows)) < rates.get(kind, 0.0)
        return [int(entry) for entry in np.flatnonzero(chosen)]

    def note(kind: str, rows: int, detail: str = "") -> None:
        if rows:
            sheet.faults.append(Fault(name, kind, rows, detail))

    typed = [*_columns(sheet, _DATE), *_columns(sheet, _DECIMAL)]
    flags = [place for place, label in enumerate(names) if label in _DELETED_FLAGS]
    if is_leaf and flags:
        deleted = some("deletes")
        for entry in deleted:
            sheet.rows[entry][flags[0]] = "true"
        note("deletes", len(deleted))
    note("quotes", _quote(sheet, some("quotes")))
    note("null_spellings", _spell_nulls(sheet, rates.get("null_spellings", 0.0), typed, rng))
    if system in _PHONES and stem == _PHONES[system][0]:
        place = names.index(_PHONES[system][1])
        note("sci_ids", _write_scientifically(sheet, place, some("sci_ids")))
    zips = [place for place, label in enumerate(names) if label in _ZIPS]
    if zips and rng.random() < rates.get("apostrophe_zips", 0.0):
        filled = [row for row in sheet.rows if row[zips[0]] and not row[zips[0]].startswith("'")]
        for row in filled:
            row[zips[0]] = "'" + row[zips[0]]
        note("apostrophe_zips", len(filled))
    if layout in _SPOIL_CELLS:
        note(layout, len(sheet.rows), _SPOIL_CELLS[layout](sheet, rng))
    repeated = some("duplicate_rows")
    for entry in reversed(repeated):
        sheet.rows.insert(entry + 1, list(sheet.rows[entry]))
    note("duplicate_rows", len(repeated))
    if is_leaf:
        broken = _choose_broken(len(sheet.rows), rates.get("bad_rows", 0.0), rng)
        kinds = [_break(sheet.rows[entry], typed, n) for n, entry in enumerate(broken)]
        for kind in sorted({*kinds}):
            note("bad_rows", kinds.count(kind), kind)
    if layout == "header_drift":
        _drift(sheet, rng)
        note(layout, len(sheet.rows), "other order and case, one more column")
    if sheet.faults:
        _write(path, sheet, delimiter=";" if layout == "decimals" else ",")
    if layout in _SPOIL_FILE:
        note(layout, len(sheet.rows), _SPOIL_FILE[layout](path, sheet, rng))
    return sheet.faults


def _quote(sheet: _Sheet, entries: list[int]) -> int:
    """Put quotes and a line break into a text cell of these rows."""
    places = [place for place, label in enumerate(sheet.header[0]) if label in _TEXTS]
    count = 0
    for entry in entries:
        for place in places[:1]:
            if sheet.rows[entry][place]:
                sheet.rows[entry][place] += '\nP.S. "urgent"; please, answer'
                count += 1
    return count


def _spell_nulls(sheet: _Sheet, rate: float, typed: list[int], rng: np.random.Generator) -> int:
    """Spell out empty cells of typed columns: in text a word for nothing might be meant."""
    count = 0
    for row in sheet.rows if rate else []:
        for place in typed:
            if not row[place] and rng.random() < rate:
                row[place] = _NULLS[int(len(_NULLS) * rng.random())]
                count += 1
    return count


def _write_scientifically(sheet: _Sheet, place: int, entries: list[int]) -> int:
    count = 0
    for entry in entries:
        digits = re.sub(r"\D", "", sheet.rows[entry][place])
        if len(digits) >= 10 and set(digits) != {"0"}:
            sheet.rows[entry][place] = f"{float(digits):.2E}"
            count += 1
    return count


def _choose_broken(count: int, rate: float, rng: np.random.Generator) -> list[int]:
    """Choose the rows to break: as many as the rate says, none in small files.

    There a single row would be more than the share that stops a file.
    """
    if count < _SPARED_BELOW:
        return []
    chosen = rng.choice(count, math.ceil(rate * count), replace=False)
    return sorted(int(entry) for entry in chosen)


def _break(row: list[str], typed: list[int], turn: int) -> str:
    """Break a row in place, by turns in one of three ways; say which."""
    if turn % 3 == 0:
        del row[len(row) // 2 :]
        return "cells missing"
    if turn % 3 == 1 and typed:
        row[typed[0]] = "to be checked"
        return "wrong type"
    row += ["", "", "see mail"]
    return "too many cells"


def _reorder_dates(sheet: _Sheet, rng: np.random.Generator) -> str:
    """Write all dates of the file with the day or the month first."""
    form, order = ((r"\3/\2/\1\4", "dmy"), (r"\2/\3/\1\4", "mdy"), (r"\3.\2.\1\4", "dmy"))[
        int(3 * rng.random())
    ]
    for place in _columns(sheet, _DATE):
        for row in sheet.rows:
            row[place] = _DATE.sub(lambda found: found.expand(form) if found[4] else
                                   found.expand(form.removesuffix(r"\4")), row[place])  # fmt: skip
    return order


def _write_commas(sheet: _Sheet, rng: np.random.Generator) -> str:
    """Write decimals as Germans do: 1.234,56."""
    swap = str.maketrans(",.", ".,")
    for place in _columns(sheet, _DECIMAL):
        for row in sheet.rows:
            if row[place]:
                decimals = len(row[place].partition(".")[2])
                row[place] = f"{float(row[place]):,.{decimals}f}".translate(swap)
    return "comma"


def _drift(sheet: _Sheet, rng: np.random.Generator) -> None:
    """Turn the columns round by a few places, change the case of names, add a column."""
    width = len(sheet.header[0])
    turn = int(rng.integers(1, width)) if width > 1 else 0
    sheet.header[0] = [*(name.upper() for name in sheet.header[0]), "Internal remark"]
    for row in sheet.rows:
        if len(row) == width:
            row.append("")
    for row in (sheet.header[0], *(row for row in sheet.rows if len(row) == width + 1)):
        row[:] = row[turn:] + row[:turn]


def _add_preamble(path: Path, sheet: _Sheet, rng: np.random.Generator) -> str:
    text = path.read_text(encoding="utf-8")
    path.write_text(f"Report: {path.stem}\nConfidential\n\n{text}", encoding="utf-8")
    return "3 lines"


def _add_footer(path: Path, sheet: _Sheet, rng: np.random.Generator) -> str:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f'"Grand Totals","{len(sheet.rows)} records"\n')
    return "1 line"


def _encode(path: Path, sheet: _Sheet, rng: np.random.Generator) -> str:
    """Write the file in another encoding: one that its characters are written in in life."""
    text = path.read_text(encoding="utf-8")
    encodings = ["utf-16", "utf-8-sig"]
    foreign = [character for character in text if not character.isascii()]
    if sum("\u4e00" <= character <= "\u9fff" for character in foreign) > len(foreign) / 2:
        encodings += ["gb18030"] * 3
    elif text == text.encode("cp1252", errors="replace").decode("cp1252"):
        encodings += ["cp1252"] * 3
    encoding = encodings[int(rng.integers(0, len(encodings)))]
    path.write_bytes(text.encode(encoding))
    return encoding


def _has_clear_dates(sheet: _Sheet) -> bool:
    """Tell whether every date column has a day that can be no month."""
    places = _columns(sheet, _DATE)
    return bool(places) and all(
        any(row[place] and int(row[place][8:10]) > 12 for row in sheet.rows) for place in places
    )


_SUITS: dict[str, Callable[[_Sheet], bool]] = {
    # An encoding only shows where there is more than ASCII.
    "encoding": lambda sheet: any(not cell.isascii() for row in sheet.rows for cell in row),
    "dates": _has_clear_dates,
    "decimals": lambda sheet: bool(_columns(sheet, _DECIMAL)),
    "preamble": lambda sheet: True,
    "footer": lambda sheet: True,
    "header_drift": lambda sheet: len({*sheet.header[0]}) == len(sheet.header[0]),
}
_SPOIL_CELLS = {"dates": _reorder_dates, "decimals": _write_commas}
_SPOIL_FILE = {"preamble": _add_preamble, "footer": _add_footer, "encoding": _encode}


def _spoil_lines(
    path: Path, name: str, rates: Mapping[str, float], rng: np.random.Generator
) -> list[Fault]:
    """Repeat some lines of a file of JSON objects and cut off the end of others."""
    lines = path.read_text(encoding="utf-8").splitlines()
    repeats = rng.random(len(lines)) < rates.get("duplicate_rows", 0.0)
    is_leaf = path.stem.startswith(LEAVES.get(name.split("/")[0], ()))
    cuts = np.zeros(len(lines), dtype=np.bool_)
    if is_leaf:
        cuts[_choose_broken(len(lines), rates.get("bad_rows", 0.0), rng)] = True
    written = []
    for line, repeat, cut in zip(lines, repeats, cuts, strict=True):
        written += [line] * (1 + int(repeat) * int(not cut))
        if cut:
            written[-1] = line[: 2 * len(line) // 3]
    faults = (
        Fault(name, "duplicate_rows", int((repeats & ~cuts).sum())),
        Fault(name, "bad_rows", int(cuts.sum()), "end cut off"),
    )
    planted = [fault for fault in faults if fault.rows]
    if planted:
        path.write_text("\n".join(written) + "\n", encoding="utf-8")
    return planted


def _overlap(folder: Path, files: list[Path], rate: float, seed: int) -> list[Fault]:
    """Let some deltas begin with the last rows of the file before."""
    rng = np.random.default_rng([seed, zlib.crc32(b"overlapping")])
    by_object: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix == ".csv":
            name = re.sub(r"\d{4}-\d\d-\d\d", "", str(path.relative_to(folder)))
            by_object.setdefault(name, []).append(path)
    faults = []
    for before, path in (pair for paths in by_object.values() for pair in pairwise(paths)):
        if rng.random() < rate:
            rows = _read(before).rows[-_OVERLAPPING_ROWS:]
            sheet = _read(path)
            _write(path, replace(sheet, rows=[*rows, *sheet.rows]))
            faults.append(Fault(str(path.relative_to(folder)), "overlapping", len(rows)))
    return faults


def _resend(folder: Path, files: list[Path], rate: float, seed: int) -> list[Fault]:
    """Put some files there a second time, in a folder beside them."""
    rng = np.random.default_rng([seed, zlib.crc32(b"resent")])
    faults = []
    for path in files:
        if rng.random() < rate:
            copy = path.parent / "again" / path.name
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)
            faults.append(Fault(str(copy.relative_to(folder)), "resent", 1))
    return faults


def _arrival(folder: Path, rate: float, seed: int) -> list[str]:
    """List all files in the order in which they come in: by date, but some a few places late."""
    rng = np.random.default_rng([seed, zlib.crc32(b"arrival")])
    names = sorted(
        (
            str(path.relative_to(folder))
            for path in folder.glob("*/**/*")
            if path.is_file() and path.relative_to(folder).parts[0] != "truth"
        ),
        key=lambda name: (re.findall(r"\d{4}-\d\d-\d\d", name)[-1:], name),
    )
    delay = np.where(rng.random(len(names)) < rate, rng.integers(1, 1 + len(names), len(names)), 0)
    return [names[place] for place in np.argsort(np.arange(len(names)) + delay, kind="stable")]
