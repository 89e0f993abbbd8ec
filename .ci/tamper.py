"""Tamper with sealed rows N times, each another way, and see that each is found and named.

    python3 .ci/tamper.py                       500 times, from seed 1
    python3 .ci/tamper.py --seed 7 --times 50   as one likes; the same seed does the same again

Each is done in a database of its own, as a superuser with triggers and foreign keys off, by
tests/tampering.py: edits, deletions, insertions, truncations, cuts at the end, and changes of the
log itself that cover them up. Prints what was not found; the exit code says whether all were.
"""

import argparse
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/verbs/test_tampering.py::test_random_ones_are_found_every_time"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="where to begin (1)")
    parser.add_argument("--times", type=int, default=500, metavar="N", help="how many (500)")
    given = parser.parse_args()
    env = os.environ | {"TAMPER_SEED": str(given.seed), "TAMPER_TIMES": str(given.times)}
    done = subprocess.run([ROOT / "dev", "test", "-q", TEST], env=env, check=False)
    if done.returncode == 0:
        last = given.seed + given.times - 1
        print(f"{given.times} of {given.times} found and named (seeds {given.seed} to {last}).")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
