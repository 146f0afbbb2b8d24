"""The page of column lineage, as a person opens it: from disk, without a network."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def lineage(page: Page, published_home: Path) -> Page:
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    asked: list[str] = []
    said: list[str] = []
    page.goto((published_home / "reports/lineage.html").as_uri())
    expect(page.get_by_role("heading", name="Column lineage")).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    return page


def test_search_finds_what_is_made_from_a_column_of_a_file(lineage: Page) -> None:
    everything = lineage.get_by_role("status").inner_text()

    lineage.get_by_role("searchbox").fill("canonical__orders.net_revenue")

    orders = lineage.locator("#fct_orders summary", has_text="net_revenue").first
    expect(orders).to_be_visible()
    expect(lineage.locator("#metric_catalogue")).to_be_hidden()
    expect(lineage.locator("#fct_orders summary", has_text="order_status").first).to_be_hidden()
    expect(lineage.get_by_role("status")).to_have_text(
        f"{lineage.locator('details:visible').count()} columns found"
    )

    lineage.get_by_role("searchbox").fill("")
    expect(lineage.get_by_role("status")).to_have_text(everything)
    expect(lineage.locator("#metric_catalogue")).to_be_visible()


def test_a_click_shows_the_whole_way_back(lineage: Page) -> None:
    email = lineage.locator('#dim_customers details[data-words^="marts.dim_customers.email "]')

    email.locator("summary").click()

    for layer in ("intermediate", "staging", "raw"):
        expect(email.locator("dt", has_text=layer)).to_be_visible()
    expect(email.locator("dd .raw")).to_contain_text("canonical__customers email")
    expect(email.get_by_title("personal data")).to_have_text("direct")
