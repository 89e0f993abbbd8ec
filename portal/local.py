"""What `./dev` keeps on this machine, under `var/`: generated secrets, ports, and who is running.

With real servers none of this is used: everything comes from the environment.
"""

import errno
import fcntl
import json
import os
import random
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from portal import disk

BASE_DIR = Path(__file__).resolve().parent.parent
_SERVER_PORTS = range(20_000, 32_768)
VAR = Path(os.environ.get("PORTAL_VAR", BASE_DIR / "var"))


class Refused(Exception):
    """`./dev` cannot go on; the message says why and what to do, in one line."""


@dataclass(frozen=True)
class Home:
    """A directory of generated secrets, ports and data. `./dev test` has one of its own."""

    path: Path = VAR

    @property
    def logs(self) -> Path:
        return self.path / "log"

    def prepare(self) -> None:
        """Make the directory; raises Refused when it belongs to somebody else."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except PermissionError:
            raise Refused(
                f"Cannot make {self.path}: this user may not write there. Run ./dev as the user "
                "who owns this folder, or clone the project into a folder of your own."
            ) from None
        except OSError:
            raise Refused(disk.refusal(self.path) or f"Cannot make {self.path}.") from None
        if self.path.stat().st_uid != os.geteuid():
            raise Refused(
                f"{self.path} was made by another user. Run ./dev as that user, or remove it."
            )

    def state(self) -> dict[str, Any]:
        """Return the generated secrets and remembered ports, making what is missing."""
        self.prepare()
        path = self.path / "local.json"
        state = json.loads(path.read_text()) if path.exists() else {}
        made = {
            "secret_key": secrets.token_urlsafe(64),
            "database_password": secrets.token_urlsafe(32),
            "application_password": secrets.token_urlsafe(32),
            "broker_password": secrets.token_urlsafe(32),
        }
        if not made.keys() <= state.keys():
            state = made | state
            self._write(path, state)
        return state

    def port(self, name: str) -> int:
        """Return the remembered port of a service, or a new free one when it is taken by now."""
        state = self.state()
        port = state.get(f"{name}_port")
        if port is None or not port_is_free(port):
            port = free_port()
            self._write(self.path / "local.json", state | {f"{name}_port": port})
        return port

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(state, file, indent=2)
        draft.replace(path)

    def lock(self, what: dict[str, Any]) -> "Lock":
        """Hold this home for one command until the process ends; raises Refused when it is held.

        The lock goes with the process, so a killed command leaves nothing to clean up.
        """
        self.prepare()
        if reason := disk.refusal(self.path):
            raise Refused(reason)
        file = os.fdopen(os.open(self.path / "running", os.O_RDWR | os.O_CREAT, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = json.loads(file.read() or "{}")
            file.close()
            raise Held(holder) from None
        return Lock(file, what)

    def remove(self) -> None:
        """Remove all data, secrets and logs; raises Refused while a command holds them."""
        if not self.path.exists():
            return
        with self.lock({"command": "reset"}):
            for entry in self.path.iterdir():
                if entry.name == "running":
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()


class Held(Refused):
    """Another command holds this home; `holder` is what it said of itself."""

    def __init__(self, holder: dict[str, Any]) -> None:
        self.holder = holder
        address = holder.get("address")
        where = f" at {address}" if address else ""
        super().__init__(
            f"./dev {holder.get('command', '')} is already running here{where} "
            f"(process {holder.get('pid', 'unknown')}). Stop it first, with Ctrl-C there or "
            f"`kill {holder.get('pid', 'PID')}`."
        )


class Lock:
    """A held home, with what its holder says of itself."""

    def __init__(self, file: TextIO, what: dict[str, Any]) -> None:
        self.file = file
        self.say(**what)

    def say(self, **what: Any) -> None:
        """Write down who holds the home, for whoever finds it held."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(json.dumps({"pid": os.getpid(), **what}))
        self.file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.truncate(0)
        self.file.close()


def port_is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    return _bind_error(port) is None


def may_listen(port: int) -> bool:
    """Tell whether this user may use this port at all: low ones are for root."""
    return _bind_error(port) != errno.EACCES


def _bind_error(port: int) -> int | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno
    return None


def free_port() -> int:
    """Return a port that nobody listens on; raises Refused when there is none.

    Below those that the system gives to outgoing connections (32768 and up on Linux, 49152 on
    others): one of them could take it before the server does that it is meant for.
    """
    for port in random.sample(_SERVER_PORTS, 100):
        if port_is_free(port):
            return port
    raise Refused(f"No port is free among {_SERVER_PORTS.start} to {_SERVER_PORTS.stop - 1}.")
