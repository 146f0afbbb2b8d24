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
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.identity.candidates import CANDIDATE, Flags, Ints
from models.identity.comparisons import Attribute, Grain


@dataclass(frozen=True)
class Kept:
    """What finding and comparing pairs led to, for the next build.

    `contents`: record_number, cluster, content (a hash of what the record states and of how records
    are found and compared). `patterns`: record_number_a < record_number_b, pattern, is_candidate.
    `too_large`: grain, reason, value (a hash), of groups in which pairs were not looked for.
    """

    contents: pa.Table
    patterns: pa.Table
    too_large: pa.Table


def _empty(**types: pa.DataType) -> pa.Table:
    return pa.schema(types).empty_table()


NOTHING_KEPT = Kept(
    contents=_empty(record_number=pa.int32(), cluster=pa.int32(), content=pa.uint64()),
    patterns=_empty(
        record_number_a=pa.int32(),
        record_number_b=pa.int32(),
        pattern=pa.int32(),
        is_candidate=pa.bool_(),
    ),
    too_large=_empty(grain=pa.string(), reason=pa.string(), value=pa.uint64()),
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


@dataclass(frozen=True)
class Known:
    """What an earlier build found of pairs of today's records: parallel arrays.

    `pairs`: both numbers in one, sorted. `patterns`: -1 where the two have changed places.
    `stays`: still a candidate.
    """

    pairs: Ints
    patterns: npt.NDArray[np.int32]
    stays: Flags


def describe_contents(
    con: duckdb.DuckDBPyConnection, grain: Grain, attributes: Sequence[Attribute]
) -> pa.Table:
    """Return what the next build has to know of the table `records`; columns as in `Kept`."""
    code = f"{_pattern(attributes)} {sorted(grain.reasons.items())}"
    _, stated = _needed(con, attributes)
    in_reasons = set(re.findall(r"\w+", " ".join(grain.reasons.values()))) & _columns(con)
    return con.execute(
        "select record_number::integer as record_number, cluster::integer as cluster, "
        f"hash($code, {', '.join(sorted({*stated, *in_reasons}))}) as content "
        "from records order by record_number",
        {"code": code},
    ).to_arrow_table()


def find_known(patterns: pa.Table, today: Ints, redone: Flags) -> Known:
    """Return the kept pairs of which both records are there, whatever their numbers are by now.

    `today` and `redone` as from `candidates`: number of today by number before, flag by number.
    """
    numbers = today.astype(np.int32)  # ten million pairs: half the memory to go through
    a, b = (numbers[patterns[f"record_number_{side}"].to_numpy()] for side in ("a", "b"))
    both = (a > 0) & (b > 0)
    a, b = a[both], b[both]
    levels = np.where(a < b, patterns["pattern"].to_numpy()[both], np.int32(-1))
    stays = patterns["is_candidate"].to_numpy()[both] & ~redone[a] & ~redone[b]
    pairs = np.minimum(a, b).astype(np.int64) << _NUMBER_BITS | np.maximum(a, b)
    if (pairs[1:] < pairs[:-1]).any():
        order = np.argsort(pairs)
        pairs, levels, stays = pairs[order], levels[order], stays[order]
    return Known(pairs, levels, stays)


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], known: Known
) -> pa.Table:
    """Turn the table `found` into `compared`: a row per pair, its uses together, its pattern.

    Candidates that stay are added; what is known is not compared again. Returns what the next build
    is to know, columns as of `Kept.patterns`.
    """
    pairs, uses = _found_pairs(con)
    patterns = np.full(pairs.size, -1, dtype=np.int32)
    is_known, at = _places(known.pairs, pairs)
    patterns[is_known] = known.patterns[at[is_known]]
    if known.stays.any():
        staying = known.pairs[known.stays]
        is_there, at = _places(staying, pairs)
        staying_uses = np.full(staying.size, CANDIDATE, dtype=np.int16)
        staying_uses[at[is_there]] |= uses[is_there]
        added = ~is_there
        places = at[added] + np.arange(np.count_nonzero(added))
        stays = np.ones(staying.size + places.size, dtype=np.bool_)
        stays[places] = False
        patterns = _merge(stays, known.patterns[known.stays], places, patterns[added])
        uses = _merge(stays, staying_uses, places, uses[added])
        pairs = _merge(stays, staying, places, pairs[added])
    one = (pairs >> _NUMBER_BITS).astype(np.int32)
    other = (pairs & (1 << _NUMBER_BITS) - 1).astype(np.int32)
    del pairs  # of a million records ten million, of 8 bytes each
    _compare(con, attributes, one, other, patterns)
    found = pa.table({"record_number_a": one, "record_number_b": other, "pattern": patterns})
    con.register("compared", found.append_column("uses", pa.array(uses)))
    return found.append_column("is_candidate", pa.array((uses & CANDIDATE).astype(np.bool_)))


def _merge(
    stays: Flags, staying: npt.NDArray[Any], places: Ints, added: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return what stays, and at these places what is added."""
    merged = np.empty(stays.size, dtype=staying.dtype)
    merged[stays] = staying
    merged[places] = added
    return merged


def _places(sorted_pairs: Ints, pairs: Ints) -> tuple[Flags, Ints]:
    """Return which of the pairs are among the sorted ones, and where each is or would be."""
    at = np.searchsorted(sorted_pairs, pairs)
    if not sorted_pairs.size:
        return np.zeros(pairs.size, dtype=np.bool_), at
    return sorted_pairs[np.minimum(at, sorted_pairs.size - 1)] == pairs, at


def _compare(
    con: duckdb.DuckDBPyConnection,
    attributes: Sequence[Attribute],
    one: npt.NDArray[np.int32],
    other: npt.NDArray[np.int32],
    patterns: npt.NDArray[np.int32],
) -> None:
    """Fill in the patterns that are -1."""
    needed, _ = _needed(con, attributes)
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
        select place::integer as place, ({_pattern(attributes)})::integer as pattern
        from (
            select place, {sides}
            from new
            inner join described as l on new.l = l.record_number
            inner join described as r on new.r = r.record_number
        )
        """
    ).fetchnumpy()
    patterns[compared["place"]] = compared["pattern"]
    con.unregister("new")
    con.execute("drop table described")


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
    # Tables, of which DuckDB knows the sizes, to join with: `compared` is a view of all pairs.
    con.execute("create or replace table hopeful as from hopeful_rows")
    con.unregister("hopeful_rows")
    con.execute(
        "create or replace table hopeful_pairs as "
        "select record_number_a, record_number_b, pattern from compared "
        f"where uses & {use} != 0 and pattern in (select pattern from hopeful)"
    )
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
        from hopeful_pairs
        inner join hopeful using (pattern)
        inner join records as l on record_number_a = l.record_number
        {joins}
        where fixed{rarity} >= {bound}
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
