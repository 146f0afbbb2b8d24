"""What would become of export files, before anything lands.

Belongs here: which system and object a file is likely from, the verdict on each file, the report,
the drafted contract of files that no contract knows. Does not: reading files (`reading/`, which
decides here exactly as when it lands).
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from orchestration.lib.contracts import ContractError, ExportContract, ExportObject
from orchestration.lib.quarantine import AsideRow, masked, row_text
from orchestration.lib.reading.draft import contract_yaml, joined, with_mode
from orchestration.lib.reading.layout import count_matches
from orchestration.lib.reading.recognise import Recognition, headers_of, recognise
from orchestration.lib.reading.records import FileRecord, RefusedError
from orchestration.lib.reading.sources import (
    Source,
    export_time,
    export_told,
    find_sources,
    nearest_object,
    object_of,
    sources_of,
)

Verdict = Literal["lands", "quarantine", "refused", "unrecognised"]

_BAD_ROWS = 5  # that are shown of a file
_WIDTH = 100  # of the report

# Of the names in a file's header, how many an object has to know to be taken for it by its columns
# alone: with fewer, `id` and `name` would make anything out of anything.
_LEAST_SHARE = 0.5
_LEAST_COLUMNS = 2


@dataclass(frozen=True)
class Inspected:
    """One file, and what would become of it.

    `why` says how system and object were found. `system` and `object` are None for an unknown
    layout, whose contract is drafted in `recognition.exported`. `missing` are the contract's
    columns that the file does not have.
    """

    path: Path
    system: str | None
    object: str | None
    why: str
    verdict: Verdict
    message: str | None
    remedy: str | None
    recognition: Recognition

    @property
    def record(self) -> FileRecord:
        """What landing would record."""
        return self.recognition.record

    @property
    def rows(self) -> list[AsideRow]:
        """The first rows that would be set aside, masked where they are personal."""
        exported = self.recognition.exported
        return [
            AsideRow(
                self.system or "",
                self.object or "",
                self.record.file_name,
                row.row_number,
                row.line_number,
                row.column_name,
                row.reason,
                row.message,
                masked(exported, row.column_name, row.value),
                None,
            )
            for row in self.recognition.bad_rows[:_BAD_ROWS]
        ]


@dataclass(frozen=True)
class Inspection:
    """All files below a path, and a contract for those whose layout is unknown."""

    files: tuple[Inspected, ...]
    draft: str | None

    @property
    def lands_whole(self) -> bool:
        """Tell whether every row of every file would get in."""
        return all(file.verdict == "lands" for file in self.files)

    @property
    def lands_with_draft(self) -> bool:
        """Tell the same, with the draft as the contract of files that no contract knows."""
        return all(
            file.verdict == "lands"
            or (
                file.recognition.is_draft
                and file.record.rows_loaded == file.record.rows_in_file > 0
            )
            for file in self.files
        )


@dataclass(frozen=True)
class _Found:
    """The object that a file is read as; `by_name` where landing would find it, too."""

    contract: ExportContract
    exported: ExportObject
    why: str
    by_name: bool


def inspect(
    path: Path,
    contracts: Mapping[str, ExportContract],
    system: str | None,
    report: Callable[[str], None],
) -> Inspection:
    """Read a file, or all files below a folder, as if they landed; nothing is kept.

    `system` names the contract to go by, or the system that is to be added when it has none. Files
    of one content count once, as they do when they land. A file that does not tell days from months
    follows the other files of its object, those that lie beside a single file included.

    Raises ContractError when the patterns of two objects claim one file.
    """
    looked_at: list[tuple[Source, _Found | None, ExportContract | None]] = []
    read: list[Inspected] = []
    for source, folder in _sources(path, contracts):
        report(f"reading {source.name}")
        only = system or folder
        known = contracts if only is None else {k: v for k, v in contracts.items() if k == only}
        found = _find(source, known, contracts if system is None else known)
        looked_at.append((source, found, contracts.get(only or "")))
        read.append(_inspected(*looked_at[-1]))
    files: list[Inspected] = []
    seen: dict[tuple[str, datetime | None], str] = {}
    for (source, found, asked), inspected in zip(looked_at, read, strict=True):
        if found is not None and inspected.recognition.open_dates:
            others = [file.record for file in read]
            if path.is_file():
                others += _beside(source, found, report)
            inspected = _inspected(source, found, asked, others)
        exported = inspected.recognition.exported
        told = export_told(exported, source.name) if exported else None
        copy = seen.setdefault((inspected.record.sha256, told), source.name)
        if copy != source.name and inspected.verdict in ("lands", "quarantine"):
            note = f"the same content as {copy}, counted once"
            inspected = _noting(inspected, note)
        files.append(inspected)
    drafts = [
        f.recognition.exported for f in files if f.recognition.is_draft and f.recognition.exported
    ]
    objects = [with_mode(exported, _keys_by_day(exported, files)) for exported in joined(drafts)]
    name = system if system and system not in contracts else "new_system"
    return Inspection(tuple(files), contract_yaml(name, objects) if objects else None)


def _keys_by_day(exported: ExportObject, files: Iterable[Inspected]) -> dict[date, list[int]]:
    """Gather the hashes of a drafted object's keys by the day that the names of its files tell."""
    days: dict[date, list[int]] = {}
    for file in files:
        told, drafted = export_time(file.record.file_name), file.recognition.exported
        if file.recognition.is_draft and drafted and drafted.files == exported.files and told:
            days.setdefault(told.date(), []).extend(file.recognition.keys)
    return days


