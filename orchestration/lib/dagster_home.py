"""Dagster's own storage of one home: its folder and its settings.

Belongs here: `dagster.yaml`. Does not: definitions.
"""

import os
from pathlib import Path

from orchestration.lib.home import Home

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
