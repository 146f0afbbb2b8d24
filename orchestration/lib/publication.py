"""Immutable published versions and the link that says which one is current.

Belongs here: making a version from a finished build, listing, reading and rolling back versions.
Does not: what the tables mean, which gates there are, who may write (`builds.exclusive_run`;
`publish` and `rollback` are to be called inside it).

    published/
      current -> v=<version>        the only commit point: a link to a folder, flipped atomically
      v=<version>/
        customer_marts.duckdb       schemas marts and audit, with comments
        <table>.parquet             one per table of schema marts
        care_calendar.csv           tables of CSV_FILES once more, for systems that import CSV
        manifest.json
      .tmp-…                        of a run at work, or killed; the next one removes it

The order of steps was tested under `kill -9`: write aside, checkpoint, verify, make read-only,
sync, rename, sync, flip, sync, remove what is too old. A kill before the flip leaves the current
version as it was. Readers that opened a version before the flip keep it, as its files are never
written again.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.builds import STORAGE_VERSION
from orchestration.lib.durability import check_name, sync_file, sync_folder
from orchestration.lib.receipts import missing_or_failed

MARTS = "marts"
AUDIT = "audit"
DATABASE_NAME = "customer_marts.duckdb"
MANIFEST_NAME = "manifest.json"
CURRENT = "current"

CSV_FILES = {"mart_care_calendar": "care_calendar.csv"}

_CATALOG = "customer_marts"
_TEMPORARY = ".tmp-"
# Levels of zstd on 5 M order lines: 1 took 3.9 CPU s for 128 MB, the default 3 4.8 s for 129 MB.
_PARQUET_OPTIONS = "format parquet, compression zstd, compression_level 1"
# A run of rows per fetch: one DuckDB row group, so that the memory for hashing stays small.
_ROWS_PER_BATCH = 122_880
# Types whose Arrow form is fixed: a number, or bytes of text. All others are hashed as text.
_HASHED_AS_STORED = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)"
    r"|DATE|TIME|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?|VARCHAR"
)


class PublicationError(Exception):
    """Nothing was published or changed; the message says why and what to do."""


class PublicationRefusedError(PublicationError):
    """The receipts of the build do not allow it to be published."""

    def __init__(self, build_dir: Path, objections: Sequence[str]) -> None:
        self.objections = tuple(objections)
        super().__init__(
            f"Build {build_dir.name} was not published: "
            + " ".join(objections)
            + " Correct the input or the rule, then run again; the published version is unchanged."
        )


@dataclass(frozen=True)
class TableDocumentation:
    """What a published table and its columns say about themselves."""

    description: str
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedTable:
    """A table of a version; `content_hash` is explained at the function of that name."""

    name: str
    row_count: int
    content_hash: str


@dataclass(frozen=True)
class PublishedVersion:
    """What a publication did.

    `undocumented` names the tables and columns, as schema.table[.column], that got no comment;
    `removed` the versions that were too old to keep.
    """

    version: str
    path: Path
    tables: tuple[PublishedTable, ...]
    audit_tables: tuple[PublishedTable, ...]
    undocumented: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class VersionInfo:
    """A published version that can be read or made current again."""

    version: str
    path: Path
    is_current: bool
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class _Column:
    name: str
    type: str


@dataclass(frozen=True)
class _Table:
    """A table to publish, its columns in the order of the build."""

    schema: str
    name: str
    columns: tuple[_Column, ...]

    @property
    def reference(self) -> str:
        return f"{_quote(self.schema)}.{_quote(self.name)}"

    def ordered(self, key: Sequence[str]) -> list[str]:
        """Return all columns, those of the key first: a total order up to equal rows."""
        names = [column.name for column in self.columns]
        return [*key, *(name for name in names if name not in key)]


def publish(
    build_database: Path,
    published: Path,
    *,
    version: str,
    required: Sequence[tuple[str, str]],
    manifest: Mapping[str, Any],
    documentation: Mapping[str, TableDocumentation],
    keys: Mapping[str, Sequence[str]],
    keep: int,
) -> PublishedVersion:
    """Publish the marts and the audit of a finished build as an immutable version.

    Refuses with PublicationRefusedError unless the receipts beside `build_database` show that
    every gate in `required`, pairs of layer and scope, passed on the tables as they are now.

    Views are published as tables; columns whose names start with `_` stay behind. Rows are stored
    in the order of `keys[table]` and then of the other columns, so that equal content gives equal
    files and equal hashes. `documentation` and `keys` go by the bare name of the table; names of
    tables that the build does not hold are ignored, a key that a table lacks is an error.

    `manifest` must be plain JSON values and is written with version, sequence (one more than the
    highest so far), tables, csv_files (file by table) and audit_tables added. `version` must be new
    for every run, even for one that repeats another: a killed run may leave a complete version
    behind that never became current. Of all versions the `keep` newest stay, and the current one.
    Close every connection to the build first: DuckDB does not open a file read-only that is open
    for writing.
    """
    check_name("The version", version)
    if keep < 2:
        raise ValueError(
            f"keep is {keep}, but at least 2 versions must be kept: "
            "readers may be opening the one before while it is replaced"
        )
    reserved = {"version", "sequence", "tables", "csv_files", "audit_tables"} & manifest.keys()
    if reserved:
        raise ValueError(f"The manifest must not set {', '.join(sorted(reserved))}")
    json.dumps(
        manifest, allow_nan=False
    )  # A value that JSON lacks shall fail before the work, not after it.
    objections = missing_or_failed(build_database.parent, required)
    if objections:
        raise PublicationRefusedError(build_database.parent, objections)

    published.mkdir(parents=True, exist_ok=True)
    _expect_link(published)
    _remove_temporaries(published)
    earlier = versions(published)
    target = _folder(published, version)
    if target.exists():
        raise PublicationError(
            f"Version {version} exists in {published}, and versions never change: "
            "publish under another version."
        )
    aside = published / f"{_TEMPORARY}{version}"
    aside.mkdir()
    try:
        tables, undocumented = _write_tables(build_database, aside, documentation, keys)
        marts = tuple(table for schema, table in tables if schema == MARTS)
        audit = tuple(table for schema, table in tables if schema == AUDIT)
        full = {
            "version": version,
            "sequence": 1 + max((info.manifest["sequence"] for info in earlier), default=0),
            **manifest,
            "tables": [asdict(table) for table in marts],
            "csv_files": {
                table.name: CSV_FILES[table.name] for table in marts if table.name in CSV_FILES
            },
            "audit_tables": [asdict(table) for table in audit],
        }
        text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
        (aside / MANIFEST_NAME).write_text(text, encoding="utf-8")
        for file in aside.iterdir():
            file.chmod(0o444)
            sync_file(file)
        sync_folder(aside)
        aside.rename(target)
        sync_folder(published)
        _flip(published, version)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return PublishedVersion(
        version=version,
        path=target,
        tables=marts,
        audit_tables=audit,
        undocumented=undocumented,
        removed=_remove_old(published, keep),
    )


def versions(published: Path) -> list[VersionInfo]:
    """List the versions that exist, the newest first, whichever of them is current."""
    current = current_version(published)
    found = []
    for folder in published.glob("v=*"):
        version = folder.name.removeprefix("v=")
        manifest = read_manifest(published, version)
        found.append(VersionInfo(version, folder, version == current, manifest))
    return sorted(found, key=lambda info: info.manifest["sequence"], reverse=True)


def current_version(published: Path) -> str | None:
    """Return the version that readers see, or None before the first publication."""
    link = published / CURRENT
    return link.readlink().name.removeprefix("v=") if link.is_symlink() else None


def read_manifest(published: Path, version: str | None = None) -> dict[str, Any]:
    """Read the manifest of a version, of the current one if none is named."""
    name = version or current_version(published)
    if name is None:
        raise PublicationError(
            f"Nothing is published in {published} yet: `crm-warehouse run` publishes."
        )
    file = _folder(published, name) / MANIFEST_NAME
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if manifest["version"] != name or not isinstance(manifest["sequence"], int):
            raise ValueError(f"it describes version {manifest['version']}")
    except FileNotFoundError:
        raise PublicationError(
            f"Version {name} does not exist in {published}. {_choice(published)}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"{file} is not the manifest of version {name} ({error}). "
            f"Somebody changed it: remove {file.parent} and use another version."
        ) from error
    return dict(manifest)


def rollback(published: Path, version: str) -> VersionInfo:
    """Make an earlier (or later) version current again and return it.

    Opens its database first: readers shall not be sent to files that somebody damaged.
    """
    manifest = read_manifest(published, version)
    folder = _folder(published, version)
    try:
        with duckdb.connect(folder / DATABASE_NAME, read_only=True) as con:
            for table in manifest["tables"]:
                reference = f"{_quote(MARTS)}.{_quote(table['name'])}"
                _expect_rows(con, reference, table["row_count"])
    except duckdb.Error as error:
        raise PublicationError(
            f"Version {version} cannot be made current, its database does not open: {error}. "
            f"{_choice(published)}"
        ) from error
    _flip(published, version)
    return VersionInfo(version, folder, True, manifest)


def content_hash(con: duckdb.DuckDBPyConnection, reference: str, key: Sequence[str] = ()) -> str:
    """Hash the rows of a table, the same for the same rows in whatever order they are stored.

    Rows are sorted by the key and then by all other columns: what a reader could compare, and
    nothing else, decides. Per column, three streams of its sorted values go into SHA-256: which
    are null, how long the texts are, and the values, numbers in Arrow's fixed little-endian form.
    So NULL, '' and 'NULL' differ, and neither batches nor threads, compression or the engine's
    own `hash()` matter. The names and types of the columns are part of it. Types without a fixed
    form (lists, structs, …) are hashed as DuckDB prints them; rows that are equal in SQL but not
    in bytes (0.0 and -0.0) may swap places when nothing else orders them.

    `reference` is quoted SQL: catalog, schema and table. Returns 64 hexadecimal digits.
    """
    described = con.execute(f"describe {reference}").fetchall()
    table = _Table("", "", tuple(_Column(row[0], row[1]) for row in described))
    order = ", ".join(f"{_quote(name)} nulls last" for name in table.ordered(key))
    return _hash_rows(con, table, f"from {reference} order by {order}")


def _write_tables(
    build_database: Path,
    folder: Path,
    documentation: Mapping[str, TableDocumentation],
    keys: Mapping[str, Sequence[str]],
) -> tuple[list[tuple[str, PublishedTable]], tuple[str, ...]]:
    """Write the files of a version; return (schema, table) pairs and what lacks a comment."""
    database = folder / DATABASE_NAME
    # The build keeps its catalog name, by which its views refer to each other.
    source = _quote(build_database.stem)
    with _engine(folder) as con:
        try:
            con.execute(f"attach {_text(build_database)} as {source} (read_only)")
        except duckdb.Error as error:
            raise PublicationError(
                f"The build {build_database} cannot be read: {error}. "
                "Close every other handle on it, or run again if it is damaged."
            ) from error
        con.execute(f"attach {_text(database)} as {_CATALOG} (storage_version '{STORAGE_VERSION}')")
        tables = _tables(con, build_database)
        undocumented = []
        counts = {}
        for schema in (MARTS, AUDIT):
            con.execute(f"create schema {_CATALOG}.{schema}")
        for table in tables:
            counts[table] = _copy(con, source, table, keys.get(table.name, ()))
            undocumented += _comment(con, table, documentation.get(table.name))
        con.execute(f"checkpoint {_CATALOG}")
        con.execute(f"detach {_CATALOG}")

        # From here on everything is read from the file that readers will open.
        _expect_no_log(database)
        con.execute(f"attach {_text(database)} as {_CATALOG} (read_only)")
        result = []
        for table in tables:
            reference = f"{_CATALOG}.{table.reference}"
            _expect_rows(con, reference, counts[table])
            if table.schema == MARTS:
                parquet = folder / f"{table.name}.parquet"
                con.execute(f"copy {reference} to {_text(parquet)} ({_PARQUET_OPTIONS})")
                _expect_rows(con, f"read_parquet({_text(parquet)})", counts[table])
                if table.name in CSV_FILES:
                    file = _text(folder / CSV_FILES[table.name])
                    con.execute(f"copy {reference} to {file} (format csv, header)")
            digest = _hash_rows(con, table, f"from {reference}")
            result.append((table.schema, PublishedTable(table.name, counts[table], digest)))
    _expect_no_log(database)
    return result, tuple(undocumented)


@contextmanager
def _engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine whose overflow goes below `folder` and is gone afterwards."""
    overflow = folder / "overflow"
    try:
        with duckdb.connect(config={"temp_directory": str(overflow)}) as con:
            yield con
    finally:
        shutil.rmtree(overflow, ignore_errors=True)


