"""How the attributes of two records agree: what comparing them gave, kept from build to build.

Belongs here: the pattern of levels of every pair that is worth comparing, and which pairs it leaves
a chance to match. Does not: levels (`comparisons`), which pairs there are (`candidates`), weights
and scores (`matching`), where patterns lie between builds (`kept_pairs`).

Most of the work of matching is comparing texts. What it gives depends on nothing but the levels and
what the two records state, unlike weights, which every new record moves a little. So patterns are
kept with a hash of both, and a day of deltas compares only pairs with a record that it touched.
"""

import re
from collections.abc import Mapping, Sequence
from math import log2

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.identity.changes import Ints
from models.identity.comparisons import Attribute, Grain
from models.identity.guards import columns_of, conditions_of, flags_of
from models.identity.kept_pairs import (
    CANDIDATE,
    Kept,
    candidates_among,
    is_full_of_holes,
    replace_kept,
)
from models.identity.lessons import hashes_of_trainings

_LEVELS = 16  # more than any attribute has: a pattern is a number with a digit per attribute
_SLACK = 0.001  # bits; Splink adds the same weights in another order
# A pair found for some uses is one number: two record numbers of 30 bits, a bit per use.
_NUMBER_BITS, _USES_BITS = 30, 2

# What is compared although no column of the records says it: made for records to compare only.
_DERIVED = {
    "house_number": "regexp_extract(street, '^[0-9]+')",
    "mailbox_digits": "regexp_replace(email_name, '[^0-9]+', '', 'g')",
    "is_mailbox_name": "contains(regexp_replace(email_name, '[^a-z]+', '', 'g'), family_name) "
    "or contains(regexp_replace(email_name, '[^a-z]+', '', 'g'), given_name) "
    "and length(given_name) > 2",
}


def describe_contents(
    con: duckdb.DuckDBPyConnection,
    cluster: Ints,
    grain: Grain,
    attributes: Sequence[Attribute],
    seed: int,
) -> pa.Table:
    """Return what of the table `records` is to be kept; columns as in `kept_pairs`.

    `cluster` as for `matching.match_records`.
    """
    code = (
        f"{_pattern(attributes)} {_DERIVED} {sorted(grain.reasons.items())} {conditions_of(grain)} "
        f"{hashes_of_trainings(grain, seed)}"
    )
    _, stated = _needed(con, attributes)
    in_reasons = set(re.findall(r"\w+", " ".join(grain.reasons.values()))) & _columns(con)
    # Which domains are those of firms, others decide. It says something of pairs of one domain
    # only, and `take_out` looks after these.
    columns = {*stated, *in_reasons, *columns_of(grain)} - {"work_domain"}
    described = con.execute(
        "select record_number::integer as record_number, "
        f"hash($code, {', '.join(sorted(columns))}) as content "
        "from records",
        {"code": code},
    ).to_arrow_table()
    of_record = cluster[described["record_number"].to_numpy() - 1].astype(np.int32)
    return described.add_column(1, "cluster", pa.array(of_record))


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], kept: Kept
) -> None:
    """Add the pairs of the table `found` to those that are kept, with their patterns.

    Which are found more than once is one pair, with all its uses. The patterns of those in the
    table `known` are known; the others are compared. `drawn` tells the lessons. Candidates of
    patterns that are known to be hopeful go to the table `came`, too; these patterns are in
    `hopeful_before`.
    """
    pairs, uses = _found_pairs(con)
    con.register(
        "pairs",
        pa.table(
            {
                "record_number_a": (pairs >> _NUMBER_BITS).astype(np.int32),
                "record_number_b": (pairs & (1 << _NUMBER_BITS) - 1).astype(np.int32),
                "uses": uses,
            }
        ),
    )
    del pairs, uses
    con.execute(
        """
        create table compared as
        select record_number_a, record_number_b, uses, pattern
        from pairs inner join known using (record_number_a, record_number_b)
        """
    )
    con.execute(
        "create table new as select record_number_a as l, record_number_b as r, uses "
        "from pairs anti join known using (record_number_a, record_number_b)"
    )
    con.unregister("pairs")
    con.execute("drop table known")
    needed, _ = _needed(con, attributes)
    con.execute(
        f"""
        create table described as
        select record_number,
               {", ".join(f"{_DERIVED.get(column, column)} as {column}" for column in needed)}
        from (
            from records
            where record_number in (select l from new union all select r from new)
        )
        """
    )
    sides = ", ".join(f"{side}.{column} as {column}_{side}" for column in needed for side in "lr")
    con.execute(
        f"""
        insert into compared
        select l, r, uses, ({_pattern(attributes)})::integer
        from (
            select new.l, new.r, uses, {sides}
            from new
            inner join described as l on new.l = l.record_number
            inner join described as r on new.r = r.record_number
        )
        """
    )
    for table in ("new", "described"):
        con.execute(f"drop table {table}")
    con.execute(
        f"insert into {kept.candidates} select record_number_a, record_number_b, pattern, 1 "
        f"from compared where uses & {CANDIDATE} != 0"
    )
    con.execute(
        f"insert into {kept.lessons} by name select * exclude (uses) "
        "from drawn inner join compared using (record_number_a, record_number_b)"
    )
    con.execute("drop table drawn")
    replace_kept(
        con,
        kept.patterns,
        f"""
        select pattern, sum(pairs) as pairs
        from (
            from {kept.patterns}
            union all
            select pattern, count(*) from compared where uses & {CANDIDATE} != 0 group by pattern
        )
        group by pattern having sum(pairs) != 0
        """,
    )
    con.execute(f"create table hopeful_before as select distinct pattern from {kept.hopeful}")
    con.execute(
        "create table came as select record_number_a, record_number_b, pattern from compared "
        f"semi join hopeful_before using (pattern) where uses & {CANDIDATE} != 0"
    )
    con.execute("drop table compared")


