"""Single rows may point at what is gone; where many do, a file is missing, and the gate stops."""

from pathlib import Path

import duckdb
import pytest

from expectations.suites import load_layer, load_suite
from expectations.validate import validate

STAGING = Path(__file__).parents[3] / "expectations/staging"
LEDGER = STAGING / "loyalty/stg_loyalty__loyalty_events.yml"

# Firms and products need not be exported: people and sales count without them.
OPTIONAL = {"organisation_id", "product_id"}


@pytest.mark.parametrize("lost, stops", [(2, False), (3, True)])
def test_more_than_a_tenth_of_bookings_without_a_member_stop(
    database: Path, lost: int, stops: bool
) -> None:
    """A ledger whose members had lost their zeros was published: all of it counted for nobody."""
    with duckdb.connect(str(database)) as con:
        con.execute("create table staging.stg_loyalty__customers as select '007' as customer_id")
        con.execute(
            "create table staging.stg_loyalty__loyalty_events as select "
            f"n::varchar as loyalty_event_id, if(n < {lost}, '7', '007') as customer_id, "
            "'ledger.csv' as _file_name, n as _row_number from range(20) as t(n)"
        )
    (result,) = validate(database, [load_suite(LEDGER)])
    checks = {check.name: check for check in result.checks}
    told, stopped = checks["reference_to_exist(customer_id)"], checks["most_customer_id_found"]
    assert (told.passed, told.severity) == (False, "warning")
    assert (stopped.passed, stopped.severity) == (not stops, "critical")
    assert {sample["customer_id"] for sample in told.samples} == {"7"}


def test_every_reference_that_may_be_lost_has_a_limit() -> None:
    for suite in load_layer("staging"):
        references = [e for e in suite.expectations if e.type == "expect_reference_to_exist"]
        stopping = {e.kwargs["column"] for e in references if e.severity == "critical"}
        for reference in references:
            column = reference.kwargs["column"]
            assert column in stopping | OPTIONAL, f"{suite.table}: {column} may be lost everywhere"
