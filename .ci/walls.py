"""Forget each question of access in turn, and see whether the database shows a foreign row.

    python3 .ci/walls.py

By hand, because it takes long: a line for each place in the code that narrows rows down, with how
many requests were tried there, and how many of them show a row of another practice where the second
wall is down. With the wall, one that does ends the run. docs/walls.md keeps the figures.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = "tests/web/test_walls.py"
HOW = ("--sites", "-k", "forgets", "-q", "-s", "--show-capture=no", "--log-level=ERROR")


def main():
    quiet = os.environ | {"LOG_LEVEL": "CRITICAL"}
    return subprocess.run(
        ["./dev", "test", TEST, *HOW], cwd=ROOT, check=False, env=quiet
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
