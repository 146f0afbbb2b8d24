"""Whether the landing folder has changed, at the price of a directory listing.

Belongs here: a cheap fingerprint for the sensor. Does not: reading files; a run identifies files
by their content.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def landing_state(landing: Path, systems: Sequence[str]) -> str:
    """Return a fingerprint of names, sizes and change times; empty when there is no file."""
    lines = [
        f"{path.relative_to(landing)}\0{status.st_size}\0{status.st_mtime_ns}"
        for system in sorted(systems)
        for path in sorted((landing / system).rglob("*"))
        if path.is_file()
        for status in (path.stat(),)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""
