"""Landing folders on real S3 and SFTP servers; a run that publishes is in test_dirty_exports.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.lib.remote_landing import (
    RemoteLandingError,
    fetch,
    mirror_folder,
    remote_state,
    shown,
)
from tests.integration.servers import serving
from tests.running import crm_warehouse


@dataclass(frozen=True)
class Remote:
    """The URL of a landing folder on a server, and how its owner changes what lies there."""

    url: str
    put: Callable[[str, bytes], None]
    remove: Callable[[str], None]


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[Remote]:
    root = tmp_path / "server"
    exports = root / "exports"
    exports.mkdir(parents=True)

    def put(name: str, content: bytes) -> None:
        path = exports / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    with serving("sftp_server", str(root)) as port:
        url = f"sftp://exports:secret@127.0.0.1:{port}/exports"
        yield Remote(url, put, lambda name: (exports / name).unlink())


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    from s3fs import S3FileSystem

    with serving("s3_server") as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "exports")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        bucket = S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        bucket.mkdir("company")
        bucket.pipe_file("company/exports/README", b"one folder per system")
        yield Remote(
            "s3://company/exports",
            lambda name, content: bucket.pipe_file(f"company/exports/{name}", content),
            lambda name: bucket.rm_file(f"company/exports/{name}"),
        )


@pytest.fixture(params=["s3", "sftp"])
def remote(request: pytest.FixtureRequest) -> Remote:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Remote)
    return found


def _mirrored(url: str, home: Path) -> dict[str, bytes]:
    mirror = mirror_folder(url, home)
    return {
        path.relative_to(mirror).as_posix(): path.read_bytes()
        for path in sorted(mirror.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_mirror_follows_the_server(remote: Remote, tmp_path: Path) -> None:
    url, put, remove = remote.url, remote.put, remote.remove
    home = tmp_path / "home"
    fetched: list[str] = []
    put("canonical/2026-11-01/customers.csv", b"customer_id\n1\n")
    put("canonical/orders.csv", b"order_id\n")
    put("another/customers.csv", b"of a system that is not read\n")

    fetch(url, home, ["canonical"], fetched.append)
    assert _mirrored(url, home) == {
        "canonical/2026-11-01/customers.csv": b"customer_id\n1\n",
        "canonical/orders.csv": b"order_id\n",
    }
    assert len(fetched) == 2
    before = remote_state(url, ["canonical"])

    fetch(url, home, ["canonical"], fetched.append)
    assert len(fetched) == 2, "what is there already is not fetched again"
    assert remote_state(url, ["canonical"]) == before

    put("canonical/2026-11-01/customers.csv", b"customer_id\n1\n2\n")
    remove("canonical/orders.csv")
    assert remote_state(url, ["canonical"]) != before
    fetch(url, home, ["canonical"], fetched.append)
    assert _mirrored(url, home) == {
        "canonical/2026-11-01/customers.csv": b"customer_id\n1\n2\n",
    }
    assert len(fetched) == 3


def test_an_address_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    run = crm_warehouse(
        "run", "--home", tmp_path, "--landing", "sftp://exports:secret@127.0.0.1:1/exports"
    )
    assert run.exit_code == 1
    assert run.stderr.splitlines()[-1].startswith(
        "crm-warehouse: sftp://exports:***@127.0.0.1:1/exports cannot be read"
    )


def test_a_folder_that_is_not_there_is_named(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(RemoteLandingError, match="elsewhere is not a folder"):
        fetch(f"{remote.url}/elsewhere", tmp_path, ["canonical"], print)


def test_a_wrong_password_is_named(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    with serving("sftp_server", str(tmp_path)) as port:
        url = f"sftp://exports:wrong@127.0.0.1:{port}/exports"
        with pytest.raises(RemoteLandingError, match="Authentication failed") as raised:
            fetch(url, tmp_path / "home", ["canonical"], print)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sftp://me:pass@host/a", "sftp://me:***@host/a"),
        ("sftp://me@host/a", "sftp://me@host/a"),
        ("s3://bucket/a", "s3://bucket/a"),
    ],
)
def test_passwords_are_not_shown(url: str, text: str) -> None:
    assert shown(url) == text


def test_an_unknown_protocol_is_named(tmp_path: Path) -> None:
    with pytest.raises(RemoteLandingError, match="gopher"):
        fetch("gopher://host/exports", tmp_path, ["canonical"], print)