def _tables(con: duckdb.DuckDBPyConnection, build_database: Path) -> list[_Table]:
    rows = con.execute(
        """
        select table_schema, table_name, column_name, data_type
        from information_schema.columns
        where table_catalog = ? and table_schema in (?, ?) and not starts_with(column_name, '_')
        order by table_schema = ?, table_name, ordinal_position
        """,
        [build_database.stem, MARTS, AUDIT, AUDIT],
    ).fetchall()
    columns: dict[tuple[str, str], list[_Column]] = {}
    for schema, name, column, data_type in rows:
        columns.setdefault((schema, name), []).append(_Column(column, data_type))
    tables = [_Table(schema, name, tuple(found)) for (schema, name), found in columns.items()]
    names = [table.name for table in tables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PublicationError(
            f"{', '.join(twice)} exists in both schemas {MARTS} and {AUDIT}: rename one of them."
        )
    if not any(table.schema == MARTS for table in tables):
        raise PublicationError(
            f"{build_database} holds no table in schema {MARTS}: run the whole job first."
        )
    return tables


def _copy(con: duckdb.DuckDBPyConnection, source: str, table: _Table, key: Sequence[str]) -> int:
    """Copy a table in its order and return the count of its rows."""
    unknown = [name for name in key if name not in {column.name for column in table.columns}]
    if unknown:
        raise PublicationError(
            f"{table.schema}.{table.name} has no column {', '.join(unknown)}, which its key names: "
            "correct the key or the model."
        )
    columns = ", ".join(_quote(column.name) for column in table.columns)
    order = ", ".join(f"{_quote(name)} nulls last" for name in table.ordered(key))
    try:
        row = con.execute(
            f"create table {_CATALOG}.{table.reference} as "
            f"select {columns} from {source}.{table.reference} order by {order}"
        ).fetchone()
    except duckdb.Error as error:
        raise PublicationError(
            f"{table.schema}.{table.name} could not be copied from the build: {error}. "
            "Correct the model, or make room if the disk is full, then run again."
        ) from error
    assert row is not None  # `create table as` always answers with its count.
    return int(row[0])


def _comment(
    con: duckdb.DuckDBPyConnection, table: _Table, documentation: TableDocumentation | None
) -> list[str]:
    """Write the comments of a table and return the names of what has none."""
    documentation = documentation or TableDocumentation("")
    reference = f"{_CATALOG}.{table.reference}"
    comments = {f"table {reference}": documentation.description}
    names = {f"table {reference}": f"{table.schema}.{table.name}"}
    for column in table.columns:
        target = f"column {reference}.{_quote(column.name)}"
        comments[target] = documentation.columns.get(column.name, "")
        names[target] = f"{table.schema}.{table.name}.{column.name}"
    con.execute("begin")  # one transaction for 1,300 comments: half the CPU time of as many
    for target, comment in comments.items():
        if comment:
            con.execute(f"comment on {target} is {_text(comment)}")
    con.execute("commit")
    return [names[target] for target, comment in comments.items() if not comment]


def _hash_rows(con: duckdb.DuckDBPyConnection, table: _Table, sorted_rows: str) -> str:
    """Hash rows that the query `from … [order by …]` gives in their order."""
    expressions = ", ".join(
        _quote(column.name)
        if _HASHED_AS_STORED.fullmatch(column.type)
        else f"cast({_quote(column.name)} as varchar)"
        for column in table.columns
    )
    header = json.dumps([asdict(column) for column in table.columns]).encode()
    whole = hashlib.sha256(header)
    streams = [[hashlib.sha256() for _ in range(3)] for _ in table.columns]
    # A cursor of its own: DuckDB 2 streams Arrow only where no earlier result is pending.
    with con.cursor() as cursor:
        rows = cursor.sql(f"select {expressions} {sorted_rows}")
        for batch in rows.to_arrow_reader(_ROWS_PER_BATCH):
            for values, (presence, lengths, content) in zip(batch.columns, streams, strict=True):
                _feed(values, presence, lengths, content)
    for column in streams:
        for stream in column:
            whole.update(stream.digest())
    return whole.hexdigest()


def _feed(values: Any, presence: Any, lengths: Any, content: Any) -> None:
    """Add a batch of one column to its three streams, copying only where there are nulls."""
    # .2 CPU s to import, which commands that only list versions need not pay.
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    presence.update(np.asarray(values.is_valid().cast(pa.uint8())))
    if values.null_count:
        values = values.drop_null()  # What lies in the place of a null is undefined.
    if not len(values):
        return
    if pa.types.is_string(values.type):
        lengths.update(np.asarray(pc.binary_length(values)))
        _, offsets, data = values.buffers()
        bounds = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
        if bounds[0] < bounds[-1]:  # Texts that are all empty have no buffer.
            content.update(memoryview(data)[bounds[0] : bounds[-1]])
        return
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    width = values.type.bit_width // 8
    start = values.offset * width
    content.update(memoryview(values.buffers()[1])[start : start + len(values) * width])


def _expect_rows(con: duckdb.DuckDBPyConnection, reference: str, expected: int) -> None:
    row = con.execute(f"select count(*) from {reference}").fetchone()
    found = row[0] if row else None
    if found != expected:
        raise PublicationError(
            f"{reference} holds {found} rows where {expected} were written: the disk or the "
            "engine is at fault. Check the disk, then run again."
        )


def _expect_no_log(database: Path) -> None:
    if database.with_name(database.name + ".wal").exists():
        raise PublicationError(
            f"{database} still has a write-ahead log and is not complete by itself: "
            "look for a full disk, then run again."
        )


def _flip(published: Path, version: str) -> None:
    """Point `current` at a version: the commit point."""
    _expect_link(published)
    aside = published / f"{_TEMPORARY}{CURRENT}"
    aside.unlink(missing_ok=True)
    aside.symlink_to(_folder(published, version).name, target_is_directory=True)
    aside.replace(published / CURRENT)
    sync_folder(published)


def _expect_link(published: Path) -> None:
    link = published / CURRENT
    if link.exists() and not link.is_symlink():
        raise PublicationError(
            f"{link} is not a link. Only publication makes it: move it away and try again."
        )


def _remove_temporaries(published: Path) -> None:
    for path in published.glob(f"{_TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _remove_old(published: Path, keep: int) -> tuple[str, ...]:
    """Remove all versions but the newest `keep` and the current one."""
    old = [info for info in versions(published)[keep:] if not info.is_current]
    for info in old:
        # Renamed first, so that a kill midway leaves no half version to choose.
        aside = published / f"{_TEMPORARY}old-{info.version}"
        info.path.rename(aside)
        shutil.rmtree(aside)
    return tuple(info.version for info in old)


def _folder(published: Path, version: str) -> Path:
    return published / f"v={version}"


def _choice(published: Path) -> str:
    existing = [folder.name.removeprefix("v=") for folder in sorted(published.glob("v=*"))]
    return f"Choose from: {', '.join(existing)}." if existing else "No version exists."


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