def _sources(
    path: Path, contracts: Mapping[str, ExportContract]
) -> list[tuple[Source, str | None]]:
    """List the files with the system whose landing folder they lie in.

    Their names are what landing would call them, because patterns and export times stand in names.
    """
    sources = find_sources(path) if path.is_dir() else sources_of(path, path.name)
    named: list[tuple[Source, str | None]] = []
    for source in sources:
        parents = source.path.resolve().parents
        root = next((folder for folder in parents if folder.name in contracts), None)
        if root is None:
            named.append((source, None))
            continue
        name = source.path.resolve().relative_to(root).as_posix()
        name = f"{name}/{source.member}" if source.member else name
        named.append((Source(source.path, name, source.member), root.name))
    return named


def _beside(source: Source, found: _Found, report: Callable[[str], None]) -> Iterable[FileRecord]:
    """Read the other files of an object in the folder of a file, or of its system."""
    system, exported = found.contract.system, found.exported
    parents = source.path.resolve().parents
    folder = next((f for f in parents if f.name == system), parents[0])
    for other in find_sources(folder):
        is_same = other.path.resolve() == source.path.resolve() and other.member == source.member
        if not is_same and object_of(other, found.contract) == exported:
            report(f"reading {other.name}, for its order of days and months")
            yield recognise(other, exported, system).record


def _find(
    source: Source,
    of_system: Mapping[str, ExportContract],
    contracts: Mapping[str, ExportContract],
) -> _Found | None:
    """Find the object that a file is of: by its name first, as landing does, then by its columns.

    In the folder of a system the name is enough. Elsewhere several systems, or none, may know a
    name such as `orders.csv`: then the columns decide.
    """
    if len(of_system) == 1 and (own := _named(source, of_system)):
        return own[0]
    named = _named(source, contracts)
    try:
        headers = headers_of(source)
    except RefusedError:  # reading the file gives the reason
        telling = [f for f in named if any(re.match("[^.]*[a-z]", p) for p in f.exported.files)]
        return telling[0] if len(telling) == 1 else None
    by_name = [(_fit(headers, found.exported), found) for found in named]
    likely = [(fit, found) for fit, found in by_name if fit[1] >= _LEAST_SHARE]
    if likely:
        (_, _, known), best = max(likely, key=lambda item: item[0])
        columns = f"{known} of its {len(headers)} columns are of this object"
        return replace(best, why=f"{best.why}, and {columns}")
    possible = [
        (_fit(headers, exported), contract, exported)
        for contract in (of_system or contracts).values()
        for exported in contract.objects
    ]
    if not possible:
        return None
    (has_needed, share, known), contract, exported = max(possible, key=lambda item: item[0])
    if not has_needed or share < _LEAST_SHARE or known < _LEAST_COLUMNS:
        return None
    why = f"{known} of its {len(headers)} columns are of this object"
    return _Found(contract, exported, why, by_name=False)


def _named(source: Source, contracts: Mapping[str, ExportContract]) -> list[_Found]:
    """Return the objects whose file patterns the name matches, of one system after the other."""
    found = []
    for contract in contracts.values():
        try:
            exported = object_of(source, contract)
        except ContractError:
            if len(contracts) == 1:
                raise
            continue  # a system that may have nothing to do with the file
        if exported is not None:
            why = f"its name matches the file patterns {', '.join(exported.files)}"
            found.append(_Found(contract, exported, why, by_name=True))
    return found


