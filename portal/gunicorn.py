"""How gunicorn serves the portal: `gunicorn -c python:portal.gunicorn portal.wsgi`."""

import os

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
