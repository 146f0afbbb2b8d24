"""Marts: what people ask, and the reconciliation of everything on the way there."""

import dagster as dg

from orchestration.lib import project
from orchestration.lib.dbt_layers import dbt_layer


@dg.definitions
def marts() -> dg.Definitions:
    """Build the tables that are published."""
    return dbt_layer(
        "marts",
        layer="marts",
        scope="all",
        select="fqn:crm_warehouse.marts fqn:crm_warehouse.audit",
        systems=project.systems(),
    )
