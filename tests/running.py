"""How tests use the product: its own command line, in this process, on a home of their own."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.cli import main

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"
TEST_DATA = PROJECT_ROOT / "tests/data"


@dataclass(frozen=True)
class Run:
    """What a command printed and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


def crm_warehouse(*arguments: str | Path) -> Run:
    """Run `crm-warehouse` with these arguments, Dagster and dbt imported once."""
    out, err = io.StringIO(), io.StringIO()
    with (
        _environment_restored(),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(argument) for argument in arguments])
    exit_code = ended.value.code or 0
    assert isinstance(exit_code, int), exit_code
    return Run(exit_code, out.getvalue(), err.getvalue())


@contextmanager
def published(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published marts of a home as a BI tool does."""
    with duckdb.connect(
        str(home / "published/current/customer_marts.duckdb"), read_only=True
    ) as connection:
        yield connection


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any
) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    return connection.execute(query, parameters).fetchall()


@contextmanager
def _environment_restored() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
