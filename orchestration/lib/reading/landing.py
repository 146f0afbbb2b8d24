"""Lands the exports of a system: one Parquet file and one record per export file.

Belongs here: what is new, the two paths a file can take, what is written where. Does not: how text
is parsed, what makes a row unusable, the schema `raw`.
"""

import dataclasses
import mmap
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

import duckdb

from orchestration.lib.contracts import ExportContract, ExportObject, FileFormat
from orchestration.lib.reading.delimited import (
    Dialect,
    data_records,
    decide_dialect,
    first_record,
)
from orchestration.lib.reading.encoding import as_utf8, check_encoding, decide_encoding
from orchestration.lib.reading.json_text import json_records
from orchestration.lib.reading.layout import Layout, match_columns, require_columns
from orchestration.lib.reading.records import (
    NO_EXPORT_TIME,
    FileRecord,
    RefusedError,
    TimeSource,
    in_order,
    read_sidecar,
    write_sidecar,
)
from orchestration.lib.reading.sorting import (
    Provenance,
    Relation,
    copy_clean,
    copy_sorted,
    has_conflicting_keys,
    landed,
    literal,
    max_watermark,
    quoted,
    sort_rows,
    text_list,
    without_quarantined,
)
from orchestration.lib.reading.sources import (
    Source,
    digest,
    export_time,
    find_sources,
    nearest_object,
    object_of,
    raw_digest,
    unpacked,
)
from orchestration.lib.reading.staging import stage_delimited, stage_json

_FORMATS: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
}
_WORK = ".work-"


def land_system(
    contract: ExportContract,
    landing: Path,
    raw: Path,
    published_hashes: frozenset[str],
    report: Callable[[str], None],
) -> list[FileRecord]:
    """Land what is new of one system and return a record of every file that counts.

    Files that count are those in `landing/<system>` now and those landed earlier whose content is
    in the published version. A file is known by its content: the same content under two names
    counts once, under the name with the earliest export time, whichever came first. Nothing is
    read again unless its content or its object's contract is new.

    Raises ContractError when two objects claim one file.
    """
    earlier = _landed_earlier(contract, raw)
    records: list[FileRecord] = []
    present: dict[tuple[str, str], list[tuple[Source, int]]] = {}
    for source in find_sources(landing / contract.system):
        exported = object_of(source, contract)
        try:
            sha256, size = digest(source)
        except RefusedError as error:
            sha256, size = raw_digest(source.path), source.path.stat().st_size
            records.append(
                _not_loaded(contract, exported, source, sha256, size, error.message, error.remedy)
            )
        else:
            if exported is None:
                records.append(_unrecognised(contract, source, sha256, size))
            else:
                present.setdefault((exported.name, sha256), []).append((source, size))
    for record in records:
        report(f"{contract.system}: {record.file_name} {record.status}: {record.message}")

    with _workspace(raw / contract.system) as (con, work):
        for (name, sha256), copies in present.items():
            exported = contract.object(name)
            (source, size), *others = sorted(copies, key=lambda copy: _rank(copy[0].name))
            known = earlier.get((name, sha256))
            if known is not None and _still_good(known, exported, source):
                record = known
            else:
                record = _land(con, contract, exported, source, sha256, size, work / name, raw)
                report(f"{contract.system}: {_outcome(record)}")
            if others and record.status == "loaded":
                also = ", ".join(other.name for other, _ in others)
                record = dataclasses.replace(
                    record, message=f"the same content also lies in {also}"
                )
            records.append(record)
    records += (
        record
        for key, record in earlier.items()
        if key not in present and record.sha256 in published_hashes
    )
    return in_order(records)


@contextmanager
def _workspace(folder: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Open a connection and a folder on the file system of the target, so that renames are atomic.

    Whatever a killed run left behind is removed first: only one run lands at a time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{_WORK}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=folder) as work, duckdb.connect() as con:
        con.execute(f"set temp_directory = {literal(str(Path(work) / 'spill'))}")
        con.execute("set enable_progress_bar = false")  # it would write into --json output
        yield con, Path(work)


