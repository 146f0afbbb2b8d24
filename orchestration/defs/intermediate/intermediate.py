"""Intermediate: entities over all systems, one customer across them, and what the models need."""

import dagster as dg

from orchestration.lib import project
from orchestration.lib.dbt_layers import dbt_layer


@dg.definitions
def intermediate() -> dg.Definitions:
    """Resolve customers and bring all systems to one set of entities."""
    return dbt_layer(
        "intermediate",
        layer="identity",
        scope="all",
        select="fqn:crm_warehouse.intermediate resource_type:seed",
        systems=project.systems(),
    )
