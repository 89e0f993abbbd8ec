"""A web process: whole requests in, pages for as many as can be served soon, health apart.

gunicorn starts it, watches it and starts it again. Reading and writing is waitress' work: one loop
reads every connection as its bytes come, so that a thread is given to a request only when all of it
is there, and gets rid of its answer at once. Slow clients therefore hold memory, never a thread.

There are two lanes. Pages and the API wait for a thread, and no more of them than can be served in
about a second: whoever comes then, or has waited too long, is told to come again (503 with
Retry-After), which costs next to nothing. Health and static files have a thread of their own.
"""

import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Iterable
from copy import copy
from types import FrameType
from typing import Any, cast

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask

from portal import refusing

WAITING_PER_THREAD = 6
"""So many requests may wait for each thread of a process."""
MOST_WAIT_SECONDS = 3.0
"""Whoever waited longer has probably gone, and those behind would wait as long."""
HEAD_SECONDS, BODY_SECONDS = 15, 90
"""From its first byte, a request must have sent its head, and all of it, within so long."""
IDLE_SECONDS = 15
MOST_CONNECTIONS = 1_000
SHY_SECONDS, MOST_SHY_SECONDS = 0.003, 0.015
MANY, GATHER_SECONDS = 100, 0.005
MOST_BODY_BYTES = 33 * 1024 * 1024
MOST_UPLOAD_BYTES = 129 * 1024 * 1024
"""Of a sync that asks to be answered before it is taken in."""
RETRY_SECONDS = 2
QUICK = ("/healthz", "/static/")
_SHED = "portal.shed"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Task(WSGITask):
    """One request at work; the application is told where it comes too late for an answer."""

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        environ[_SHED] = self.request.shed
        return environ

    def finish(self) -> None:
        if self.request.command == "HEAD":
            # What ends a body of unknown length would be one.
            self.chunked_response = False
        super().finish()


class Refusal(ErrorTask):
    """What is no request that can be read, or too long a one."""

    def execute(self) -> None:
        error = self.request.error
        reason = error.body.rstrip(".")
        detail = f"The request cannot be taken: {reason}. Nothing was changed."
        said = refusing.for_machines(self.request.path, error.code, error.reason, detail)
        if said is None:
            super().execute()
            return
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [*self.response_headers, *said.fields]
        self.set_close_on_finish()
        self.content_length = len(said.body)
        self.write(said.body)


class Parser(HTTPRequestParser):
    """Reads one request; only what says that it is an upload may be long."""

    path = ""

    def received(self, data: bytes) -> int:
        began = self.header_plus
        consumed = super().received(data)
        if self.error and self.path in ("", "/"):
            # waitress reads no address where the head is too long, or holds what it cannot read.
            words = (began + data).split(maxsplit=2)
            self.path = _asked_for(words[1].decode("latin-1")) if words[1:] else ""
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        prefers = "respond-async" in self.headers.get("PREFER", "").lower()
        if prefers and self.path.endswith("/sync") and "AUTHORIZATION" in self.headers:
            self.adj = copy(self.adj)
            self.adj.max_request_body_size = MOST_UPLOAD_BYTES


def _asked_for(target: str) -> str:
    """The path of what stands in the first line, which may be a whole address (to a proxy)."""
    scheme, colon, rest = target.partition("://")
    if colon and scheme.isalpha():
        target = f"/{rest.partition('/')[2]}"
    return target.partition("?")[0]


class Channel(HTTPChannel):
    """One connection. `reading_since` is when the request that is being read began, or None."""

    task_class = Task
    error_task_class = Refusal
    parser_class = Parser
    reading_since: float | None = None

    def received(self, data: bytes) -> bool:
        done = super().received(data)
        if self.request is None:
            self.reading_since = None
        elif self.reading_since is None:
            self.reading_since = time.monotonic()
        return done

    def service(self) -> None:
        request = self.requests[0]
        waited = time.monotonic() - request.queued_at
        request.shed = request.shed or waited > MOST_WAIT_SECONDS
        super().service()

    def too_slow(self, now: float) -> bool:
        """Whether its request takes too long to arrive."""
        if self.reading_since is None or self.request is None:
            return False
        limit = BODY_SECONDS if self.request.headers_finished else HEAD_SECONDS
        return now - self.reading_since > limit


