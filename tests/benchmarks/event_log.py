"""What Dagster's event log costs a run: its default storage against ours, in one run.

    python -m tests.benchmarks.event_log

A job without any work: 50 assets with a row count and two checks each.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_JOB = """
import os, sys, time
import dagster as dg

names = [f"table_{number}" for number in range(50)]
checks = [
    dg.AssetCheckSpec(check, asset=name) for name in names for check in ("critical", "warning")
]

@dg.multi_asset(specs=[dg.AssetSpec(name) for name in names])
def tables():
    for name in names:
        yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": 1})

@dg.multi_asset_check(specs=checks)
def gate():
    for check in checks:
        yield dg.AssetCheckResult(passed=True, asset_key=check.asset_key, check_name=check.name)

definitions = dg.Definitions(
    assets=[tables], asset_checks=[gate],
    jobs=[dg.define_asset_job("everything", selection=dg.AssetSelection.all())],
)
job = definitions.resolve_job_def("everything")
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
with dg.DagsterInstance.get() as instance:
    started, cpu = time.perf_counter(), time.process_time()
    assert job.execute_in_process(instance=instance, run_config=quiet).success
    print(time.process_time() - cpu, time.perf_counter() - started)
"""

_OURS = """
event_log_storage:
  module: orchestration.lib.event_log
  class: PooledSqliteEventLogStorage
  config: {base_dir: %s}
"""


def measure(settings: str, home: Path) -> tuple[float, float]:
    """Return CPU and wall seconds of the job on a new Dagster home."""
    home.mkdir()
    text = "telemetry: {enabled: false}\n" + (settings % (home / "events") if settings else "")
    (home / "dagster.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _JOB],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    cpu, wall = done.stdout.split()[-2:]
    return float(cpu), float(wall)


def main() -> None:
    """Print both and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        default = measure("", Path(folder) / "default")
        ours = measure(_OURS, Path(folder) / "ours")
    print("| event log | CPU s | wall s |\n|---|---|---|")
    print(f"| Dagster's default | {default[0]:.2f} | {default[1]:.2f} |")
    print(f"| one file, pooled | {ours[0]:.2f} | {ours[1]:.2f} |")
    print(f"\ndefault / ours: {default[0] / ours[0]:.1f} in CPU")


if __name__ == "__main__":
    main()
