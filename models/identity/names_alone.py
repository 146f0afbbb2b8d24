"""Records that say nothing but a name: how many customers bear it or one like it, and which ones.

Belongs here: what the customers found so far tell of such records, which no pair of two records
can. Does not: likeness of pairs (`matching`), how names of firms are alike (`firm_names`), making
clusters (`clusters`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.identity.clusters import connected
from models.identity.comparisons import SAYS_MORE
from models.identity.firm_names import SURE, alike_names

ONLY_OF_NAME = "only_of_name"
TOLD_APART = "the same name, told apart"
_NAME = "given_name || ' ' || family_name"

Flags = npt.NDArray[np.bool_]


def count_bearers(
    con: duckdb.DuckDBPyConnection,
    all_records: str,
    senior: npt.NDArray[np.int64],
    pairs: pd.DataFrame,
) -> npt.NDArray[np.int64]:
    """Return how many customers bear the name of a pair that ties a mere name to one of them.

    0 for all other pairs.

    Two records that agree in their names alone may be anybody's; but whoever left a name and
    nothing else with a company is mostly the customer whom it knows by that name, if it knows one
    only. Where it knows two, nothing but a person tells whose the record is. Two customers who each
    say more than a name are never joined by it.

    `all_records` names a table as for `matching.match_records`; `senior` holds for every record
    number, from 1, the cluster found so far; `pairs` those that the guard `names_only` refused,
    with record_number_a and record_number_b.
    """
    counts = np.zeros(len(pairs), np.int64)
    if pairs.empty:
        return counts
    says_more = _says_more(con, all_records, senior)
    one, other = (pairs[f"record_number_{side}"].to_numpy(np.int64) - 1 for side in "ab")
    positions = np.flatnonzero(says_more[one] != says_more[other])
    if not positions.size:
        return counts
    tied = {"position": positions, "a": one[positions] + 1, "b": other[positions] + 1}
    with _clustered(con, all_records, senior, says_more):
        con.register("pairs", pa.table(tied))
        found = con.execute(
            f"""
            with paired as (
                select record_number, {_NAME} as name
                from records
                where record_number in (select a from pairs union all select b from pairs)
            ),
            tied as (
                select position, a.name
                from pairs
                inner join paired as a on pairs.a = a.record_number
                inner join paired as b on pairs.b = b.record_number
                where a.name = b.name
            ),
            bearers as (
                select {_NAME} as name, count(distinct cluster) as count_bearers
                from records
                where not is_organisation and cluster_says_more
                  and {_NAME} in (select name from tied)
                group by all
            )
            select position, count_bearers from tied inner join bearers using (name)
            """
        ).fetchnumpy()
        con.unregister("pairs")
    counts[found["position"]] = found["count_bearers"]
    return counts


def find_only_bearers(
    con: duckdb.DuckDBPyConnection, all_records: str, senior: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Return people who are nothing but a name, with the only customer who bears it.

    Two records of one name that say nothing else in common are seldom likely enough for
    `count_bearers` to hear of them; where one customer alone bears the name that does not matter.

    `all_records` and `senior` as for `count_bearers`; columns as of `find_alike_firms`.
    """
    says_more = _says_more(con, all_records, senior)
    with _clustered(con, all_records, senior, says_more):
        con.execute(
            f"""
            create or replace temp table mere as
            select {_NAME} as name, cluster, min(record_number) as record_number
            from records
            where not is_organisation and not cluster_says_more and {_NAME} is not null
            group by all
            """
        )
        return con.execute(
            f"""
            with known as (
                select {_NAME} as name, min(record_number) as record_number
                from records
                where not is_organisation and cluster_says_more
                  and {_NAME} in (select name from mere)
                group by all having count(distinct cluster) = 1
            )
            select least(mere.record_number, known.record_number) as record_number_a,
                   greatest(mere.record_number, known.record_number) as record_number_b,
                   'no other customer bears the name' as likeness,
                   true as is_sure, 1 as count_alike
            from mere inner join known using (name)
            order by record_number_a, record_number_b
            """
        ).df()


