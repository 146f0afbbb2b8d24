"""What all tests share: sample exports and a home in which they were published once."""

from datetime import date
from pathlib import Path

import pytest

from samples import write_exports
from tests.running import SHARED_DATA, crm_warehouse

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
def shared_data() -> Path:
    """The real data sets beside the project; tests that need them skip where they are absent."""
    if not SHARED_DATA.exists():
        pytest.skip(f"real data sets are not there: {SHARED_DATA}")
    return SHARED_DATA
