"""Everything Dagster loads: what lies in `defs/`, one folder per layer, in data-flow order."""

from pathlib import Path

import dagster as dg


@dg.definitions
def definitions() -> dg.Definitions:
    """Load all definitions."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
