"""Records that say nothing but a name: how many customers bear it, and which ones.

Belongs here: what the customers found so far tell of such records, which no pair of two records
can. Does not: likeness of pairs (`matching`), making clusters (`clusters`).
"""

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.identity.comparisons import SAYS_MORE

ONLY_OF_NAME = "only_of_name"


def count_bearers(
    records: pa.Table, senior: npt.NDArray[np.int64], pairs: pd.DataFrame
) -> npt.NDArray[np.int64]:
    """Return how many customers bear the name of a pair that ties a mere name to one of them.

    0 for all other pairs.

    Two records that agree in their names alone may be anybody's; but whoever left a name and
    nothing else with a company is mostly the customer whom it knows by that name, if it knows one
    only. Where it knows two, nothing but a person tells whose the record is. Two customers who each
    say more than a name are never joined by it.

    `records` as for `matching.match_records`; `senior` holds for every record number, from 1, the
    cluster found so far; `pairs` those that the guard `names_only` refused, with record_number_a
    and record_number_b.
    """
    with duckdb.connect() as con:
        con.register("records", records)
        con.register(
            "clusters",
            pd.DataFrame({"record_number": np.arange(1, senior.size + 1), "cluster": senior}),
        )
        con.register("pairs", pairs.reset_index(drop=True).rename_axis("position").reset_index())
        found = con.execute(
            f"""
            with named as (
                select clusters.record_number, clusters.cluster,
                       given_name || ' ' || family_name as name,
                       bool_or({SAYS_MORE.format("records")})
                           over (partition by clusters.cluster) as says_more
                from records
                inner join clusters using (record_number)
                where not is_organisation
            ),
            bearers as (
                select name, count(distinct cluster) as count_bearers
                from named
                where says_more and name is not null
                group by name
            )
            select pairs.position, bearers.count_bearers
            from pairs
            inner join named as a on pairs.record_number_a = a.record_number
            inner join named as b on pairs.record_number_b = b.record_number
            inner join bearers on a.name = bearers.name
            where a.name = b.name and a.says_more != b.says_more
            """
        ).fetchnumpy()
    counts = np.zeros(len(pairs), np.int64)
    counts[found["position"]] = found["count_bearers"]
    return counts
