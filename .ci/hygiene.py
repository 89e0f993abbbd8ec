"""Checks what may be in the repository: no machine's paths, no package hosts, no others' code."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A letter in brackets keeps this file from naming what it looks for.
HOSTS = re.compile(
    r"pyp[i]\.(org|python)|pythonhoste[d]\.org|registry\.npmj[s]|jsdeliv[r]|unpk[g]\.com|cdnj[s]"
    r"|index-ur[l]|find-link[s]"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~/-])/(work|farm|root|Users|home/[a-z])/")
FOREIGN = re.compile(
    r"\.min\.(js|css)$|(^|/)(node_modules|vendor)/|\.(whl|sqlite3|pyc|so)$|(^|/)uv\.lock$"
)
LARGEST_BYTES = 1_500_000


def main():
    problems = []
    for name in _tracked():
        path = ROOT / name
        if FOREIGN.search(name):
            problems.append(f"{name}: third-party or generated file")
        if not path.is_file():
            continue
        if path.stat().st_size > LARGEST_BYTES:
            problems.append(f"{name}: larger than {LARGEST_BYTES:,} bytes")
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            if HOSTS.search(line):
                problems.append(f"{name}:{number}: names a package host")
            if MACHINE_PATHS.search(line):
                problems.append(f"{name}:{number}: names a path of somebody's machine")
    print("\n".join(problems))
    return 1 if problems else 0


def _tracked():
    # The folder may belong to another user, as in a container; nothing of its settings is run here.
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"This needs a git clone: {done.stderr.strip()}")
    return filter(None, done.stdout.split("\0"))


if __name__ == "__main__":
    sys.exit(main())