class Lanes:
    """Gives each request a thread, now or soon, or tells that there will be none."""

    def __init__(self, threads: int) -> None:
        self.served = 0
        self.pages, self.quick = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        self.pages.set_thread_count(threads)
        self.quick.set_thread_count(1)
        self.most_waiting = threads * WAITING_PER_THREAD

    def add_task(self, channel: Channel) -> None:
        # What waitress calls a task here is the connection; its stubs mean something else.
        request = channel.requests[0]
        request.queued_at, request.shed = time.monotonic(), False
        self.served += 1
        if request.error or request.path.startswith(QUICK):
            self.quick.add_task(cast(Any, channel))
        elif len(self.pages.queue) < self.most_waiting:
            self.pages.add_task(cast(Any, channel))
        else:
            request.shed = True
            self.quick.add_task(cast(Any, channel))

    def loaded(self) -> int:
        """How many pages are at work or wait."""
        return self.pages.active_count + len(self.pages.queue)

    def shutdown(self, seconds: float) -> None:
        self.pages.shutdown(cancel_pending=True, timeout=cast(Any, seconds))
        self.quick.shutdown(cancel_pending=True, timeout=1)


def shedding(application: Application) -> Application:
    """`application`, with a short answer where a request would have waited too long."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get(_SHED):
            return application(environ, start_response)
        body, fields = _busy(environ["PATH_INFO"])
        headers = [
            *fields,
            ("Content-Length", str(len(body))),
            ("Retry-After", str(RETRY_SECONDS)),
            ("Cache-Control", "no-store"),
        ]
        start_response("503 Service Unavailable", headers)
        return [body]

    return answer


def bodiless(application: Application) -> Application:
    """`application`, which answers HEAD as GET but for the body.

    waitress sends whatever it is given, and a client would take a body for the next answer.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        parts = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return parts
        if close := getattr(parts, "close", None):
            close()
        return []

    return answer


def _busy(path: str) -> refusing.Refusal:
    """The short answer, in the language of whoever asked."""
    detail = "Too much is asked for at once. Nothing was changed; send it again later."
    machines = refusing.for_machines(path, 503, "Service Unavailable", detail, code="busy")
    return machines or refusing.Refusal(_BUSY_PAGE, [("Content-Type", "text/html; charset=utf-8")])


_BUSY_PAGE = b"""<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><title>The portal is busy</title></head>
<body><h1>The portal is busy</h1>
<p>Too many pages are asked for at once, so this one was not looked at. Nothing was changed.
Wait a few seconds and load it again; a form that was being sent can be sent again.</p>
</body></html>
"""


class PortalWorker(Worker):
    """gunicorn's worker: `worker_class = "portal.web_worker.PortalWorker"`."""

    def init_process(self) -> None:
        # One file for each connection, and some for the rest.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_CONNECTIONS + 256
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        # It warns of each request that has to wait.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        super().init_process()

    def run(self) -> None:
        self.connections: dict[int, Any] = {}
        self.lanes, self.look_at = Lanes(self.cfg.threads), 0.0
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        create_server(
            bodiless(shedding(self.wsgi)),
            map=self.connections,
            _start=False,
            _dispatcher=cast(Any, self.lanes),
            sockets=[_socket(listener) for listener in self.sockets],
            backlog=self.cfg.backlog,
            connection_limit=min(MOST_CONNECTIONS, max(soft - 200, 100)),
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=1,
            max_request_body_size=MOST_BODY_BYTES,
            max_request_header_size=32 * 1024,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,
            ident="",
        )
        self.servers = [
            each for each in self.connections.values() if isinstance(each, BaseWSGIServer)
        ]
        for server in self.servers:
            server.channel_class = Channel
        self._accept(True)
        while self.alive and self.lanes.served < self.max_requests:
            self._turn()
            if self.ppid != os.getppid():
                break
        self._finish()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.alive = False

    def _turn(self) -> None:
        if loaded := self.lanes.loaded():
            # The more a process has to do, the longer it leaves new connections to the others.
            # Then it takes some all the same: somebody must at least tell them to come again.
            self._accept(False)
            self._loop(min(loaded * SHY_SECONDS, MOST_SHY_SECONDS))
            self._accept(True)
            for _ in range(1 + len(self.lanes.pages.queue)):
                self._loop(0)
        else:
            self._loop(1)
        if len(self.connections) > MANY:
            # Each turn looks at all of them: let a few events gather, rather than turn for each.
            time.sleep(GATHER_SECONDS)
        now = time.monotonic()
        if now < self.look_at:
            return
        self.look_at = now + 1
        self.notify()
        for channel in self._channels():
            if channel.too_slow(now):
                channel.handle_close()

    def _loop(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self.connections, count=1)

    def _accept(self, yes: bool) -> None:
        for server in self.servers:
            server.accepting = yes

    def _channels(self) -> list[Channel]:
        return [channel for server in self.servers for channel in server.active_channels.values()]

    def _finish(self) -> None:
        """Take no new connections, answer what has been asked, and end."""
        for server in self.servers:
            server.del_channel(self.connections)
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while time.monotonic() < deadline and any(
            channel.requests or channel.total_outbufs_len for channel in self._channels()
        ):
            self.notify()
            self._loop(0.1)
        self.lanes.shutdown(max(0.0, deadline - time.monotonic()))


def _socket(listener: Any) -> socket.socket:
    """The socket behind gunicorn's listener."""
    return listener.sock
