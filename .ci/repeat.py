"""The whole suite again and again, each time in another order: on a busy machine, on other days.

    python3 .ci/repeat.py              ten times, beside two processes that never rest
    python3 .ci/repeat.py --days       once on each of the days below, instead of today
    python3 .ci/repeat.py --idle --day "2027-03-28 01:20" tests/web
                                       one part on one day, with nothing beside it

A line a run: the order, which `./dev test --shuffle N` repeats, and pytest's closing line. On
another day every process believes so, PostgreSQL too: .ci/clock.c, which needs a C compiler.
(libfaketime cannot leave Python's sleep alone: it asks for an absolute time of the other clock.)
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "repeat"
DAYS = (
    "2027-03-28 01:20",  # a Sunday; London's clocks have just gone forward
    "2027-10-31 01:30",  # London's clocks have just gone back: it is half past one again
    "2027-11-07 06:10",  # the same in New York
    "2028-02-29 12:00",  # the leap day
    "2027-12-31 22:00",  # the end of a year
)
CLOSING = re.compile(r"\d+ (passed|failed|error).* in [\d.]+s")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=10, metavar="N", help="how often (10)")
    parser.add_argument("--idle", action="store_true", help="without other load")
    parser.add_argument("--days", action="store_true", help="once on each of: " + ", ".join(DAYS))
    parser.add_argument("--day", action="append", default=[], metavar="'YYYY-MM-DD HH:MM'")
    parser.add_argument("tests", nargs="*", help="arguments for pytest; all tests without")
    given = parser.parse_args()
    days = [*given.day, *(DAYS if given.days else ())] or [None] * given.times
    VAR.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, _load(0 if given.idle else 2):
        passed = [_run(n, day, given.tests, Path(folder)) for n, day in enumerate(days, 1)]
    print(f"{sum(passed)} of {len(passed)} runs passed.")
    return 0 if all(passed) else 1


def _run(number, day, tests, folder):
    """Run the tests once and say how it went; True when all passed."""
    order = random.randrange(100_000)
    env = dict(os.environ)
    if day:
        env |= _clock(day, folder)
        # A home of its own: what was made on another day may lie in the future.
        home = VAR / "home"
        shutil.rmtree(home, ignore_errors=True)
        env["PORTAL_VAR"] = str(home)
    log = VAR / f"{number}.log"
    with log.open("w") as out:
        done = subprocess.run(
            ["./dev", "test", "--shuffle", str(order), *tests],
            cwd=ROOT,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    lines = log.read_text().splitlines()
    closing = [line.strip("= ") for line in lines if CLOSING.search(line)]
    said = closing[-1] if closing else f"ended with {done.returncode}; see {log}"
    print(f"{number}. {day or 'today'}, order {order}: {said}", flush=True)
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            print(f"     {line}", flush=True)
    return done.returncode == 0


def _clock(day, folder):
    """The settings that make it `day` ("YYYY-MM-DD HH:MM", UTC) now."""
    library = folder / "clock.so"
    if not library.exists():
        compiler = shutil.which("cc") or sys.exit("This needs a C compiler (Debian: gcc).")
        source = ROOT / ".ci" / "clock.c"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        # PostgreSQL may run as another user.
        folder.chmod(0o755)
    then = datetime.strptime(day, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    seconds = round((then - datetime.now(UTC)).total_seconds())
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_SECONDS": str(seconds)}


@contextmanager
def _load(processes):
    """Keep so many processors busy."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
