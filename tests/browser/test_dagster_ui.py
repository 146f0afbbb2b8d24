"""What a person sees in the Dagster UI, and that a run started there publishes."""

import time

import pytest
from playwright.sync_api import Page, expect

from orchestration.lib.publication import current_version
from tests.browser.conftest import Ui
from tests.running import published

pytestmark = pytest.mark.browser

LAYERS = ["raw", "staging", "intermediate", "statistics", "marts", "publication"]
ERROR_WORDS = ["An error occurred", "Failed to load", "Unexpected GraphQL error"]
SECONDS_TO_RUN = 300


def opened(page: Page, address: str, sign_of_life: str) -> Page:
    """Open a page, wait for what it is about, and look for error banners."""
    page.goto(address)
    expect(page.get_by_text(sign_of_life, exact=True).first).to_be_visible()
    for words in ERROR_WORDS:
        expect(page.get_by_text(words)).to_have_count(0)
    return page


def test_the_asset_graph_reads_from_raw_to_publication(ui: Ui, page: Page) -> None:
    opened(page, f"{ui.address}/asset-groups", "publication")
    sidebar_ends = 540  # pixels; the groups are also listed in the sidebar, by name

    def in_the_graph(layer: str) -> float | None:
        boxes = [found.bounding_box() for found in page.get_by_text(layer, exact=True).all()]
        return max((box["x"] for box in boxes if box and box["x"] > sidebar_ends), default=None)

    page.wait_for_function(
        f"[...document.querySelectorAll('*')].some(e => e.textContent === 'publication'"
        f" && e.getBoundingClientRect().x > {sidebar_ends})"
    )
    places = {layer: in_the_graph(layer) for layer in LAYERS}

    assert None not in places.values(), places
    assert sorted(places, key=lambda layer: places[layer] or 0) == LAYERS


def test_an_asset_says_what_it_is(ui: Ui, page: Page) -> None:
    with published(ui.home) as con:
        (rows,) = con.execute("select count(*) from marts.fct_orders").fetchone() or (0,)

    opened(page, f"{ui.address}/assets/marts/fct_orders", "One row per order.")

    for text in ("data-engineering", "marts.fct_orders", "net_revenue", "decimal(18, 4)"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_text(f"{rows:,}", exact=True).first).to_be_visible()


def test_the_checks_of_an_asset_are_there_and_passed(ui: Ui, page: Page) -> None:
    opened(page, f"{ui.address}/assets/marts/fct_orders?view=checks", "gx_critical")

    expect(page.get_by_text("gx_warning", exact=True).first).to_be_visible()
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
    expect(page.get_by_text("This is a blocking asset check").first).to_be_visible()


def test_the_run_of_the_command_line_is_there_and_succeeded(ui: Ui, page: Page) -> None:
    version = current_version(ui.home / "published")
    assert version is not None

    opened(page, f"{ui.address}/runs", version.rsplit("-", 1)[1])

    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    expect(page.get_by_text("publish_customer_marts", exact=True).first).to_be_visible()


def test_schedule_and_sensor_are_listed_and_off(ui: Ui, page: Page) -> None:
    opened(page, f"{ui.address}/automation", "publish_every_morning")

    expect(page.get_by_text("publish_when_files_arrive", exact=True)).to_be_visible()
    found = ui.ask(
        "{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {"
        "... on RepositoryLocation {repositories {"
        "schedules {name scheduleState {status}} sensors {name sensorState {status}}}}}}}}}"
    )
    (entry,) = found["workspaceOrError"]["locationEntries"]
    (repository,) = entry["locationOrLoadError"]["repositories"]
    assert [s["scheduleState"]["status"] for s in repository["schedules"]] == ["STOPPED"]
    assert [s["sensorState"]["status"] for s in repository["sensors"]] == ["STOPPED"]


def test_every_asset_has_description_owner_columns_and_storage(ui: Ui) -> None:
    nodes = ui.ask(
        "{assetNodes {assetKey {path} description groupName kinds owners {"
        "... on TeamAssetOwner {team} ... on UserAssetOwner {email}}"
        " metadataEntries {... on TableSchemaMetadataEntry {schema {columns {name}}}}}}"
    )["assetNodes"]

    bare = {
        "/".join(node["assetKey"]["path"])
        for node in nodes
        if not (node["description"] and node["owners"] and node["kinds"])
        or node["groupName"] not in LAYERS
        or not any(entry.get("schema", {}).get("columns") for entry in node["metadataEntries"])
    }

    assert bare == {"published/customer_marts"}  # many tables, no columns of its own


def test_a_run_started_in_the_browser_publishes(ui: Ui, page: Page) -> None:
    before = current_version(ui.home / "published")
    job = "locations/crm_warehouse/jobs/publish_customer_marts"
    opened(page, f"{ui.address}/{job}", "publish_customer_marts")

    page.get_by_role("button", name="Materialize all").click()

    status, run_id = "", ""
    deadline = time.monotonic() + SECONDS_TO_RUN
    while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < deadline:
        time.sleep(1)
        (run,) = ui.ask("{runsOrError(limit: 1) {... on Runs {results {runId status}}}}")[
            "runsOrError"
        ]["results"]
        if before and not before.endswith(run["runId"][:8]):
            status, run_id = run["status"], run["runId"]
    assert status == "SUCCESS"
    after = current_version(ui.home / "published")
    assert after is not None and after.endswith(run_id[:8])
    assert (ui.home / "reports/lineage.html").read_text(encoding="utf-8").count(after) == 1
