"""Everything Dagster loads: what lies in `defs/`, one folder per layer, in data-flow order."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import mashumaro.config
import yaml

from orchestration.lib import project
from orchestration.lib.contracts import YAML_LOADER

# dbt's classes get code that reads and writes them when it is needed, not when they are imported,
# which for all of them takes .2 CPU s.
mashumaro.config.BaseConfig.lazy_compilation = True


@dg.definitions
def definitions() -> dg.Definitions:
    """Load all definitions."""
    project.contracts()  # a contract that cannot be read is told in words of our own
    with _parsed_by_libyaml():
        return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)


@contextmanager
def _parsed_by_libyaml() -> Iterator[None]:
    """Let Dagster parse the contracts in C, where PyYAML has it: .4 CPU s of every run."""
    written_in_python = yaml.SafeLoader
    yaml.SafeLoader = YAML_LOADER  # type: ignore[misc]
    try:
        yield
    finally:
        yaml.SafeLoader = written_in_python  # type: ignore[misc]
