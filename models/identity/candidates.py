"""Which pairs of records are worth comparing; of an earlier build's, only what a change touches.

Belongs here: the pairs that agree in one of the grain's reasons, how many records agree in each.
Does not: the reasons (`comparisons`), what changed (`changes`), how pairs agree (`patterns`).

Whether a pair is a candidate depends on what its two records state, on whether rules have joined
them, and on how many records share what they agree in. So a pair stays what it was unless one of
its records is redone: because it or its cluster is not what it was, or because it belongs to a
group that became too large for its reason, or ceased to be.

Groups are counted in the same way: what every record agrees in is kept, as hashes, with how many
groups there are of each size. A day counts the groups that its records came to or left.
"""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from models.identity.changes import Changes, Flags
from models.identity.comparisons import Grain
from models.identity.kept_pairs import CANDIDATE, Kept, is_full_of_holes
from models.identity.lessons import hashes_of_trainings
from models.identity.tight_pairs import count_tight_pairs, hashes_of_rules

# Share of the records from which on all of them are redone: telling them apart costs more.
LARGEST_CHANGE = 0.2


def find_candidates(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    kept: Kept,
    budget: int,
    changes: Changes,
    too_large_before: pa.Table,
    tight: Sequence[int],
    seed: int,
) -> tuple[pa.Table, Flags]:
    """Write the pairs worth comparing to the table `found`: join_key_l, join_key_r, uses.

    Two records are compared when they agree in one of the grain's reasons. A reason is used up to
    the largest group with which it stays within `budget` pairs: a family name that thousands share
    says nothing, and comparing them all would take days. That is what blocking can reach.

    Returns the groups that are too large (reason, value as a hash), and by record number whether
    the record is redone: pairs of two records that are not are candidates if they were, and are not
    written. `too_large_before` is what the earlier build returned; what that one kept of reasons
    and sizes is brought up to date, and how many pairs the `tight` rules find, by position. `seed`
    is that of the lots by which lessons are drawn.
    """
    con.execute("create table found (join_key_l integer, join_key_r integer, uses integer)")
    (last, count) = con.execute("select max(record_number), count(*) from records").fetchall()[0]
    is_anew = changes.touched.size > LARGEST_CHANGE * count
    is_counted_anew = is_anew or changes.is_renumbered or is_full_of_holes(con, kept.reasons)
    con.register("touched", pa.table({"record_number": changes.touched.astype(np.int32)}))
    con.register("too_large_before", too_large_before)
    con.execute("create temp table too_large (reason varchar, value ubigint)")
    con.execute("create temp table sizes (reason varchar, size bigint, groups bigint)")
    if is_counted_anew:
        con.execute(f"create or replace table {kept.reasons} as {_reasons(grain, seed)}")
        count_tight_pairs(con, kept, tight, is_anew=True)
        counted = set(grain.reasons)
    else:
        con.execute(f"insert into sizes from {kept.sizes}")
        _take_touched_out(con, grain, kept, changes, seed)
        counted = _count_touched_groups(con, grain, kept, budget)
        count_tight_pairs(con, kept, tight, is_anew=False)
        con.execute(f"insert into {kept.reasons} from came")
    for position, reason in enumerate(grain.reasons):
        if reason in counted:
            _count_groups(con, kept, position, reason, budget, is_anew)
    redone = np.full(last + 1, is_anew)
    if not is_anew:
        _note_redone(con, grain, kept)
        redone[con.execute("from redone").fetchnumpy()["record_number"]] = True
        _write_redone(con, grain, kept)
    con.execute(
        f"create or replace table {kept.sizes} as select reason, size, sum(groups)::bigint as "
        "groups from sizes group by reason, size having sum(groups) != 0"
    )
    groups = con.execute("from too_large order by all").to_arrow_table()
    for table in (
        "too_large",
        "sizes",
        "group_sizes",
        "came",
        "went",
        "touched_groups",
        "redone",
        "members",
    ):
        con.execute(f"drop table if exists temp.{table}")
    for view in ("touched", "too_large_before"):
        con.unregister(view)
    return groups, redone


