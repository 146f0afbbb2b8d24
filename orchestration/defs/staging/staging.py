"""Staging: one step and one gate per system, so that a bad export holds back its own only."""

import dagster as dg

from orchestration.lib import project
from orchestration.lib.dbt_layers import dbt_layer


@dg.definitions
def staging() -> dg.Definitions:
    """Type and rename the rows of every system, one row per key."""
    systems = project.systems()
    return dg.Definitions.merge(
        *(
            dbt_layer(
                f"staging_{system}",
                layer="staging",
                scope=system,
                select=f"fqn:crm_warehouse.staging.{system}",
                systems=systems,
            )
            for system in systems
        )
    )
