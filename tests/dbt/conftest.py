"""What the tests of the whole project's SQL look at."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orchestration.lib.dbt_project import run_dbt


class Compiled(NamedTuple):
    """The models as SQL of the engine, and a warehouse that holds their tables."""

    nodes: Sequence[Any]
    database: Path


@pytest.fixture(scope="session")
def compiled(published_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    database = tmp_path_factory.mktemp("compiled") / "warehouse.duckdb"
    shutil.copyfile(published_home / "warehouse.duckdb", database)
    results = run_dbt(["compile", "--select", "resource_type:model"], database, ["canonical"])
    return Compiled([result.node for result in results], database)
