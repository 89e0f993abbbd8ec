"""Child processes of `./dev`: started in their own session, stopped in order, never left behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOG_KEEP_BYTES = 10 * 1024 * 1024
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(kw_only=True)
class Child:
    """One child: how to start it, how to ask it to stop, and where its output goes.

    `enter` runs in the child before the program does; `before` runs in the parent before each
    start. If the parent is killed, the child gets `orphan_signal` (Linux only).
    """

    name: str
    argv: list[str]
    log: Path
    env: dict[str, str] | None = None
    cwd: Path | None = None
    stdin: bytes = b""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    enter: Callable[[], None] | None = None
    before: Callable[[], None] | None = None
    process: subprocess.Popen | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start the child; raises OSError when its program cannot be run."""
        if self.before:
            self.before()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
                preexec_fn=self._enter,
            )
        self.started_at = time.monotonic()
        try:
            if pipe := self.process.stdin:
                pipe.write(self.stdin)
                pipe.close()
        except BrokenPipeError:
            pass  # it has ended already; whoever waits for it will say so

    def rotate(self) -> None:
        """Begin a log that has grown anew, while the child goes on writing to the same file.

        It appends, so it writes at whatever end the file has. Of what was there, the last
        `_LOG_KEEP_BYTES` and more are in the older log; on a full disk they make room instead.
        """
        older = self.log.with_suffix(".old.log")
        try:
            if self.log.stat().st_size <= _LOG_KEEP_BYTES:
                return
            with self.log.open("rb") as grown, older.open("wb") as kept:
                # Again until nothing was added meanwhile.
                while part := grown.read(1 << 20):
                    kept.write(part)
                os.truncate(self.log, 0)
        except FileNotFoundError:
            return
        except OSError:
            older.unlink(missing_ok=True)
            os.truncate(self.log, 0)

    def _enter(self) -> None:
        if self.enter:
            self.enter()
        # After `enter`: a change of user clears the signal.
        if _libc:
            _libc.prctl(_PR_SET_PDEATHSIG, int(self.orphan_signal), 0, 0, 0)

    def ended(self) -> str | None:
        """Return in words how the child ended, or None while it runs or was never started."""
        code = self.process.poll() if self.process else None
        if code is None:
            return None
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def stop(self) -> bool:
        """Ask the child to stop, and kill it when it takes longer than its grace.

        Returns False when it had to be killed.
        """
        if not self.process or self.process.poll() is not None:
            return True
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            kill_session(self.process.pid)
            self.process.wait()
            return False
        return True

    def last_words(self, lines: int = 5) -> str:
        """Return the last lines of the child's log, for an error message."""
        if not self.log.exists():
            return ""
        text = self.log.read_text(errors="replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def kill_session(pid: int) -> None:
    """Kill a child and what it started, by the process group it leads."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def adopt_orphans() -> None:
    """Become the parent of whatever loses its own below us, so that nothing is lost sight of."""
    if _libc:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_orphans() -> None:
    """Kill all that is left below this process, also what is stopped, until nothing is."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while children.exists() and (left := children.read_text().split()):
        for pid in left:
            try:
                os.kill(int(pid), signal.SIGKILL)
                os.waitpid(int(pid), 0)
            except (ProcessLookupError, ChildProcessError):
                continue
