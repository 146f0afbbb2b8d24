"""Statistics: what joining the loyalty programme changed (`models/programme`)."""

import dagster as dg
import duckdb
import numpy as np

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step


def programme_effects(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per outcome: what joining changed, against matched customers who did not join."""
    import pandas as pd

    from models.programme.effect import Occasions, programme_effect

    # The order decides the last digits of sums.
    found = con.execute(
        "from intermediate.int_loyalty__join_occasions order by customer_key, purchase_date"
    ).df()
    strata = found.groupby(
        [
            found["purchase_quarter"],
            found["purchase_number"],
            found["count_before"].clip(upper=4),
        ],
        sort=True,
    ).ngroup()
    customers = pd.factorize(found["customer_key"])[0]
    rows = []
    for outcome, before, after in (
        ("purchases", "count_before", "count_after"),
        ("spend", "spend_before", "spend_after"),
    ):
        effect = programme_effect(
            Occasions(
                customer=np.asarray(customers, dtype=np.int64),
                stratum=np.asarray(strata, dtype=np.int64),
                is_joining=found["is_joining"].to_numpy(dtype=bool),
                is_censored=found["is_joining_later"].to_numpy(dtype=bool),
                after_free=found["count_after_not_joined"].to_numpy(dtype=np.int64),
                before=found[before].to_numpy(dtype=float),
                after=found[after].to_numpy(dtype=float),
                long_before=found[f"{before.split('_')[0]}_long_before"].to_numpy(dtype=float),
            )
        )
        rows.append({"outcome": outcome, **vars(effect), "status": str(effect.status)})
    return Statistics({"programme_effects": pd.DataFrame(rows)}, {"occasions": len(found)})


@dg.definitions
def programme() -> dg.Definitions:
    """Measure the programme."""
    return statistics_step(
        programme_effects,
        tables=["programme_effects"],
        reads=["int_loyalty__join_occasions"],
        kinds={"python", "numpy"},
    )
