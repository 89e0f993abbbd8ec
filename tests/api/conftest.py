"""Client systems and how they call."""

import json

import pytest
from django.test import Client

from reviews.verbs import clients


class System:
    """A client system with a key: what it sends, and what it gets."""

    def __init__(self, key, secret):
        self.key, self.secret = key, secret
        self.http = Client(raise_request_exception=False)

    def get(self, path, **query):
        return self.http.get(f"/api/v1/{path}", query, headers=self._headers())

    def post(self, path, body, *, content_type="application/json", **headers):
        if isinstance(body, list):
            body = json.dumps(body).encode()
        return self.http.post(
            f"/api/v1/{path}", body, content_type=content_type, headers=self._headers() | headers
        )

    def sync(self, records, kind="prescriptions", **headers):
        return self.post(f"{kind}/sync", records, **headers)

    def _headers(self):
        return {"Authorization": f"Bearer {self.secret}"}


def make_system(*practices, by, source="ehr"):
    return System(
        *clients.make_key(name="Main record", source_system=source, practices=practices, by=by)
    )


@pytest.fixture
def system(harbour, ada):
    return make_system(harbour, by=ada)
