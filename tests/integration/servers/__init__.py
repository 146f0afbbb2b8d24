"""Servers on which exports lie, each a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.running import PROJECT_ROOT


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[int]:
    """Run one of the servers here and give the port on which it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.integration.servers.{module}", *arguments],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()  # a test runner may have been started with SIGTERM ignored
        process.wait()
        process.stdout.close()