def find_alike_firms(
    con: duckdb.DuckDBPyConnection, all_records: str, senior: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Return firms that are nothing but a name, with those that may be called the same.

    Firms of one name are one already (`identity.organisation_name`). A name with its words in
    another order, a misprint, a word written short is as good, where one other firm alone is called
    alike. Two firms of which each says more than a name are left to likeness.

    `all_records` and `senior` as for `count_bearers`. One row per pair of clusters:
    record_number_a < record_number_b, their most senior records of these names; likeness; is_sure,
    false where only a person can tell; count_alike, how many firms are called like the one that is
    nothing but a name.
    """
    with _clustered(con, all_records, senior):
        con.execute(
            f"""
            create or replace temp table named as
            select record_number, cluster, organisation_name as name,
                   bool_or(coalesce(records.city, records.web_domain) is not null
                           or {SAYS_MORE.format("records")})
                       over (partition by cluster) as says_more
            from records where is_organisation
            """
        )
        names = con.execute(
            "select name, bool_or(not says_more) as is_asked from named "
            "where name is not null group by name order by name"
        ).df()
        if not names["is_asked"].any():
            return _NO_FIRMS
        con.register("alike", alike_names(names))
        met = con.execute(
            f"""
            with bearers as (
                select name, cluster, says_more, min(record_number) as record_number
                from named where name is not null group by name, cluster, says_more
            ),
            ways as (
                select name_a as name, name_b as other_name, likeness from alike
                union all
                select name_b, name_a, likeness from alike
                union all -- told apart although the name is the same: an alternative, no tie
                select distinct name, name, '{TOLD_APART}' from bearers
            )
            select one.cluster, other.cluster as other_cluster, other.says_more, likeness,
                   likeness in {SURE} as is_sure,
                   least(one.record_number, other.record_number) as record_number_a,
                   greatest(one.record_number, other.record_number) as record_number_b
            from bearers as one
            inner join ways using (name)
            inner join bearers as other on ways.other_name = other.name
            where not one.says_more and one.cluster != other.cluster
            order by all
            """
        ).df()
    met["count_alike"] = _count_alternatives(met, senior.size + 1)
    has_sure = met["cluster"].isin(met.loc[met["is_sure"], "cluster"])
    told = met[(met["likeness"] != TOLD_APART) & (met["is_sure"] | ~has_sure)]
    pair = np.sort(told[["cluster", "other_cluster"]].to_numpy(np.int64), axis=1)
    # Seen from both sides, or by two names of one firm, the surest counts.
    return (
        told.assign(first=pair[:, 0], second=pair[:, 1])
        .sort_values(
            ["is_sure", "count_alike", "record_number_a", "record_number_b", "likeness"],
            ascending=[False, True, True, True, True],
        )
        .drop_duplicates(["first", "second"])
        .sort_values(["record_number_a", "record_number_b"], ignore_index=True)[
            list(_NO_FIRMS.columns)
        ]
    )


def _count_alternatives(met: pd.DataFrame, size: int) -> npt.NDArray[np.int64]:
    """Return, for every row, how many firms its `cluster`, nothing but a name, may be.

    Spellings of one name are no alternatives to each other: clusters that are nothing but names and
    surely alike are one group, which goes to the only firm that says more, where there is one only.
    """
    one, other = (met[c].to_numpy(np.int64) for c in ("cluster", "other_cluster"))
    says_more, is_sure = (met[c].to_numpy(np.bool_) for c in ("says_more", "is_sure"))
    is_apart = (met["likeness"] == TOLD_APART).to_numpy(np.bool_)
    is_spelling = is_sure & ~says_more
    group = connected(size, one[is_spelling], other[is_spelling])
    in_group = pd.DataFrame({"group": group[one], "other": np.where(says_more, other, -1)})
    may_be = in_group[says_more & (is_sure | is_apart)].drop_duplicates()
    firms = np.bincount(may_be["group"], minlength=size)
    # Two that somebody holds apart, although both are nothing but the name.
    apart = np.unique(group[one[is_apart & ~says_more & (group[one] == group[other])]])
    counts = np.maximum(firms, 1)
    counts[apart] += 1
    perhaps = in_group.assign(cluster=one, other=np.where(says_more, other, size + group[other]))
    count_perhaps = perhaps.groupby("cluster")["other"].transform("nunique").to_numpy(np.int64)
    return np.where(is_sure, counts[group[one]], count_perhaps)


def _says_more(
    con: duckdb.DuckDBPyConnection, all_records: str, senior: npt.NDArray[np.int64]
) -> Flags:
    """Tell, for every record number from 1, whether a person of its cluster says more than a name.

    Few customers are nothing but a name: others are looked at under their names only.
    """
    found = con.execute(
        f"select record_number from {all_records} as records "
        f"where not is_organisation and {SAYS_MORE.format('records')}"
    ).fetchnumpy()
    by_cluster = np.zeros(senior.size + 1, np.bool_)
    by_cluster[senior[np.asarray(found["record_number"]) - 1]] = True
    return by_cluster[senior]


@contextmanager
def _clustered(
    con: duckdb.DuckDBPyConnection,
    all_records: str,
    senior: npt.NDArray[np.int64],
    says_more: Flags | None = None,
) -> Iterator[None]:
    """Make a view `records` of all records, whose `cluster` is the one found so far.

    `cluster_says_more` is what `_says_more` returned.
    """
    clusters: dict[str, npt.NDArray[Any]] = {
        "record_number": np.arange(1, senior.size + 1),
        "cluster": senior,
    }
    if says_more is not None:
        clusters["cluster_says_more"] = says_more
    con.register("found_clusters", pa.table(clusters))
    con.execute(
        f"create temp view records as from {all_records} as records "
        "inner join found_clusters using (record_number)"
    )
    try:
        yield
    finally:
        con.execute("drop view temp.records")
        con.unregister("found_clusters")


_NO_FIRMS = pd.DataFrame(
    {
        "record_number_a": pd.Series(dtype="int64"),
        "record_number_b": pd.Series(dtype="int64"),
        "likeness": pd.Series(dtype="object"),
        "is_sure": pd.Series(dtype="bool"),
        "count_alike": pd.Series(dtype="int64"),
    }
)
