"""Statistics: what every customer is expected to buy (`models/value`)."""

import dagster as dg
import duckdb
import numpy as np

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEED = 20_260_101  # The intervals are simulated: a fixed seed gives equal marts for equal inputs.


def customer_value_scores(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """One row per buyer: purchases and revenue to expect (MBG/NBD and Gamma-Gamma)."""
    import pandas as pd

    from models.value.scoring import score_customers

    # The order matters: the simulated intervals draw in it.
    summaries = con.execute(
        "select customer_key, count_repeat_purchases, recency_days, age_days, mean_spend "
        "from intermediate.int_value__purchase_summaries order by customer_key"
    ).df()
    scores = score_customers(
        summaries["count_repeat_purchases"].to_numpy(),
        summaries["recency_days"].to_numpy(),
        summaries["age_days"].to_numpy(),
        summaries["mean_spend"].to_numpy(),
        generator=np.random.default_rng(SEED),
        annual_discount_rate=company.annual_discount_rate,
    )
    table = pd.DataFrame(
        {
            "customer_key": summaries["customer_key"],
            "probability_alive": scores.probability_alive,
            "probability_purchase_365d": scores.probability_purchase_365d,
            "expected_purchases_90d": scores.expected_purchases_90d,
            "expected_purchases_365d": scores.expected_purchases_365d,
            "expected_spend": scores.expected_spend,
            "predicted_revenue_90d": scores.predicted_value_90d,
            "predicted_revenue_365d": scores.predicted_value_365d,
            "predicted_revenue_365d_low": scores.predicted_value_365d_low,
            "predicted_revenue_365d_high": scores.predicted_value_365d_high,
            "model_name": scores.model_name,
            "model_status": scores.model_status,
        }
    )
    return Statistics(
        {"customer_value_scores": table},
        {
            "status": str(scores.fit.status),
            **{name: float(value) for name, value in scores.fit.parameters.items()},
        },
    )


@dg.definitions
def customer_value() -> dg.Definitions:
    """Score every buyer."""
    return statistics_step(
        customer_value_scores,
        tables=["customer_value_scores"],
        reads=["int_value__purchase_summaries"],
        kinds={"python", "scipy"},
    )
