"""Statistics: customers who behave alike (`models/segments/needs.py`)."""

import dagster as dg
import duckdb
import numpy as np

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEED = 20_260_102  # Clusters start at random: a fixed seed gives equal marts for equal inputs.


def customer_needs_segments(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per buyer: the needs segment (k-means); and one per segment, described in words."""
    import pandas as pd

    from models.segments.needs import FEATURES, needs_segments

    # The order matters: samples are drawn in it.
    behaviour = con.execute(
        f"select customer_key, {', '.join(feature.name for feature in FEATURES)} "
        "from intermediate.int_segments__customer_behaviour order by customer_key"
    ).df()
    found = needs_segments(
        behaviour.drop(columns="customer_key").to_numpy(dtype=float),
        np.random.default_rng(SEED),
    )
    names = np.array([segment.name for segment in found.segments], dtype=object)
    segments = pd.DataFrame(
        {
            "needs_segment": names,
            "needs_segment_description": [segment.description for segment in found.segments],
            "count_customers": [segment.count_customers for segment in found.segments],
            "stability": None if np.isnan(found.stability) else found.stability,
        }
    )
    return Statistics(
        {
            "customer_needs": pd.DataFrame(
                {"customer_key": behaviour["customer_key"], "needs_segment": names[found.labels]}
            ),
            "needs_segments": segments,
        },
        {
            "segments": len(names),
            **{f"stability_of_{count}": score for count, score in found.tried.items()},
        },
    )


@dg.definitions
def customer_needs() -> dg.Definitions:
    """Cut buyers into needs segments."""
    return statistics_step(
        customer_needs_segments,
        tables=["customer_needs", "needs_segments"],
        reads=["int_segments__customer_behaviour"],
        kinds={"python", "scikitlearn"},
    )
