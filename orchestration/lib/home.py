"""Where a warehouse keeps its files.

Belongs here: folder names. Does not: reading or writing what is in them.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folders of one warehouse, all below `root`."""

    root: Path

    @property
    def landing(self) -> Path:
        """Exports as they come, one folder per system."""
        return self.root / "landing"

    @property
    def raw(self) -> Path:
        """One Parquet file per export file, immutable."""
        return self.root / "raw"

    @property
    def warehouse(self) -> Path:
        """The last good build."""
        return self.root / "warehouse.duckdb"

    @property
    def builds(self) -> Path:
        """Working copies and receipts, one folder per build."""
        return self.root / "builds"

    @property
    def published(self) -> Path:
        """Immutable versions and the link `current`."""
        return self.root / "published"

    @property
    def reports(self) -> Path:
        """Pages for people."""
        return self.root / "reports"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage."""
        return self.root / "dagster"
