"""The Dagster resource that a run's steps share: its build, its lock, its settings.

Belongs here: the life of one build within one run. Does not: what a step does with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
from pydantic import PrivateAttr

from orchestration.lib import project
from orchestration.lib.builds import begin_build, drop_build, exclusive_run
from orchestration.lib.company import Company, load_company
from orchestration.lib.home import Home
from orchestration.lib.progress import report
from orchestration.lib.remote_landing import fetch

AS_OF_TAG = "crm_warehouse/as_of"


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """One run's working copy of the warehouse.

    The lock is taken when the run begins and falls with its process. A build that was not promoted
    by the publication is dropped at the end, so that a failed run leaves nothing behind but its
    receipts.
    """

    home_folder: str
    landing_folder: str
    landing_url: str | None = None
    company_file: str
    systems: list[str]

    _build: Path | None = PrivateAttr(default=None)
    _as_of: date | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Warehouse"]:
        """Hold the run's lock and its build for as long as the run's process works."""
        run = context.run
        build_id = run.run_id if run else "no-run"
        asked = run.tags.get(AS_OF_TAG) if run else None
        self._as_of = date.fromisoformat(asked) if asked else None
        with exclusive_run(self.home):
            if self.landing_url:
                fetch(self.landing_url, self.home.root, self.systems, report)
            self._build = begin_build(self.home, build_id)
            try:
                yield self
            finally:
                drop_build(self.home, build_id)
                self._build = None

    @property
    def home(self) -> Home:
        """The home folder."""
        return Home(Path(self.home_folder))

    @property
    def landing(self) -> Path:
        """The landing folder, of a remote one the local mirror."""
        return Path(self.landing_folder)

    @property
    def company(self) -> Company:
        """The company's settings."""
        return load_company(Path(self.company_file))

    @property
    def asked_as_of(self) -> date | None:
        """The as-of day the run was started with; None means the last day that was exported."""
        return self._as_of

    @property
    def build_dir(self) -> Path:
        """The folder of this run's build."""
        if self._build is None:
            raise RuntimeError("the warehouse is only there while a run executes")
        return self._build

    @property
    def build_id(self) -> str:
        """The build's name: the Dagster run that makes it."""
        return self.build_dir.name

    @property
    def database(self) -> Path:
        """The database file of this run's build."""
        return self.build_dir / "warehouse.duckdb"

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the build's database; closed at the end, as only one opener may write."""
        with duckdb.connect(str(self.database)) as connection:
            yield connection


def warehouse_from_environment() -> Warehouse:
    """Make the resource from the environment and `company.yml`."""
    return Warehouse(
        home_folder=str(project.home().root),
        landing_folder=str(project.landing()),
        landing_url=project.landing_url(),
        company_file=str(project.company_file()),
        systems=list(project.systems()),
    )