def _reasons(grain: Grain, seed: int, condition: str = "") -> str:
    """Return SQL of the kept reasons: hashes of what every record states, NULL where nothing."""
    hashes = ", ".join(
        f"case when ({reason}) is not null then hash({reason}) end as reason_{position}"
        for position, reason in enumerate(grain.reasons.values())
    )
    hashes += f", {hashes_of_rules(grain)}, {hashes_of_trainings(grain, seed)}"
    return (
        "select record_number::integer as record_number, cluster::integer as cluster, "
        f"{hashes} from (from records {condition}) "
        f"inner join (from clusters {condition}) using (record_number)"
    )


def _take_touched_out(
    con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept, changes: Changes, seed: int
) -> None:
    """Take out of the kept reasons what is to be made anew; write `came` and `went`."""
    touched = _reasons(grain, seed, "where record_number in (from touched)")
    con.execute(f"create temp table came as {touched}")
    leaving = np.union1d(changes.gone, changes.touched).astype(np.int32)
    con.register("leaving", pa.table({"record_number": leaving}))
    went = con.execute(
        f"delete from {kept.reasons} where record_number in (from leaving) returning *"
    ).to_arrow_table()
    con.unregister("leaving")
    con.register("went_rows", went)
    # A table: DuckDB hands conditions on such large numbers to Arrow, which cannot read them.
    con.execute("create temp table went as from went_rows")
    con.unregister("went_rows")


def _count_groups(
    con: duckdb.DuckDBPyConnection,
    kept: Kept,
    position: int,
    reason: str,
    budget: int,
    is_written: bool,
) -> None:
    """Count all groups of a reason of which pairs can be made; write those that are too large.

    The pairs of the others are written where wanted.
    """
    con.execute(
        f"""
        create or replace temp table group_sizes as
        select reason_{position} as value, count(*) as size
        from {kept.reasons}
        where value is not null
        group by value having count(*) > 1 and min(cluster) != max(cluster)
        """
    )
    con.execute("delete from sizes where reason = ?", [reason])
    con.execute(
        "insert into sizes select ?, size, count(*) from group_sizes group by size", [reason]
    )
    largest = _largest_groups(con, budget).get(reason, 0)
    con.execute(
        "insert into too_large select $reason, value from group_sizes where size > $largest",
        {"reason": reason, "largest": largest},
    )
    if is_written:
        con.execute(
            f"""
            insert into found
            select one.record_number, other.record_number, {CANDIDATE}
            from group_sizes
            inner join {kept.reasons} as one on value = one.reason_{position}
            inner join {kept.reasons} as other on value = other.reason_{position}
            where one.record_number < other.record_number and one.cluster != other.cluster
              and size <= {largest}
            """
        )


