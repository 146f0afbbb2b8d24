"""What all tests share: exports, and the homes in which they were published once."""

import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest

from samples import write_exports
from tests.running import SHARED_DATA, TEST_DATA, crm_warehouse

AS_OF = date(2026, 11, 1)


@pytest.fixture(scope="session")
def sample_exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of a made-up company of 600 customers; copy the folder, do not change it."""
    out = tmp_path_factory.mktemp("sample") / "landing"
    write_exports(out, customers=600, seed=7, as_of=AS_OF, report=lambda _: None)
    return out


@pytest.fixture(scope="session")
def published_home(sample_exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose current version holds the sample; read it, do not run in it."""
    home = tmp_path_factory.mktemp("published") / "home"
    run = crm_warehouse("run", "--home", home, "--landing", sample_exports)
    assert run.exit_code == 0, run.stderr
    return home


@pytest.fixture(scope="session")
def crm_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Salesforce and HubSpot exports of `tests/data`, published; read the home, do not run in it.

    Some files of Salesforce lie in the zip of a weekly Data Export, one of them in two parts.
    """
    folder = tmp_path_factory.mktemp("crm")
    landing, home = folder / "landing", folder / "home"
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
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets beside the project; tests that need them skip where they are absent."""
    if not SHARED_DATA.exists():
        pytest.skip(f"real data sets are not there: {SHARED_DATA}")
    return SHARED_DATA
