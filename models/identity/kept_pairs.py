"""The pairs that were compared: where they lie between builds, and what of them a day leaves alone.

Belongs here: the kept tables of a grain, and bringing them under the record numbers of today. Does
not: what changed and which pairs there are (`candidates`), how two records agree (`patterns`).

There are ten and more pairs per record, and a day changes a few of them. So they stay in the file
and are kept like an account: a pair that is put in is a row, so is one that is taken out, and it is
there where one more was put in. To delete rows DuckDB would have to go through all. Only where
records got other numbers, by a late file or a deletion, all are written anew.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from models.identity.changes import Changes, Flags
from models.identity.comparisons import Grain

# What a pair is found for, a bit each: to be judged, to teach the model.
CANDIDATE, LESSON = 1, 2

_COLUMNS = {
    # A hash of what the record states and of how records are found and compared.
    "contents": "record_number integer, cluster integer, content ubigint",
    # record_number_a < record_number_b; four bits of the pattern per attribute; 1 put in, -1 taken
    # out.
    "candidates": "record_number_a integer, record_number_b integer, pattern integer, "
    "change tinyint",
    # Pairs that teach the model: in which training, and the hash of what they agree in.
    "lessons": "training integer, value ubigint, record_number_a integer, "
    "record_number_b integer, pattern integer",
    # How many candidates show each pattern.
    "patterns": "pattern integer, pairs bigint",
    # The candidates whose pattern leaves them a chance, with a bit for what speaks against joining.
    "hopeful": "record_number_a integer, record_number_b integer, pattern integer, flags utinyint",
    # Hashes of values that too many records share: to be compared for it, or for a firm's domain.
    "too_large": "reason varchar, value ubigint",
    # How many groups of records agree in a reason, by how many records they have. Only those of
    # which pairs can be made.
    "sizes": "reason varchar, size bigint, groups bigint",
    # Hashes of what a record states: a column per reason to compare it, tight rule and training.
    "reasons": "record_number integer, cluster integer",
    # How many pairs the tight rules find; which, by position.
    "tight_pairs": "rules varchar, pairs bigint",
    # Up to which share of all hashes the groups of a training are lessons.
    "lots": "training integer, share double",
}
# Deleted rows leave holes, which DuckDB fills only where a whole block of rows is gone; so do rows
# of candidates that were taken out.
LARGEST_SHARE_OF_HOLES = 0.2


@dataclass(frozen=True)
class Kept:
    """Names of the tables that a grain has in the database; columns as in `_COLUMNS`.

    They hold what one build led to, whichever that was: a table without contents, nothing.
    """

    contents: str
    candidates: str
    lessons: str
    patterns: str
    hopeful: str
    too_large: str
    sizes: str
    reasons: str
    tight_pairs: str
    lots: str


def open_kept(con: duckdb.DuckDBPyConnection, database: str, grain: Grain) -> Kept:
    """Return the tables of a grain; empty where none, or such of another version, are there.

    `database` is the name under which the file with the tables is open.
    """
    schema = f"kept_{grain.name}"
    columns = {**_COLUMNS, "reasons": _COLUMNS["reasons"] + _reason_columns(grain)}
    found = con.execute(
        "select table_name, string_agg(column_name || ' ' || lower(data_type), ', ' "
        "order by column_index) from duckdb_columns() "
        "where database_name = $database and schema_name = $schema group by table_name",
        {"database": database, "schema": schema},
    ).fetchall()
    prefix = f'"{database}".{schema}'
    kept = Kept(**{name: f"{prefix}.{name}" for name in columns})
    if dict(found) != columns or not con.execute(f"from {kept.contents} limit 1").fetchall():
        con.execute(f"drop schema if exists {prefix} cascade")
        con.execute(f"create schema {prefix}")
        for name, kinds in columns.items():
            con.execute(f"create table {prefix}.{name} ({kinds})")
    return kept


def _reason_columns(grain: Grain) -> str:
    return "".join(
        f", {name}_{position} ubigint"
        for name, columns, first in (
            ("reason", grain.reasons, 0),
            ("tight", grain.tight, 0),
            ("training", grain.training, 1),
        )
        for position in range(first, first + len(columns))
    )


def let_go(con: duckdb.DuckDBPyConnection, kept: Kept) -> tuple[pa.Table, pa.Table]:
    """Return what the tables belong to: the records, and the groups that were too large.

    From here on until `remember` nothing counts as kept.
    """
    contents = con.execute(f"from {kept.contents}").to_arrow_table()
    too_large = con.execute(f"from {kept.too_large}").to_arrow_table()
    con.execute(f"delete from {kept.contents}")
    return contents, too_large


def take_out(con: duckdb.DuckDBPyConnection, kept: Kept, changes: Changes, redone: Flags) -> None:
    """Leave of the kept candidates those that stay, under their numbers of today.

    Patterns of pairs that left and of which both records are there go to the table `known`:
    record_number_a, record_number_b, pattern. Those that stay but have to be compared anew go to
    `found`: the two changed places, or have a mail domain (table `turned`) that became a provider's
    or ceased to be. `redone` by number of today. Lessons stay where they are, without such a
    pattern; where records got other numbers they leave, as others are drawn.
    """
    gone = changes.gone
    is_written_anew = changes.is_renumbered or _is_full_of_corrections(con, kept)
    if is_written_anew:
        _renumber(con, kept, changes)
        gone = gone[:0]
    con.register("gone", pa.table({"record_number": gone}))
    con.register("leaving", pa.table({"record_number": np.union1d(gone, np.flatnonzero(redone))}))
    for table in (kept.candidates, kept.lessons):
        con.execute(
            f"""
            update {table} set pattern = null
            from turned as one, turned as other
            where record_number_a = one.record_number and record_number_b = other.record_number
              and one.email_domain = other.email_domain
            """
        )
    left = con.execute(
        candidates_among(
            kept,
            "where record_number_a in (from leaving) or record_number_b in (from leaving) "
            "or pattern is null",
        )
    ).to_arrow_table()
    con.register("left_candidates", left)
    con.execute(f"insert into {kept.candidates} select *, -1 from left_candidates")
    con.execute(
        f"delete from {kept.hopeful} "
        "where record_number_a in (from leaving) or record_number_b in (from leaving)"
    )
    if left["pattern"].null_count:
        con.execute(
            f"delete from {kept.hopeful} as hopeful using left_candidates as gone "
            "where hopeful.record_number_a = gone.record_number_a "
            "and hopeful.record_number_b = gone.record_number_b"
        )
        _count_patterns_anew(con, kept)
    else:
        con.execute(
            f"insert into {kept.patterns} "
            "select pattern, -count(*) from left_candidates group by pattern"
        )
    con.execute(
        """
        create table known as
        select record_number_a, record_number_b, pattern
        from left_candidates
        where pattern is not null
          and record_number_a not in (from gone) and record_number_b not in (from gone)
        """
    )
    if is_written_anew:
        con.execute(
            f"""
            insert into known
            select distinct record_number_a, record_number_b, pattern
            from {kept.lessons}
            -- Some teach and are candidates.
            anti join left_candidates using (record_number_a, record_number_b)
            where pattern is not null
            """
        )
        for table in (kept.lessons, kept.lots):
            replace_kept(con, table, f"from {table} limit 0")
    con.execute(
        f"""
        insert into found
        select record_number_a, record_number_b, {CANDIDATE}
        from left_candidates
        where pattern is null
          and record_number_a not in (from leaving) and record_number_b not in (from leaving)
        """
    )
    for view in ("gone", "leaving", "left_candidates"):
        con.unregister(view)


def remember(
    con: duckdb.DuckDBPyConnection, kept: Kept, contents: pa.Table, too_large: pa.Table
) -> None:
    """Keep what the pairs belong to: the records, and the groups in which none were looked for."""
    for table, rows in ((kept.too_large, too_large), (kept.contents, contents)):
        con.register("rows_to_keep", rows)
        replace_kept(con, table, "from rows_to_keep")
        con.unregister("rows_to_keep")


def candidates_among(kept: Kept, rows: str) -> str:
    """Return SQL of the candidates among some rows: record_number_a, record_number_b, pattern.

    `rows` is the clause that chooses them: all rows of a pair and its pattern, or none.
    """
    return (
        f"select record_number_a, record_number_b, pattern from {kept.candidates} "
        f"{rows} group by all having sum(change) > 0"
    )


def _is_full_of_corrections(con: duckdb.DuckDBPyConnection, kept: Kept) -> bool:
    """Tell whether so many candidates were taken out that they are better written anew."""
    rows, pairs = con.execute(
        f"select (select count(*) from {kept.candidates}), "
        f"(select coalesce(sum(pairs), 0) from {kept.patterns})"
    ).fetchall()[0]
    return bool(rows - pairs > LARGEST_SHARE_OF_HOLES * rows)


def is_full_of_holes(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Tell whether so many rows of a kept table were deleted that it is better written anew."""
    rows, places = con.execute(
        f"select count(*), coalesce(max(rowid) + 1, 0) from {table}"
    ).fetchall()[0]
    return bool(places - rows > LARGEST_SHARE_OF_HOLES * places)


