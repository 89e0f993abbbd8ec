"""The invented population by FHIR: every resource is valid, and what is asked oddly is no fault."""

import pytest
from django.conf import settings as portal_settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviews.models import Practice, Role
from reviews.queries.fhir import KINDS
from reviews.verbs import screen
from tests import make
from tests.fhir.asking import System, link
from tests.fhir.valid import problems

PATIENTS = 150
ODD = (
    "",
    "x",
    "0",
    "-1",
    "é",
    "%",
    "'",
    "a|b",
    "Patient/1",
    "1|",
    "\\",
    ",",
    "2026-13",
    "null",
    "\0",
)


@pytest.fixture
def seeded(rulebook, tmp_path, monkeypatch):
    monkeypatch.setattr(portal_settings, "DEMO_SIGN_INS", tmp_path / "demo-signins.json")
    call_command("seed", patients=PATIENTS, decisions=3, verbosity=0)
    screen.drain()
    places = list(Practice.objects.all())
    for place in places:
        make.person("ada", place, Role.FORMULARY_ADMIN)
    return System(*places, by=User.objects.get(username="ada"))


def test_every_resource_of_the_population_is_valid(seeded):
    wrong, counts = [], {}
    for name in KINDS:
        bundle = seeded.bundle(name, {"_count": "200"})
        while True:
            cache.clear()
            wrong += [
                (name, said) for said in problems({**bundle, "entry": []}) if "ele-1" not in said
            ]
            for entry in bundle.get("entry", ()):
                counts[name] = counts.get(name, 0) + 1
                wrong += [(entry["fullUrl"], said) for said in problems(entry["resource"])]
            following = link(bundle, "next")
            if following is None or counts.get(name, 0) > 3_000:
                break
            bundle = seeded.bundle(following)
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert counts["Patient"] >= PATIENTS
    assert counts["MedicationRequest"] > PATIENTS
    assert counts["DetectedIssue"] > 20
    assert {"Task", "Condition", "Observation", "Provenance"} <= counts.keys()


PARAMETERS = sorted(
    {name for kind in KINDS.values() for name in kind.definitions}
    | {"_id", "_lastUpdated", "_count", "_sort", "_summary", "_elements", "_total", "_cursor"}
    | {"_include", "_revinclude", "_format", "_since", "_at", "status:not", "a.b"}
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    name=st.sampled_from(sorted(KINDS)),
    path=st.sampled_from(("", "/1", "/x", "/_history", "/1/_history", "/1/_history/1", "/_search")),
    query=st.dictionaries(
        st.sampled_from(PARAMETERS),
        st.sampled_from(ODD) | st.sampled_from(sorted(KINDS)).map("{}:patient".format),
        max_size=3,
    ),
)
def test_whatever_is_asked_is_answered_or_refused_as_fhir(one_person, name, path, query):
    cache.clear()
    answer = one_person.get(f"{name}{path}", query)
    assert answer.status_code in (200, 400, 404, 405, 406), answer.content
    assert answer.json()["resourceType"] in (name, "Bundle", "OperationOutcome")


@pytest.fixture
def one_person(harbour, clara, ada):
    make.prescription(make.patient(harbour, clara), clara)
    return System(harbour, by=ada)


def test_the_statement_is_true(client, one_person):
    """Each parameter, include and interaction that is told of is taken, and no other one."""
    statement = client.get("/fhir/metadata").json()
    assert problems(statement) == []
    told = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert told.keys() == {*KINDS, "Subscription"}
    values = {"token": "x", "reference": "1", "date": "2026", "string": "x"}
    for name in KINDS:
        one = told[name]
        cache.clear()
        strict = {"Prefer": "handling=strict"}
        query = {each["name"]: values[each["type"]] for each in one["searchParam"]}
        query["_include"] = one.get("searchInclude", [])
        query["_revinclude"] = one.get("searchRevInclude", [])
        query = {key: value for key, value in query.items() if value}
        answer = one_person.get(name, query, **strict)
        assert answer.status_code == 200, (name, answer.content)
        assert one_person.get(name, {"favourite": "1"}, **strict).status_code == 400
        history = one_person.get(f"{name}/_history").status_code
        offered = {"code": "history-type"} in one["interaction"]
        assert history == (200 if offered else 404), name
