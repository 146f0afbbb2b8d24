"""Statistics: what every customer is expected to buy (`models/value`)."""

from collections.abc import Iterator

import dagster as dg
import numpy as np
import pandas as pd

from orchestration.lib import project
from orchestration.lib.dbt_layers import dagster_lineage
from orchestration.lib.dbt_project import read_manifest
from orchestration.lib.gates import check_specs, run_gate
from orchestration.lib.lineage import declared_lineage
from orchestration.lib.progress import report
from orchestration.lib.receipts import record_built
from orchestration.lib.translator import OWNER, source_metadata
from orchestration.lib.warehouse import Warehouse

SCORES = dg.AssetKey(["statistics", "customer_value_scores"])
SEED = 20_260_101  # The intervals are simulated: a fixed seed gives equal marts for equal inputs.


@dg.asset(
    key=SCORES,
    deps=[dg.AssetKey(["intermediate", "int_value__purchase_summaries"])],
    group_name="statistics",
    kinds={"python", "scipy"},
    owners=[OWNER],
    pool="duckdb_warehouse",
)
def customer_value_scores(warehouse: Warehouse) -> dg.MaterializeResult[None]:
    """One row per buyer: purchases and revenue to expect (MBG/NBD and Gamma-Gamma)."""
    from models.value.scoring import score_customers

    record_built(warehouse.build_dir, "models", "all")
    with warehouse.connect() as con:
        # The order matters: the simulated intervals draw in it.
        summaries = con.execute(
            "select customer_key, count_repeat_purchases, recency_days, age_days, mean_spend "
            "from intermediate.int_value__purchase_summaries order by customer_key"
        ).df()
    report(f"value models: {len(summaries):,} buyers")
    scores = score_customers(
        summaries["count_repeat_purchases"].to_numpy(),
        summaries["recency_days"].to_numpy(),
        summaries["age_days"].to_numpy(),
        summaries["mean_spend"].to_numpy(),
        generator=np.random.default_rng(SEED),
        annual_discount_rate=warehouse.company.annual_discount_rate,
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
    with warehouse.connect() as con:
        con.execute("create schema if not exists statistics")
        con.register("scores", table)
        con.execute("create or replace table statistics.customer_value_scores as from scores")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(table),
            "status": str(scores.fit.status),
            **{name: float(value) for name, value in scores.fit.parameters.items()},
        }
    )


@dg.multi_asset_check(name="gate_models", specs=check_specs([SCORES]), pool="duckdb_warehouse")
def gate_models(warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
    """Hold the scores against what scores must be: finite, in their bounds, one per buyer."""
    from expectations.suites import load_layer

    yield from run_gate(
        warehouse, "models", "all", load_layer("models"), {}, {".".join(SCORES.path): SCORES}
    )


@dg.definitions
def customer_value() -> dg.Definitions:
    """Return the scores, with the columns that dbt reads of them, and their gate."""
    manifest = read_manifest(project.systems())
    table = ".".join(SCORES.path)
    lineage = dagster_lineage(declared_lineage(manifest)[table])
    metadata = {**source_metadata(manifest, table), "dagster/column_lineage": lineage}
    return dg.Definitions(
        assets=[
            customer_value_scores.map_asset_specs(
                lambda spec: spec.merge_attributes(metadata=metadata)
            )
        ],
        asset_checks=[gate_models],
    )
