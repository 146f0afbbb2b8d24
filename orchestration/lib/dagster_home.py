"""Dagster's own storage of one home: its folder, its settings, what killed runs left in it.

Belongs here: `dagster.yaml`, the state of runs. Does not: definitions.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.lib.builds import RunLockedError, exclusive_run
from orchestration.lib.home import Home

if TYPE_CHECKING:
    from dagster import DagsterInstance

# One run at a time, as only one process may write the warehouse; no telemetry; no welcome pop-up.
_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
concurrency:
  runs:
    max_concurrent_runs: 1
event_log_storage:
  module: orchestration.lib.event_log
  class: PooledSqliteEventLogStorage
  config:
    base_dir: {events}
"""


def prepare_dagster_home(home: Home) -> Path:
    """Make the folder, write its settings, and let this process and its children use it."""
    home.dagster.mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    text = _SETTINGS.format(events=home.dagster / "events")
    if not settings.exists() or settings.read_text(encoding="utf-8") != text:
        settings.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return home.dagster


def end_killed_runs(instance: "DagsterInstance", home: Home) -> None:
    """Mark runs as failed whose process was killed: it could not do so itself.

    They would look as if they went on for ever and, as only one run may be in progress, keep every
    queued one waiting. The home's lock falls with its process: while it is free no run is alive.
    """
    from dagster import DagsterRunStatus, RunsFilter

    try:
        with exclusive_run(home):
            for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
                instance.report_run_failed(run, "The process of this run was killed.")
    except RunLockedError:
        return  # the run that holds the lock is the one that is started
