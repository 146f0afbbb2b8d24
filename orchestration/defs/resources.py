"""The resource that the steps of a run share."""

import dagster as dg

from orchestration.lib.warehouse import warehouse_from_environment


@dg.definitions
def resources() -> dg.Definitions:
    """Provide the warehouse; steps of one run work in one process on one build."""
    return dg.Definitions(
        resources={"warehouse": warehouse_from_environment()},
        executor=dg.in_process_executor,
    )
