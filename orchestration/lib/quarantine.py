"""The rows that did not get in, for people: read from what was landed, never from a database.

Belongs here: which of them count now, masking what is personal, the report. Does not: setting rows
aside (`reading/sorting.py`), the ceiling that stops a run (the raw gate).
"""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.contracts import ExportContract, ExportObject
from orchestration.lib.reading.landing import counted_files
from orchestration.lib.reading.sources import PublishedFile
from orchestration.lib.reading.views import (
    create_raw_views,
    read_input_files,
    write_input_files,
    write_quarantine,
)

_SHOWN = 20  # rows per system; all of them are in --csv and --json

_REMEDIES = {
    "wrong_cell_count": "a delimiter or a line break inside a cell is not quoted",
    "torn_row": "a line beside the row has one cell: quote line breaks, or drop that line",
    "malformed_quote": "a quote is opened and not closed, or not doubled inside a quoted cell",
    "cut_off": "the file ends within the row: export it again under the same name",
    "malformed_json": "the line is no JSON object",
    "undecodable": "bytes that are no text, or zero bytes: export it again, as UTF-8",
    "duplicate_column": "one column occurs twice with different values: rename or drop one",
    "not_a_record": "export the records without totals, page numbers and notes",
    "repeated_header": "export them one by one, or declare `header_rows`",
    "empty_cell": "fill the cell at the source, or take `not_null` from the column in the contract",
    "bad_type": "correct the value at the source, or the column's type in the contract",
    "digits_lost": "a spreadsheet shortened the number: export again without opening it there",
    "duplicate_key": "two rows say different things of one record: correct one at the source",
}


@dataclass(frozen=True)
class AsideRow:
    """One row that did not get in; its value is masked where the column is personal.

    `released_by` is the later file that brought the record after all.
    """

    system: str
    object: str
    file_name: str
    row_number: int
    line_number: int | None
    column_name: str | None
    reason: str
    message: str
    value: str | None
    released_by: str | None


@dataclass(frozen=True)
class AsideFile:
    """One file with such rows."""

    system: str
    object: str
    file_name: str
    rows_in_file: int
    rows_quarantined: int
    rows_released: int

    @property
    def share(self) -> float:
        """The share of its rows that nothing has released, which the ceiling is for."""
        return (self.rows_quarantined - self.rows_released) / max(self.rows_in_file, 1)


@dataclass(frozen=True)
class Aside:
    """What did not get in: rows, the files they are in, and files that have yet to land."""

    rows: tuple[AsideRow, ...]
    files: tuple[AsideFile, ...]
    waiting: tuple[str, ...]

    def by_reason(self) -> dict[tuple[str, str, str], int]:
        """Count the rows that nothing has released, by system, object and reason."""
        return Counter((r.system, r.object, r.reason) for r in self.rows if not r.released_by)


def rows_aside(
    contracts: Sequence[ExportContract],
    landing: Path,
    raw: Path,
    published: Mapping[str, Collection[PublishedFile]],
) -> Aside:
    """Collect the rows that did not get in of the files that count now.

    These are the files in landing and those of the published version, as for the next run: rows of
    a run that a gate stopped are among them as long as its files are in landing. `published` has
    the files of the published version by system.
    """
    rows: list[AsideRow] = []
    files: list[AsideFile] = []
    waiting: list[str] = []
    for contract in contracts:
        records, new = counted_files(contract, landing, raw, published[contract.system])
        waiting += [f"{contract.system}/{name}" for name in new]
        if not any(record.rows_quarantined for record in records):
            continue
        with duckdb.connect() as con:
            con.execute("set enable_progress_bar = false")
            create_raw_views(con, contract, records, raw, None)
            write_input_files(con, contract.system, records)
            write_quarantine(con, contract, records, raw)
            rows += _rows(con, contract)
            files += _files(con, contract.system)
    return Aside(tuple(rows), tuple(files), tuple(waiting))


def masked(exported: ExportObject | None, column_name: str | None, value: str | None) -> str | None:
    """Return a value as people may see it: its first character where the column is personal.

    A row without a column could not be taken apart, so what it says may be anything. The columns of
    a key are separated by commas.
    """
    if not value:
        return value
    names = (column_name or "").split(", ")
    open_columns = {c.name for c in exported.columns if not c.pii} if exported else set()
    return value if open_columns.issuperset(names) else f"{value[0]}***"


