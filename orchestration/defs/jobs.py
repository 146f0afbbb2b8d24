"""The one job and what starts it: a clock and new files in landing."""

import dagster as dg

from orchestration.lib import project
from orchestration.lib.landing_watch import landing_state
from orchestration.lib.pipeline import JOB_NAME
from orchestration.lib.remote_landing import remote_state

publish_customer_marts = dg.define_asset_job(
    JOB_NAME,
    selection=dg.AssetSelection.all(),
    description="Everything from export files to published marts, gate by gate.",
)


@dg.schedule(
    job=publish_customer_marts,
    cron_schedule="0 5 * * *",
    execution_timezone="UTC",
    description="Runs every day at 05:00 UTC; switch it on here.",
)
def publish_every_morning() -> dg.RunRequest:
    """Run every day at 05:00 UTC; runs without new files publish the same marts again."""
    return dg.RunRequest()


@dg.sensor(
    job=publish_customer_marts,
    minimum_interval_seconds=60,
    description="Starts a run when the files in landing have changed and then stood still; "
    "switch it on here.",
)
def publish_when_files_arrive(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Request a run for a new state of the landing folder.

    A file that is still being copied changes size: the state must be the same at two looks, a
    minute apart, before a run is worth starting.
    """
    url = project.landing_url()
    state = (
        remote_state(url, project.systems())
        if url
        else landing_state(project.landing(), project.systems())
    )
    seen, _, started = (context.cursor or "::").partition(":")
    if state == started:
        return dg.SensorResult(skip_reason="nothing new in landing", cursor=f"{state}:{started}")
    if state != seen:
        return dg.SensorResult(
            skip_reason="landing has changed; waiting until it stands still",
            cursor=f"{state}:{started}",
        )
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=state)], cursor=f"{state}:{state}")
