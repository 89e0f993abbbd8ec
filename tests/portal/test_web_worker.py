"""The server itself, before a tiny application: slow clients, more than it can do, and stopping."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from portal.local import BASE_DIR, free_port
from portal.web_worker import RETRY_SECONDS, WAITING_PER_THREAD

THREADS = 2


@contextmanager
def server(processes=1):
    port = free_port()
    env = os.environ | {
        "BIND": f"127.0.0.1:{port}",
        "WEB_PROCESSES": str(processes),
        "WEB_THREADS": str(THREADS),
    }
    argv = ["-m", "gunicorn", "-c", "python:portal.gunicorn", "tests.portal.tiny_app"]
    process = subprocess.Popen([sys.executable, *argv], env=env, cwd=BASE_DIR)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                ask(port, "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture
def port():
    with server() as (port, _):
        yield port


def ask(port, path, *, method="GET", body=None, timeout=20):
    """The answer with its body read, and the seconds it took."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        answer.text = answer.read()
        answer.seconds = time.monotonic() - started
        return answer
    finally:
        connection.close()


def at_once(count, call):
    with ThreadPoolExecutor(count) as pool:
        return [each.result() for each in [pool.submit(call) for _ in range(count)]]


HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n"
TRICKLES = [
    pytest.param(b"", b"GET / HTTP/1.1\r\nHost: l", id="a head that never ends"),
    pytest.param(HEAD + b"Content-Length: 900\r\n\r\n", b"a" * 100, id="a body that never ends"),
    pytest.param(b"", b"", id="nothing at all"),
]


@pytest.mark.parametrize(("first", "drops"), TRICKLES)
def test_sixty_trickling_connections_keep_nobody_waiting(port, first, drops):
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        for each in slow:
            each.sendall(first)
        for n in range(6):
            for each in slow:
                each.sendall(drops[n : n + 1])
            assert ask(port, "/page").seconds < 8
            assert ask(port, "/page", method="POST", body=b"b" * 5000).text == b"5000"
    finally:
        for each in slow:
            each.close()


def test_clients_that_do_not_read_their_answer_keep_nobody_waiting(port):
    lazy = []
    for _ in range(20):
        each = socket.socket()
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.connect(("127.0.0.1", port))
        each.sendall(b"GET /?kb=4000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        lazy.append(each)
    try:
        for _ in range(5):
            assert ask(port, "/page").seconds < 8
    finally:
        for each in lazy:
            each.close()


def test_a_request_that_takes_too_long_to_arrive_is_cut_off(port):
    slow = socket.create_connection(("127.0.0.1", port), timeout=40)
    started, gone = time.monotonic(), False
    while not gone and time.monotonic() - started < 40:
        try:
            slow.sendall(b"G")
            slow.settimeout(1)
            gone = slow.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            gone = True
    slow.close()
    assert gone
    assert 10 < time.monotonic() - started < 40


def test_more_than_it_can_do_is_told_at_once_to_come_again_and_then_all_is_well(port):
    most = THREADS * (WAITING_PER_THREAD + 1)
    answers = at_once(40, lambda: ask(port, "/page?s=0.2"))
    served = [answer for answer in answers if answer.status == 200]
    shed = [answer for answer in answers if answer.status == 503]
    assert len(served) + len(shed) == 40
    assert THREADS < len(served) <= most + THREADS
    for answer in shed:
        assert answer.seconds < 8
        assert answer.headers["Retry-After"] == str(RETRY_SECONDS)
        assert b"Nothing was changed" in answer.text
    assert ask(port, "/page").status == 200


def test_a_machine_is_told_so_as_a_problem(port):
    answers = at_once(40, lambda: ask(port, "/api/v1/flags?s=0.2"))
    shed = [answer for answer in answers if answer.status == 503]
    assert shed
    assert {answer.headers["Content-Type"] for answer in shed} == {"application/problem+json"}


def test_whoever_has_waited_too_long_is_not_served_any_more(port):
    answers = at_once(THREADS + 3, lambda: ask(port, "/page?s=3.5"))
    assert sorted(answer.status for answer in answers) == [200] * THREADS + [503] * 3


def test_health_and_static_files_do_not_wait_behind_pages(port):
    with ThreadPoolExecutor(30) as pool:
        pages = [pool.submit(ask, port, "/page?s=3") for _ in range(30)]
        time.sleep(0.3)
        for path in ("/healthz", "/static/portal.css"):
            answer = ask(port, path)
            assert (answer.status, answer.seconds < 2) == (200, True)
        assert any(page.result().status == 200 for page in pages)


def test_what_was_asked_is_answered_when_the_server_is_stopped():
    with server() as (port, process):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(ask(port, "/page?s=2")))
        thread.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        thread.join()
        assert answers[0].status == 200
        assert process.wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            ask(port, "/page")


