"""A real browser and a real Dagster UI, started the way a person starts it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SECONDS_TO_START = 180  # Loading dbt and Dagster took 15 s alone and 50 s on a busy machine.
MILLISECONDS_TO_SHOW = 60_000  # What a page has to show took more than 5 s on a busy machine.


@dataclass(frozen=True)
class Ui:
    """A running `crm-warehouse ui`."""

    address: str
    home: Path

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Return what the page's own interface (GraphQL) answers."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium (Debian) to run the page tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails its test when a script on it fails."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(MILLISECONDS_TO_SHOW)
    expect.set_options(timeout=MILLISECONDS_TO_SHOW)  # Else five seconds, whatever the page has.
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    page.close()
    assert failures == []


@pytest.fixture(scope="session")
def ui(
    browser: Browser, small_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ui]:
    """The UI on a copy of a published home; its log is shown when it does not come up."""
    folder = tmp_path_factory.mktemp("ui")
    home = folder / "home"
    shutil.copytree(small_home, home, symlinks=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "ui.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("crm-warehouse"),
                *("ui", "--home", home, "--port", str(port)),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(address, process, log)
        yield Ui(address, home)
    finally:
        # At once and with all its children: the home is a copy that nobody reads any more.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/server_info", timeout=5).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"the UI did not come up:\n{log.read_text(encoding='utf-8')[-3000:]}")
