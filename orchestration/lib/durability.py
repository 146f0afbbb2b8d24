"""Files and names that survive a power cut, and names that are safe to make folders of.

Belongs here: the two calls of fsync and the rule for names that builds, receipts and publication
share. Does not: what the files mean.
"""

import os
import re
from pathlib import Path

_SAFE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


def sync_file(file: Path) -> None:
    """Make the content of `file` survive a power cut."""
    _sync(file)


def sync_folder(folder: Path) -> None:
    """Make names created, renamed or removed in `folder` survive a power cut."""
    _sync(folder)


def check_name(what: str, name: str) -> str:
    """Return `name` if it can be a folder of its own, else raise a ValueError that says why."""
    if not _SAFE_NAME.fullmatch(name):
        raise ValueError(
            f"{what} {name!r} cannot be the name of a folder: "
            "use letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return name


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
