"""Statistics: what becomes of customers after a complaint (`models/service/recovery.py`)."""

import dagster as dg
import duckdb
import numpy as np

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEED = 20_260_601  # The intervals are drawn: a fixed seed gives equal marts for equal inputs.


def service_recovery(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per outcome and pair of groups: recovered, unrecovered, never complained."""
    import pandas as pd

    from models.service.recovery import compare_recovery, strata

    # The order matters: the intervals draw in it.
    orders = con.execute(
        "select * from intermediate.int_service__recovery_candidates order by order_key"
    ).df()
    stratum = strata(
        orders["spend_before"].to_numpy(dtype=float),
        orders["count_purchases"].to_numpy(),
        orders["tenure_days"].to_numpy(),
    )
    comparisons = compare_recovery(
        orders["group_name"].to_list(),
        stratum,
        pd.factorize(orders["customer_key"])[0],
        {
            "spend": orders["spend_after"].to_numpy(dtype=float),
            "repurchase": orders["has_repurchased"].to_numpy(dtype=float),
            "satisfaction": orders["satisfaction_after"].to_numpy(dtype=float),
        },
        np.random.default_rng(SEED),
    )
    rows = [{**vars(found), "is_significant": found.is_significant} for found in comparisons]
    return Statistics(
        {"service_recovery": pd.DataFrame(rows)},
        {
            f"count_{group}": int((orders["group_name"] == group).sum())
            for group in ("recovered", "unrecovered", "never_complained")
        },
    )


@dg.definitions
def service() -> dg.Definitions:
    """Compare complainers with each other and with customers who never complained."""
    return statistics_step(
        service_recovery,
        tables=["service_recovery"],
        reads=["int_service__recovery_candidates"],
        kinds={"python", "numpy"},
    )
