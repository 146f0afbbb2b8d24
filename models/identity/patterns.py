"""How the attributes of two records agree: what comparing them gave, kept from build to build.

Belongs here: the pattern of levels of every pair that is worth comparing, and which pairs it leaves
a chance to match. Does not: levels (`comparisons`), which pairs there are, weights and scores
(`matching`).

Most of the work of matching is comparing texts. What it gives depends on nothing but the levels and
what the two records state, unlike weights, which every new record moves a little. So patterns are
kept under hashes of both, and a day of deltas compares only pairs with a record that it touched.
"""

import re
from collections.abc import Mapping, Sequence
from math import log2

import duckdb
import pyarrow as pa

from models.identity.comparisons import Attribute

NO_PATTERNS = pa.table(
    {
        "contents": pa.array([], pa.uint64()),
        "pattern": pa.array([], pa.int32()),
    }
)
_LEVELS = 16  # more than any attribute has: a pattern is a number with a digit per attribute
_SLACK = 0.001  # bits; Splink adds the same weights in another order


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], kept: pa.Table
) -> None:
    """Turn the table `found` into `compared`: a row per pair, its uses together, its pattern.

    `kept` is what `patterns_to_keep` returned in an earlier build. A pair is found there by a hash
    of what is compared and how, and of all that each record states.
    """
    expressions = [_digit(attribute) for attribute in attributes]
    pattern = " + ".join(
        f"{expression} * {_LEVELS**position}" for position, expression in enumerate(expressions)
    )
    needed = sorted(set(re.findall(r"\b(\w+)_[lr]\b", pattern)) & _columns(con))
    con.execute(
        "create or replace temp table contents as select record_number::integer as record_number, "
        f"hash($pattern, {', '.join(needed)}) as content from records",
        {"pattern": pattern},
    )
    con.register("kept_patterns", kept)
    con.execute(
        """
        create or replace table compared as
        select join_key_l, join_key_r, uses, pairs.contents, pattern
        from (
            select join_key_l, join_key_r, uses, hash(a.content, b.content) as contents
            from (
                select join_key_l, join_key_r, bit_or(uses) as uses
                from found group by join_key_l, join_key_r
            )
            inner join contents as a on join_key_l = a.record_number
            inner join contents as b on join_key_r = b.record_number
        ) as pairs
        left join kept_patterns using (contents)
        """
    )
    con.unregister("kept_patterns")
    con.execute("drop table found")
    con.execute("drop table contents")
    # A table of its own: with the filter in the statement below DuckDB joined the other way round
    # and compared twice as long.
    con.execute("create or replace temp table new as from compared where pattern is null")
    con.execute("delete from compared where pattern is null")
    sides = ", ".join(f"{side}.{column} as {column}_{side}" for column in needed for side in "lr")
    con.execute(
        f"""
        insert into compared
        select join_key_l, join_key_r, uses, contents, ({pattern})::integer
        from (
            select new.*, {sides}
            from new
            inner join records as l on join_key_l = l.record_number
            inner join records as r on join_key_r = r.record_number
        )
        """
    )
    con.execute("drop table new")


def count_patterns(con: duckdb.DuckDBPyConnection, use: int) -> dict[int, int]:
    """Return how many of the compared pairs of a use show each pattern."""
    return dict(
        con.execute(
            "select pattern, count(*) from compared where uses & ? != 0 group by pattern", [use]
        ).fetchall()
    )


def level_of(pattern: int, position: int) -> int:
    """Return the level, from 1, of the attribute at a position; 0 where it is unknown."""
    return pattern >> 4 * position & _LEVELS - 1


def write_training_vectors(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], use: int
) -> None:
    """Write `training_vectors`, what Splink trains on: a row per pair of a use, sorted."""
    con.execute(
        f"""
        create or replace table training_vectors as
        select {_vector(attributes)}
        from (
            select pattern, unnest(range(count(*)))
            from compared where uses & {use} != 0
            group by pattern order by pattern
        )
        """
    )


def patterns_to_keep(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return what `compare_pairs` found, for the next build: contents (a hash of both), pattern."""
    # Records that state the same have one pattern.
    return con.execute("select distinct contents, pattern from compared").to_arrow_table()


def write_likely_vectors(
    con: duckdb.DuckDBPyConnection,
    attributes: Sequence[Attribute],
    parameters: Mapping[tuple[str, str], tuple[float, float]],
    prior: float,
    least_probability: float,
    use: int,
) -> None:
    """Write `likely_vectors`, what Splink scores: the pairs of a use that have a chance.

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
    for pattern in count_patterns(con, use):
        fixed = sum(each[level_of(pattern, at)] for at, each in enumerate(weights))
        counts = [int(level_of(pattern, at) == number) for at, number, _ in rarities]
        rarest = (
            -n * log2(level.least_frequency)
            for n, (*_, level) in zip(counts, rarities, strict=True)
        )
        if fixed + sum(rarest) >= bound:
            hopeful.append((pattern, fixed, *counts))
    columns = [level.frequency_of for *_, level in rarities]
    con.execute(
        "create or replace table hopeful (pattern integer, fixed double"
        + "".join(f", counts_{column} tinyint" for column in columns)
        + ")"
    )
    if hopeful:
        con.executemany(f"insert into hopeful values (?, ?{', ?' * len(columns)})", hopeful)
    for column in columns:
        con.execute(
            f"create or replace table shares_of_{column} as "
            f"select {column}, count(*) / sum(count(*)) over () as share from records "
            f"where {column} is not null group by {column}"
        )
    # Frequencies weigh where both records state the same value: that of one is that of the other.
    shares = "".join(
        f", shares_of_{c}.share as tf_{c}_l, shares_of_{c}.share as tf_{c}_r" for c in columns
    )
    joins = " ".join(f"left join shares_of_{c} on l.{c} = shares_of_{c}.{c}" for c in columns)
    rarity = "".join(
        f" - counts_{level.frequency_of} * log2(greatest(coalesce("
        f"shares_of_{level.frequency_of}.share, 1), {level.least_frequency}))"
        for *_, level in rarities
    )
    con.execute(
        f"""
        create or replace table likely_vectors as
        select join_key_l as record_number_l, join_key_r as record_number_r, '0' as match_key,
               {_vector(attributes)} {shares}
        from compared
        inner join hopeful using (pattern)
        inner join records as l on join_key_l = l.record_number
        {joins}
        where uses & {use} != 0 and fixed{rarity} >= {bound}
        """
    )


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
