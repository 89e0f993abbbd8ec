"""A real server that is told of events, and does as a test says."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook as Verifier


class Receiver:
    """Listens on a port of this machine. `answer` gives the status, or `(status, headers)`.

    `got` holds what it took: `(id, body)`, in order, as often as it came; `secret` verifies each.
    """

    def __init__(self):
        self.secrets, self.got, self.asked = [], [], 0
        self.answer = lambda _body: 204
        self.hangs = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.asked += 1
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.hangs.is_set():
                    time.sleep(3)
                    return
                for secret in receiver.secrets:
                    Verifier(secret).verify(raw, dict(self.headers))
                body = json.loads(raw)
                said = receiver.answer(body)
                status, headers = said if isinstance(said, tuple) else (said, {})
                if status < 300:
                    receiver.got.append((self.headers["webhook-id"], body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def types(self):
        return [body["type"] for _, body in self.got]

    def ids(self):
        return [name for name, _ in self.got]

    def events_of(self, patient):
        return [body["data"]["event"] for _, body in self.got if body["data"]["patient"] == patient]