def _fit(headers: Sequence[str], exported: ExportObject) -> tuple[bool, float, int]:
    """Rank an object by what it knows of a header: all it needs, the share, the number."""
    known = count_matches(headers, exported)
    needed = [c for c in exported.columns if exported.must_be_present(c)]
    has_needed = all(count_matches(headers, _with_only(exported, c.name)) for c in needed)
    return has_needed, known / max(len(headers), 1), known


def _with_only(exported: ExportObject, column: str) -> ExportObject:
    return exported.model_copy(update={"columns": (exported.column(column),)})


def _inspected(
    source: Source,
    found: _Found | None,
    asked: ExportContract | None,
    others: Iterable[FileRecord] = (),
) -> Inspected:
    if found is None:
        recognition = recognise(source, None)
        message = "no contract knows this layout"
        remedy = "start from the contract drafted below"
        if recognition.record.status == "refused":
            message, remedy = str(recognition.record.message), str(recognition.record.remedy)
        elif asked is not None:
            nearest = nearest_object(source, asked)
            message = f"no object of {asked.system} has this name or these columns"
            remedy = f"nearest is {nearest.name} ({', '.join(nearest.files)}); {remedy}"
        why = "neither its name nor its columns are known"
        said = recognition.record.message
        unknown = Inspected(
            source.path, None, None, why, "unrecognised", message, remedy, recognition
        )
        return _noting(unknown, said) if said and said != message else unknown
    contract, exported = found.contract, found.exported
    recognition = recognise(source, exported, contract.system, others)
    record = recognition.record
    verdict: Verdict = "quarantine" if record.rows_quarantined else "lands"
    inspected = Inspected(
        source.path,
        contract.system,
        exported.name,
        found.why,
        "refused" if record.status == "refused" else verdict,
        record.message,
        record.remedy,
        recognition,
    )
    if record.status == "refused" or found.by_name:
        return inspected
    return replace(
        inspected,
        verdict="unrecognised",
        message=f"its name matches none of the file patterns {', '.join(exported.files)}",
        remedy=f"rename the file, or add a pattern to {exported.name} in the contract",
    )


def _noting(inspected: Inspected, note: str) -> Inspected:
    message = f"{inspected.message}; {note}" if inspected.message else note
    return replace(inspected, message=message)


# --- what people and machines are told


def as_content(inspection: Inspection) -> dict[str, Any]:
    """Return everything for machines."""
    return {
        "lands_whole": inspection.lands_whole,
        "files": [
            {
                "path": str(file.path),
                "system": file.system,
                "object": file.object,
                "why": file.why,
                "verdict": file.verdict,
                "message": file.message,
                "remedy": file.remedy,
                "columns": dict(file.recognition.columns),
                "columns_missing": list(file.record.columns_missing),
                "columns_new": list(file.record.columns_added),
                "decisions": dict(file.recognition.decisions),
                "reasons": dict(file.recognition.reasons),
                "first_rows": [asdict(row) for row in file.rows],
                "record": {
                    key: value
                    for key, value in asdict(file.record).items()
                    if key not in ("decisions", "message", "remedy", "parquet_path", "status")
                },
            }
            for file in inspection.files
        ],
        "draft": inspection.draft,
    }


def as_text(inspection: Inspection) -> str:
    """Return what a person wants to know of every file, then the draft and what to do next."""
    lines = [line for file in inspection.files for line in [*_file_text(file), ""]]
    if inspection.draft:
        lines += [inspection.draft]
    counts = {
        verdict: sum(file.verdict == verdict for file in inspection.files)
        for verdict in ("lands", "quarantine", "refused", "unrecognised")
    }
    said = {
        "lands": "would land whole",
        "quarantine": "would land without some rows",
        "refused": "would be refused",
        "unrecognised": "would not be recognised",
    }
    parts = [f"{count:,} {said[verdict]}" for verdict, count in counts.items() if count]
    lines.append(f"{len(inspection.files):,} files: {', '.join(parts)}. Nothing landed.")
    return "\n".join(lines)


def _file_text(file: Inspected) -> list[str]:
    record, recognition = file.record, file.recognition
    facts: list[tuple[str, str]] = []
    if file.system:
        facts.append(("is", f"{file.system}.{file.object}: {file.why}"))
    else:
        facts.append(("is", f"unknown: {file.why}"))
    facts.append(("becomes", _outcome(file)))
    if file.message and file.verdict in ("lands", "quarantine"):
        facts.append(("note", file.message))
    if file.remedy:
        facts.append(("remedy", file.remedy))
    if record.status != "refused":
        facts += _layout_facts(record, recognition.decisions)
        facts += _column_facts(file)
    lines = [record.file_name]
    for name, text in facts:
        lines += textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=f"  {name:<11}",
            subsequent_indent=" " * 13,
            break_long_words=False,
            break_on_hyphens=False,
        )
    if recognition.reasons:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in recognition.reasons.items())
        lines.append(f"  {'aside':<11}{counts}")
        lines += [f"    {row_text(row).split(' ', 1)[1]}" for row in file.rows]
    return lines