def locate_line(
    exported: ExportObject, record: FileRecord, landing: Path, row_number: int
) -> int | None:
    """Return the line of the original file on which a record starts.

    None when the file is no longer in landing, or when its format has no lines.
    """
    source = next(
        (s for s in find_sources(landing / record.system) if s.name == record.file_name), None
    )
    if source is None or record.format in (None, "parquet") or record.encoding is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = unpacked(source, Path(folder) / "content")
        path = as_utf8(path, record.encoding, Path(folder) / "utf8")
        if record.delimiter is None or record.quote is None:
            lines = (
                r.line_number
                for r in json_records(path, exported, by_line=record.format == "ndjson")
            )
        else:
            dialect = Dialect(record.delimiter, record.quote, exported.escape or '"')
            lines = (r.line_number for r in data_records(path, dialect, exported))
        return next((line for number, line in enumerate(lines, 1) if number == row_number), None)


def quarantine_path(record: FileRecord, raw: Path) -> Path | None:
    """Return where the quarantined rows of a file lie, None when it has none."""
    if record.parquet_path is None or record.rows_quarantined == 0:
        return None
    return (raw / record.parquet_path).with_suffix(".quarantine.parquet")


def _landed_earlier(contract: ExportContract, raw: Path) -> dict[tuple[str, str], FileRecord]:
    """Read the sidecars of a system; of one content landed twice the one to go by.

    That is the one of the contract as it is now, then the one with the earliest export time.
    """
    found: dict[tuple[str, str], FileRecord] = {}
    hashes = {exported.name: exported.contract_hash() for exported in contract.objects}
    records = [read_sidecar(path) for path in (raw / contract.system).glob("*/*/*.json")]
    for record in sorted(
        records, key=lambda r: (r.contract_hash != hashes.get(r.object or ""), _record_rank(r))
    ):
        if record.object in hashes:
            found.setdefault((record.object, record.sha256), record)
    return found


def _rank(name: str) -> tuple[datetime, str]:
    """Order the names of one content: earliest export time first, undated names last."""
    return export_time(name) or datetime.max, name


def _record_rank(record: FileRecord) -> tuple[datetime, str]:
    return _rank(record.file_name)


def _still_good(record: FileRecord, exported: ExportObject, source: Source) -> bool:
    return record.contract_hash == exported.contract_hash() and _record_rank(record) <= _rank(
        source.name
    )


def _outcome(record: FileRecord) -> str:
    if record.status != "loaded":
        return f"{record.file_name} {record.status}: {record.message}"
    aside = f", {record.rows_quarantined:,} in quarantine" if record.rows_quarantined else ""
    return f"{record.file_name} landed: {record.rows_loaded:,} rows{aside}"


def _not_loaded(
    contract: ExportContract,
    exported: ExportObject | None,
    source: Source,
    sha256: str,
    size: int,
    message: str,
    remedy: str,
) -> FileRecord:
    time = export_time(source.name)
    return FileRecord(
        system=contract.system,
        object=exported.name if exported else None,
        file_name=source.name,
        sha256=sha256,
        status="refused",
        exported_at=time or NO_EXPORT_TIME,
        exported_at_source="file_name" if time else "none",
        message=message,
        remedy=remedy,
        size_bytes=size,
        contract_hash=exported.contract_hash() if exported else None,
    )


def _unrecognised(contract: ExportContract, source: Source, sha256: str, size: int) -> FileRecord:
    nearest = nearest_object(source, contract)
    record = _not_loaded(
        contract,
        None,
        source,
        sha256,
        size,
        f"matches no object of {contract.system}; nearest is {nearest.name} with the patterns "
        + ", ".join(nearest.files),
        "rename the file, add a pattern to the contract, or take the file out of landing",
    )
    return dataclasses.replace(record, status="unrecognised")


