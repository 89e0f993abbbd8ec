"""Clients that ask for tokens, over HTTP, of a server that runs."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reviews.verbs import registrations
from tests import signing


class System:
    """A registered client, as its own program would be: it signs, and asks the server."""

    def __init__(self, client, key, server):
        self.client, self.key = client, key
        self.url = f"{server.url}/token"
        self.http = server.client()

    def assertion(self, *, key=None, header=None, **claims):
        said = signing.claims(self.client.client_id, self.url, **claims)
        return signing.signed(key or self.key, said, **(header or {}))

    def ask(self, assertion=None, *, scope="system/Patient.rs", **form):
        given = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": signing.ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
            **form,
        }
        kept = {name: value for name, value in given.items() if value is not signing.LEFT_OUT}
        return self.http.post("/token", data=kept)


@pytest.fixture
def register(harbour, ada, server):
    """Registers a client by its verb: `register()`, or with other keys and scopes."""
    systems = []

    def made(*, key=None, keys=None, by=ada, **changes):
        key = key or signing.ec()
        given = {
            "name": "Main record",
            "source_system": "ehr",
            "practices": [harbour],
            "allowed": "system/*.cruds",
            "keys": json.dumps(signing.public(key)) if keys is None else keys,
            **changes,
        }
        systems.append(System(registrations.register(**given, by=by), key, server))
        return systems[-1]

    yield made
    for each in systems:
        each.http.close()


@pytest.fixture
def system(register):
    return register()


class Site:
    """A server that gives a key set, and counts how often it was asked."""

    def __init__(self):
        self.body, self.headers, self.status, self.asked = b"{}", {}, 200, 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked += 1
                self.send_response(site.status)
                for name, value in site.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def gives(self, *keys, **headers):
        self.body, self.headers = json.dumps(signing.public(*keys)).encode(), headers


@pytest.fixture
def site():
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()
