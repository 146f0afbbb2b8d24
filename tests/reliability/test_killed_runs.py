"""A run that is killed costs nothing but its own time.

The command line is killed (SIGKILL, it cannot tidy up) shortly after it has announced a step. Where
in the step that lands is up to a seeded generator and to the machine: the test must hold at every
moment, so it does not depend on which one it is.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from orchestration.lib.home import Home
from orchestration.lib.publication import current_version, read_manifest
from tests.running import PROJECT_ROOT, crm_warehouse, published

SEED = 20261101
STEPS = ("build staging_canonical", "publish: write")
LONGEST_WAIT_SECONDS = 1.0  # about what one of these steps takes


def kill_while(step: str, wait_seconds: float, home: Path, landing: Path) -> None:
    """Start a run and kill its process once it has announced a step and worked on it a little."""
    run = subprocess.Popen(
        [
            *(sys.executable, "-c", "from orchestration.cli import main; main()"),
            *("run", "--home", home, "--landing", landing),
        ],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert run.stderr is not None
    with run.stderr as lines:
        seen = []
        for line in lines:
            seen.append(line)
            if step in line:
                break
        else:
            pytest.fail(f"the run ended without {step!r}:\n{''.join(seen)}")
        time.sleep(wait_seconds)
        run.send_signal(signal.SIGKILL)
        run.wait()


def test_a_killed_run_leaves_readers_alone_and_the_next_run_needs_no_help(
    small_home: Path, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    home = Path(shutil.copytree(small_home, tmp_path / "home", symlinks=True))
    landing = home / "landing"
    costs = min((landing / "canonical").glob("costs_*.csv"))
    header, first, *_ = costs.read_text(encoding="utf-8").splitlines()
    (landing / "canonical/costs_2026-11-02.csv").write_text(f"{header}\n{first}\n", "utf-8")
    before = read_manifest(home / "published")

    for step in STEPS:
        kill_while(step, chance.uniform(0, LONGEST_WAIT_SECONDS), home, landing)

        now = read_manifest(home / "published")
        if step == STEPS[0]:
            assert leftovers(Home(home)) != [], "the kill came too early or too late to hurt"
        # A kill after the flip of the link finds the new version in place, whole.
        assert now == before or step == STEPS[-1], step
        with published(home) as con:
            for table in now["tables"]:
                count = con.execute(f"select count(*) from marts.{table['name']}").fetchone()
                assert count == (table["row_count"],)

    # Another day, so that the run has something to do even if the last kill came too late.
    again = crm_warehouse("run", "--home", home, "--landing", landing, "--as-of", "2026-11-02")

    assert again.exit_code == 0, again.stderr
    assert read_manifest(home / "published")["as_of"] == "2026-11-02"
    assert leftovers(Home(home)) == []
    assert set(run_states(home)) == {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}


def leftovers(home: Home) -> list[Path]:
    """Return files that only a run in progress may have."""
    current = home.published / f"v={current_version(home.published)}"
    listed = {path.resolve() for path in (current, *home.published.glob("v=*"))}
    return sorted(
        [
            *(path for path in home.builds.glob("*/*") if path.name != "receipts.jsonl"),
            *(path for path in home.raw.rglob(".work-*")),
            *(path for path in home.root.glob("warehouse.duckdb?*")),
            *(
                path
                for path in home.published.iterdir()
                if path.name not in ("current", ".lock") and path.resolve() not in listed
            ),
        ]
    )


def run_states(home: Path) -> list[DagsterRunStatus]:
    """Return how Dagster's runs of a home ended; a run that is in progress holds up all others."""
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        return [run.status for run in instance.get_runs()]
