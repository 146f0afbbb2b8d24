"""Lands the exports of a system: one Parquet file and one record per export file.

Belongs here: what is new, the two paths a file can take, what is written where. Does not: how text
is parsed, what makes a row unusable, the schema `raw`.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from orchestration.lib.contracts import ExportContract, ExportObject
from orchestration.lib.reading.file_reader import (
    ASIDE,
    CLEAN,
    delimited_layout,
    read_file,
    require_rows,
    utf8_text,
)
from orchestration.lib.reading.json_text import decide_json, json_records
from orchestration.lib.reading.records import (
    NO_EXPORT_TIME,
    FileRecord,
    OpenDatesError,
    RefusedError,
    in_order,
    read_sidecar,
    write_sidecar,
)
from orchestration.lib.reading.sheets import with_sheet
from orchestration.lib.reading.siblings import (
    Taken,
    compared,
    following,
    follows,
    is_still_taken,
    noted,
    taken_order,
)
from orchestration.lib.reading.sources import (
    Digests,
    PublishedFile,
    Source,
    export_time,
    export_told,
    find_sources,
    nearest_object,
    object_of,
    raw_digest,
    unpacked,
)
from orchestration.lib.reading.sql import literal

_WORK = ".work-"
# Bytes of packed files that are kept unpacked until they are read; from there on one by one.
_UNPACKED = 2_000_000_000


class _Export(NamedTuple):
    """What makes two files the same export: object, content and, where it tells one, the time."""

    object: str
    sha256: str
    told: datetime | None


def land_system(
    contract: ExportContract,
    landing: Path,
    raw: Path,
    published: Collection[PublishedFile],
    report: Callable[[str], None],
) -> list[FileRecord]:
    """Land what is new of one system and return a record of every file that counts.

    Files that count are those in `landing/<system>` now and those landed earlier that are in the
    published version. A file is known by its content and, where `export_told` says so, by its
    time: the same export under two names counts once, under the name with the earliest time,
    whichever came first. Nothing is read again unless it or its object's contract is new.

    Other content under the name of a published file that left landing replaces it: of a full export
    and of a file that was cut off the earlier content counts no more, of a delta it counts behind
    all others of its time.

    Raises ContractError when two objects claim one file.
    """
    earlier = _landed_earlier(contract, raw)
    known_names = {record.file_name for record in earlier.values()}
    records: list[FileRecord] = []
    present: dict[_Export, list[tuple[Source, int]]] = {}
    undecided: list[tuple[_New, tuple[str, ...], FileRecord | None]] = []
    with _workspace(raw / contract.system) as (con, work):
        kept, digests = 0, Digests(raw / contract.system)
        for number, source in enumerate(find_sources(landing / contract.system)):
            exported = object_of(source, contract)
            # What is likely to be read is unpacked but once, for its hash.
            keep = source.is_packed and source.name not in known_names and kept < _UNPACKED
            copy = work / f"unpacked-{number}" if keep else None
            try:
                sha256, size = digests.of(source, copy)
            except RefusedError as error:
                sha256, size = raw_digest(source.path), source.path.stat().st_size
                records.append(
                    _not_loaded(
                        contract, exported, source, sha256, size, error.message, error.remedy
                    )
                )
                continue
            copy = copy if copy and copy.exists() else None
            kept += size if copy else 0
            if exported is None:
                records.append(_unrecognised(contract, source, sha256, size))
            else:
                source = dataclasses.replace(source, content=copy)
                export = _Export(exported.name, sha256, export_told(exported, source.name))
                present.setdefault(export, []).append((source, size))
        digests.keep()
        for record in records:
            report(f"{contract.system}: {record.file_name} {record.status}: {record.message}")

        counted = _published_earlier(contract, earlier, published)
        for undated, export in _copies_without_time([*present, *counted]):
            if undated in present:
                present.setdefault(export, []).extend(present.pop(undated))
            counted.pop(undated, None)
        names = {
            (export.object, source.name): export.sha256
            for export, copies in present.items()
            for source, _ in copies
        }
        gone = [record for export, record in counted.items() if export not in present]
        records += _not_replaced(contract, gone, names, published)
        for export, copies in present.items():
            exported, sha256 = contract.object(export.object), export.sha256
            (source, size), *others = sorted(copies, key=lambda copy: _rank(copy[0].name))
            new = _New(exported, source, sha256, size, tuple(other.name for other, _ in others))
            known = earlier.get(export)
            if known is not None and _still_good(known, exported, source):
                if columns := follows(known):
                    undecided.append((new, columns, known))
                else:
                    records.append(_also_named(known, new))
                continue
            try:
                record = _land(con, contract, new, work / exported.name, raw)
            except OpenDatesError as error:
                undecided.append((new, error.columns, None))
            else:
                report(f"{contract.system}: {_outcome(record)}")
                records.append(_also_named(record, new))
        # after all others, so that it does not matter which came first
        for new, columns, landed in undecided:
            taken = taken_order(records, new.exported, columns)
            if landed is None or not is_still_taken(landed, taken):
                try:
                    landed = _land(con, contract, new, work / new.exported.name, raw, taken)
                except OpenDatesError as error:
                    landed = _refused(contract, new, error)
                report(f"{contract.system}: {_outcome(landed)}")
            records.append(_also_named(landed, new))
    return compared(_replacing(contract, record, gone, names) for record in records)


def counted_files(
    contract: ExportContract, landing: Path, raw: Path, published: Collection[PublishedFile]
) -> tuple[list[FileRecord], list[str]]:
    """Return the landed files that count now, and the names of those that have yet to land.

    It is what `land_system` would go by, without landing anything. A file has yet to land when it
    is new, when its object's contract has changed since, or when the last run refused it.

    Raises ContractError when two objects claim one file.
    """
    earlier = _landed_earlier(contract, raw)
    present: set[_Export] = set()
    names: dict[tuple[str, str], str] = {}
    waiting: list[str] = []
    digests = Digests(raw / contract.system)
    for source in find_sources(landing / contract.system):
        exported = object_of(source, contract)
        try:
            sha256, _ = digests.of(source)
        except RefusedError:
            waiting.append(source.name)
            continue
        if exported is None:
            waiting.append(source.name)
            continue
        export = _Export(exported.name, sha256, export_told(exported, source.name))
        present.add(export)
        names[exported.name, source.name] = sha256
        known = earlier.get(export)
        if known is None or known.contract_hash != exported.contract_hash():
            waiting.append(source.name)
    counted = _published_earlier(contract, earlier, published)
    for undated, _ in _copies_without_time([*present, *counted]):
        present.discard(undated)
        counted.pop(undated, None)
    gone = [record for export, record in counted.items() if export not in present]
    still = _not_replaced(contract, gone, names, published)
    return in_order([*still, *(earlier[e] for e in present if e in earlier)]), waiting


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
    if source is None or record.format in (None, "parquet"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if record.format == "xlsx":
            content = unpacked(source, work / "content")
            lines = iter(with_sheet(content, exported, lambda s: [n for n, _ in s.records()]))
        else:
            text = utf8_text(source, exported, work)
            if record.format in ("json", "ndjson"):
                found = decide_json(text, exported, by_line=record.format == "ndjson")
                records = json_records(text, found)
                lines = (r.line_number for r in records)
            else:
                layout = delimited_layout(text, exported, work, str(record.format))
                lines = (r.line_number for r in layout.records())
        return next((line for number, line in enumerate(lines, 1) if number == row_number), None)


def quarantine_path(record: FileRecord, raw: Path) -> Path | None:
    """Return where the quarantined rows of a file lie, None when it has none."""
    if record.parquet_path is None or record.rows_quarantined == 0:
        return None
    return (raw / record.parquet_path).with_suffix(".quarantine.parquet")


def _landed_earlier(contract: ExportContract, raw: Path) -> dict[_Export, FileRecord]:
    """Read the sidecars of a system; of one export landed twice the one to go by.

    That is the one of the contract as it is now, then the one with the earliest export time.
    """
    found: dict[_Export, FileRecord] = {}
    objects = {exported.name: exported for exported in contract.objects}
    hashes = {name: exported.contract_hash() for name, exported in objects.items()}
    records = [read_sidecar(path) for path in (raw / contract.system).glob("*/*/*.json")]
    for record in sorted(
        records, key=lambda r: (r.contract_hash != hashes.get(r.object or ""), _record_rank(r))
    ):
        if record.object in objects:
            told = export_told(objects[record.object], record.file_name)
            found.setdefault(_Export(record.object, record.sha256, told), record)
    return found


def _published_earlier(
    contract: ExportContract,
    earlier: Mapping[_Export, FileRecord],
    published: Iterable[PublishedFile],
) -> dict[_Export, FileRecord]:
    """Return what was landed earlier of the files of the published version."""
    objects = {exported.name: exported for exported in contract.objects}
    counted: dict[_Export, FileRecord] = {}
    for name, sha256, file_name, times_replaced in published:
        if name in objects:
            export = _Export(name, sha256, export_told(objects[name], file_name))
            if export in earlier:
                counted[export] = dataclasses.replace(
                    earlier[export], times_replaced=times_replaced
                )
    return counted


def _not_replaced(
    contract: ExportContract,
    gone: Iterable[FileRecord],
    names: Mapping[tuple[str, str], str],
    published: Collection[PublishedFile],
) -> Iterator[FileRecord]:
    """Yield those of the published files that left landing which still count.

    `names` are the objects and names in landing with their hashes. A full export stands for all
    there is, so other content under its name does; a delta is added to those before it, unless the
    one before was cut off.
    """
    held = {(file.object, file.file_name, file.sha256) for file in published}
    for record in gone:
        place = (str(record.object), record.file_name)
        if place not in names:
            yield record
        elif not (contract.object(place[0]).is_full(record.file_name) or record.is_cut_off):
            is_new = (*place, names[place]) not in held
            yield dataclasses.replace(record, times_replaced=record.times_replaced + is_new)


def _replacing(
    contract: ExportContract,
    record: FileRecord,
    gone: Iterable[FileRecord],
    names: Mapping[tuple[str, str], str],
) -> FileRecord:
    """Say on the record of a file in landing that its name was that of other content before."""
    place = (str(record.object), record.file_name)
    if record.status != "loaded" or names.get(place) != record.sha256:
        return record
    before = [r for r in gone if (r.object, r.file_name) == place]
    if not before:
        return record
    exported = contract.object(place[0])
    rows = sum(r.rows_in_file for r in before)
    message = f"replaces published content of the same name, {rows:,} rows: "
    if exported.is_full(record.file_name):
        message += "a full export, so they count no more"
    elif all(r.is_cut_off for r in before):
        message += "it was cut off, so they count no more"
    elif exported.key:
        message += "a delta, so they count where no later file has their record"
    else:
        message += "a delta without a key, so they all count too"
    return dataclasses.replace(record, message="; ".join(filter(None, [record.message, message])))


def _copies_without_time(exports: Iterable[_Export]) -> Iterator[tuple[_Export, _Export]]:
    """Yield the exports whose names tell no time, each with the first of its content that does."""
    dated: dict[tuple[str, str], _Export] = {}
    for export in sorted((e for e in exports if e.told), reverse=True):
        dated[export[:2]] = export
    for export in exports:
        if export.told is None and export[:2] in dated:
            yield export, dated[export[:2]]


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
    notes = [f"{record.file_name} landed: {record.rows_loaded:,} rows"]
    if record.rows_quarantined:
        notes.append(f"{record.rows_quarantined:,} in quarantine")
    if record.columns_missing:
        notes.append(f"without {' '.join(record.columns_missing)}")
    if record.columns_added:
        notes.append(f"with {len(record.columns_added)} columns the contract does not know")
    if record.message:
        notes.append(record.message)
    return ", ".join(notes)


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


@dataclasses.dataclass(frozen=True)
class _New:
    """A file that is to be landed, and the other names under which its content lies there."""

    exported: ExportObject
    source: Source
    sha256: str
    size: int
    others: tuple[str, ...]


def _also_named(record: FileRecord, new: _New) -> FileRecord:
    if not new.others or record.status != "loaded":
        return record
    message = f"the same content also lies in {', '.join(new.others)}"
    return dataclasses.replace(record, message="; ".join(filter(None, [record.message, message])))


def _land(
    con: duckdb.DuckDBPyConnection,
    contract: ExportContract,
    new: _New,
    work: Path,
    raw: Path,
    taken: Taken | None = None,
) -> FileRecord:
    """Land one file, or say why it is refused.

    `taken` is the order of days and months where the file does not tell it. Raises OpenDatesError
    where it is needed and missing.
    """
    exported = following(new.exported, taken) if taken else new.exported
    work.mkdir()
    try:
        record = read_file(con, contract.system, exported, new.source, new.sha256, new.size, work)
        require_rows(record, exported)
        return _commit(noted(record, new.exported, taken) if taken else record, work, raw)
    except RefusedError as error:
        if isinstance(error, OpenDatesError) and not taken:
            raise
        return _refused(contract, new, error)
    finally:
        shutil.rmtree(work)


def _refused(contract: ExportContract, new: _New, error: RefusedError) -> FileRecord:
    return _not_loaded(
        contract, new.exported, new.source, new.sha256, new.size, error.message, error.remedy
    )


def _commit(record: FileRecord, work: Path, raw: Path) -> FileRecord:
    """Move the files into place; the sidecar comes last and is what makes them count."""
    undated = record.exported_at_source == "none"
    day = "undated" if undated else record.exported_at.date().isoformat()
    # The same content may be exported twice a day.
    time = "" if undated else f"{record.exported_at:-%H%M%S}".replace("-000000", "")
    name = f"{record.sha256[:16]}{time}.parquet"
    target = raw / record.system / str(record.object) / day / name
    target.parent.mkdir(parents=True, exist_ok=True)
    record = dataclasses.replace(record, parquet_path=target.relative_to(raw).as_posix())
    aside = target.with_suffix(".quarantine.parquet")
    aside.unlink(missing_ok=True)
    if record.rows_quarantined:
        (work / ASIDE).replace(aside)
    (work / CLEAN).replace(target)
    write_sidecar(record, target.with_suffix(".json"))
    return record
