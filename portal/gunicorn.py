"""How gunicorn serves the portal: `gunicorn -c python:portal.gunicorn portal.wsgi`."""

import errno
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from portal import disk
from portal.web_worker import IDLE_SECONDS

_MEGABYTES_EACH = 400


def _processes() -> int:
    """One for each processor that this process may use, as far as memory goes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return max(1, min(len(os.sched_getaffinity(0)), memory // 2 // _MEGABYTES_EACH))


bind = os.environ.get("BIND", "127.0.0.1:8000")
worker_class = "portal.web_worker.PortalWorker"
workers = int(os.environ.get("WEB_PROCESSES") or _processes())
threads = int(os.environ.get("WEB_THREADS") or "4")
timeout = 60
graceful_timeout = 20
keepalive = IDLE_SECONDS
max_requests = 10_000
max_requests_jitter = 1_000
# Its own access log would hold the search words of a request; django_structlog logs without them.
accesslog = None
errorlog = "-"
control_socket_disable = True  # it is stopped by signals
# Only this process pools connections, one for each thread; settings read it when the app is loaded.
os.environ.setdefault("DATABASE_POOL", str(threads))
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "30")


def on_starting(server: Any) -> None:
    """Before anything is served: end with one line where it could not be."""
    # Only here: settings read what was set above.
    from django.conf import settings  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        _ = settings.SECRET_KEY
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    if reason := _no_temporary_folder() or next(
        filter(None, map(_no_listening, addresses())), None
    ):
        sys.exit(reason)


def addresses() -> list[tuple[str, int]]:
    """Where to listen; none where a supervisor hands the sockets over."""
    if "LISTEN_FDS" in os.environ or bind.startswith(("unix:", "fd://")):
        return []
    host, _, port = bind.rpartition(":")
    return [(host.strip("[]") or "127.0.0.1", int(port))] if port.isdigit() else []


def _no_temporary_folder() -> str | None:
    """Why gunicorn could not keep the file by which it sees that its processes live."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return "No temporary folder can be written to. Free some room, or set TMPDIR to one."
    return disk.refusal(folder, "TMPDIR")


def _no_listening(address: tuple[str, int]) -> str | None:
    host, _ = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return (
                f"{bind}: {_WHY.get(error.errno or 0, error.strerror)} Set BIND to another address."
            )
    return None


_WHY = {
    errno.EADDRINUSE: "another program listens there already.",
    errno.EACCES: "this user may not listen on a port below 1024.",
    errno.EADDRNOTAVAIL: "this machine has no such address.",
}