def _count_touched_groups(
    con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept, budget: int
) -> set[str]:
    """Count the groups to which records came, or from which some went; write the too large ones.

    Returns the reasons of which nothing was written, as the largest size in use is another one by
    now: others have turned as well.
    """
    con.execute(
        "create temp table members (reason varchar, value ubigint, origin varchar, "
        "records bigint, first_cluster integer, last_cluster integer)"
    )
    for position, reason in enumerate(grain.reasons):
        of_group = (
            "count(*) as records, min(cluster) as first_cluster, max(cluster) as last_cluster"
        )
        con.execute(
            f"""
            insert into members by name
            with came_or_went as (
                select reason_{position} as value, 'came' as origin, {of_group}
                from came where value is not null group by value
                union all
                select reason_{position} as value, 'went' as origin, {of_group}
                from went where value is not null group by value
            )
            select $reason as reason, * from came_or_went
            union all
            select $reason as reason, reason_{position} as value, 'stays' as origin, {of_group}
            from {kept.reasons}
            where value in (select value from came_or_went)
            group by value
            """,
            {"reason": reason},
        )
    # Groups of one cluster make no pairs.
    size = (
        "case when min(first_cluster) filter (where {0}) != max(last_cluster) filter (where {0}) "
        "then sum(records) filter (where {0}) end"
    )
    con.execute(
        f"""
        create temp table touched_groups as
        select reason, value, {size.format("origin != 'came'")} as size_before,
               {size.format("origin != 'went'")} as size
        from members
        group by reason, value
        """
    )
    con.execute("drop table temp.members")
    con.execute(
        """
        insert into sizes
        select reason, size, sum(groups)
        from (
            select reason, size, 1 as groups from touched_groups
            union all
            select reason, size_before, -1 from touched_groups
        )
        where size is not null
        group by reason, size
        """
    )
    largest = _largest_groups(con, budget)
    con.register(
        "largest_groups",
        pa.table(
            {
                "reason": list(grain.reasons),
                "largest": [largest.get(reason, 0) for reason in grain.reasons],
            }
        ),
    )
    con.execute(
        f"""
        create temp table limits as
        select reason, largest, (
            select count(*) from too_large_before as too_large where reason = limits.reason
        ) != (
            select coalesce(sum(groups), 0) from {kept.sizes} as sizes
            where sizes.reason = limits.reason and size > largest
        ) as has_moved
        from largest_groups as limits
        """
    )
    con.unregister("largest_groups")
    con.execute(
        """
        insert into too_large
        select reason, value
        from too_large_before inner join limits using (reason)
        where not has_moved and (reason, value) not in (
            select (reason, value) from touched_groups
        )
        union all
        select reason, value
        from touched_groups inner join limits using (reason)
        where not has_moved and size > largest
        """
    )
    moved = con.execute("select reason from limits where has_moved").fetchall()
    con.execute("drop table temp.limits")
    return {reason for (reason,) in moved}


def _largest_groups(con: duckdb.DuckDBPyConnection, budget: int) -> dict[str, int]:
    """Return, by reason, the largest size with which it stays within the budget; none where 0."""
    return dict(
        con.execute(
            """
            select reason, max(size)
            from (
                select reason, size,
                       sum(sum(groups) * (size * (size - 1) // 2))
                           over (partition by reason order by size) as pairs
                from sizes group by reason, size
            )
            where pairs <= $budget
            group by reason
            """,
            {"budget": budget},
        ).fetchall()
    )


def _note_redone(con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept) -> None:
    """Write `redone`: touched records, and those of a group that became too large or ceased to be.

    Its columns are those of the kept reasons.
    """
    turned = con.execute(
        "(select reason, value from too_large_before except from too_large) "
        "union all (from too_large except select reason, value from too_large_before)"
    ).to_arrow_table()
    con.register("turned_groups", turned)
    reasons = set(turned["reason"].to_pylist())
    members = "".join(
        f" union all select record_number from {kept.reasons} "
        f"where reason_{position} in (select value from turned_groups where reason = '{reason}')"
        for position, reason in enumerate(grain.reasons)
        if reason in reasons
    )
    con.execute(f"create temp table redone_numbers as from touched{members}")
    con.execute(
        f"create temp table redone as from {kept.reasons} "
        "semi join redone_numbers using (record_number)"
    )
    con.execute("drop table temp.redone_numbers")
    con.unregister("turned_groups")


def _write_redone(con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept) -> None:
    """Write the pairs with a redone record."""
    con.execute(
        "create temp table members "
        "(reason varchar, value ubigint, record_number integer, cluster integer)"
    )
    for position, reason in enumerate(grain.reasons):
        # Groups that are too large, most of the records, are left out before any are collected.
        con.execute(
            f"""
            insert into members
            select $reason, reason_{position}, record_number, cluster
            from {kept.reasons}
            where reason_{position} in (
                select reason_{position} from redone
                except
                select value from too_large where reason = $reason
            )
            """,
            {"reason": reason},
        )
    con.execute(
        f"""
        insert into found
        with flagged as (
            select *, record_number in (select record_number from redone) as is_redone
            from members semi join (
                select reason, value from members
                group by reason, value having min(cluster) != max(cluster)
            ) using (reason, value)
        )
        select one.record_number, other.record_number, {CANDIDATE}
        from flagged as one
        inner join flagged as other using (reason, value)
        where one.record_number < other.record_number and one.cluster != other.cluster
          and (one.is_redone or other.is_redone)
        """
    )
