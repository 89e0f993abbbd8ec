"""Browsing without a browser: sign in, open a page, read it as text."""

import re

from django.test import Client
from django.utils.html import strip_tags

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class Browser:
    """A signed-in client. `get` and `post` return the response; `read` the words of a page."""

    def __init__(self, user):
        self.client = Client()
        if user is not None:
            self.client.force_login(user, backend=BACKEND)

    def get(self, address, **query):
        return self.client.get(address, query)

    def post(self, address, **fields):
        return self.client.post(address, fields)

    def follow(self, address, **fields):
        return self.client.post(address, fields, follow=True)

    def read(self, address, **query):
        response = self.get(address, **query)
        assert response.status_code == 200, (address, response.status_code)
        return words(response)


def words(response):
    """The words of a page, without markup; blocks and cells stand apart."""
    spaced = re.sub(r"(<(p|td|li|dt|dd|summary|option)\b)", r" \1", response.content.decode())
    return re.sub(r"\s+", " ", strip_tags(spaced)).strip()


def heading(response):
    """The one h1 of a page."""
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", response.content.decode(), re.DOTALL)
    assert len(found) == 1, found
    return re.sub(r"\s+", " ", strip_tags(found[0])).strip()
