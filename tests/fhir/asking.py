"""A client system that speaks FHIR, and what it gets."""

from urllib.parse import urlsplit

from django.test import Client

from reviews.verbs import clients

FHIR_JSON = "application/fhir+json"


class System:
    """A client system with a key at some practices."""

    def __init__(self, *practices, by, source="ehr", kind="records"):
        self.key, self.secret = clients.make_key(
            name=f"{source} {kind}", source_system=source, practices=practices, kind=kind, by=by
        )
        self.http = Client(raise_request_exception=False)

    def get(self, path, query=None, **headers):
        return self.send("GET", path, query=query, **headers)

    def send(self, method, path, body=b"", *, query=None, content_type=FHIR_JSON, **headers):
        given = {"Authorization": f"Bearer {self.secret}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.generic(
            method,
            path if path.startswith("/") else f"/fhir/{path}",
            body,
            content_type=content_type,
            headers=given,
            query_params=query,
        )

    def found(self, path, query=None):
        """The resources that match, of one page."""
        return [
            entry["resource"]
            for entry in self.bundle(path, query).get("entry", [])
            if entry["search"]["mode"] == "match"
        ]

    def bundle(self, path, query=None):
        answer = self.get(path, query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def pages(self, path, query=None):
        """The ids that match on all pages, in the order they come."""
        bundle, ids = self.bundle(path, query), []
        while True:
            ids += [entry["resource"]["id"] for entry in bundle.get("entry", ())]
            following = link(bundle, "next")
            if following is None:
                return ids
            bundle = self.bundle(following)


def link(bundle, relation):
    """The path and query of a link of a Bundle; None where there is none."""
    urls = [one["url"] for one in bundle["link"] if one["relation"] == relation]
    if not urls:
        return None
    parts = urlsplit(urls[0])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def refused(answer, status, code):
    """Assert that an answer is an OperationOutcome of this status and code; returns its issue."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] in (FHIR_JSON, "application/json")
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    issue = outcome["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", code), issue
    return issue
