"""The event log tells of a run what Dagster's own would tell."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.lib.event_log import PooledSqliteEventLogStorage

OURS = {
    "module": PooledSqliteEventLogStorage.__module__,
    "class": PooledSqliteEventLogStorage.__name__,
}
DEFAULT = {
    "module": "dagster._core.storage.event_log",
    "class": "ConsolidatedSqliteEventLogStorage",
}
CHECKS = [
    dg.AssetCheckSpec(name, asset=table) for table in ("one", "two") for name in ("first", "second")
]


@dg.multi_asset(specs=[dg.AssetSpec(name) for name in ("one", "two")])
def tables() -> Any:
    for name in ("one", "two"):
        yield dg.MaterializeResult(asset_key=name, metadata={"dagster/row_count": 7})


@dg.multi_asset_check(specs=CHECKS)
def gate() -> Any:
    for check in CHECKS:
        yield dg.AssetCheckResult(
            passed=check.name == "first",
            asset_key=check.asset_key,
            check_name=check.name,
            severity=dg.AssetCheckSeverity.WARN,
        )


def told(home: Path, storage: dict[str, str]) -> dict[str, Any]:
    """Run the job twice and return what the log tells of it."""
    home.mkdir()
    log = storage | {"config": {"base_dir": str(home / "events")}}
    instance = dg.DagsterInstance.from_ref(
        dg._core.instance.InstanceRef.from_dir(str(home), overrides={"event_log_storage": log})
    )
    definitions = dg.Definitions(assets=[tables], asset_checks=[gate])
    with instance:
        for _ in range(2):
            job = definitions.resolve_implicit_global_asset_job_def()
            run = job.execute_in_process(instance=instance)
            assert run.success
        latest = {
            name: instance.get_latest_materialization_event(dg.AssetKey(name))
            for name in ("one", "two")
        }
        return {
            "events": Counter(
                record.event_log_entry.dagster_event_type
                for record in instance.get_records_for_run(run.run_id).records
            ),
            "last run": {
                name: event.run_id == run.run_id for name, event in latest.items() if event
            },
            "checks": {
                (check.asset_key, check.name): [
                    record.status.value
                    for record in instance.event_log_storage.get_asset_check_execution_history(
                        check.key, limit=5
                    )
                ]
                for check in CHECKS
            },
        }


@pytest.mark.filterwarnings("ignore")
def test_the_log_tells_what_the_default_tells(tmp_path: Path) -> None:
    ours = told(tmp_path / "ours", OURS)

    assert ours == told(tmp_path / "default", DEFAULT)
    assert set(ours["last run"].values()) == {True}
    assert {tuple(statuses) for statuses in ours["checks"].values()} == {
        ("SUCCEEDED", "SUCCEEDED"),
        ("FAILED", "FAILED"),
    }
