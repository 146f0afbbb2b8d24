"""Readers never notice that a run publishes, or that it was killed while it did.

A writer process publishes one version after the other and is killed at random moments. Each
version says in every row of two tables which generation it is; a reader that saw half of a
version, or half of two, would find a mixture. Readers open a new connection for each look, as BI
tools do through SQLAlchemy's NullPool.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb

from orchestration.lib.publication import current_version, publish, read_manifest, versions
from orchestration.lib.receipts import record_validated

PROJECT = Path(__file__).parents[2]
KILLS = 5
SEED = 20260601
ROWS = 20_000
KEEP = 6
REQUIRED = [("marts", "all")]
KEYS = {"fct_a": ["id"], "fct_b": ["id"]}

WRITER = """
import sys
from pathlib import Path
from orchestration.lib.builds import exclusive_run
from orchestration.lib.home import Home
from tests.reliability.test_publication_under_kill import publish_generation

home = Home(Path(sys.argv[1]))
with exclusive_run(home):
    for generation in range(int(sys.argv[2]), sys.maxsize):
        publish_generation(home.root / "builds" / "b", home.published, generation)
        print(generation, flush=True)
"""


def publish_generation(build_dir: Path, published: Path, generation: int) -> None:
    build_dir.mkdir(parents=True, exist_ok=True)
    database = build_dir / "warehouse.duckdb"
    for file in build_dir.iterdir():
        file.unlink()
    with duckdb.connect(database) as con:
        con.execute("create schema marts")
        for table in KEYS:
            con.execute(
                f"create table marts.{table} as "
                f"select i as id, {generation} as generation from range({ROWS}) t(i)"
            )
    record_validated(build_dir, "marts", "all", passed=True, tables=list(KEYS))
    publish(
        database,
        published,
        version=f"{generation:06d}",
        required=REQUIRED,
        manifest={"generation": generation},
        documentation={},
        keys=KEYS,
        keep=KEEP,
    )


def look(published: Path) -> int:
    """Read everything that is current, through both kinds of files; return its generation."""
    with duckdb.connect(published / "current" / "customer_marts.duckdb", read_only=True) as con:
        seen = con.execute(
            "select min(generation), max(generation), count(*) "
            "from (from marts.fct_a union all from marts.fct_b)"
        ).fetchone()
    assert seen is not None
    first, last, count = seen
    assert (first, count) == (last, 2 * ROWS)
    parquet = str(published / "current" / "fct_b.parquet")
    with duckdb.connect() as con:
        in_parquet = con.execute(
            "select min(generation), max(generation), count(*) from read_parquet(?)", [parquet]
        ).fetchone()
    assert in_parquet is not None
    assert in_parquet[0] == in_parquet[1] >= first
    assert in_parquet[2] == ROWS
    manifest = json.loads((published / "current" / "manifest.json").read_text())
    assert manifest["generation"] >= in_parquet[0]
    return int(first)


def test_readers_see_whole_versions_while_writers_are_killed(tmp_path: Path) -> None:
    """Kills leave readers, and the next run, nothing to notice (docs/decisions/0011)."""
    published = tmp_path / "published"
    publish_generation(tmp_path / "builds" / "b", published, 0)
    seen: list[int] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def read_until_done() -> None:
        try:
            while not done.is_set():
                seen.append(look(published))
        except BaseException as error:
            errors.append(error)

    reader = threading.Thread(target=read_until_done)
    reader.start()
    chance = random.Random(SEED)
    killed_at_work = 0
    generation = 0
    try:
        for _ in range(KILLS):
            # The name after the last that exists: a killed run may leave one that is not current.
            generation = max(int(info.version) for info in versions(published)) + 1
            with subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), str(generation)],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
            ) as writer:
                # Two whole versions, the second of them timed, then a kill within the next.
                assert writer.stdout is not None
                writer.stdout.readline()
                start = time.monotonic()
                writer.stdout.readline()
                time.sleep(chance.random() * (time.monotonic() - start))
                assert writer.poll() is None
                writer.send_signal(signal.SIGKILL)
            killed_at_work += any(published.glob(".tmp-*"))
    finally:
        done.set()
        reader.join()

    assert errors == []
    assert seen == sorted(seen)
    assert len(set(seen)) > KILLS, "the reader must have seen versions change"
    assert killed_at_work, "at least one kill must have hit a publication at work"

    # The next run simply succeeds, and cleans up.
    generation = max(int(info.version) for info in versions(published)) + 1
    publish_generation(tmp_path / "builds" / "b", published, generation)
    assert look(published) == generation
    assert current_version(published) == read_manifest(published)["version"]
    assert sorted(path.name for path in published.iterdir()) == [
        "current",
        *(f"v={info.version}" for info in reversed(versions(published))),
    ]
    assert len(versions(published)) == KEEP


FLIPPER = """
import sys
from pathlib import Path
from orchestration.lib.publication import rollback

for flip in range(60):
    rollback(Path(sys.argv[1]), f"{flip % 2:06d}")
"""


def test_readers_always_find_a_current_version(tmp_path: Path) -> None:
    """The link is replaced, never removed: a gap of microseconds would be found here."""
    published = tmp_path / "published"
    for generation in (0, 1):
        publish_generation(tmp_path / "builds" / "b", published, generation)
    manifest = str(published / "current" / "manifest.json")
    found = set()
    with subprocess.Popen([sys.executable, "-c", FLIPPER, str(published)], cwd=PROJECT) as flipper:
        while flipper.poll() is None:
            for _ in range(1000):
                found.add(os.stat(manifest).st_ino)  # noqa: PTH116 (twice as fast as Path.stat)
    assert flipper.returncode == 0
    assert len(found) == 2
