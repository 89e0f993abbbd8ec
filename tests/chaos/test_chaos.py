"""The harness ends by itself, leaves nothing behind, keeps quiet without a reason, and finds a bug.

One fault, over and over: all of them take longer than a suite should. What each planted bug
needs to be found stands in docs/operations.md.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.local import BASE_DIR
from tests.faults.parts import ROOT
from tests.portal.folders import enterable

pytestmark = pytest.mark.faults
FAULT = "a worker killed in the middle of a batch"
SERVERS = ("DATABASE_URL", "REDIS_URL")


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    """Where both runs keep what they need: the second finds the database of the first."""
    return enterable(tmp_path_factory.mktemp("chaos")) / "var"


def chaos(var, *argv):
    env = {name: text for name, text in os.environ.items() if name not in SERVERS}
    return subprocess.run(
        [sys.executable, "-m", "portal.dev", "chaos", "--seed=3", *argv],
        cwd=ROOT,
        env=env | {"PORTAL_VAR": str(var)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def processes_of(var):
    """Command lines of all processes that were started with this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(var) in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def test_it_finds_a_planted_bug_and_leaves_no_process(var):
    done = chaos(var, "--minutes=2", f"--only={FAULT}", "--planted=early")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"promise 1 broken by “{FAULT}”" in done.stdout
    assert "The planted bug “early” was found." in done.stdout
    assert processes_of(var) == []


def test_it_finds_nothing_where_nothing_was_planted(var):
    done = chaos(var, "--minutes=0.7", f"--only={FAULT}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every promise was kept." in done.stdout
    assert "prescriptions acknowledged" in done.stdout
    assert processes_of(var) == []


def test_a_fault_that_there_is_none_of_is_refused(var):
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--only=an earthquake"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "no fault has 'an earthquake' in its name" in done.stderr