def _land(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    exported: ExportObject,
    source: Source,
    sha256: str,
    size: int,
    work: Path,
    raw: Path,
) -> FileRecord:
    """Land one file, or say why it is refused."""
    work.mkdir()
    try:
        record = _read(con, contract, exported, source, sha256, size, work)
        if record.rows_in_file == 0 and exported.mode == "full":
            raise RefusedError(
                "the file has no rows, which for a full export means that all are deleted",
                "export it again; if the object really is empty, declare it `mode: delta`",
            )
        return _commit(record, work, raw)
    except RefusedError as error:
        return _not_loaded(contract, exported, source, sha256, size, error.message, error.remedy)
    finally:
        shutil.rmtree(work)


# Names within the work folder of one file.
_CLEAN, _ASIDE, _STAGED = "clean.parquet", "aside.parquet", "staged.parquet"


def _commit(record: FileRecord, work: Path, raw: Path) -> FileRecord:
    """Move the files into place; the sidecar comes last and is what makes them count."""
    undated = record.exported_at_source == "none"
    day = "undated" if undated else record.exported_at.date().isoformat()
    target = raw / record.system / str(record.object) / day / f"{record.sha256[:16]}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    record = dataclasses.replace(record, parquet_path=target.relative_to(raw).as_posix())
    aside = target.with_suffix(".quarantine.parquet")
    aside.unlink(missing_ok=True)
    if record.rows_quarantined:
        (work / _ASIDE).replace(aside)
    (work / _CLEAN).replace(target)
    write_sidecar(record, target.with_suffix(".json"))
    return record


def _read(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    exported: ExportObject,
    source: Source,
    sha256: str,
    size: int,
    work: Path,
) -> FileRecord:
    """Read one file into the work folder and describe what was done."""
    if size == 0:
        raise RefusedError("the file is empty (0 bytes)", "export it again")
    file_format = exported.format or _FORMATS.get(PurePosixPath(source.plain_name).suffix.lower())
    if file_format is None:
        raise RefusedError(
            f"the name does not say the format; known are {', '.join(_FORMATS)}",
            f"declare `format:` for {exported.name} in the contract, or save the export as CSV",
        )
    provenance = Provenance(contract.system, source.name, sha256)
    # A link with a name of our own, because DuckDB would take brackets in a name for a pattern.
    content = work / "content"
    plain = unpacked(source, content)
    if plain != content:
        content.symlink_to(plain.resolve())
    record = FileRecord(
        system=contract.system,
        object=exported.name,
        file_name=source.name,
        sha256=sha256,
        status="loaded",
        format=file_format,
        size_bytes=size,
        contract_hash=exported.contract_hash(),
    )
    if file_format == "parquet":
        return _read_parquet(con, content, exported, provenance, record, work)
    encoding = decide_encoding(content, exported)
    record = dataclasses.replace(record, encoding=encoding)
    text = as_utf8(content, encoding, work / "utf8")
    if file_format in ("json", "ndjson"):
        check_encoding(text, "utf-8")
        return _read_json(con, text, exported, provenance, record, work)
    return _read_delimited(con, text, exported, provenance, record, work)


def _read_delimited(
    con: duckdb.DuckDBPyConnection,
    text: Path,
    exported: ExportObject,
    provenance: Provenance,
    record: FileRecord,
    work: Path,
) -> FileRecord:
    """Read CSV or TSV: with DuckDB if every row is right, else record by record."""
    try:
        dialect = decide_dialect(text, exported, tabs=record.format == "tsv")
        first = first_record(text, dialect)
    except UnicodeDecodeError:
        check_encoding(text, "utf-8")
        raise
    layout, width = _delimited_layout(first.cells, exported)
    record = dataclasses.replace(
        _with_columns(record, layout, exported), delimiter=dialect.delimiter, quote=dialect.quote
    )
    relation = delimited_relation(text, dialect, layout, width, exported)
    if first.line_number == 1 and not may_be_misread(text, dialect):
        try:
            clean = _copy_if_clean(con, relation, exported, provenance, record, work)
        except duckdb.InvalidInputException:  # what both bad text and bad rows raise
            clean = None
        if clean is not None:
            return clean
    check_encoding(text, "utf-8")
    staged = stage_delimited(con, text, dialect, exported, width, work / _STAGED)
    relation = dataclasses.replace(relation, source=staged)
    return _sort(con, relation, exported, provenance, record, work)


