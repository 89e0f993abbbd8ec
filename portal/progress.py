"""What a person at the terminal sees while something takes its time.

On standard error: standard output belongs to the command that was asked for, and may be a file.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """Print a line on standard error at once."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say that a step begins, then how long it took. A failure is said by whoever catches it."""
    started = time.monotonic()
    say(f"{name} ...")
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")
