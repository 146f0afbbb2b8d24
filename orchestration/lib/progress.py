"""One line to standard error per thing that takes long, so that nobody waits in silence."""

import sys
import time

_STARTED = time.monotonic()


def report(message: str) -> None:
    """Print what is going on, with the seconds since the process began."""
    print(f"  {time.monotonic() - _STARTED:6.1f} s  {message}", file=sys.stderr, flush=True)
