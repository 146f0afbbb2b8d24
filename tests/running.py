"""How tests use the product: its own command line, in this process, on a home of their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from typer.testing import CliRunner

from orchestration.cli import app

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT_ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Run:
    """What a command printed and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


def crm_warehouse(*arguments: str | Path) -> Run:
    """Run `crm-warehouse` with these arguments, Dagster and dbt imported once."""
    with _environment_restored():
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(result.exit_code, result.stdout, result.stderr)


@contextmanager
def published(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published marts of a home as a BI tool does."""
    with duckdb.connect(
        str(home / "published/current/customer_marts.duckdb"), read_only=True
    ) as connection:
        yield connection


@contextmanager
def _environment_restored() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
