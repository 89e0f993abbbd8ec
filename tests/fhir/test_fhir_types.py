"""Every type that is given out: that it is FHIR, says what the record says, and of whom."""

import pytest

from reviews.models import Role
from reviews.queries.fhir import KINDS
from tests import walk
from tests.fhir.asking import System
from tests.fhir.valid import problems

OF_SYSTEMS = [name for name in KINDS if name != "AuditEvent"]


@pytest.fixture
def quill(quillfeather):
    return quillfeather


@pytest.fixture
def system(quill):
    asked = System.__new__(System)
    asked.secret = quill.secrets[Role.INTEGRATION_CLIENT]
    from django.test import Client  # noqa: PLC0415 - of this fixture alone

    asked.http = Client(raise_request_exception=False)
    return asked


def test_every_type_is_valid_however_it_is_asked_for(quill, system):
    wrong, met = [], {}
    for name in KINDS:
        for path, query in (
            (name, {"_count": "200"}),
            (name, {"_count": "5", "_summary": "true"}),
            (name, {"_count": "5", "_elements": "status"}),
            (f"{name}/_history", {"_count": "200"}),
        ):
            answer = system.get(path, query)
            if answer.status_code == 404 and not KINDS[name].timed:
                continue
            assert answer.status_code == 200, (path, answer.content)
            bundle = answer.json()
            wrong += [(path, query, said) for said in problems(bundle)]
            for entry in bundle.get("entry", ()):
                met.setdefault(name, set()).add(entry["resource"]["id"])
                wrong += [(entry["fullUrl"], query, said) for said in problems(entry["resource"])]
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert met.keys() == set(KINDS), "there is one of each type"


def test_each_is_read_by_its_id_as_it_is_found(quill, system):
    for name, one in walk.resources(quill).items():
        if name == "AuditEvent":
            continue
        answer = system.get(f"{name}/{one}")
        assert answer.status_code == 200, (name, answer.content)
        read = answer.json()
        assert (read["resourceType"], read["id"]) == (name, str(one))
        assert system.found(name, {"_id": str(one)}) == [read]
        version = system.get(f"{name}/{one}/_history/{read['meta']['versionId']}")
        assert version.json() == read
        history = system.bundle(f"{name}/{one}/_history")
        assert history["entry"][0]["resource"] == read
