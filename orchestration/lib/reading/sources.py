"""Where export files lie, and how to get at what is in them.

Belongs here: the landing folder, gzip and zip, content hashes, dates in names, which object a name
stands for. Does not: the text or the rows inside.
"""

import difflib
import gzip
import hashlib
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from time import time_ns
from typing import IO, Any, NamedTuple, cast

from orchestration.lib.contracts import ContractError, ExportContract, ExportObject, matches
from orchestration.lib.reading.records import RefusedError
from orchestration.lib.reading.spellings import MONTHS

_BROKEN = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)
_CHUNK = 1 << 20

# A date with one separator throughout or none, and perhaps a time. What follows a time must not go
# on as a date does, or the second date of a range would be taken for one; a longer number is that
# of the export.
_EXPORT_TIME = re.compile(
    r"(?<!\d)(?:(\d{4})([-_.])(\d{2})\2(\d{2})|(\d{4})(\d{2})(\d{2}))"
    r"(?:[T_ -]?(\d{2})[:-]?(\d{2})(?:[:-]?(\d{2}))?"
    r"(?!\d|-\d{1,4}(?!\d)|[_.]\d{2}[_.]\d{2}))?(?!\d)"
)

# As Qualtrics writes it: `Customer survey_July 2, 2025_09.13.csv`.
_WRITTEN_TIME = re.compile(r"([A-Z][a-z]{2,8}) (\d{1,2}), (\d{4})(?:_(\d{2})\.(\d{2}))?(?!\d)")


class PublishedFile(NamedTuple):
    """A file behind the published version, as its manifest names it."""

    object: str
    sha256: str
    file_name: str
    times_replaced: int = 0


@dataclass(frozen=True)
class Source:
    """One export file: a file below landing, or a member of a zip archive there.

    `name` is relative to `landing/<system>`, with slashes; a member's is `archive.zip/member.csv`.
    `content` is where it lies unpacked already.
    """

    path: Path
    name: str
    member: str | None = None
    content: Path | None = None

    @property
    def plain_name(self) -> str:
        """The name without the compression suffix."""
        return re.sub(r"\.gz$", "", self.name, flags=re.IGNORECASE)

    @property
    def is_packed(self) -> bool:
        """Tell whether the content has to be unpacked."""
        return self.member is not None or self.plain_name != self.name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the content, unpacked."""
        compressed = self.plain_name != self.name
        if self.member is None:
            with gzip.open(self.path) if compressed else self.path.open("rb") as file:
                yield cast(IO[bytes], file)
        else:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as member:
                yield cast(IO[bytes], gzip.GzipFile(fileobj=member)) if compressed else member


def find_sources(folder: Path) -> Iterator[Source]:
    """Yield every export file below the folder, in the order of the names.

    Hidden files (`.DS_Store`, `__MACOSX/` in archives) are no exports. An archive that cannot be
    read is yielded as itself: reading it gives the reason.
    """
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if not _is_hidden(name):
            yield from sources_of(path, name)


def unread_places(landing: Path, systems: Collection[str]) -> dict[str, int]:
    """Return how many files lie in landing outside the folders of the systems that are read.

    By folder, or by file for those that lie in no folder, in the order of the names. The truth
    that `crm-warehouse sample` writes beside its exports is no export.
    """
    files = (p.relative_to(landing) for p in landing.rglob("*") if p.is_file())
    places = Counter(
        file.parts[0] for file in files if len(file.parts) == 1 or file.parts[0] not in systems
    )
    return {n: places[n] for n in sorted(places) if not _is_hidden(n) and n != "truth"}


def sources_of(path: Path, name: str) -> Iterator[Source]:
    """Yield the export files that one file is: itself, or the members of a zip archive."""
    if path.suffix.lower() != ".zip":
        yield Source(path, name)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(m.filename for m in archive.infolist() if not m.is_dir())
    except zipfile.BadZipFile:
        yield Source(path, name)
        return
    for member in members:
        if not _is_hidden(member):
            yield Source(path, f"{name}/{member}", member)


def digest(source: Source, copy: Path | None = None) -> tuple[str, int]:
    """Return the sha256 and the size of the content, and write it to `copy` where that is given.

    Raises RefusedError when gzip or zip are broken.
    """
    if source.member is None and source.path.suffix.lower() == ".zip":
        raise RefusedError("the zip archive cannot be opened", _AGAIN)
    checksum, size = hashlib.sha256(), 0
    try:
        with source.open() as content, copy.open("wb") if copy else nullcontext() as out:
            while chunk := content.read(_CHUNK):
                checksum.update(chunk)
                size += len(chunk)
                if out:
                    out.write(chunk)
    except _BROKEN as error:
        raise RefusedError(f"cannot be unpacked after {size:,} bytes: {error}", _AGAIN) from error
    except (NotImplementedError, RuntimeError) as error:  # zipfile: method unknown, encrypted
        raise RefusedError(f"cannot be unpacked: {error}", "pack it without a password") from error
    return checksum.hexdigest(), size


class Digests:
    """The digests of a system's files, kept from run to run beside what was landed.

    A file that lies there as it did (size, times, inode) is not read again: hashing 2.7 GB took
    2 CPU s of every run, whatever was new. The time of the last change is one that no program can
    set; a file that had changed within the last second may change again without a trace.
    """

    def __init__(self, raw: Path) -> None:
        self._path = raw / ".digests.json"
        self._kept: dict[str, list[Any]] = (
            json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        )
        self._seen: dict[str, list[Any]] = {}

    def of(self, source: Source, copy: Path | None = None) -> tuple[str, int]:
        """Return what `digest` does; `copy` is written only when the content has to be read."""
        now, found = time_ns(), source.path.stat()
        state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
        held = self._kept.get(source.name)
        if held is not None and held[2] == state:
            sha256, size = held[0], held[1]
        else:
            sha256, size = digest(source, copy)
        if now - found.st_ctime_ns > 1_000_000_000:
            self._seen[source.name] = [sha256, size, state]
        return sha256, size

    def keep(self) -> None:
        """Write down what was seen; only the run that lands may."""
        if self._seen == self._kept:
            return
        working = self._path.with_suffix(".tmp")
        working.write_text(json.dumps(self._seen), encoding="utf-8")
        working.replace(self._path)


def raw_digest(path: Path) -> str:
    """Return the sha256 of the bytes as they lie: the identity of what cannot be unpacked."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(folder: Path, raw: Path) -> frozenset[tuple[str, str]]:
    """Return name and hash of all export files of a system, broken archives included.

    `raw` is the folder in which those of earlier runs were kept.
    """
    found, digests = set(), Digests(raw)
    for source in find_sources(folder):
        try:
            found.add((source.name, digests.of(source)[0]))
        except RefusedError:
            found.add((source.name, raw_digest(source.path)))
    return frozenset(found)


