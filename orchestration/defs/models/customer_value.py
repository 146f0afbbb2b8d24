"""Statistics: what every customer is expected to buy and how well that was foreseen before.

Belongs here: reading and writing. Does not: any statistics (`models/value`).
"""

import dagster as dg
import duckdb

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step

SEED = 20_260_101  # The intervals are simulated: a fixed seed gives equal marts for equal inputs.

# A million customers need 27 CPU s in the backtest, of which 20 go into ranking them; this many
# need 3. Of three different hundred thousand of them the errors relative to the best model differed
# by .001 for the models that are near each other, and the champion was the same.
MOST_BACKTESTED_CUSTOMERS = 100_000

TABLES = (
    "purchase_forecasts",
    "spend_model",
    "contract_models",
    "contract_forecasts",
    "model_evaluations",
)


def customer_value(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """Forecasts of purchases and contracts by the model that won the backtest, and the backtest."""
    import numpy as np

    from models.value import tables
    from models.value.purchase_log import purchase_log

    # As in dbt's profile; writing half a million rows of forecasts in order took twice as long.
    con.execute("set preserve_insertion_order = false")
    # Distinct histories are counted and spend is sorted in `models`: numbers sort faster there.
    histories = ", ".join(f"cast({name} as integer) as {name}" for name in tables.HISTORY)
    customers = con.execute(
        f"select {histories}, mean_spend from intermediate.int_value__purchase_summaries"
    ).fetchnumpy()
    # Keys are hashes, so that the first customers are drawn at random.
    log = con.execute(
        """
        with
        first_keys as (
            select customer_key from intermediate.int_value__purchase_summaries
            order by customer_key
            limit ?
        ),
        drawn as (
            select customer_key, row_number() over (order by customer_key) - 1 as customer
            from first_keys
        )
        select
            customer,
            purchase_date - date '1970-01-01' as day,
            cast(spend as double) as spend
        from intermediate.int_value__purchase_days
        inner join drawn using (customer_key)
        order by customer, day
        """,
        [MOST_BACKTESTED_CUSTOMERS],
    ).fetchnumpy()
    renewals = con.execute(
        """
        select
            plan_key, plan_name, cohort_year, renewal_number, period_days, is_renewed, is_decided,
            due_on - as_of_date as days_to_renewal,
            decided_on - date '1970-01-01' as decided_day
        from intermediate.int_value__renewals cross join settings.company
        order by plan_key, customer_key, contract_number, renewal_number
        """
    ).df()
    ((as_of,),) = con.execute(
        "select as_of_date - date '1970-01-01' from settings.company"
    ).fetchall()
    value = tables.customer_value(
        [np.asarray(customers[name]) for name in tables.HISTORY],
        customers["mean_spend"],
        purchase_log(log["customer"], log["day"], log["spend"]),
        renewals,
        as_of=as_of,
        seed=SEED,
        annual_discount_rate=company.annual_discount_rate,
        lifetime_years=company.customer_value.lifetime_years,
    )
    return Statistics(
        value.tables,
        {
            "champion": value.champion,
            "reason": value.reason,
            "status": str(value.fit.status),
            **{name: float(number) for name, number in value.fit.parameters.items()},
        },
    )


@dg.definitions
def customer_value_statistics() -> dg.Definitions:
    """Forecast every buyer and evaluate the models."""
    return statistics_step(
        customer_value,
        tables=TABLES,
        reads=["int_value__purchase_summaries", "int_value__purchase_days", "int_value__renewals"],
        kinds={"python", "scipy"},
    )
