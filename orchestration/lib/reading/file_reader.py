"""Reads one export file into a work folder: its good rows, the others, and what was decided.

Belongs here: which way a file takes through encoding, layout, values and sorting. Does not: where
files come from and where the result is kept (`landing`), any of the decisions themselves.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from orchestration.lib.contracts import ExportObject, FileFormat
from orchestration.lib.reading.column_forms import Form, forms_of, odd_forms
from orchestration.lib.reading.decisions import decide, refuse_open_dates
from orchestration.lib.reading.delimited import LONE_QUOTE
from orchestration.lib.reading.dialect import TextLayout, decide_layout
from orchestration.lib.reading.doubts import SWALLOWED, doubts
from orchestration.lib.reading.encoding import Encoding, as_utf8, decide_encoding
from orchestration.lib.reading.header_rows import zones_in_names
from orchestration.lib.reading.json_text import decide_json
from orchestration.lib.reading.layout import Layout, match_columns, require_columns
from orchestration.lib.reading.odd_rows import (
    cut_last_cell,
    far_dates,
    first_rows,
    odd_rows,
)
from orchestration.lib.reading.odd_values import digits_of, odd_values
from orchestration.lib.reading.padding import without_padding
from orchestration.lib.reading.plain import (
    Block,
    RowNumbers,
    TextFacts,
    line_numbers,
    look_at_text,
    mend,
)
from orchestration.lib.reading.records import (
    CUT_OFF,
    NO_EXPORT_TIME,
    FileRecord,
    RefusedError,
    TimeSource,
)
from orchestration.lib.reading.shapes import shapes_of
from orchestration.lib.reading.sheets import SheetLayout, with_sheet
from orchestration.lib.reading.siblings import DIGITS, FAR_DATES, FORMS, NO_LINE_END
from orchestration.lib.reading.sorting import (
    MOST_MEMORY,
    NO_METADATA,
    Provenance,
    Readings,
    Relation,
    are_all_bad,
    bad_cells,
    bad_columns,
    copy_rows,
    latest_watermark,
    limit_memory,
    may_be_commented,
    require_one_header,
    set_conflicts_aside,
    usual_cells,
    write_aside,
)
from orchestration.lib.reading.sources import Source, export_time, unpacked
from orchestration.lib.reading.sql import is_one_of, literal, quoted, text_list
from orchestration.lib.reading.staging import (
    MARKED,
    read_malformed,
    stage_json,
    stage_sheet,
)
from orchestration.lib.reading.text_nulls import read_text_nulls

_FORMATS: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xlsb": "xlsx",
    ".xls": "xlsx",
    ".ods": "xlsx",
}

# Names within the work folder of one file.
CLEAN, ASIDE = "clean.parquet", "aside.parquet"
_STAGED = "staged.parquet"
_EXACT = 2**53  # below which floating point numbers hold all whole ones

# Rows from which the reading of a column is decided at first. All other rows are checked against
# the decision; where one does not fit it is decided again from all rows.
_SAMPLE_ROWS = 5000
_MEASURED_ROWS = 500
_LONG_RECORD = 2_000_000  # bytes, up to which DuckDB reads a record if it is not told
_BATCH = 8_000_000  # bytes, which DuckDB reads at a time: a quarter of what it buffers


# What is said where backslashes stand before apostrophes.
_APOSTROPHES = {
    "none": "",
    "some": "backslashes before some apostrophes were taken as text",
    "all": "backslashes before apostrophes, which all have one, were taken for their escapes",
}


@dataclass(frozen=True)
class Job:
    """One file to read, and where."""

    con: duckdb.DuckDBPyConnection
    exported: ExportObject
    provenance: Provenance
    work: Path


def read_file(
    con: duckdb.DuckDBPyConnection,
    system: str,
    exported: ExportObject,
    source: Source,
    sha256: str,
    size: int,
    work: Path,
) -> FileRecord:
    """Read one file into the work folder and describe what was done.

    Raises RefusedError when the file cannot be trusted as a whole.
    """
    if size == 0:
        raise RefusedError("the file is empty (0 bytes)", "export it again")
    file_format = format_of(source, exported)
    con.execute(f"set memory_limit = '{MOST_MEMORY}MB'")  # until it is known how wide rows are
    # A link with a name of our own, because DuckDB would take brackets in a name for a pattern.
    content = work / "content"
    plain = unpacked(source, content)
    if plain != content:
        content.symlink_to(plain.resolve())
    job = Job(con, exported, Provenance(system, source.name, sha256), work)
    record = FileRecord(
        system=system,
        object=exported.name,
        file_name=source.name,
        sha256=sha256,
        status="loaded",
        format=file_format,
        size_bytes=size,
        contract_hash=exported.contract_hash(),
    )
    if file_format == "parquet":
        return _read_parquet(job, content, record)
    if file_format == "xlsx":
        return with_sheet(content, exported, partial(_read_sheet, job, record))
    encoding = decide_encoding(content, exported)
    text, damaged = as_utf8(content, encoding, work / "utf8")
    record = dataclasses.replace(
        record, encoding=encoding.name, message=encoding.warning, decisions=_encoding(encoding)
    )
    if file_format in ("json", "ndjson"):
        record = _read_json(job, text, record)
    else:
        record = _read_delimited(job, text, record, damaged=damaged)
    return record if record.rows_in_file else _noting(record, ["the file holds no row"])


def require_rows(record: FileRecord, exported: ExportObject) -> None:
    """Refuse a full export without rows."""
    if record.rows_in_file == 0 and exported.mode == "full":
        raise RefusedError(
            "the file has no rows, which for a full export means that all are deleted",
            "export it again; if the object really is empty, declare it `mode: delta`",
        )


def format_of(source: Source, exported: ExportObject | None) -> FileFormat:
    """Return the format of a file: what the contract declares, else what its name says."""
    declared = exported.format if exported else None
    file_format = declared or _FORMATS.get(PurePosixPath(source.plain_name).suffix.lower())
    if file_format is None:
        raise RefusedError(
            f"the name does not say the format; known are {', '.join(_FORMATS)}",
            "declare `format:` in the contract, or save the export as CSV",
        )
    return file_format


def utf8_text(source: Source, exported: ExportObject, work: Path) -> Path:
    """Return the content of a text file as UTF-8, decided as it was when the file was read."""
    path = unpacked(source, work / "content")
    return as_utf8(path, decide_encoding(path, exported), work / "utf8")[0]


def delimited_layout(
    text: Path, exported: ExportObject, work: Path, file_format: str
) -> TextLayout:
    """Decide the layout of a UTF-8 text file."""
    return decide_layout(text, exported, tabs=file_format == "tsv", body=work / "body")


def parquet_columns(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    """Return the names of the columns of a Parquet file with their types in DuckDB."""
    try:
        described = con.execute(f"describe from read_parquet({literal(str(path))})")
    except duckdb.Error as error:
        raise RefusedError(
            f"not a readable Parquet file: {str(error).splitlines()[0]}",
            "the file is damaged or truncated: export it again",
        ) from error
    return {str(row[0]): str(row[1]) for row in described.fetchall()}


# --- the ways of the formats


def _read_delimited(job: Job, text: Path, record: FileRecord, *, damaged: bool) -> FileRecord:
    """Read CSV or TSV: with DuckDB, where it has an objection after mending the text."""
    exported = job.exported
    layout = delimited_layout(text, exported, job.work, str(record.format))
    columns = match_columns(layout.headers, exported)
    require_columns(layout.headers, columns, exported, layout.header_line or 1)
    job = _in_timezone(job, layout.timezone)
    zones = zones_in_names(layout.headers, job.exported)
    facts = look_at_text(layout)
    nulls = list(dict.fromkeys(["", *exported.null_values, *facts.nulls]))
    dialect = layout.dialect
    record = dataclasses.replace(
        _with_columns(record, columns, exported),
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        line_end=layout.line_end,
        header_line=layout.header_line,
        preamble_lines=layout.preamble_lines,
        footer_lines=layout.footer_lines,
    )
    record = _noting(
        record,
        [*layout.warnings, *zones, _APOSTROPHES[facts.escaped_apostrophes], _escapes(facts)],
        layout=layout.how,
        headers=_headers(layout.headers, columns),
        null_values=nulls[1:],
    )
    relation = delimited_relation(layout, columns, facts, nulls, exported)
    if not (damaged or facts.may_be_misread or facts.has_wrong_widths):
        noted = _noting_gaps(record, facts.empty_lines)
        try:
            read = _sort(job, relation, columns, noted, partial(line_numbers, layout))
        except duckdb.InvalidInputException:
            pass  # malformed text, which is mended
        else:
            if not _has_swallowed_rows(read):
                return read
    ways: list[tuple[Sequence[Block], bool]] = [((), False), ((), True)]
    if facts.blocks and not damaged:
        ways.insert(0, (facts.blocks, False))
    for blocks, everything in ways:
        mended = mend(layout, job.work / "mended", blocks, everything=everything)
        right = dataclasses.replace(layout, path=mended.path, dialect=mended.dialect, skip=1)
        relation = delimited_relation(right, columns, facts, nulls, exported)
        if mended.count_malformed:
            read_malformed(job.con, mended)
            relation = dataclasses.replace(relation, reason=MARKED)
        noted = _noting_gaps(record, mended.empty_lines)
        if mended.lone_quotes:
            noted = _noting(noted, [f"{LONE_QUOTE}: in {mended.lone_quotes:,} rows"])
        try:
            read = _sort(job, relation, columns, noted, mended.line_numbers)
        except duckdb.InvalidInputException as error:
            objection = str(error).splitlines()[0]
        else:
            if everything or not _has_swallowed_rows(read):
                return read
    raise RefusedError(f"the text cannot be read: {objection}", "export it again as plain CSV")


def _has_swallowed_rows(read: FileRecord) -> bool:
    """Tell whether cells hold whole rows, which are found where every record is looked at."""
    return SWALLOWED in str(read.message)


def _escapes(facts: TextFacts) -> str:
    """Say that cells hold what MySQL and PostgreSQL write for line breaks and tabs."""
    if not facts.has_escapes or "\\N" not in facts.nulls:
        return ""
    return r"\n and \t beside \N look like escapes of a database: they were taken as text"


def _in_timezone(job: Job, named: str | None) -> Job:
    """Read times in the zone that the file names, unless the contract declares one."""
    if named is None or "timezone" in job.exported.model_fields_set:
        return job
    return dataclasses.replace(job, exported=job.exported.model_copy(update={"timezone": named}))


def _noting_gaps(record: FileRecord, empty_lines: int) -> FileRecord:
    if not empty_lines:
        return record
    gaps = f"{empty_lines:,} empty lines stand between rows: the file may hold several tables"
    return _noting(record, [gaps])


def delimited_relation(
    layout: TextLayout,
    columns: Layout,
    facts: TextFacts,
    nulls: Sequence[str],
    exported: ExportObject,
) -> Relation:
    """Let DuckDB read a UTF-8 text file, strictly: any doubt is an error."""
    dialect = layout.dialect
    types = {f"c{position}": "varchar" for position in range(layout.width)}
    special = {dialect.delimiter, dialect.quote, dialect.escape} - {""}
    # DuckDB's reader takes no spelling of "nothing" that holds a character of the dialect.
    clashing = [text for text in nulls if any(character in text for character in special)]

    before, behind = layout.around

    def cell(position: int) -> str:
        text = f"c{position}"
        if before and position == 0:
            starts = f"starts_with({text}, {literal(before)})"  # later rows may not
            return _unless_nothing(f"if({starts}, {text}[{len(before) + 1}:], {text})", nulls)
        if behind and position == layout.width - 1:
            ends = f"ends_with({text}, {literal(behind)})"
            return _unless_nothing(f"if({ends}, {text}[:{-len(behind) - 1}], {text})", nulls)
        if facts.has_formulas:
            is_formula = f"starts_with({text}, '=\"') and regexp_full_match({text}, '=\"[^\"]*\"')"
            text = f"(case when {is_formula} then {text}[3:-2] else {text} end)"
        if facts.escaped_apostrophes == "all":
            text = f"replace({text}, {literal(chr(92) + chr(39))}, chr(39))"
        if position in layout.padding:
            return _unless_nothing(without_padding(text, layout.padding[position]), nulls)
        if not clashing:
            return text
        return f"(case when not {is_one_of(f'c{position}', clashing)} then {text} end)"

    return Relation(
        f"""read_csv(
            {literal(str(layout.path))}, auto_detect = false, columns = {types},
            header = {str(layout.skip == 1).lower()}, delim = {literal(dialect.delimiter)},
            quote = {literal(dialect.quote)}, escape = {literal(dialect.escape)},
            nullstr = {text_list(text for text in nulls if text not in clashing)},
            strict_mode = true, null_padding = false{_for_long_records(facts.longest)}
        )""",
        {name: cell(position) for name, position in columns.matched.items()},
        _metadata({name: cell(position) for name, position in columns.unknown.items()}),
        raw_row=_raw_row(layout.width),
        texts=_texts(layout.width),
        headers=_headers(layout.headers, columns) if exported.header else {},
        last_cell=layout.last_cell,
        batch_rows=int(_BATCH / facts.row_bytes) if facts.row_bytes else 0,
    )


def _unless_nothing(cell: str, nulls: Sequence[str]) -> str:
    """Write a cell that was changed; NULL where it is empty or stands for nothing now."""
    return f"(case when not {is_one_of(cell, ['', *nulls])} then {cell} end)"


def _for_long_records(longest: int) -> str:
    """Write the options with which DuckDB reads records of more than 2 MB, even if mended."""
    if 2 * longest < _LONG_RECORD:
        return ""
    return f", max_line_size = {2 * longest}, buffer_size = {16 * _LONG_RECORD + 4 * longest}"


def _read_json(job: Job, text: Path, record: FileRecord) -> FileRecord:
    exported = job.exported
    place = decide_json(text, exported, by_line=record.format == "ndjson")
    relation, columns = stage_json(job.con, text, exported, place, job.work / _STAGED)
    if place.beside:
        left_out = f"beside the records the file holds {', '.join(place.beside)}, left out"
        record = _noting(record, [left_out])
    record = _sort(job, relation, columns, _with_columns(record, columns, exported), None)
    if record.rows_loaded:
        require_columns([*columns.matched, *columns.unknown], columns, exported)
    return record


def _read_sheet(job: Job, record: FileRecord, sheet: SheetLayout) -> FileRecord:
    exported = job.exported
    columns = match_columns(sheet.headers, exported)
    require_columns(sheet.headers, columns, exported, sheet.header_row)
    job = _in_timezone(job, sheet.timezone)
    width, records = len(sheet.headers), sheet.records()
    staged = stage_sheet(job.con, records, width, job.work / _STAGED)
    record = dataclasses.replace(
        _with_columns(record, columns, exported),
        header_line=sheet.header_row - sheet.header_rows + 1,
        preamble_lines=sheet.header_row - sheet.header_rows,
        footer_lines=records.footer_rows,
    )
    warnings = [*sheet.warnings, *zones_in_names(sheet.headers, job.exported)]
    if records.footer_rows:
        warnings.append(f"{records.footer_rows} rows behind the last record were left out")
    record = _noting(
        record,
        warnings,
        sheet=sheet.sheet,
        other_sheets=list(sheet.other_sheets),
        headers=_headers(sheet.headers, columns),
    )
    nulls = text_list([*exported.null_values, "#N/A"])

    def cell(position: int) -> str:
        return f"(case when c{position} in {nulls} then null else c{position} end)"

    relation = Relation(
        staged,
        {name: cell(position) for name, position in columns.matched.items()},
        _metadata({name: cell(position) for name, position in columns.unknown.items()}),
        raw_row=_raw_row(width),
        texts=_texts(width),
        headers=_headers(sheet.headers, columns),
        line_number="_line_number",
    )
    return _sort(job, relation, columns, record, None)


def _read_parquet(job: Job, content: Path, record: FileRecord) -> FileRecord:
    exported = job.exported
    source = f"read_parquet({literal(str(content))})"
    types = parquet_columns(job.con, content)
    headers = list(types)
    columns = match_columns(headers, exported)
    require_columns(headers, columns, exported)
    nulls = ["", *exported.null_values]
    identifiers = {
        position
        for name, position in columns.matched.items()
        if exported.column(name).type == "identifier"
    }

    def cell(position: int) -> str:
        name, kind = quoted(headers[position]), types[headers[position]]
        nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))
        text = f"to_json({name})::varchar" if nested else f"{name}::varchar"
        if position in identifiers and kind == "DOUBLE":  # taken for a number as some were missing
            is_whole = f"{name} = trunc({name}) and abs({name}) < {_EXACT}"
            text = f"if({is_whole}, {name}::bigint::varchar, {text})"
        return f"(case when {is_one_of(text, nulls)} then null else {text} end)"

    cells = {name: cell(position) for name, position in columns.matched.items()}
    everything = ", ".join(cell(position) for position in range(len(headers)))
    relation = Relation(
        source,
        cells,
        _metadata({name: cell(position) for name, position in columns.unknown.items()}),
        raw_row=f"to_json([{everything}])::varchar",
    )
    return _sort(job, relation, columns, _with_columns(record, columns, exported), None)


# --- the way of rows


def _sort(
    job: Job,
    relation: Relation,
    columns: Layout,
    record: FileRecord,
    lines_of: Callable[[RowNumbers, int], RowNumbers] | None,
) -> FileRecord:
    """Write the rows, and those that are not as the contract says a second time, with the reasons.

    `lines_of` gives the lines of some rows of all, where the format does not know them. Raises
    duckdb.InvalidInputException where DuckDB objects to the text.
    """
    con, exported, target = job.con, job.exported, job.work / CLEAN
    relation, repeated = _repeated_columns(con, relation, columns)
    record = _noting(record, repeated)
    named = export_time(record.file_name)
    con.execute(
        f"create or replace temp table sample as select * from {relation.source} "
        f"limit {_SAMPLE_ROWS}"
    )
    _limit_memory(con, relation)
    record = _noting(record, doubts(con, relation, exported, record.delimiter))
    readings, rows, nothing = _copy_as_decided(job, relation)
    record = _noting(record, nothing)
    set_conflicts_aside(con, target, rows, relation, exported)
    aside, empty = write_aside(
        con,
        exported,
        job.provenance,
        None if lines_of is None else lambda wanted: lines_of(wanted, rows),
        job.work / ASIDE,
    )
    if aside and (said := _cut_off(con, job.work / ASIDE, record, exported)):
        record = _noting(record, [said], cut_off=True)
    first, forms = first_rows(con, target, exported), dict[str, Form]()
    if first:
        moved = odd_rows(exported, first) if relation.texts else []  # else nothing can have moved
        forms = forms_of(exported, first)
        record = _noting(record, [*moved, *odd_forms(exported, first, forms)])
    record = _noting(record, odd_values(con, target, exported, readings))
    beside_others = {
        FAR_DATES: far_dates(con, target, exported),
        DIGITS: digits_of(con, target, exported),
        FORMS: forms,
        NO_LINE_END: relation.last_cell is not None,
    }
    record = _noting(record, (), **beside_others)
    if relation.last_cell is not None:
        cut = cut_last_cell(con, relation.last_cell, relation.texts[-1], rows)
        record = _noting(record, cut)
    latest = latest_watermark(con, target, exported)
    record = _timed(_noting_values(record, readings), named, latest)
    if empty:
        record = _noting(record, (), rows_without_text=empty)
    return dataclasses.replace(
        record,
        rows_in_file=rows - empty,
        rows_loaded=rows - empty - aside,
        rows_quarantined=aside,
    )


def _cut_off(
    con: duckdb.DuckDBPyConnection, aside: Path, record: FileRecord, exported: ExportObject
) -> str | None:
    """Say that a file was cut off in its last row, if it is among those set aside.

    Raises RefusedError for a full export: the records behind that row would count as deleted.
    """
    found = con.execute(
        f"select concat_ws(' ', 'line', line_number) || ': ' || message "
        f"from read_parquet({literal(str(aside))}) where reason = {literal(CUT_OFF)}"
    ).fetchone()
    if found is None:
        return None
    if exported.is_full(record.file_name):
        raise RefusedError(
            f"{found[0]}: the file was cut off, and the records that it lacks would count as "
            "deleted",
            "the file is truncated: export it again",
        )
    return f"{found[0]}: the file was cut off, what stood behind is missing: export it again" + (
        "" if exported.key else " under the same name, or these rows count twice"
    )


def _limit_memory(con: duckdb.DuckDBPyConnection, relation: Relation) -> None:
    """Give DuckDB what it needs for rows as wide as those of the table `sample`, however many."""
    found = con.execute(
        "select coalesce(avg(strlen(raw_row)), 0) "
        f"from (select {relation.raw_row} as raw_row from sample limit {_MEASURED_ROWS})"
    ).fetchone()
    assert found is not None  # an aggregate has a row
    cells = max(len(relation.cells), len(relation.texts))
    limit_memory(con, found[0], cells, relation.batch_rows)


def _copy_as_decided(job: Job, relation: Relation) -> tuple[Readings, int, list[str]]:
    """Write the rows as their columns are decided to be read; return that, their number, warnings.

    A column is decided from the first rows, those of the table `sample`, which nearly always do.
    Where they do not, or a later row contradicts them and makes them look otherwise, it is decided
    again from all rows, and the rows are written again if that changes anything.
    """
    con, exported = job.con, job.exported
    shapes = shapes_of(con, "sample", relation.cells, exported)
    readings = decide(exported, shapes)
    relation, warnings = read_text_nulls(con, relation, readings)
    if not exported.key:  # with one, a row may be nothing but an id
        relation = dataclasses.replace(relation, usual=usual_cells(con, relation))
    elif may_be_commented(con, relation, exported):
        relation = dataclasses.replace(relation, may_be_commented=True)
    sampled = set(shapes)
    doubtful = {name for name, r in readings.items() if r.is_open or r.strict}
    rows: int | None = None
    while True:
        if doubtful := doubtful & sampled:
            cells = {name: relation.cells[name] for name in doubtful}
            shapes |= shapes_of(con, relation.source, cells, exported)
            sampled -= doubtful
            before, readings = readings, decide(exported, shapes)
            if rows is not None and _changes_nothing(con, readings, before, doubtful):
                return readings, rows, warnings
        elif rows is not None:
            return readings, rows, warnings
        refuse_open_dates(readings, exported)
        rows = copy_rows(con, relation, readings, exported, job.work / CLEAN)
        require_one_header(con)
        if doubtful := bad_columns(con) & sampled:
            bad = bad_cells(doubtful, _SAMPLE_ROWS)
            told = shapes_of(con, bad.source, bad.cells, exported)
            told = {name: [*shapes[name], *told.get(name, [])] for name in shapes}
            after = decide(exported, told)
            if _changes_nothing(con, after, readings, doubtful):
                return after, rows, warnings


def _changes_nothing(
    con: duckdb.DuckDBPyConnection, readings: Readings, before: Readings, doubtful: set[str]
) -> bool:
    """Tell whether rows that were written as decided before are right in these readings, too."""
    return all(
        readings[name].reads_alike(before[name])
        and (name not in doubtful or are_all_bad(con, readings[name]))
        for name in readings
    )


def _repeated_columns(
    con: duckdb.DuckDBPyConnection, relation: Relation, columns: Layout
) -> tuple[Relation, list[str]]:
    """Check that columns which occur several times say the same every time, or but once."""
    warnings, cells = [], dict(relation.cells)
    for name, others in columns.repeated.items():
        positions = [columns.matched[name], *others]
        counts = ", ".join(f"count(c{p})" for p in positions)
        counted = con.execute(f"select {counts} from {relation.source}").fetchone() or ()
        filled = [p for p, count in zip(positions, counted, strict=True) if count]
        first, *rest = filled or positions[:1]
        differs = " or ".join(f"c{first} is distinct from c{p}" for p in rest) or "false"
        if con.execute(f"select 1 from {relation.source} where {differs} limit 1").fetchone():
            places = " and ".join(str(p + 1) for p in filled)
            raise RefusedError(
                f"the column {name!r} occurs twice, at positions {places}, with different cells",
                f"export {name} once, or rename one of the two",
            )
        times = f"{name} occurs {len(positions)} times"
        empty = len(positions) > max(len(filled), 1)
        warnings.append(f"{times}, with cells once" if empty else f"{times} with the same cells")
        cells[name] = re.sub(rf"\bc{positions[0]}\b", f"c{first}", str(cells[name]))
    return dataclasses.replace(relation, cells=cells), warnings


def _timed(record: FileRecord, named: datetime | None, latest: datetime | None) -> FileRecord:
    """Note the export time: from the name, else the latest watermark, else unknown.

    Never from the file system, which says when a file was copied.
    """
    source: TimeSource = "file_name" if named else "watermark" if latest else "none"
    return dataclasses.replace(
        record,
        exported_at=named or latest or NO_EXPORT_TIME,
        exported_at_source=source,
        max_watermark=latest,
    )


# --- what is noted


def _encoding(encoding: Encoding) -> str:
    decision = {"how": encoding.how, "confidence": encoding.confidence}
    return json.dumps({"encoding": decision}, ensure_ascii=False)


def _noting(record: FileRecord, warnings: Sequence[str], **decisions: Any) -> FileRecord:
    """Add decisions, and warnings to the message."""
    message = "; ".join(text for text in (record.message, *warnings) if text)
    decided = {**json.loads(record.decisions), **{k: v for k, v in decisions.items() if v}}
    return dataclasses.replace(
        record, message=message or None, decisions=json.dumps(decided, ensure_ascii=False)
    )


def _noting_values(record: FileRecord, readings: Readings) -> FileRecord:
    """Note how the columns were read that were not canonical already."""
    noted = {name: r.decision() for name, r in readings.items() if not r.plain}
    warnings = [r.warning for r in readings.values() if r.warning]
    return _noting(record, warnings, columns=noted)


def _with_columns(record: FileRecord, columns: Layout, exported: ExportObject) -> FileRecord:
    return dataclasses.replace(
        record, columns_missing=columns.missing(exported), columns_added=tuple(columns.unknown)
    )


def _headers(headers: Sequence[str], columns: Layout) -> dict[str, str]:
    return {name: headers[position] for name, position in columns.matched.items()}


def _texts(width: int) -> list[str]:
    return [f"c{position}" for position in range(width)]


def _raw_row(width: int) -> str:
    """Write the expression for a row as a JSON array of its cells."""
    return f"to_json([{', '.join(_texts(width))}])::varchar"


def _metadata(cells: Mapping[str, str]) -> str:
    """Write the expression for the columns that the contract does not know."""
    if not cells:
        return NO_METADATA
    pairs = ", ".join(f"{literal(name)}, {cell}" for name, cell in cells.items())
    return f"json_object({pairs})::varchar"