def test_all_processes_serve_and_one_does_not_take_it_all():
    with server(processes=2) as (port, _):

        def served():
            answers = at_once(8, lambda: ask(port, "/page?s=0.3"))
            return Counter(answer.headers["X-Process"] for answer in answers)

        deadline = time.monotonic() + 20
        while len(served()) < 2:  # the second one is still starting
            assert time.monotonic() < deadline
        # By chance alone one may get seven of eight, but not 29 of 32.
        assert min(sum((served() for _ in range(4)), Counter()).values()) >= 4


def test_a_killed_process_is_replaced():
    with server() as (port, _):
        os.kill(int(ask(port, "/page").headers["X-Process"]), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while True:
            try:
                assert ask(port, "/page", timeout=5).status == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_a_body_larger_than_any_is_refused_before_it_was_sent(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(HEAD + b"Content-Length: 40000000\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    connection.close()


@pytest.mark.parametrize("path", ["/page", "/healthz"])
def test_an_answer_to_head_has_no_body_and_the_connection_goes_on(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    whole = int(ask(port, path).headers["Content-Length"])
    assert whole > 0
    for method, length in (("HEAD", 0), ("HEAD", 0), ("GET", whole)):
        connection.request(method, path)
        answer = connection.getresponse()
        # A body that nobody reads would be taken for the next answer.
        assert (answer.status, len(answer.read())) == (200, length), method
        assert answer.headers["Content-Length"] == str(whole)
    connection.close()


@pytest.mark.parametrize(
    ("path", "kind", "member"),
    [
        ("/fhir", "application/fhir+json", "issue"),
        ("/fhir/Patient", "application/fhir+json", "issue"),
        ("/cds-services/order-sign", "application/fhir+json", "issue"),
        ("/api/v1/prescriptions/sync", "application/problem+json", "detail"),
        ("/token", "application/json", "error_description"),
        ("/fhirst", "text/plain; charset=utf-8", None),
    ],
)
@pytest.mark.parametrize(("length", "status"), [("40000000", 413), ("many", 400)])
def test_what_cannot_be_taken_is_said_in_the_language_of_whoever_asked(
    port, path, kind, member, length, status
):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", length)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read()
    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
    if member:
        assert json.loads(text)[member]
    connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/fhir/Patient", "application/fhir+json"),
        ("/api/v1/patients", "application/problem+json"),
        ("/cds-services", "application/fhir+json"),
        ("/token", "application/json"),
        ("/cases", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET %s HTTP/1.1\r\nX-Long: ", 431),
        (b"GET %s?name=", 431),
        (b"GET %s HTTP/1.1\r\nNo Name: 1\r\n\r\n", 400),
        (b"GET http://portal.example%s?name=1 HTTP/1.1\r\nNo Name: 1\r\n\r\n", 400),
    ],
)
def test_a_head_that_is_not_read_is_refused_in_that_language_too(port, path, kind, head, status):
    said = head % path.encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        # As long as none may be, and no longer: all of it is read before it is refused.
        connection.sendall(said if status == 400 else said.ljust(32 * 1024, b"x"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
        # A page of another site that calls hooks can read why it was refused.
        readable = "*" if path == "/cds-services" else None
        assert answer.headers["Access-Control-Allow-Origin"] == readable
