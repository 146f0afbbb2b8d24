"""How many pairs of records agree in what hardly agrees by chance: the scale of the prior.

Belongs here: counting them, all or what a day changes. Does not: the rules (`comparisons`), what
follows from the count (`matching`).
"""

from collections.abc import Sequence

import duckdb

from models.identity.comparisons import Grain
from models.identity.kept_pairs import Kept


def hashes_of_rules(grain: Grain) -> str:
    """Return SQL of a column per tight rule, tight_0 and so on; NULL where a record lacks a part.

    Numbers are joined in half the time that texts take.
    """
    return ", ".join(
        f"case when {' is not null and '.join(rule)} is not null then hash({', '.join(rule)}) "
        f"end as tight_{position}"
        for position, rule in enumerate(grain.tight)
    )


def count_tight_pairs(
    con: duckdb.DuckDBPyConnection, kept: Kept, rules: Sequence[int], *, is_anew: bool
) -> None:
    """Keep how many pairs the rules, by position, find among the records of the kept reasons.

    Not anew, these are the records that stay; others came (`came`) or went (`went`), both with the
    columns of the kept reasons.
    """
    name = ", ".join(map(str, rules))
    before = con.execute(f"select pairs from {kept.tight_pairs} where rules = ?", [name]).fetchall()
    if is_anew or not before:
        everybody = f"(from {kept.reasons}" + ("" if is_anew else " union all from came") + ")"
        pairs = _count(con, everybody, everybody, rules, "<")
    else:
        came, went = (
            _count(con, changed, f"(from {kept.reasons} union all from {changed})", rules, "!=")
            for changed in ("came", "went")
        )
        pairs = before[0][0] - went + came
    con.execute(
        f"create or replace table {kept.tight_pairs} as select ? as rules, ?::bigint as pairs",
        [name, pairs],
    )


def _count(
    con: duckdb.DuckDBPyConnection, some: str, everybody: str, rules: Sequence[int], order: str
) -> int:
    """Count the pairs of one of some and another of everybody, whose numbers stand in an order."""
    found = " union ".join(
        "select least(one.record_number, other.record_number), "
        "greatest(one.record_number, other.record_number) "
        f"from {some} as one inner join {everybody} as other on one.tight_{rule} = "
        f"other.tight_{rule} and one.record_number {order} other.record_number"
        for rule in rules
    )
    if not found:
        return 0
    (count,) = con.execute(f"select count(*) from ({found})").fetchall()[0]
    return int(count)
