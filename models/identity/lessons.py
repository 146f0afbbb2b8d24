"""The pairs that teach the model: which they are, and what of them a day leaves alone.

Belongs here: drawing them by lot. Does not: comparing them (`patterns`), learning (`matching`).

A training learns from pairs that agree in its columns. They are drawn as whole groups, those with
the smallest hashes of what they agree in, until they are enough: what other groups state does not
move that order. So a group stays drawn, with the patterns of its pairs, until one of its records
changes. A few more groups than needed are kept, up to a share of all hashes that moves in steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2

import duckdb
import numpy as np
import pyarrow as pa

from models.identity.changes import Changes
from models.identity.comparisons import Attribute, Grain
from models.identity.kept_pairs import LESSON, Kept, is_full_of_holes, replace_kept

RANDOM = 0  # the training whose pairs show what random pairs show; others count from 1
SAMPLE_RECORDS = 500  # of random pairs for u: 125,000, in which one in fifty thousand shows
TRAINING_PAIRS = 100_000  # per training; more moves m in the third digit
TRAINING_CROWD = 600  # records of a group that are looked at: 180,000 pairs, enough for a training
LEAST_TRAINING_PAIRS = 50  # fewer train noise
FIRST_SHARE = 0.5  # of the groups, in which these pairs are looked for first
STEPS = 2  # of the share that is kept, for every halving
_HASHES = 2.0**64


@dataclass(frozen=True)
class Lesson:
    """The kept pairs of a training: those that agree in `columns`, up to a hash."""

    columns: tuple[str, ...]
    training: int
    last_value: int

    def pairs(self, kept: Kept) -> str:
        """Return SQL that gives these pairs."""
        return (
            f"from {kept.lessons} where training = {self.training} "
            f"and value <= {self.last_value}::ubigint"
        )


def random_pairs(kept: Kept) -> str:
    """Return SQL that gives the pairs of records drawn at random."""
    return f"from {kept.lessons} where training = {RANDOM}"


def hashes_of_trainings(grain: Grain, seed: int) -> str:
    """Return SQL of a column per training, training_1 and so on; NULL where a part is missing."""
    return ", ".join(
        f"case when {' is not null and '.join(columns)} is not null "
        f"then hash({', '.join(columns)}, {seed}) end as training_{training}"
        for training, columns in enumerate(grain.training, 1)
    )


def draw_lessons(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    attributes: Sequence[Attribute],
    filled: frozenset[str],
    kept: Kept,
    changes: Changes,
    seed: int,
) -> list[Lesson]:
    """Bring the kept lessons up to date, but for the pairs that have to be compared for it.

    These go to the tables `found`, and `drawn`: training, value, record_number_a, record_number_b.
    What is kept of records is up to date. Lessons with a touched or gone record, or without a
    pattern, are drawn anew with their group.
    """
    con.execute(
        "create table drawn (training integer, value ubigint, "
        "record_number_a integer, record_number_b integer)"
    )
    shares = dict(con.execute(f"from {kept.lots}").fetchall())
    _take_changed_out(con, kept, changes, shares)
    _draw_random(con, kept, seed)
    lessons = []
    for training, columns in enumerate(grain.training, 1):
        # Attributes made of the columns themselves always agree here and teach nothing.
        if not filled.issuperset(columns) or not any(
            set(columns).isdisjoint(attribute.needs) for attribute in attributes
        ):
            _forget(con, kept, training)
            shares.pop(training, None)
            continue
        _draw_groups(con, kept, training, seed)
        last_value, pairs = _last_group(con, kept, training)
        if pairs < TRAINING_PAIRS and shares.get(training, 0.0) < 1:
            _forget(con, kept, training)
            shares[training] = _choose_groups(con, kept, training)
            _draw_groups(con, kept, training, seed)
            last_value, pairs = _last_group(con, kept, training)
        share = _kept_share(last_value) if pairs >= TRAINING_PAIRS else 1.0
        if share < shares[training]:
            _forget(con, kept, training, beyond=share)
            shares[training] = share
        if pairs >= LEAST_TRAINING_PAIRS:
            lessons.append(Lesson(columns, training, last_value))
    con.execute("drop table redrawn")
    con.execute(f"delete from {kept.lots}")
    for training_and_share in sorted(shares.items()):
        con.execute(f"insert into {kept.lots} values (?, ?)", training_and_share)
    con.execute(f"insert into found select record_number_a, record_number_b, {LESSON} from drawn")
    return lessons


def _take_changed_out(
    con: duckdb.DuckDBPyConnection, kept: Kept, changes: Changes, shares: Mapping[int, float]
) -> None:
    """Take the lessons out that are drawn anew; write their groups to `redrawn`."""
    if is_full_of_holes(con, kept.lessons):
        replace_kept(con, kept.lessons, f"from {kept.lessons}")
    leaving = np.union1d(changes.gone, changes.touched).astype(np.int32)
    con.register("leaving", pa.table({"record_number": leaving}))
    left = con.execute(
        f"delete from {kept.lessons} where record_number_a in (from leaving) "
        "or record_number_b in (from leaving) or pattern is null returning training, value"
    ).to_arrow_table()
    con.register("left_lessons", left)
    con.execute(
        f"create table touched as from {kept.reasons} where record_number in (from leaving)"
    )
    of_touched = "".join(
        f" union select {training}, training_{training} from touched "
        f"where training_{training} <= {share * _HASHES}::double"
        for training, share in shares.items()
    )
    con.execute(
        "create table redrawn as select training, value from left_lessons "
        f"where training != {RANDOM}{of_touched}"
    )
    con.execute("drop table touched")
    for view in ("leaving", "left_lessons"):
        con.unregister(view)
    con.execute(f"delete from {kept.lessons} where (training, value) in (from redrawn)")


def _draw_random(con: duckdb.DuckDBPyConnection, kept: Kept, seed: int) -> None:
    """Draw the pairs of records drawn at random that are no lessons yet."""
    con.execute(
        f"""
        create table sampled as select record_number::integer as record_number from records
        order by hash(record_number, {seed}), record_number limit {SAMPLE_RECORDS}
        """
    )
    con.execute(
        f"delete from {kept.lessons} where training = {RANDOM} and not ("
        "record_number_a in (from sampled) and record_number_b in (from sampled))"
    )
    con.execute(
        f"""
        insert into drawn
        select {RANDOM}, 0, one.record_number, other.record_number
        from sampled as one
        inner join sampled as other on one.record_number < other.record_number
        where (one.record_number, other.record_number) not in (
            select (record_number_a, record_number_b)
            from {kept.lessons} where training = {RANDOM}
        )
        """
    )
    con.execute("drop table sampled")


def _choose_groups(con: duckdb.DuckDBPyConnection, kept: Kept, training: int) -> float:
    """Write groups to `redrawn` that have enough pairs; return the share that they are taken from.

    In the order of the hash: mostly those with the smaller ones are enough.
    """
    for limit in (FIRST_SHARE, 1.0):
        con.execute(
            f"""
            create or replace table groups as
            select training_{training} as value, count(*) as size
            from {kept.reasons}
            where value <= {limit * _HASHES}::double
            group by value having count(*) > 1
            """
        )
        last_value, pairs = _last_of(
            "select value, size * (size - 1) // 2 as pairs from groups", con
        )
        if pairs >= TRAINING_PAIRS:
            share = _kept_share(last_value)
            break
    else:
        share = 1.0
    con.execute(
        f"insert into redrawn select {training}, value from groups "
        f"where value <= {share * _HASHES}::double"
    )
    con.execute("drop table groups")
    return share


def _kept_share(last_value: int) -> float:
    """Return the share of all hashes that is kept where those up to one teach."""
    steps = ceil(STEPS * log2(max(last_value, 1) / _HASHES))
    return float(2.0 ** (min(steps, 0) / STEPS))


def _draw_groups(con: duckdb.DuckDBPyConnection, kept: Kept, training: int, seed: int) -> None:
    """Draw all pairs of the groups of a training in `redrawn`; of a crowd, of some that belong."""
    con.execute(
        f"""
        insert into drawn
        with members as (
            select record_number, training_{training} as value
            from {kept.reasons}
            where value in (select value from redrawn where training = {training})
            qualify row_number() over (
                partition by value order by hash(record_number, {seed}), record_number
            ) <= {TRAINING_CROWD}
        )
        select {training}, value, one.record_number, other.record_number
        from members as one inner join members as other using (value)
        where one.record_number < other.record_number
        """
    )


def _last_group(con: duckdb.DuckDBPyConnection, kept: Kept, training: int) -> tuple[int, int]:
    """Return the last group that a training needs, and how many pairs it has so far."""
    pairs = " union all ".join(
        f"select value from {table} where training = {training}"
        for table in (kept.lessons, "drawn")
    )
    return _last_of(f"select value, count(*) as pairs from ({pairs}) group by value", con)


def _last_of(groups: str, con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the hash up to which groups have pairs enough, and how many these have; 0 of none."""
    found = con.execute(
        f"""
        select max(value), max(so_far)
        from (select *, sum(pairs) over (order by value) as so_far from ({groups}))
        where so_far - pairs < {TRAINING_PAIRS}
        """
    ).fetchall()[0]
    return found[0] or 0, int(found[1] or 0)


def _forget(
    con: duckdb.DuckDBPyConnection, kept: Kept, training: int, *, beyond: float = -1.0
) -> None:
    """Leave out the lessons of a training whose groups have hashes beyond a share; all if none."""
    for table in (kept.lessons, "drawn"):
        con.execute(
            f"delete from {table} where training = {training} "
            f"and value > {beyond * _HASHES}::double"
        )
