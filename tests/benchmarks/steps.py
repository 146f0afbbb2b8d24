"""Run the job, or its first layers, and write what every step took: CPU seconds of this process.

Run `python -m tests.benchmarks.steps LANDING HOME OUT.json [LAYER ...]` in a process of its own.
With layers (`raw staging`) only their assets and checks are selected, as one would in the UI; the
build is then kept at the end as if it had been published, so that the next run can start from it.
"""

import argparse
import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Run and write; exit with 1 when the run does not succeed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("landing", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("layers", nargs="*")
    parser.add_argument("--systems", default="canonical")
    asked = parser.parse_args()
    os.environ |= {
        "CRM_WAREHOUSE_HOME": str(asked.home.absolute()),
        "CRM_WAREHOUSE_LANDING": str(asked.landing.absolute()),
        "CRM_WAREHOUSE_SYSTEMS": asked.systems,
    }
    took = _run(asked.layers)
    asked.out.write_text(json.dumps(took, indent=1), encoding="utf-8")


def _run(layers: list[str]) -> dict[str, float]:
    """Return the CPU seconds per step, by name; `loading` is what comes before the first."""
    import dagster as dg

    from orchestration.definitions import definitions
    from orchestration.lib import project
    from orchestration.lib.builds import promote
    from orchestration.lib.dagster_home import prepare_dagster_home
    from orchestration.lib.warehouse import Warehouse

    ended: list[tuple[str, float]] = []

    @dg.success_hook
    def note(context: dg.HookContext) -> None:
        ended.append((context.op.name, time.process_time()))

    prepare_dagster_home(project.home())
    everything = definitions()
    chosen: Any = dg.AssetSelection.all()
    if layers:
        chosen = dg.AssetSelection.key_prefixes(*layers)

        @dg.asset(deps=chosen.resolve(everything.resolve_asset_graph()))
        def kept(warehouse: Warehouse) -> None:
            promote(warehouse.home, warehouse.build_id)

        everything = dg.Definitions.merge(everything, dg.Definitions(assets=[kept]))
        chosen |= dg.AssetSelection.assets(kept)
    job = dg.define_asset_job("measured", selection=chosen, hooks={note})
    resolved = dg.Definitions.merge(everything, dg.Definitions(jobs=[job])).resolve_job_def(
        "measured"
    )
    gc.freeze()  # as `orchestration/lib/pipeline.py` does
    with dg.DagsterInstance.get() as instance:
        begin = time.process_time()
        result = resolved.execute_in_process(
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
    if not result.success:
        sys.exit("the run failed")
    took, before = {"loading": begin}, begin
    for name, end in ended:
        took[name], before = end - before, end
    return took | {"the rest": time.process_time() - before}


if __name__ == "__main__":
    main()
