"""What a command has started is gone when it ends, however deep, and even if it is stopped."""

import subprocess
import sys
import time
from pathlib import Path

from portal.local import BASE_DIR

CHAIN = """
import os, signal, subprocess, sys, time
from portal.processes import adopt_orphans, kill_orphans
adopt_orphans()
# A child that ends and leaves its own, which is stopped: no signal but one would reach it.
inner = "import subprocess, sys; p = subprocess.Popen(['sleep', '300']); print(p.pid, flush=True)"
child = subprocess.Popen([sys.executable, "-c", inner], stdout=subprocess.PIPE, text=True,
                         start_new_session=True)
pid = int(child.stdout.readline())
child.wait()
os.kill(pid, signal.SIGSTOP)
print(pid, flush=True)
if "kill" in sys.argv:
    kill_orphans()
"""


def alive(pid):
    """Whether it runs or is stopped; one that has ended and was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def left_by(*how):
    done = subprocess.run(
        [sys.executable, "-c", CHAIN, *how],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    return int(done.stdout)


def test_a_stopped_grandchild_of_a_dead_child_is_killed():
    assert not alive(left_by("kill"))


def test_without_that_it_would_be_left():
    """Or the test above could not fail."""
    pid = left_by("leave")
    assert alive(pid)
    subprocess.run(["kill", "-9", str(pid)], check=True)
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
