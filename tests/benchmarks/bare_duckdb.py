"""The published tables by a hand-written DuckDB script: what the pipeline is measured against.

Run `python -m tests.benchmarks.bare_duckdb LANDING OUT AS_OF`. Reads the same canonical CSVs, types
and deduplicates all of them, resolves identities, fits the same value model and writes the same
tables to one DuckDB file and to Parquet. It knows no quarantine, provenance, gates, reconciliation,
immutable version, other system or second run: that is what the pipeline adds.
"""

import sys
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import yaml
from duckdb.func import FunctionNullHandling

from models.identity.phone_numbers import to_e164
from models.value.scoring import score_customers

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEED = 20_260_101  # the pipeline's: intervals are simulated
TABLES = (
    "customer_identities",
    "dim_customers",
    "dim_products",
    "fct_order_lines",
    "fct_orders",
    "fct_survey_responses",
    "mart_customer_ltv",
    "mart_customer_segments",
    "mart_satisfaction",
)


def main(landing: Path, out: Path, as_of: date) -> None:
    """Write the tables of the exports in `landing` to `out`."""
    out.mkdir(parents=True)
    with duckdb.connect(str(out / "customer_marts.duckdb")) as con:
        _set_up(con, landing, as_of)
        for script in ("1_staging.sql", "2_intermediate.sql"):
            con.execute((HERE / "bare" / script).read_text(encoding="utf-8"))
        histories = con.execute(
            "from intermediate.histories order by customer_key"  # intervals are drawn in this order
        ).df()
        con.register("scores", scores(histories))
        con.execute((HERE / "bare" / "3_marts.sql").read_text(encoding="utf-8"))
        for table in TABLES:
            con.execute(f"copy marts.{table} to '{out / table}.parquet' (compression zstd)")


def scores(histories: pd.DataFrame) -> pd.DataFrame:
    """Score the buyers, one row each in the order of customer_key, with the project's own model."""
    made = score_customers(
        histories["repeats"].to_numpy(),
        histories["recency_days"].to_numpy(),
        histories["age_days"].to_numpy(),
        histories["mean_spend"].to_numpy(),
        generator=np.random.default_rng(SEED),
        annual_discount_rate=company()["annual_discount_rate"],
    )
    return pd.DataFrame(
        {
            "customer_key": histories["customer_key"],
            "probability_alive": made.probability_alive,
            "probability_purchase_365d": made.probability_purchase_365d,
            "expected_purchases_90d": made.expected_purchases_90d,
            "expected_purchases_365d": made.expected_purchases_365d,
            "expected_spend": made.expected_spend,
            "predicted_revenue_90d": made.predicted_value_90d,
            "predicted_revenue_365d": made.predicted_value_365d,
            "predicted_revenue_365d_low": made.predicted_value_365d_low,
            "predicted_revenue_365d_high": made.predicted_value_365d_high,
            "model_name": made.model_name,
            "model_status": made.model_status,
        }
    )


def company() -> dict[str, float]:
    """Read the numbers of company.yml that the marts depend on."""
    settings = yaml.safe_load((ROOT / "company.yml").read_text(encoding="utf-8"))
    names = (
        "annual_discount_rate",
        "margin_rate",
        "small_sample_size",
        "value_tier_core_share",
        "value_tier_growth_rate",
    )
    return {name: settings[name] for name in names}


def placeholders() -> pd.DataFrame:
    """Read the identifiers that tie nobody together."""
    return pd.read_csv(ROOT / "dbt_project" / "seeds" / "identity_placeholders.csv")


def _set_up(con: duckdb.DuckDBPyConnection, landing: Path, as_of: date) -> None:
    settings = company()
    for name, value in {
        "landing": f"'{landing}'",
        "as_of": f"date '{as_of}'",
        "phone_region": "'US'",
        "email_limit": "5",
        "phone_limit": "5",
        "margin_rate": f"{settings['margin_rate']}::decimal(9, 4)",
        "core_share": f"{settings['value_tier_core_share']}::double",
        "growth_rate": f"{settings['value_tier_growth_rate']}::double",
        "small_sample_size": f"{settings['small_sample_size']}",
    }.items():
        con.execute(f"set variable {name} = {value}")
    con.create_function(
        "to_e164",
        to_e164,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
        null_handling=FunctionNullHandling.SPECIAL,
    )
    con.register("seed", placeholders())
    con.execute(
        "create temp table placeholders as select identifier_kind as placeholder_kind, value as "
        "placeholder from seed where identifier_kind != 'email_local';"
        "create temp table mailboxes as select value as mailbox from seed "
        "where identifier_kind = 'email_local'"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
