"""What the reader says about files and rows.

Belongs here: the two records, their JSON form beside each Parquet file (the sidecar), the error
that refuses a file. Does not: reading or writing exports.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

Status = Literal["loaded", "refused", "unrecognised"]
TimeSource = Literal["file_name", "watermark", "none"]

# The reason of a last row whose file was cut off.
CUT_OFF = "cut_off"

# Stands for "unknown" in `exported_at`: sorts before every real export.
NO_EXPORT_TIME = datetime(1970, 1, 1)


class RefusedError(Exception):
    """A file that cannot be landed as a whole; carries what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class OpenDatesError(RefusedError):
    """A file in which nothing tells days and months of some columns apart; others may."""

    def __init__(self, message: str, remedy: str, columns: tuple[str, ...]) -> None:
        super().__init__(message, remedy)
        self.columns = columns


@dataclass(frozen=True)
class FileRecord:
    """One export file: how it was read and what became of its rows.

    `file_name` is relative to `landing/<system>`; a zip member is `archive.zip/member.csv`.
    `sha256` is of the content, after gzip or zip were taken off, so that the same export counts
    once however it was packed. `parquet_path` is relative to the raw folder. Text decisions
    (encoding, delimiter, quote, escape, line_end) are None where the format has none. `decisions`
    is a JSON object: what was decided on encoding, layout and each column, how, and how sure that
    is. `message` says what is wrong with a refused file, and what may be wrong with a loaded one.
    `times_replaced` counts how often other content has come under the file's name since.
    rows_in_file = rows_loaded + rows_quarantined, except in refused files, which are not counted;
    lines before the header and behind the last row are no rows.
    """

    system: str
    object: str | None
    file_name: str
    sha256: str
    status: Status
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    line_end: str | None = None
    header_line: int | None = None
    preamble_lines: int = 0
    footer_lines: int = 0
    decisions: str = "{}"
    exported_at: datetime = NO_EXPORT_TIME
    exported_at_source: TimeSource = "none"
    max_watermark: datetime | None = None
    rows_in_file: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    columns_missing: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    message: str | None = None
    remedy: str | None = None
    parquet_path: str | None = None
    size_bytes: int = 0
    contract_hash: str | None = None
    times_replaced: int = 0

    @property
    def has_marks(self) -> bool:
        """Tell whether some rows of the landed file were set aside or left out, and are marked."""
        return self.rows_quarantined > 0 or "rows_without_text" in self.decisions

    @property
    def is_cut_off(self) -> bool:
        """Tell whether the file was cut off in its last row, so that what stood behind is missing.

        Other content under its name is the whole of it.
        """
        return CUT_OFF in json.loads(self.decisions)

    def known_by(self, as_of: date | None) -> bool:
        """Tell whether the file had been exported by the end of that day.

        A file whose name carries no time counts always: its rows have to be cut by business time.
        """
        if as_of is None or self.exported_at_source != "file_name":
            return True
        return self.exported_at.date() <= as_of


@dataclass(frozen=True)
class QuarantinedRow:
    """One row that did not get in: where it is, what is wrong, what it said.

    `row_number` counts records from 1 without the header; `line_number` is the line of the file on
    which the record starts, None where a format has no lines. `reason` is one of wrong_cell_count,
    torn_row, cut_off, malformed_quote, malformed_json, undecodable, duplicate_column,
    repeated_header, not_a_record, empty_cell, bad_type, digits_lost, duplicate_key. `raw_row` is
    the row as a JSON array of cells, or its text where it could not be parsed; `key_values` is its
    key as a JSON array, None where the row does not say it.
    """

    system: str
    object: str
    file_name: str
    content_hash: str
    row_number: int
    line_number: int | None
    column_name: str | None
    value: str | None
    reason: str
    message: str
    raw_row: str
    key_values: str | None = None


def write_sidecar(record: FileRecord, path: Path) -> None:
    """Write the record as JSON; the rename is what makes its Parquet file count."""
    values = dataclasses.asdict(record)
    values["exported_at"] = record.exported_at.isoformat()
    values["max_watermark"] = record.max_watermark and record.max_watermark.isoformat()
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_sidecar(path: Path) -> FileRecord:
    """Read a record back."""
    values = json.loads(path.read_text(encoding="utf-8"))
    values["exported_at"] = datetime.fromisoformat(values["exported_at"])
    if values["max_watermark"] is not None:
        values["max_watermark"] = datetime.fromisoformat(values["max_watermark"])
    values["columns_missing"] = tuple(values["columns_missing"])
    values["columns_added"] = tuple(values["columns_added"])
    return FileRecord(**values)


def in_order(records: Iterable[FileRecord]) -> list[FileRecord]:
    """Sort records the way they are listed everywhere, independent of the order of arrival."""
    return sorted(records, key=lambda r: (r.system, r.object or "", r.exported_at, r.file_name))
