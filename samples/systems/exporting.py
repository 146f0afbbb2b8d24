"""Write the export files of a system, day by day, as known at each export.

An export is a query over tables in DuckDB plus the layout of its file. Queries use the macros
below: `seen` hides what happened after the export, `is_new` selects what belongs into it.
Knows nothing of any system.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from samples.draws import Bools, Instants, Ints, numbered, text

_BEGINNING = "1900-01-01"
_MACROS = (
    "create macro seen(instant) as case when instant < getvariable('until') then instant end",
    "create macro is_new(instant) as instant >= getvariable('since')",
    "create macro is_first_export() as getvariable('since') = timestamp '1900-01-01'",
    "create macro identifier(prefix, number) as printf('%s%07d', prefix, number)",
    "create macro money(cents) as cents::integer * 0.01",
    "create macro utc_z(instant) as strftime(instant::timestamp, '%Y-%m-%dT%H:%M:%SZ')",
    "create macro utc_millis(instant) as strftime(instant::timestamp, '%Y-%m-%dT%H:%M:%S.000Z')",
    "create macro to_minute(instant) as strftime(instant::timestamp, '%Y-%m-%d %H:%M')",
    "create macro to_second(instant) as strftime(instant::timestamp, '%Y-%m-%d %H:%M:%S')",
    "create macro local_time(instant, zone) as timezone(zone, timezone('UTC', instant::timestamp))",
    "create macro offset_minutes(instant, zone) as "
    "datediff('minute', instant::timestamp, local_time(instant, zone))",
    # With the offset that a zone has at the instant: 2025-10-07 09:50:26 +0200.
    """
    create macro with_offset(instant, zone) as
        strftime(local_time(instant, zone), '%Y-%m-%d %H:%M:%S') || printf(
            if(offset_minutes(instant, zone) < 0, ' -%02d%02d', ' +%02d%02d'),
            abs(offset_minutes(instant, zone)) // 60, abs(offset_minutes(instant, zone)) % 60
        )
    """,
)


@dataclass(frozen=True)
class Export:
    """One object of a system and the files it is exported in.

    `path` is below the folder of the system and holds {date}. `header` holds the rows on top of the
    file where the names of the query's columns are not enough: labels that are not unique, or more
    than one row. A `full` export holds everything in every file; the others what is new since the
    one before.
    """

    name: str
    path: str
    select: str
    full: bool = False
    header: Sequence[Sequence[str]] = ()
    quote_all: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"
    json: bool = False
    count_rows: str = ""  # query over the written one, where a row holds several


@dataclass(frozen=True)
class System:
    """A source system: its exports, the tables that they are queries over, who its records are."""

    name: str
    exports: Sequence[Export]
    tables: Mapping[str, pa.Table]
    identities: pa.Table  # as made by `identities`
    orders: pa.Table  # as made by `order_records`; none where the ids are the company's own
    macros: Sequence[str] = ()  # of its own, for its exports


NO_ORDERS = pa.table({"source_object": [], "source_record_id": [], "order_number": []}).cast(
    pa.schema(
        {
            "source_object": pa.string(),
            "source_record_id": pa.string(),
            "order_number": pa.int64(),
        }
    )
)


def order_records(source_object: str, record: pa.Array, order_number: Ints) -> pa.Table:
    """Say which order of the company every record of an object is."""
    return pa.table(
        {
            "source_object": pa.repeat(source_object, order_number.size),
            "source_record_id": record,
            "order_number": order_number,
        }
    )


def identities(
    *,
    source_object: str,
    record: pa.Array,
    person: Ints,
    known_at: Instants,
    is_organisation: Bools | bool = False,
) -> pa.Table:
    """Say which customer, counted from 0, every record of an object belongs to.

    A customer that is an organisation is O…, its contacts and everybody else are P…. Records that
    become known after the last export are left out when the truth is written.
    """
    kinds = np.broadcast_to(np.asarray(is_organisation), person.shape)
    return pa.table(
        {
            "source_object": pa.repeat(source_object, person.size),
            "source_record_id": record,
            "person_id": pc.binary_join_element_wise(
                text(kinds * 1, ("P", "O")), numbered("", person + 1), ""
            ),
            "kind": text(kinds * 1, ("person", "organisation")),
            "known_at": known_at.astype("datetime64[s]"),
        }
    )


def with_columns(content: pa.Table, **columns: pa.Array | npt.NDArray[Any]) -> pa.Table:
    """Put columns behind those of a table."""
    for name, values in columns.items():
        content = content.append_column(name, pa.array(values))
    return content


def write_system(
    folder: Path,
    system: System,
    history_date: date,
    last_date: date,
    report: Callable[[str], None],
) -> dict[str, int]:
    """Write the full history of one day and a file for every day up to the last.

    An export dated d holds what was known when the day d began. An object without new rows on a
    day gets no file. Returns the rows written by object.
    """
    folder.mkdir(parents=True)
    rows = dict.fromkeys((export.name for export in system.exports), 0)
    with opened(system.tables, system.macros) as con:
        since = _BEGINNING
        for day in range((last_date - history_date).days + 1):
            exported_on = history_date + timedelta(days=day)
            con.execute(f"set variable until = timestamp '{exported_on}'")
            for export in system.exports:
                start = _BEGINNING if export.full else since
                con.execute(f"set variable since = timestamp '{start}'")
                path = folder / export.path.format(date=exported_on)
                count = write_query(con, export, path)
                rows[export.name] += count
                if day == 0:
                    report(f"{export.name}: {count:,} rows")
            since = str(exported_on)
        if last_date > history_date:
            report(f"deltas: {(last_date - history_date).days} days to {last_date}")
    return rows


@contextmanager
def opened(
    tables: Mapping[str, pa.Table], macros: Sequence[str] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that knows the macros and these tables."""
    with duckdb.connect() as con:
        for statement in (*_MACROS, *macros):
            con.execute(statement)
        for name, content in tables.items():
            con.register(name, content)
        yield con


def write_query(con: duckdb.DuckDBPyConnection, export: Export, path: Path) -> int:
    """Write a query as a file unless it is empty; return the number of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in export.header)
    select = export.select
    if export.header:
        select = f"from (values {rows}) union all select columns(*)::varchar from ({select})"
    written = con.execute(f"copy ({select}) to '{path}' ({_layout(export)})").fetchone()
    count = int(written[0]) - len(export.header) if written else 0
    if count == 0:
        path.unlink()
        return 0
    if export.encoding != "utf-8":
        path.write_bytes(path.read_text(encoding="utf-8").encode(export.encoding))
    if export.count_rows:
        counted = con.execute(export.count_rows.format(export.select)).fetchone()
        count = int(counted[0]) if counted else 0
    return count


def _literal(cell: str) -> str:
    return "'" + cell.replace("'", "''") + "'"


def _layout(export: Export) -> str:
    """Say in DuckDB's words how a file looks."""
    if export.json:
        return "format json"
    quotes = ", force_quote *" if export.quote_all else ""
    header = "false" if export.header else "true"
    return f"format csv, delimiter '{export.delimiter}', header {header}{quotes}"
