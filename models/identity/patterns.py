"""How the attributes of two records agree: what comparing them gave, kept from build to build.

Belongs here: the pattern of levels of every pair that is worth comparing, and which pairs it leaves
a chance to match. Does not: levels (`comparisons`), which pairs there are, weights and scores
(`matching`).

Most of the work of matching is comparing texts. What it gives depends on nothing but the levels and
what the two records state, unlike weights, which every new record moves a little. So patterns are
kept with a hash of both, and a day of deltas compares only pairs with a record that it touched.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.identity.comparisons import Attribute


@dataclass(frozen=True)
class Kept:
    """What `compare_pairs` found, for the next build.

    `contents`: record_number, content (a hash of what the record states and of how records are
    compared). `patterns`: record_number_a < record_number_b, pattern.
    """

    contents: pa.Table
    patterns: pa.Table


NOTHING_KEPT = Kept(
    pa.table({"record_number": pa.array([], pa.int32()), "content": pa.array([], pa.uint64())}),
    pa.table(
        {
            name: pa.array([], pa.int32())
            for name in ("record_number_a", "record_number_b", "pattern")
        }
    ),
)
_LEVELS = 16  # more than any attribute has: a pattern is a number with a digit per attribute
_SLACK = 0.001  # bits; Splink adds the same weights in another order
# A pair found for some uses is one number: two record numbers of 27 bits, a bit per use.
_NUMBER_BITS, _USES_BITS = 27, 9

# What is compared although no column of the records says it: made for records to compare only.
_DERIVED = {
    "house_number": "regexp_extract(street, '^[0-9]+')",
    "mailbox_digits": "regexp_replace(email_name, '[^0-9]+', '', 'g')",
    "is_mailbox_name": "contains(regexp_replace(email_name, '[^a-z]+', '', 'g'), family_name)",
}

Ints = npt.NDArray[np.int64]


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], kept: Kept
) -> Kept:
    """Turn the table `found` into `compared`: a row per pair, its uses together, its pattern.

    `kept` is what an earlier build returned here; what it knows is not compared again. Its records
    are those of today that state the same, whatever their numbers are by now.
    """
    expressions = [_digit(attribute) for attribute in attributes]
    pattern = " + ".join(
        f"{expression} * {_LEVELS**position}" for position, expression in enumerate(expressions)
    )
    needed = sorted(set(re.findall(r"\b(\w+)_[lr]\b", pattern)) & (_columns(con) | _DERIVED.keys()))
    stated = sorted(
        {word for column in needed for word in re.findall(r"\w+", _DERIVED.get(column, column))}
        & _columns(con)
    )
    contents = con.execute(
        "select record_number::integer as record_number, "
        f"hash($pattern, {', '.join(stated)}) as content from records order by record_number",
        {"pattern": pattern},
    ).to_arrow_table()
    pairs, uses = _found_pairs(con)
    patterns = _known_patterns(pairs, kept, contents)
    one = (pairs >> _NUMBER_BITS).astype(np.int32)
    other = (pairs & (1 << _NUMBER_BITS) - 1).astype(np.int32)
    del pairs  # of a million records ten million, of 8 bytes each
    new = np.flatnonzero(patterns < 0)
    con.register("new", pa.table({"place": new, "l": one[new], "r": other[new]}))
    con.execute(
        f"""
        create or replace temp table described as
        select record_number,
               {", ".join(f"{_DERIVED.get(column, column)} as {column}" for column in needed)}
        from (
            from records
            where record_number in (select l from new union all select r from new)
        )
        """
    )
    sides = ", ".join(f"{side}.{column} as {column}_{side}" for column in needed for side in "lr")
    compared = con.execute(
        f"""
        select place::integer as place, ({pattern})::integer as pattern
        from (
            select place, {sides}
            from new
            inner join described as l on new.l = l.record_number
            inner join described as r on new.r = r.record_number
        )
        """
    ).fetchnumpy()
    patterns[compared["place"]] = compared["pattern"]
    del compared
    con.unregister("new")
    con.execute("drop table described")
    found = pa.table({"record_number_a": one, "record_number_b": other, "pattern": patterns})
    con.register("all_pairs", found.append_column("uses", pa.array(uses)))
    con.execute("create or replace table compared as from all_pairs")
    con.unregister("all_pairs")
    return Kept(contents, found)


def _found_pairs(con: duckdb.DuckDBPyConnection) -> tuple[Ints, npt.NDArray[np.int32]]:
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
    first = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1]))
    uses = (found & (1 << _USES_BITS) - 1).astype(np.int32)
    return pairs[first], np.bitwise_or.reduceat(uses, first)


def _known_patterns(pairs: Ints, kept: Kept, contents: pa.Table) -> npt.NDArray[np.int32]:
    """Return what is known of the pairs, -1 where they must be compared."""
    today = _numbers_today(kept.contents, contents)
    one, other = (today[kept.patterns[f"record_number_{side}"].to_numpy()] for side in ("a", "b"))
    still = (one > 0) & (one < other)
    known = one[still] << _NUMBER_BITS | other[still]
    patterns = kept.patterns["pattern"].to_numpy()[still]
    if (known[1:] < known[:-1]).any():
        order = np.argsort(known)
        known, patterns = known[order], patterns[order]
    found = np.full(pairs.size, -1, dtype=np.int32)
    if known.size:
        at = np.minimum(np.searchsorted(known, pairs), known.size - 1)
        is_known = known[at] == pairs
        found[is_known] = patterns[at[is_known]]
    return found


def _numbers_today(before: pa.Table, now: pa.Table) -> Ints:
    """Return, by number before, the number of a record that states the same now; 0 for none.

    Of several that state the same the first is the first of today, and so on.
    """
    numbers = before["record_number"].to_numpy()
    today = np.zeros(numbers.max(initial=0) + 1, dtype=np.int64)
    _, at_before, at_now = np.intersect1d(
        _told_apart(before["content"].to_numpy()),
        _told_apart(now["content"].to_numpy()),
        assume_unique=True,
        return_indices=True,
    )
    today[numbers[at_before]] = now["record_number"].to_numpy()[at_now]
    return today


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
        select record_number_a as record_number_l, record_number_b as record_number_r,
               '0' as match_key,
               {_vector(attributes)} {shares}
        from compared
        inner join hopeful using (pattern)
        inner join records as l on record_number_a = l.record_number
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