def unpacked(source: Source, target: Path) -> Path:
    """Return the content as a plain file: the file itself, or `target` written from the archive."""
    if source.content is not None or not source.is_packed:
        return source.content or source.path
    with source.open() as content, target.open("wb") as out:
        while chunk := content.read(_CHUNK):
            out.write(chunk)
    return target


def object_of(source: Source, contract: ExportContract) -> ExportObject | None:
    """Return the object that the file's name stands for, None when it stands for none.

    The pattern that spells out most of the name decides: `survey_questions*` before `*`.

    Raises ContractError when patterns of two objects spell out equally much.
    """
    spelt_out = {
        exported.name: max(
            (
                len(re.sub(r"\[.*?\]|[*?]", "", pattern))
                for pattern in (*exported.files, *exported.delta_files)
                if matches(source.plain_name, pattern)
            ),
            default=-1,
        )
        for exported in contract.objects
    }
    most = max(spelt_out.values())
    found = [name for name, count in spelt_out.items() if count == most >= 0]
    if len(found) > 1:
        raise ContractError(
            f"{contract.system}: {source.name} matches the file patterns of "
            f"{' and '.join(found)}: make the patterns exclusive"
        )
    return contract.object(found[0]) if found else None


def nearest_object(source: Source, contract: ExportContract) -> ExportObject:
    """Return the object whose patterns come nearest to an unrecognised name."""
    name = PurePosixPath(source.plain_name.lower()).name
    return max(
        contract.objects,
        key=lambda exported: max(
            difflib.SequenceMatcher(None, name, pattern.lower()).ratio()
            for pattern in exported.files
        ),
    )


def export_time(name: str) -> datetime | None:
    """Return the export time in a file's name or, failing that, in its nearest dated folder.

    The last date of a name counts: a range names its end last.
    """
    for part in reversed(PurePosixPath(name).parts):
        for time in reversed([*_times(part)]):
            if time is not None and 1990 <= time.year <= 2100:
                return time
    return None


def _times(part: str) -> Iterator[datetime | None]:
    """Yield the dates in a name, None for digits that are none, such as a ticket number."""
    for match in _EXPORT_TIME.finditer(part):
        year, month, day = match.group(1, 3, 4) if match.group(1) else match.group(5, 6, 7)
        yield _time(year, month, day, *match.group(8, 9, 10))
    for match in _WRITTEN_TIME.finditer(part):
        named, day, year, hour, minute = match.groups()
        yield _time(year, MONTHS.get(named.lower(), 0), day, hour, minute, 0)


def _time(*parts: str | int | None) -> datetime | None:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def export_told(exported: ExportObject, name: str) -> datetime | None:
    """Return the time that makes a file an export of its own, though its content was seen before.

    A full export says what there is at its time. Content that comes back after another means that
    things are as they were, and a part that did not change is not a part that is absent. So does a
    delta of an object whose rows do not tell when they changed. None where the same content is the
    same export whatever it is called: rows that carry their own time, and rows without a key, which
    would count twice. Of a full export without a key it is the day that counts, as its parts do.
    """
    time = export_time(name)
    if exported.is_full(name):
        return time if exported.key or time is None else datetime(time.year, time.month, time.day)
    return time if exported.key and exported.watermark is None else None


def name_without_time(name: str) -> str:
    """Return what two exports of one object have in common in their names: all but the time."""
    return _WRITTEN_TIME.sub("", _EXPORT_TIME.sub("", name))


_AGAIN = "the file is damaged or was still being written: copy it to landing again"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