def _renumber(con: duckdb.DuckDBPyConnection, kept: Kept, changes: Changes) -> None:
    """Write the pairs under today's numbers, without those that lack a record.

    The pattern is NULL where the two records have changed places: it is not the same from behind.
    """
    before = np.flatnonzero(changes.today)
    con.register("numbers", pa.table({"before": before, "today": changes.today[before]}))
    # To group the few pairs that were ever taken out takes less than to group all.
    con.execute(
        "create table corrected as select distinct record_number_a, record_number_b "
        f"from {kept.candidates} where change < 0"
    )
    by_pair = "join corrected using (record_number_a, record_number_b)"
    candidates = (
        f"(from {kept.candidates} anti {by_pair}) "
        f"union all select *, 1 from ({candidates_among(kept, f'semi {by_pair}')})"
    )
    for table, pairs in ((kept.candidates, candidates), (kept.lessons, f"from {kept.lessons}")):
        replace_kept(
            con,
            table,
            f"""
            select pairs.* replace (
                least(one.today, other.today) as record_number_a,
                greatest(one.today, other.today) as record_number_b,
                case when one.today < other.today then pattern end as pattern
            )
            from ({pairs}) as pairs
            inner join numbers as one on record_number_a = one.before
            inner join numbers as other on record_number_b = other.before
            """,
        )
    con.execute("drop table corrected")
    con.unregister("numbers")
    _count_patterns_anew(con, kept)
    replace_kept(con, kept.hopeful, f"from {kept.hopeful} limit 0")


def _count_patterns_anew(con: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    """Count the patterns of all candidates."""
    replace_kept(
        con,
        kept.patterns,
        f"select pattern, sum(change) as pairs from {kept.candidates} "
        "group by pattern having sum(change) != 0",
    )


def replace_kept(con: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    """Make a kept table anew; what it held may be read."""
    columns = _COLUMNS[table.rsplit(".", 1)[1]]
    casts = ", ".join(
        f"{name}::{kind} as {name}" for name, kind in (c.split() for c in columns.split(", "))
    )
    con.execute(f"create or replace table {table} as select {casts} from ({query})")
