"""Companies that the tests of this folder read; each is made once."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.unit.samples.sample_files import Sample, connect, load_objects, make_sample


@pytest.fixture(scope="session")
def objects() -> dict[str, dict[str, Any]]:
    return load_objects()


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """One full export as of the day."""
    return make_sample(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="session")
def deltas(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The same company, exported twenty days before and then day by day."""
    return make_sample(tmp_path_factory.mktemp("deltas"), days_of_deltas=20)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Enough customers for statistics and for files that are written in several pieces."""
    return make_sample(tmp_path_factory.mktemp("large"), customers=20_000)


@pytest.fixture(scope="session")
def history_db(
    history: Sample, objects: dict[str, dict[str, Any]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(history, objects) as con:
        yield con


@pytest.fixture(scope="session")
def deltas_db(
    deltas: Sample, objects: dict[str, dict[str, Any]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(deltas, objects) as con:
        yield con


@pytest.fixture(scope="session")
def large_db(
    large: Sample, objects: dict[str, dict[str, Any]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(large, objects) as con:
        yield con
