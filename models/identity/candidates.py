"""Which pairs of records are worth comparing; of an earlier build's, only what a change touches.

Belongs here: what changed since that build, and the pairs that agree in one of the grain's reasons.
Does not: the reasons (`comparisons`), how the two records of a pair agree (`patterns`).

Whether a pair is a candidate depends on what its two records state, on whether rules have joined
them, and on how many records share what they agree in. So a pair stays what it was unless one of
its records is redone: because it or its cluster is not what it was, or because it belongs to a
group that became too large for its reason, or ceased to be.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.identity.comparisons import Grain

CANDIDATE = 1  # the use of the pairs that are written here; others are bits of their own
# Share of the records from which on all of them are redone: telling them apart costs more.
LARGEST_CHANGE = 0.2

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Changes:
    """How the records differ from those of an earlier build.

    `today`: by number before, the number of a record that states the same now; 0 for none.
    `gone`: numbers before of the records that nobody states any more. `touched`: numbers of the
    records that are new, or in another cluster.
    """

    today: Ints
    gone: Ints
    touched: Ints

    @property
    def is_renumbered(self) -> bool:
        """Whether a record has another number than it had."""
        return bool((self.today[self.today > 0] != np.flatnonzero(self.today)).any())


def find_changes(before: pa.Table, now: pa.Table) -> Changes:
    """Compare what records state; both tables have record_number, cluster, content.

    Of several records that state the same those with a number of before keep it; of the others the
    first is the first of today, and so on.
    """
    numbers, clusters = (before[c].to_numpy() for c in ("record_number", "cluster"))
    numbers_now = now["record_number"].to_numpy()
    size = int(max(a.max(initial=0) for a in (numbers, clusters, numbers_now))) + 1
    contents, contents_now = before["content"].to_numpy(), now["content"].to_numpy()
    content_now = np.zeros(size, dtype=np.uint64)
    content_now[numbers_now] = contents_now
    is_there = np.zeros(size, dtype=np.bool_)
    is_there[numbers_now] = True
    # Most records have the number they had: the others only are looked for among all.
    is_in_place = is_there[numbers] & (content_now[numbers] == contents)
    today = np.zeros(size, dtype=np.int64)
    today[numbers[is_in_place]] = numbers[is_in_place]
    moved, moved_now = ~is_in_place, today[numbers_now] == 0
    _, at_before, at_now = np.intersect1d(
        _told_apart(contents[moved]),
        _told_apart(contents_now[moved_now]),
        assume_unique=True,
        return_indices=True,
    )
    today[numbers[moved][at_before]] = numbers_now[moved_now][at_now]
    # Records of one cluster have one senior: where it is the same, so are those it is shared with.
    cluster_now = np.zeros(size, dtype=np.int64)
    cluster_now[numbers_now] = now["cluster"].to_numpy()
    senior = today[clusters]
    is_same = (today[numbers] > 0) & (senior > 0) & (senior == cluster_now[today[numbers]])
    is_touched = np.ones(size, dtype=np.bool_)
    is_touched[today[numbers[is_same]]] = False
    return Changes(today, numbers[today[numbers] == 0], numbers_now[is_touched[numbers_now]])


def _told_apart(contents: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return hashes of which the second, third of its kind is another number, always the same."""
    order = np.argsort(contents, kind="stable")
    ordered = contents[order]
    position = np.arange(ordered.size, dtype=np.uint64)
    is_first = np.append(True, ordered[1:] != ordered[:-1])[: ordered.size]
    place = position - np.maximum.accumulate(np.where(is_first, position, np.uint64(0)))
    apart = np.empty_like(ordered)
    apart[order] = ordered + place * np.uint64(0x9E3779B97F4A7C15)  # odd, without a pattern
    return apart


