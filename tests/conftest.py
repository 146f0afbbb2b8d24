"""What all tests share: exports, and the homes in which they were published once."""

import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock

from samples import write_exports
from tests.running import SHARED_DATA, TEST_DATA, crm_warehouse

AS_OF = date(2026, 11, 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the file that waits for `crm_home` come first.

    Else all workers wait for one of them to make `published_home`, which the first folder needs.
    """
    items.sort(key=lambda item: item.path.name != "test_crm_systems.py")


Fill = Callable[[Path], object]


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str, Fill], Path]:
    """Folders that one worker of a parallel session fills and all of them read."""
    own = tmp_path_factory.getbasetemp()  # of a worker: a folder in that of the session
    root = own.parent if hasattr(request.config, "workerinput") else own

    def folder(name: str, fill: Fill) -> Path:
        path, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(path, ignore_errors=True)  # of a worker that failed
                fill(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def sample_exports(made_once: Callable[[str, Fill], Path]) -> Path:
    """What `make run` makes for an empty landing folder; copy the folder, do not change it."""

    def fill(landing: Path) -> None:
        made = crm_warehouse("sample", "--out", landing)
        assert made.exit_code == 0, made.stderr

    return made_once("landing", fill)


@pytest.fixture(scope="session")
def published_home(sample_exports: Path, made_once: Callable[[str, Fill], Path]) -> Path:
    """A home whose current version holds the sample; read it, do not run in it."""

    def fill(home: Path) -> None:
        run = crm_warehouse("run", "--home", home, "--landing", sample_exports)
        assert run.exit_code == 0, run.stderr

    return made_once("published_home", fill)


@pytest.fixture(scope="session")
def small_home(made_once: Callable[[str, Fill], Path]) -> Path:
    """A full export of 80 customers and two days of changes in `landing`, published at once.

    For tests of runs, which cost the less the smaller their home is: run in a copy.
    """

    def fill(home: Path) -> None:
        landing = home / "landing"
        write_exports(
            landing, customers=80, seed=3, as_of=AS_OF, days_of_deltas=2, report=lambda _: None
        )
        run = crm_warehouse("run", "--home", home)
        assert run.exit_code == 0, run.stderr

    return made_once("small_home", fill)


@pytest.fixture(scope="session")
def crm_home(
    made_once: Callable[[str, Fill], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Salesforce and HubSpot exports of `tests/data`, published; read the home, do not run in it.

    Some files of Salesforce lie in the zip of a weekly Data Export, one of them in two parts.
    """

    def fill(home: Path) -> None:
        landing = tmp_path_factory.mktemp("crm") / "landing"
        for system in ("salesforce", "hubspot"):
            shutil.copytree(TEST_DATA / system, landing / system)
        week = landing / "salesforce/2026-11-01"
        with zipfile.ZipFile(week / "WE_00D5e000000AbCdEFG_1.ZIP", "w") as archive:
            for name in ("Case", "CaseHistory", "Task"):
                archive.write(week / f"{name}.csv", f"{name}.csv")
                (week / f"{name}.csv").unlink()
            header, *rows = (week / "Contact.csv").read_text("utf-8").splitlines(keepends=True)
            archive.writestr("Contact_1.csv", "".join([header, *rows[:2]]))
            archive.writestr("Contact_2.csv", "".join([header, *rows[2:]]))
            (week / "Contact.csv").unlink()
        run = crm_warehouse(
            "run", "--home", home, "--landing", landing, "--systems", "salesforce,hubspot"
        )
        assert run.exit_code == 0, run.stderr

    return made_once("crm_home", fill)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets beside the project; tests that need them skip where they are absent."""
    if not SHARED_DATA.exists():
        pytest.skip(f"real data sets are not there: {SHARED_DATA}")
    return SHARED_DATA
