"""A small browser: cookies, forms, and an address of its own to come from."""

import http.client
import re
import ssl
from contextlib import closing
from http.cookies import SimpleCookie
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode(errors="replace")


class Browser:
    """Speaks to one server. `trusted` is a certificate to trust: then it speaks TLS.

    `name` is the host that it asks for; `come_from` the loopback address that it comes from.
    """

    def __init__(self, port, *, name="127.0.0.1", trusted=None, come_from="127.0.0.1", wait=30):
        self.port = port
        self.name = name
        self.trust = ssl.create_default_context(cafile=trusted) if trusted else None
        self.come_from = come_from
        self.wait = wait
        self.cookies = {}

    def ask(self, method, path, *, headers=None, body=None):
        """One request and its answer. Raises OSError or HTTPException where there is none."""
        with closing(self.connect()) as connection:
            sent = {"Host": self.name, **(headers or {})}
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
            connection.request(method, path, body=body, headers=sent)
            answer = Answer(connection.getresponse())
        for line in answer.headers.get_all("Set-Cookie", []):
            for key, morsel in SimpleCookie(line).items():
                self.cookies[key] = morsel.value
        return answer

    def connect(self):
        """A connection that nothing was sent on yet."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=self.wait, source_address=(self.come_from, 0)
        )
        if self.trust:
            connection.connect()
            # The name is what the certificate must be for; the address is this machine's.
            connection.sock = self.trust.wrap_socket(connection.sock, server_hostname=self.name)
        return connection

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, page, data, *, to=None, **headers):
        """Open `page`, fill in its form and send it to `to`, or to the page itself."""
        token = _TOKEN.search(self.get(page).text)
        fields = {**data, "csrfmiddlewaretoken": token[1] if token else ""}
        scheme = "https" if self.trust else "http"
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Referer": f"{scheme}://{self.name}{page}",
            **headers,
        }
        return self.ask("POST", to or page, headers=sent, body=urlencode(fields))

    def sign_in(self, username, password, **headers):
        """Sign in; the answer is a redirect where it worked."""
        form = {"login": username, "password": password}
        return self.post("/accounts/login/", form, **headers)