def delimited_relation(
    text: Path, dialect: Dialect, layout: Layout, width: int, exported: ExportObject
) -> Relation:
    """Let DuckDB read a UTF-8 text file with `width` columns, strictly: any doubt is an error."""
    columns = {f"c{position}": "varchar" for position in range(width)}
    return Relation(
        f"""read_csv(
            {literal(str(text))}, auto_detect = false, columns = {columns},
            header = {str(exported.header).lower()}, delim = {literal(dialect.delimiter)},
            quote = {literal(dialect.quote)}, escape = {literal(dialect.escape)},
            nullstr = {text_list(("", *exported.null_values))},
            strict_mode = true, null_padding = false
        )""",
        {name: f"c{position}" for name, position in layout.matched.items()},
        _metadata({name: f"c{position}" for name, position in layout.unknown.items()}),
    )


def _read_json(
    con: duckdb.DuckDBPyConnection,
    text: Path,
    exported: ExportObject,
    provenance: Provenance,
    record: FileRecord,
    work: Path,
) -> FileRecord:
    by_line = record.format == "ndjson"
    relation, layout = stage_json(con, text, exported, by_line=by_line, staged=work / _STAGED)
    record = _with_columns(record, layout, exported)
    record = _sort(con, relation, exported, provenance, record, work)
    if record.rows_loaded:
        require_columns([*layout.matched, *layout.unknown], layout, exported)
    return record


def _read_parquet(
    con: duckdb.DuckDBPyConnection,
    content: Path,
    exported: ExportObject,
    provenance: Provenance,
    record: FileRecord,
    work: Path,
) -> FileRecord:
    source = f"read_parquet({literal(str(content))}, file_row_number = true)"
    try:
        described = con.execute(f"describe select * exclude (file_row_number) from {source}")
    except duckdb.Error as error:
        raise RefusedError(
            f"not a readable Parquet file: {str(error).splitlines()[0]}",
            "the file is damaged or truncated: export it again",
        ) from error
    types = {str(row[0]): str(row[1]) for row in described.fetchall()}
    headers = list(types)
    layout = match_columns(headers, exported)
    require_columns(headers, layout, exported)
    nulls = ", ".join(literal(text) for text in ("", *exported.null_values))

    def cell(position: int) -> str:
        name, kind = quoted(headers[position]), types[headers[position]]
        nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))
        text = f"to_json({name})::varchar" if nested else f"{name}::varchar"
        return f"(case when {text} in ({nulls}) then null else {text} end)"

    cells = {name: cell(position) for name, position in layout.matched.items()}
    everything = ", ".join(cell(position) for position in range(len(headers)))
    relation = Relation(
        f"""(
            select
                *, file_row_number + 1 as _row_number, null::bigint as _line_number,
                null::varchar as _reason, null::varchar as _message,
                to_json([{everything}])::varchar as _raw_row
            from {source}
        )""",
        cells,
        _metadata({name: cell(position) for name, position in layout.unknown.items()}),
    )
    record = _with_columns(record, layout, exported)
    try:
        clean = _copy_if_clean(con, relation, exported, provenance, record, work)
    except duckdb.InvalidInputException:
        clean = None
    return clean or _sort(con, relation, exported, provenance, record, work)


def _copy_if_clean(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    record: FileRecord,
    work: Path,
) -> FileRecord | None:
    """Write all rows in one pass; None when two rows of one key differ.

    Raises duckdb.InvalidInputException when a row is not as the contract says.
    """
    target = work / _CLEAN
    time, source = _time(con, relation, exported, record)
    rows = copy_clean(con, relation, exported, provenance, time, target)
    if has_conflicting_keys(con, target, exported):
        return None
    return dataclasses.replace(
        record,
        exported_at=time,
        exported_at_source=source,
        max_watermark=max_watermark(con, landed(target, exported), exported),
        rows_in_file=rows,
        rows_loaded=rows,
    )