def _pattern(attributes: Sequence[Attribute]) -> str:
    """Return SQL that numbers how two records agree."""
    return " + ".join(
        f"{_digit(attribute)} * {_LEVELS**position}"
        for position, attribute in enumerate(attributes)
    )


def _needed(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute]
) -> tuple[list[str], list[str]]:
    """Return what comparing looks at, and the columns of the records that this is made of."""
    columns = _columns(con)
    words = set(re.findall(r"\b(\w+)_[lr]\b", _pattern(attributes)))
    needed = sorted(words & (columns | _DERIVED.keys()))
    stated = {
        word for column in needed for word in re.findall(r"\w+", _DERIVED.get(column, column))
    }
    return needed, sorted(stated & columns)


def _found_pairs(con: duckdb.DuckDBPyConnection) -> tuple[Ints, npt.NDArray[np.int16]]:
    """Return every pair of the table `found` once, as one number, sorted, with all of its uses."""
    found: Ints = np.sort(
        con.execute(
            f"select (join_key_l::bigint * {1 << _NUMBER_BITS} + join_key_r) * {1 << _USES_BITS} "
            "+ uses from found"
        )
        .to_arrow_table()[0]
        .to_numpy()
    )
    con.execute("drop table found")
    pairs = found >> _USES_BITS
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1])[: pairs.size])
    uses = (found & (1 << _USES_BITS) - 1).astype(np.int16)
    return pairs[first], np.bitwise_or.reduceat(uses, first) if first.size else uses


def count_patterns(con: duckdb.DuckDBPyConnection, pairs: str) -> dict[int, int]:
    """Return how many of these pairs, SQL that gives rows with a pattern, show each pattern."""
    return dict(con.execute(f"select pattern, count(*) from ({pairs}) group by pattern").fetchall())


def level_of(pattern: int, position: int) -> int:
    """Return the level, from 1, of the attribute at a position; 0 where it is unknown."""
    return pattern >> 4 * position & _LEVELS - 1


def write_training_vectors(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], pairs: str
) -> None:
    """Write `training_vectors`, what Splink trains on: a row per pair, sorted.

    `pairs` is SQL that gives rows with a pattern.
    """
    con.execute(
        f"""
        create or replace table training_vectors as
        select {_vector(attributes)}
        from (
            select pattern, unnest(range(count(*)))
            from ({pairs})
            group by pattern order by pattern
        )
        """
    )