def write_csv(aside: Aside, path: Path) -> None:
    """Write all rows as CSV for a spreadsheet: UTF-8 with a byte order mark."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(AsideRow))
        writer.writerows(asdict(row).values() for row in aside.rows)


def as_content(aside: Aside) -> dict[str, Any]:
    """Return everything for machines."""
    return {
        "count": sum(aside.by_reason().values()),
        "by_reason": [
            {"system": system, "object": name, "reason": reason, "count": count}
            for (system, name, reason), count in aside.by_reason().items()
        ],
        "files": [asdict(file) for file in aside.files],
        "rows": [asdict(row) for row in aside.rows],
        "files_not_landed": list(aside.waiting),
    }


def as_text(aside: Aside, ceiling_of: Callable[[str, str], float]) -> str:
    """Return counts by reason, the files, the first rows and what to do next.

    `ceiling_of` gives the share of a file's rows that may be in quarantine, by system and object.
    """
    left = [row for row in aside.rows if not row.released_by]
    released = len(aside.rows) - len(left)
    lines = [
        f"{len(left):,} {'row is' if len(left) == 1 else 'rows are'} in quarantine"
        + (f", {released:,} more have been released by a later file" if released else "")
        + "."
    ]
    if left:
        by_reason = sorted(aside.by_reason().items(), key=lambda item: (-item[1], item[0]))
        lines += ["", "Why"]
        for (system, name, reason), count in by_reason:
            remedy = _REMEDIES.get(reason, "")
            lines.append(f"  {count:>8,}  {system}.{name}  {reason}: {remedy}")
        lines += ["", "Files (more than the share in brackets stops a run)"]
        for file in sorted(aside.files, key=lambda f: (-f.share, f.system, f.file_name)):
            count = file.rows_quarantined - file.rows_released
            ceiling = ceiling_of(file.system, file.object)
            stops = "  stops" if file.share > ceiling else ""
            lines.append(
                f"  {100 * file.share:>7.2f} % ({100 * ceiling:g} %)  {file.system}/"
                f"{file.file_name}: {count:,} of {file.rows_in_file:,} rows{stops}"
            )
        lines += ["", f"Rows (at most {_SHOWN} of each system)"]
        shown: Counter[str] = Counter()
        for row in left:
            shown[row.system] += 1
            if shown[row.system] <= _SHOWN:
                lines.append("  " + row_text(row))
    if aside.waiting:
        lines += ["", "Not landed: new, changed, or refused by the last run"]
        lines += [f"  {name}" for name in aside.waiting[:_SHOWN]]
        if len(aside.waiting) > _SHOWN:
            lines.append(f"  and {len(aside.waiting) - _SHOWN:,} more")
    lines += ["", "Next"]
    if left:
        lines += [
            "  Correct the rows at the source, export again, put the file into landing and run:",
            "  the new file releases them. --csv FILE lists them all. Where they may stay as they",
            "  are, as the totals of a report, raise quarantine_ceilings in company.yml.",
        ]
    if aside.waiting:
        lines.append("  crm-warehouse inspect FILE says what becomes of a file not landed yet.")
    if not left and not aside.waiting:
        lines.append("  Nothing: every row of every file that counts is in.")
    return "\n".join(lines)


def row_text(row: AsideRow) -> str:
    """Return place, reason and value of a row in one line."""
    place = f"line {row.line_number}" if row.line_number else f"row {row.row_number}"
    value = "" if row.value is None else f": {_short(row.value)}"
    return f"{row.system}/{row.file_name} {place}  {row.reason}  {row.message}{value}"


def _short(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "…")


def _rows(con: duckdb.DuckDBPyConnection, contract: ExportContract) -> list[AsideRow]:
    objects = {exported.name: exported for exported in contract.objects}
    found = con.execute(
        "select system, object, file_name, row_number, line_number, column_name, reason, message, "
        "_value, released_by from audit.quarantine order by object, file_name, row_number"
    ).fetchall()
    rows = (AsideRow(*row) for row in found)
    return [
        replace(row, value=masked(objects.get(row.object), row.column_name, row.value))
        for row in rows
    ]


def _files(con: duckdb.DuckDBPyConnection, system: str) -> list[AsideFile]:
    released = dict(
        con.execute("select file_name, rows_released from audit.input_files").fetchall()
    )
    return [
        AsideFile(
            system,
            str(r.object),
            r.file_name,
            r.rows_in_file,
            r.rows_quarantined,
            released[r.file_name] or 0,
        )
        for r in read_input_files(con, system)
        if r.rows_quarantined
    ]
