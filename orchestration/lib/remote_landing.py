"""Landing folders that are not on this machine: `s3://…`, `sftp://…`, whatever fsspec opens.

Belongs here: bringing what is new there into a local mirror, so that everything else reads files.
Does not: reading exports. Credentials come from where fsspec and the protocol's own tools look
for them (environment variables such as FSSPEC_SFTP_PASSWORD or AWS_ACCESS_KEY_ID, their
configuration files); none is kept here.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

_LISTING = ".listing.json"
_PARTIAL = ".partial"

# What tells two states of a remote file apart, by how far it can be trusted; the size always does.
_MARKS = ("ETag", "etag", "md5", "mtime", "LastModified", "last_modified", "modified")


class RemoteLandingError(Exception):
    """A remote landing folder cannot be read; the message says which, why and what to do."""


def is_remote(landing: str) -> bool:
    """Tell whether a landing folder is named by a URL."""
    return "://" in landing


def shown(url: str) -> str:
    """Return the URL without a password in it, fit for logs."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)


def mirror_folder(url: str, home: Path) -> Path:
    """Return where a remote landing folder is mirrored; each has its own place."""
    return home / "landing_mirror" / hashlib.sha256(url.encode()).hexdigest()[:16]


def remote_state(url: str, systems: Sequence[str]) -> str:
    """Return a fingerprint of what lies there now; empty when there is no file."""
    with _opened(url) as (filesystem, root):
        found = _listing(filesystem, root, systems)
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16] if found else ""


def fetch(url: str, home: Path, systems: Sequence[str], report: Callable[[str], None]) -> None:
    """Make the local mirror hold exactly the files of the systems that lie there now.

    A file is fetched when its size or its mark (ETag, time of change) differs from the last time.
    It appears in the mirror all at once, and what has gone there goes here. Only one process may
    fetch at a time (the run's lock). Raises RemoteLandingError when the folder cannot be read, or
    a file changes while it is being fetched.
    """
    mirror = mirror_folder(url, home)
    mirror.mkdir(parents=True, exist_ok=True)
    kept_listing = mirror / _LISTING
    known = json.loads(kept_listing.read_text()) if kept_listing.exists() else {}
    with _opened(url) as (filesystem, root):
        found = _listing(filesystem, root, systems)
        for name, state in found.items():
            target = mirror / name
            if known.get(name) == state and target.exists():
                continue
            report(f"fetch {name}, {state['size']:,} bytes")
            partial = mirror / _PARTIAL
            filesystem.get_file(f"{root}/{name}", str(partial))
            if partial.stat().st_size != state["size"]:
                raise RemoteLandingError(
                    f"{shown(url)}: {name} changed while it was fetched: run again when it is "
                    "written completely"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
            known[name] = state
            kept_listing.write_text(json.dumps(known))
    for system in systems:
        for path in sorted((mirror / system).rglob("*")):
            name = path.relative_to(mirror).as_posix()
            if path.is_file() and name not in found:
                path.unlink()
                known.pop(name, None)
    kept_listing.write_text(json.dumps(known))


@contextmanager
def _opened(url: str) -> Iterator[tuple[Any, str]]:
    """Open the file system of a URL and return the path there, errors as sentences."""
    from fsspec.core import url_to_fs

    try:
        # A listing or a connection of an earlier look would show yesterday's files.
        filesystem, root = url_to_fs(url, skip_instance_cache=True)
        filesystem.invalidate_cache()
        if not filesystem.isdir(root):
            raise RemoteLandingError(
                f"{shown(url)} is not a folder there: name the folder that holds one folder of "
                "exports per system"
            )
        yield filesystem, str(root).rstrip("/")
    except (ValueError, ImportError) as error:  # an unknown protocol, a package that is missing
        raise RemoteLandingError(f"{shown(url)} cannot be opened: {error}") from error
    except _transfer_errors(url) as error:
        raise RemoteLandingError(
            f"{shown(url)} cannot be read: {error}. Check the address, the credentials "
            "(docs/landing.md) and the network, then run again."
        ) from error


def _transfer_errors(url: str) -> tuple[type[Exception], ...]:
    """Return what the protocol's client raises beside OSError."""
    if url.startswith(("s3://", "s3a://")):
        from botocore.exceptions import BotoCoreError, ClientError

        return (OSError, BotoCoreError, ClientError)
    if url.startswith(("sftp://", "ssh://")):
        from paramiko import SSHException

        return (OSError, SSHException)
    return (OSError,)


def _listing(filesystem: Any, root: str, systems: Sequence[str]) -> dict[str, dict[str, Any]]:
    """List the files of the systems by their path below the root, with what tells their state."""
    found: dict[str, dict[str, Any]] = {}
    for system in sorted(systems):
        folder = f"{root.rstrip('/')}/{system}"
        if not filesystem.isdir(folder):
            continue
        for path, info in sorted(filesystem.find(folder, detail=True).items()):
            name = PurePosixPath(path).relative_to(PurePosixPath(root)).as_posix()
            if info["type"] == "file" and ".." not in PurePosixPath(name).parts:
                found[name] = {"size": int(info["size"]), "mark": _mark(info)}
    return found


def _mark(info: Mapping[str, Any]) -> str | None:
    return next((str(info[key]) for key in _MARKS if info.get(key) is not None), None)