def find_candidates(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    budget: int,
    changes: Changes,
    too_large_before: pa.Table,
) -> tuple[pa.Table, Flags]:
    """Write the pairs worth comparing to the table `found`: join_key_l, join_key_r, uses.

    Two records are compared when they agree in one of the grain's reasons. A reason is used up to
    the largest group with which it stays within `budget` pairs: a family name that thousands share
    says nothing, and comparing them all would take days. That is what blocking can reach.

    Returns the groups that are too large (reason, value as a hash), and by record number whether
    the record is redone: pairs of two records that are not are candidates if they were, and are not
    written. `too_large_before` is what the earlier build returned.
    """
    con.execute("create table found (join_key_l integer, join_key_r integer, uses integer)")
    hashes = ", ".join(
        f"case when ({reason}) is not null then hash({reason}) end as reason_{position}"
        for position, reason in enumerate(grain.reasons.values())
    )
    con.execute(
        "create temp table reasons as select record_number::integer as record_number, "
        f"cluster::integer as cluster, {hashes} from records"
    )
    con.register("touched", pa.table({"record_number": changes.touched}))
    con.register("too_large_before", too_large_before)
    con.execute(
        "create temp table redone as select record_number::integer as record_number from touched"
    )
    con.execute("create temp table too_large (reason varchar, value ubigint)")
    (last, count) = con.execute("select max(record_number), count(*) from reasons").fetchall()[0]
    is_anew = changes.touched.size > LARGEST_CHANGE * count
    largest = {}
    for position, reason in enumerate(grain.reasons):
        largest[reason] = _largest_group(con, position, budget)
        con.execute(
            "insert into too_large select $reason, value from group_sizes where size > $largest",
            {"reason": reason, "largest": largest[reason]},
        )
        if is_anew:
            _write_all(con, position, largest[reason])
        else:
            _note_turned(con, position, reason, largest[reason])
    redone = np.full(last + 1, is_anew)
    if not is_anew:
        redone[con.execute("from redone").fetchnumpy()["record_number"]] = True
        con.execute(
            "create temp table redone_reasons as "
            "from reasons semi join redone using (record_number)"
        )
        for position, reason in enumerate(grain.reasons):
            _write_redone(con, position, largest[reason])
        con.execute("drop table redone_reasons")
    groups = con.execute("from too_large order by all").to_arrow_table()
    for table in ("reasons", "group_sizes", "redone", "too_large"):
        con.execute(f"drop table {table}")
    for view in ("touched", "too_large_before"):
        con.unregister(view)
    return groups, redone


def _largest_group(con: duckdb.DuckDBPyConnection, position: int, budget: int) -> int:
    """Write `group_sizes`, groups of which pairs can be made; return the largest size in use."""
    con.execute(
        f"""
        create or replace temp table group_sizes as
        select reason_{position} as value, count(*) as size
        from reasons
        where value is not null
        group by value having count(*) > 1 and min(cluster) != max(cluster)
        """
    )
    (size,) = con.execute(
        """
        select coalesce(max(size), 0)
        from (
            select size, sum(sum(size * (size - 1) / 2)) over (order by size) as pairs
            from group_sizes group by size
        )
        where pairs <= ?
        """,
        [budget],
    ).fetchone() or (0,)
    return int(size)


def _write_all(con: duckdb.DuckDBPyConnection, position: int, largest: int) -> None:
    con.execute(
        f"""
        insert into found
        select one.record_number, other.record_number, {CANDIDATE}
        from group_sizes
        inner join reasons as one on value = one.reason_{position}
        inner join reasons as other on value = other.reason_{position}
        where one.record_number < other.record_number and one.cluster != other.cluster
          and size <= {largest}
        """
    )


def _note_turned(con: duckdb.DuckDBPyConnection, position: int, reason: str, largest: int) -> None:
    """Add to `redone` who is in a group that became too large, or ceased to be."""
    con.execute(
        f"""
        insert into redone
        select record_number
        from reasons
        where reason_{position} in (
            select value
            from group_sizes
            where (size > $largest)
                != (value in (select value from too_large_before where reason = $reason))
        )
        """,
        {"reason": reason, "largest": largest},
    )


def _write_redone(con: duckdb.DuckDBPyConnection, position: int, largest: int) -> None:
    """Write the pairs with a redone record."""
    # Groups that are too large are left out before pairs are made.
    con.execute(
        f"""
        create or replace temp table members as
        with near as materialized (
            select record_number, cluster, reason_{position} as value
            from reasons
            where value in (select reason_{position} from redone_reasons)
        ),
        used as (
            select value from near group by value having count(*) <= $largest
        )
        select *, record_number in (from redone) as is_redone
        from near semi join used using (value)
        """,
        {"largest": largest},
    )
    con.execute(
        f"""
        insert into found
        select one.record_number, other.record_number, {CANDIDATE}
        from members as one
        inner join members as other using (value)
        where one.record_number < other.record_number and one.cluster != other.cluster
          and (one.is_redone or other.is_redone)
        """
    )
    con.execute("drop table members")