def _outcome(file: Inspected) -> str:
    record = file.record
    loaded = f"{record.rows_loaded:,} rows"
    match file.verdict:
        case "lands":
            return f"{loaded} land, all of the file"
        case "quarantine":
            return f"{loaded} of {record.rows_in_file:,} land, the others go to quarantine"
        case "refused":
            return f"refused: {file.message}"
        case "unrecognised":
            return f"not recognised when it lands: {file.message}"


def _layout_facts(record: FileRecord, decisions: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("format", str(record.format))]
    if record.encoding:
        how = _why(decisions.get("encoding", {}))
        facts.append(("encoding", f"{record.encoding} ({how})"))
    if record.delimiter:
        parts = {"delimiter": record.delimiter, "quote": record.quote, "escape": record.escape}
        text = ", ".join(f"{name} {value!r}" for name, value in parts.items() if value)
        how = decisions.get("layout", "")
        facts.append(("dialect", f"{text}, line ends {record.line_end} ({how})"))
    if record.header_line:
        text = f"line {record.header_line}"
        if record.preamble_lines:
            text += f", {record.preamble_lines} lines before it left out"
        if record.footer_lines:
            text += f", {record.footer_lines} lines behind the last row left out"
        facts.append(("header", text))
    if decisions.get("sheet"):
        facts.append(("sheet", str(decisions["sheet"])))
    if record.exported_at_source != "none":
        source = {"file_name": "its name", "watermark": "its newest row"}[record.exported_at_source]
        facts.append(("exported", f"{record.exported_at:%Y-%m-%d %H:%M} by {source}"))
    else:
        text = (
            "unknown: no day in its name, and no `watermark`: a column that tells when rows changed"
        )
        facts.append(("exported", text))
    return facts


def _column_facts(file: Inspected) -> list[tuple[str, str]]:
    recognition, exported = file.recognition, file.recognition.exported
    if exported is None:
        return []
    missing = file.record.columns_missing
    matched = len(exported.columns) - len(missing)
    renamed = [
        f"{name} is {header!r}"
        for name, header in recognition.columns.items()
        if re.sub(r"[\W_]+", "", header.casefold()) != name.replace("_", "")
    ]
    whose = "draft" if recognition.is_draft else "contract"
    text = f"{matched} of {len(exported.columns)} of the {whose}"
    facts = [("columns", text + (f"; {', '.join(renamed)}" if renamed else ""))]
    if missing:
        facts.append(("missing", f"{', '.join(missing)} (empty in raw)"))
    if file.record.columns_added:
        added = ", ".join(file.record.columns_added)
        facts.append(("new", f"{added} (kept in source_metadata)"))
    if recognition.decisions.get("null_values"):
        facts.append(("empty", "spelt " + json.dumps(recognition.decisions["null_values"])))
    for name, decision in recognition.decisions.get("columns", {}).items():
        facts.append(("decided", f"{name}: {_decision_text(decision)}"))
    return facts


def _decision_text(decision: Mapping[str, Any]) -> str:
    """Return how a column was read and why, in one line."""
    parts = [str(decision["type"])]
    if decision.get("read_as"):
        parts.append("as " + ", ".join(decision["read_as"]))
    for key in ("decimal", "thousands", "currency"):
        if decision.get(key):
            parts.append(f"{key} {decision[key]!r}")
    if decision.get("timezone") not in (None, "UTC"):
        parts.append(f"times of {decision['timezone']}")
    if decision.get("null_spellings"):
        nulls = ", ".join(
            f"{text!r} {count:,}" for text, count in decision["null_spellings"].items()
        )
        parts.append(f"nothing is spelt {nulls}")
    why = _why(decision)
    return ", ".join(parts) + (f" ({why})" if why else "")


def _why(decision: Mapping[str, Any]) -> str:
    """Return where a decision comes from and how sure it is; what was declared is said once."""
    said = [str(decision[key]) for key in ("how", "confidence") if decision.get(key)]
    return ", ".join(dict.fromkeys(said))
