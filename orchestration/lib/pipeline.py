"""Running the job in this process, as the command line does.

Belongs here: starting the Dagster job and saying how it ended. Does not: printing, definitions.
Dagster is imported in the functions: the command line answers at once when nothing is to be done.
"""

import gc
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from orchestration.lib import project
from orchestration.lib.builds import build_folder
from orchestration.lib.dagster_home import end_killed_runs, prepare_dagster_home
from orchestration.lib.dbt_project import manifest_path
from orchestration.lib.receipts import read_receipts

if TYPE_CHECKING:
    from dagster import DagsterEvent

JOB_NAME = "publish_customer_marts"


@dataclass(frozen=True)
class GateFailure:
    """A gate that stopped the run: which one and what failed, in sentences."""

    layer: str
    scope: str
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    status: Literal["published", "stopped", "error"]
    run_id: str
    gates: tuple[GateFailure, ...] = ()
    errors: tuple[str, ...] = ()


def run_job(as_of: date | None) -> Outcome:
    """Run everything from exports to published marts; the run appears in the Dagster UI."""
    prepare_dagster_home(project.home())
    from dagster import DagsterInstance

    from orchestration.definitions import definitions
    from orchestration.lib.warehouse import AS_OF_TAG

    # Parsed here first: dbt's own message says more than Dagster's tree of what did not load.
    manifest_path(project.systems())
    job = definitions().resolve_job_def(JOB_NAME)
    # What is loaded stays until the process ends. Looking through it for garbage, again and again
    # and once more at the exit, took 2 CPU s of a small run.
    gc.freeze()
    with DagsterInstance.get() as instance:
        end_killed_runs(instance, project.home())
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags={AS_OF_TAG: as_of.isoformat()} if as_of else {},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        events = result.all_events
    gc.freeze()
    gates = tuple(
        GateFailure(receipt.layer, receipt.scope, receipt.failures)
        for receipt in read_receipts(build_folder(project.home(), result.run_id))
        if receipt.event == "validated" and not receipt.passed
    )
    if result.success:
        return Outcome("published", result.run_id)
    errors = tuple(_error_text(event) for event in events if event.is_step_failure)
    return Outcome("stopped" if gates else "error", result.run_id, gates, errors)


def _error_text(event: "DagsterEvent") -> str:
    """Return the step and the innermost message, without Dagster's wrapping."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed without a message'}"
