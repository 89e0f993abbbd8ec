"""A web application of a few lines, for the tests of the server that serves the portal."""

import os
import time
from urllib.parse import parse_qs


def application(environ, start_response):
    """Sleep `s` seconds, then say how long the body was and `kb` kilobytes more."""
    asked = parse_qs(environ["QUERY_STRING"])
    time.sleep(float(asked.get("s", ["0"])[0]))
    body = str(len(environ["wsgi.input"].read())).encode() + b" " * 1024 * int(
        asked.get("kb", ["0"])[0]
    )
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Process", str(os.getpid()))])
    return [body]