def _sort(
    con: duckdb.DuckDBPyConnection,
    relation: Relation,
    exported: ExportObject,
    provenance: Provenance,
    record: FileRecord,
    work: Path,
) -> FileRecord:
    """Write the right rows and the others to two files."""
    aside = sort_rows(con, relation, exported, provenance, work / _ASIDE)
    time, source = _time(con, without_quarantined(relation), exported, record)
    rows = copy_sorted(con, relation, exported, provenance, time, work / _CLEAN)
    return dataclasses.replace(
        record,
        exported_at=time,
        exported_at_source=source,
        max_watermark=max_watermark(con, landed(work / _CLEAN, exported), exported),
        rows_in_file=rows + aside,
        rows_loaded=rows,
        rows_quarantined=aside,
    )


def _time(
    con: duckdb.DuckDBPyConnection, relation: Relation, exported: ExportObject, record: FileRecord
) -> tuple[datetime, TimeSource]:
    """Decide the export time: from the name, else the latest watermark, else unknown.

    Never from the file system, which says when a file was copied.
    """
    named = export_time(record.file_name)
    if named is not None:
        return named, "file_name"
    latest = max_watermark(con, relation, exported)
    return (latest, "watermark") if latest is not None else (NO_EXPORT_TIME, "none")


def _delimited_layout(first: list[str] | None, exported: ExportObject) -> tuple[Layout, int]:
    """Match the first record to the contract; return the layout and the cells of a record."""
    if first is None:
        raise RefusedError("line 1: the header has a malformed quote", "export the file again")
    if exported.header:
        layout = match_columns(first, exported)
        require_columns(first, layout, exported)
        return layout, len(first)
    if len(first) != len(exported.columns):
        raise RefusedError(
            f"line 1: {len(first)} cells, but the contract has {len(exported.columns)} columns and "
            "the file has no header to tell which are there",
            f"export all columns in the contract's order, or declare `header: true` for "
            f"{exported.name}",
        )
    return Layout({c.name: i for i, c in enumerate(exported.columns)}, {}), len(first)


def _with_columns(record: FileRecord, layout: Layout, exported: ExportObject) -> FileRecord:
    return dataclasses.replace(
        record, columns_missing=layout.missing(exported), columns_added=tuple(layout.unknown)
    )


def _metadata(cells: Mapping[str, str]) -> str:
    """Write the expression for the columns that the contract does not know."""
    if not cells:
        return "null::varchar"
    pairs = ", ".join(f"{literal(name)}, {cell}" for name, cell in cells.items())
    return f"json_object({pairs})::varchar"


def may_be_misread(path: Path, dialect: Dialect) -> bool:
    """Tell whether the file may hold what DuckDB accepts in silence but reads otherwise.

    Of spaces between a delimiter and a quote it drops one and keeps three, and it takes an escape
    character at the very end for the end of a quoted cell. May be true of text inside quoted cells,
    which costs time only. Plain searches decide nearly every file.
    """
    quote = dialect.quote.encode()
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if dialect.escape != dialect.quote and data[-1:] == dialect.escape.encode():
            return True
        if data.find(quote) < 0:  # much faster than to look for two characters
            return False
        if data.find(b" " + quote) < 0 and data.find(quote + b" ") < 0:
            return False
        q, d = re.escape(quote), re.escape(dialect.delimiter.encode())
        edge = rb"[" + d + rb"\r\n]"
        pattern = (
            rb"(?:\A|" + edge + rb") +" + q + rb"(?!" + q + rb"[^ " + d + rb"\r\n" + q + rb"])"
            rb"|" + q + rb" +(?:" + edge + rb"|\Z)"
        )
        return re.search(pattern, data) is not None
