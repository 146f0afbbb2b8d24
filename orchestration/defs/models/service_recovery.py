"""Statistics: what becomes of customers after a complaint (`models/service/recovery.py`)."""

import dagster as dg
import duckdb

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step


def service_recovery(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per outcome and pair of groups: recovered, unrecovered, never complained."""
    import pandas as pd

    from models.service.recovery import compare_recovery, strata

    # The order decides the last digits of sums.
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
