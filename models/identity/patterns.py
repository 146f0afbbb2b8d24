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
import pandas as pd

from models.identity.comparisons import Attribute, Level

NO_PATTERNS = pd.DataFrame(
    {
        "content_a": pd.Series(dtype="uint64"),
        "content_b": pd.Series(dtype="uint64"),
        "pattern": pd.Series(dtype="int64"),
    }
)
_LEVELS = 16  # more than any attribute has: a pattern is a number with a digit per attribute
_SLACK = 0.001  # bits; Splink adds the same weights in another order


def compare_pairs(
    con: duckdb.DuckDBPyConnection, attributes: Sequence[Attribute], kept: pd.DataFrame
) -> pd.DataFrame:
    """Write the pattern of every row of `pairs` to the table `compared`; return all to keep.

    `kept` is what an earlier build returned. A pair is found there by a hash of what is compared
    and how, and of all that each record states. Rows: content_a, content_b, pattern, each once.
    """
    expressions = [_digit(attribute) for attribute in attributes]
    pattern = " + ".join(
        f"{expression} * {_LEVELS**position}::bigint"
        for position, expression in enumerate(expressions)
    )
    needed = sorted(set(re.findall(r"\b(\w+)_[lr]\b", pattern)) & _columns(con))
    con.register("kept_patterns", kept)
    con.execute(
        "create or replace temp table contents as "
        f"select record_number, hash($pattern, {', '.join(needed)}) as content from records",
        {"pattern": pattern},
    )
    con.execute(
        """
        create or replace table compared as
        select join_key_l, join_key_r, a.content as content_a, b.content as content_b, pattern
        from pairs
        inner join contents as a on join_key_l = a.record_number
        inner join contents as b on join_key_r = b.record_number
        left join kept_patterns
            on a.content = kept_patterns.content_a and b.content = kept_patterns.content_b
        """
    )
    # A table of its own: with the filter in the statement below DuckDB joined the other way round
    # and compared twice as long.
    con.execute(
        "create or replace temp table new as "
        "select * exclude (pattern) from compared where pattern is null"
    )
    con.execute("delete from compared where pattern is null")
    sides = ", ".join(f"{side}.{column} as {column}_{side}" for column in needed for side in "lr")
    con.execute(
        f"""
        insert into compared
        select join_key_l, join_key_r, content_a, content_b, {pattern}
        from (
            select new.*, {sides}
            from new
            inner join records as l on join_key_l = l.record_number
            inner join records as r on join_key_r = r.record_number
        )
        """
    )
    con.unregister("kept_patterns")
    # Records that state the same have one pattern.
    return con.execute("select distinct content_a, content_b, pattern from compared").df()


def drop_hopeless_pairs(
    con: duckdb.DuckDBPyConnection,
    attributes: Sequence[Attribute],
    parameters: Mapping[tuple[str, str], tuple[float, float]],
    prior: float,
    least_probability: float,
) -> None:
    """Leave in `pairs` those whose patterns weigh enough; expects `compared` for all of them.

    The weight is the one that Splink gives, the frequency of the value in which both agree
    included: what is dropped would have scored below `least_probability`.
    """
    bound = log2(least_probability / (1 - least_probability)) - log2(prior / (1 - prior)) - _SLACK
    terms, frequencies = [], set()
    for position, attribute in enumerate(attributes):
        whens = []
        for number, level in enumerate(attribute.levels, 1):
            m, u = parameters[(attribute.name, level.name)]
            weight = str(log2(m / u))
            if level.frequency_of:
                frequencies.add(level.frequency_of)
                weight = f"{log2(m)} - log2(greatest({_share(level)}, {level.least_frequency}))"
            whens.append(f"when {number} then {weight}")
        digit = f"(pattern // {_LEVELS**position}) % {_LEVELS}"
        terms.append(f"case {digit} {' '.join(whens)} else 0 end")
    shares = " ".join(
        f"left join (select {c}, count(*) / sum(count(*)) over () as share from records "
        f"where {c} is not null group by {c}) as of_{c} on l.{c} = of_{c}.{c}"
        for c in sorted(frequencies)
    )
    con.execute(
        f"""
        create or replace table pairs as
        select join_key_l, join_key_r, '0' as match_key
        from compared
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


def _share(level: Level) -> str:
    return f"of_{level.frequency_of}.share"


def _columns(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in con.execute("describe records").fetchall()}
