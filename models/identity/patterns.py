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

from models.identity.comparisons import Attribute, Level

NO_PATTERNS = pa.table(
    {
        "content_a": pa.array([], pa.uint64()),
        "content_b": pa.array([], pa.uint64()),
        "pattern": pa.array([], pa.int32()),
    }
)
_LEVELS = 16  # more than any attribute has: a pattern is a number with a digit per attribute
_SLACK = 0.001  # bits; Splink adds the same weights in another order


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], kept: pa.Table
) -> None:
    """Turn the table `pairs` into `compared`, which has the pattern of every pair beside it.

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
        create or replace temp table known as
        select join_key_l, join_key_r, pattern::integer as pattern
        from pairs
        inner join contents as a on join_key_l = a.record_number
        inner join contents as b on join_key_r = b.record_number
        left join kept_patterns
            on a.content = kept_patterns.content_a and b.content = kept_patterns.content_b
        """
    )
    con.unregister("kept_patterns")
    con.execute("drop table pairs")
    # A table of its own: with the filter in the statement below DuckDB joined the other way round
    # and compared twice as long.
    con.execute(
        "create or replace temp table new as "
        "select join_key_l, join_key_r from known where pattern is null"
    )
    sides = ", ".join(f"{side}.{column} as {column}_{side}" for column in needed for side in "lr")
    con.execute(
        f"""
        create or replace table compared as
        select join_key_l, join_key_r, pattern from known where pattern is not null
        union all
        select join_key_l, join_key_r, ({pattern})::integer
        from (
            select new.*, {sides}
            from new
            inner join records as l on join_key_l = l.record_number
            inner join records as r on join_key_r = r.record_number
        )
        """
    )
    con.execute("drop table known")
    con.execute("drop table new")


def patterns_to_keep(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return what `compare_pairs` found, for the next build: content_a, content_b, pattern."""
    return con.execute(
        """
        -- Records that state the same have one pattern.
        select distinct a.content as content_a, b.content as content_b, pattern
        from compared
        inner join contents as a on join_key_l = a.record_number
        inner join contents as b on join_key_r = b.record_number
        """
    ).to_arrow_table()


def drop_hopeless_pairs(
    con: duckdb.DuckDBPyConnection,
    attributes: Sequence[Attribute],
    parameters: Mapping[tuple[str, str], tuple[float, float]],
    prior: float,
    least_probability: float,
) -> None:
    """Make the table `pairs` of those in `compared` whose patterns weigh enough.

    The weight is the one that Splink gives, the frequency of the value in which both agree
    included: what is dropped would have scored below `least_probability`. Expects the tables of
    `write_frequencies`.
    """
    bound = log2(least_probability / (1 - least_probability)) - log2(prior / (1 - prior)) - _SLACK
    terms, most = [], []
    for position, attribute in enumerate(attributes):
        weights, largest = [], []
        for number, level in enumerate(attribute.levels, 1):
            m, u = parameters[(attribute.name, level.name)]
            weight = limit = str(log2(m / u))
            if level.frequency_of:
                weight = f"{log2(m)} - log2(greatest({_share(level)}, {level.least_frequency}))"
                limit = str(log2(m / level.least_frequency))
            weights.append(f"when {number} then {weight}")
            largest.append(f"when {number} then {limit}")
        digit = f"(pattern // {_LEVELS**position}) % {_LEVELS}"
        terms.append(f"case {digit} {' '.join(weights)} else 0 end")
        most.append(f"case {digit} {' '.join(largest)} else 0 end")
    shares = " ".join(
        f"left join shares_of_{c} on l.{c} = shares_of_{c}.{c}"
        for c in frequency_columns(attributes)
    )
    # Most patterns are hopeless whatever the values, and there are few of them.
    con.execute(
        f"""
        create or replace table pairs as
        select join_key_l, join_key_r, '0' as match_key
        from (
            select pattern from (select distinct pattern from compared)
            where {" + ".join(most)} >= {bound}
        )
        inner join compared using (pattern)
        inner join records as l on join_key_l = l.record_number
        {shares}
        where {" + ".join(terms)} >= {bound}
        """
    )


def _digit(attribute: Attribute) -> str:
    """Return SQL that numbers the level at which two records agree; 0 where one states nothing."""
    whens = "".join(
        f" when {level.condition} then {number}"
        for number, level in enumerate(attribute.levels, 1)
        if level.condition != "ELSE"
    )
    return f"case when {attribute.unknown} then 0{whens} else {len(attribute.levels)} end"


def write_frequencies(con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute]) -> None:
    """Write `shares_of_<column>`: how frequent each value is, in the columns Splink asks for."""
    for column in frequency_columns(attributes):
        con.execute(
            f"create or replace table shares_of_{column} as "
            f"select {column}, count(*) / sum(count(*)) over () as tf_{column} from records "
            f"where {column} is not null group by {column}"
        )


def frequency_columns(attributes: Sequence[Attribute]) -> list[str]:
    """Return the columns of which rare values that agree say more than frequent ones."""
    found = {level.frequency_of for attribute in attributes for level in attribute.levels}
    return sorted(column for column in found if column)


def _share(level: Level) -> str:
    return f"shares_of_{level.frequency_of}.tf_{level.frequency_of}"


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in con.execute("describe records").fetchall()}