def write_likely_vectors(
    con: duckdb.DuckDBPyConnection,
    grain: Grain,
    attributes: Sequence[Attribute],
    parameters: Mapping[tuple[str, str], tuple[float, float]],
    prior: float,
    least_probability: float,
    kept: Kept,
    counts: Mapping[int, int],
) -> None:
    """Write the kept candidates that have a chance, and what Splink scores of them.

    `counts` says how many candidates show each pattern.

    `likely_pairs`: record_number_a, record_number_b, pattern, flags (`guards.flags_of`), vector: a
    hash of the way in which they agree. `ways` has each once, `likely_vectors` what Splink is given
    of it; equally frequent values are one.

    The weight is the one that Splink gives, the frequency of the value in which both agree
    included: what is left out would have scored below `least_probability`.
    """
    bound = log2(least_probability / (1 - least_probability)) - log2(prior / (1 - prior)) - _SLACK
    rarities = [
        (position, number, level)
        for position, attribute in enumerate(attributes)
        for number, level in enumerate(attribute.levels, 1)
        if level.frequency_of
    ]
    # What a level weighs, without the rarity of the value where that counts.
    weights = [
        [0.0]
        + [
            log2(m) if level.frequency_of else log2(m / u)
            for level in attribute.levels
            for m, u in [parameters[(attribute.name, level.name)]]
        ]
        for attribute in attributes
    ]
    # Most patterns are hopeless whatever the values, and there are few of them.
    hopeful = []
    for pattern in counts:
        fixed = sum(each[level_of(pattern, at)] for at, each in enumerate(weights))
        agrees = [int(level_of(pattern, at) == number) for at, number, _ in rarities]
        rarest = (
            -n * log2(level.least_frequency)
            for n, (*_, level) in zip(agrees, rarities, strict=True)
        )
        if fixed + sum(rarest) >= bound:
            hopeful.append((pattern, fixed, *agrees))
    columns = [level.frequency_of for *_, level in rarities]
    names = ["pattern", "fixed", *(f"counts_{column}" for column in columns)]
    types = [pa.int32(), pa.float64(), *(pa.int8() for _ in columns)]
    con.register(
        "hopeful_rows",
        pa.table(
            {
                name: pa.array([row[at] for row in hopeful], kind)
                for at, (name, kind) in enumerate(zip(names, types, strict=True))
            }
        ),
    )
    con.execute("create or replace table hopeful as from hopeful_rows")
    con.unregister("hopeful_rows")
    _keep_hopeful(con, grain, kept)
    for *_, level in rarities:
        con.execute(
            f"""
            create or replace table shares_of_{level.frequency_of} as
            select value, share, -log2(share) as bits
            from (
                select {level.frequency_of} as value,
                       greatest(count(*) / sum(count(*)) over (), {level.least_frequency}) as share
                from records
                where value is not null
                group by value
            )
            """
        )
    # By record first, for all of them: there are several pairs to each, and texts are dear to join.
    shares = "".join(
        f", shares_of_{c}.share as share_of_{c}, shares_of_{c}.bits as bits_of_{c}" for c in columns
    )
    joins = " ".join(f"left join shares_of_{c} on {c} = shares_of_{c}.value" for c in columns)
    # Frequencies weigh where both records state the same value: that of one is that of the other.
    weighed = "".join(
        f", case when counts_{c} != 0 then coalesce(share_of_{c}, 1) end as share_of_{c}"
        for c in columns
    )
    rarity = "".join(f" + counts_{c} * coalesce(bits_of_{c}, 0)" for c in columns)
    way = ", ".join(["pattern", *(f"share_of_{c}" for c in columns)])
    # In one statement: to write a table takes as long as to find its rows.
    con.execute(
        f"""
        create or replace table likely_pairs as
        with shares as (
            select record_number::integer as record_number {shares} from records {joins}
        ),
        weighed as (
            select record_number_a, record_number_b, flags, pattern {weighed}
            from {kept.hopeful} as pairs
            inner join hopeful using (pattern)
            inner join shares on record_number_a = shares.record_number
            where fixed{rarity} >= {bound}
        )
        select *, hash({way}) as vector from weighed
        """
    )
    # Many pairs agree in one way.
    con.execute(f"create or replace table ways as select distinct vector, {way} from likely_pairs")
    frequencies = "".join(f", share_of_{c} as tf_{c}_{side}" for c in columns for side in "lr")
    con.execute(
        f"""
        create or replace table likely_vectors as
        select vector as record_number_l, vector as record_number_r, '0' as match_key,
               {_vector(attributes)} {frequencies}
        from ways
        """
    )


def _keep_hopeful(con: duckdb.DuckDBPyConnection, grain: Grain, kept: Kept) -> None:
    """Keep the candidates of the patterns in the table `hopeful`, and what speaks against joining.

    Those of patterns that were hopeful before are there but for the table `came`.
    """
    if is_full_of_holes(con, kept.hopeful):
        replace_kept(con, kept.hopeful, f"from {kept.hopeful}")
    con.execute(f"delete from {kept.hopeful} where pattern not in (select pattern from hopeful)")
    con.execute("create table hopeful_pairs as from came semi join hopeful using (pattern)")
    # All candidates are looked through only where there is a pattern to look for.
    others = con.execute(
        "select pattern from hopeful anti join hopeful_before using (pattern) order by pattern"
    ).fetchnumpy()["pattern"]
    if others.size:
        con.execute(
            "insert into hopeful_pairs "
            + candidates_among(kept, f"where pattern in ({', '.join(map(str, others))})")
        )
    con.execute(
        f"""
        insert into {kept.hopeful}
        with described as (
            select record_number, {", ".join(sorted(columns_of(grain)))}
            from records
            where record_number in (
                select record_number_a from hopeful_pairs
                union all
                select record_number_b from hopeful_pairs
            )
        )
        select record_number_a, record_number_b, pattern, {flags_of(grain)}
        from hopeful_pairs
        inner join described as a on record_number_a = a.record_number
        inner join described as b on record_number_b = b.record_number
        """
    )
    for table in ("came", "hopeful_before", "hopeful_pairs"):
        con.execute(f"drop table {table}")


def _vector(attributes: Sequence[Attribute]) -> str:
    """Return SQL that spells a pattern as Splink does: the best level has the largest number."""
    return ", ".join(
        f"case when {digit} = 0 then -1 else {len(attribute.levels)} - {digit} end "
        f"as gamma_{attribute.name}"
        for position, attribute in enumerate(attributes)
        for digit in [f"(pattern // {_LEVELS**position} % {_LEVELS})"]
    )


def _digit(attribute: Attribute) -> str:
    """Return SQL that numbers the level at which two records agree; 0 where one states nothing."""
    whens = "".join(
        f" when {level.condition} then {number}"
        for number, level in enumerate(attribute.levels, 1)
        if level.condition != "ELSE"
    )
    return f"case when {attribute.unknown} then 0{whens} else {len(attribute.levels)} end"


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in con.execute("describe records").fetchall()}
