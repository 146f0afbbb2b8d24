"""What these tests deliver to a warehouse, and how they look at what it did.

Belongs here: making good and bad export files from the sample, fingerprints. Does not: fixtures,
assertions.
"""

import csv
import hashlib
import io
import shutil
from pathlib import Path

from orchestration.lib.publication import read_manifest

Row = dict[str, str]


def exported_rows(exports: Path, name: str) -> list[Row]:
    """Return the rows of one canonical object of the sample's full export."""
    path = min((exports / "canonical").glob(f"{name}_[0-9]*.csv"))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def as_csv(rows: list[Row], *, renamed: tuple[str, str] | None = None) -> bytes:
    """Write rows as an export; `renamed` gives one column of the header another name."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    old, new = renamed or ("", "")
    writer.writerow([new if name == old else name for name in rows[0]])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode()


def changed(rows: list[Row], position: int, **cells: str) -> list[Row]:
    """Return the rows with some cells of one of them replaced."""
    return [row | cells if at == position else row for at, row in enumerate(rows)]


def deliver(landing: Path, name: str, content: bytes) -> Path:
    """Put one file into landing."""
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def copy_of(home: Path, target: Path) -> Path:
    """Copy a home, links as links."""
    return Path(shutil.copytree(home, target, symlinks=True))


def fingerprint(folder: Path) -> str:
    """Hash names, bytes and link targets of everything below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        if path.is_symlink():
            digest.update(str(path.readlink()).encode())
        elif path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def mart_hashes(home: Path) -> dict[str, str]:
    """Return the content hash of every published mart."""
    tables = read_manifest(home / "published")["tables"]
    return {table["name"]: table["content_hash"] for table in tables}


def builds(home: Path) -> frozenset[Path]:
    """Return the folders of all builds that were ever begun and kept."""
    return frozenset((home / "builds").glob("*"))
