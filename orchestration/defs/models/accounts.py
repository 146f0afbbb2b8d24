"""Organisations and households (`models/accounts`)."""

import dagster as dg
import duckdb

from orchestration.lib.company import Company
from orchestration.lib.statistics import Statistics, statistics_step


def group_accounts(con: duckdb.DuckDBPyConnection, company: Company) -> Statistics:
    """Bring customers to organisations with their hierarchy, and to households."""
    from models.accounts.grouping import group_customers

    found = group_customers(
        con.execute("from intermediate.int_accounts__records").df(),
        largest_household=company.organisations.largest_household,
    )
    return Statistics(
        {
            "organisations": found.organisations,
            "organisation_ancestors": found.ancestors,
            "organisation_members": found.members,
        },
        {
            "organisations": len(found.organisations),
            "circles_cut": int(found.organisations["is_circle_cut"].sum()),
        },
    )


@dg.definitions
def accounts() -> dg.Definitions:
    """Group customers."""
    return statistics_step(
        group_accounts,
        tables=["organisations", "organisation_ancestors", "organisation_members"],
        reads=["int_accounts__records"],
        kinds={"python", "pandas"},
    )
