"""What every address under /fhir has in common: forms, refusals, who may, and what is said."""

import json

import pytest
from django.db import DatabaseError, OperationalError
from django.test import Client

from portal import web_worker
from reviews import limits
from reviews.models import AuditEvent
from reviews.queries import fhir_search
from reviews.queries.fhir import KINDS
from reviews.scopes import LIMITED_BY
from tests import make
from tests.fhir.asking import FHIR_JSON, System, refused


@pytest.fixture
def bell(harbour, clara):
    return make.patient(harbour, clara, identifiers=["1"])


class Scopes:
    """Scopes as a token has them: what they reach, by type and letter."""

    def __init__(self, reaches):
        self.reaches = reaches

    def bounds(self, type_name, letter):
        return self.reaches.get((type_name, letter))


@pytest.fixture
def scoped(monkeypatch):
    """Give every key these scopes: `scoped({("Patient", "r"): ()})`."""
    from reviews.models import ApiKey  # noqa: PLC0415 - only here

    def give(reaches):
        monkeypatch.setattr(ApiKey, "scopes", Scopes(reaches), raising=False)

    return give


# -- Before signing in -------------------------------------------------------------------------


def test_what_the_server_can_do_is_said_before_signing_in(client, rulebook):
    answer = client.get("/fhir/metadata")
    assert answer.status_code == 200
    statement = answer.json()
    assert (statement["resourceType"], statement["fhirVersion"]) == (
        "CapabilityStatement",
        "4.0.1",
    )


def test_it_says_where_tokens_are_given(client, rulebook):
    security = client.get("/fhir/metadata").json()["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    (token,) = security["extension"][0]["extension"]
    told = client.get("/fhir/.well-known/smart-configuration").json()
    assert token == {"url": "token", "valueUri": told["token_endpoint"]}


def test_without_a_key_nothing_else_is(client, rulebook):
    answer = client.get("/fhir/Patient")
    refused(answer, 401, "login")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    answer = client.get("/fhir/Patient", headers={"Authorization": "Bearer psp_wrong"})
    refused(answer, 401, "login")


# -- Forms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "query", "given"),
    [
        ("*/*", "", FHIR_JSON),
        ("application/fhir+json", "", FHIR_JSON),
        ("application/json", "", "application/json"),
        ("application/json, application/fhir+json", "", FHIR_JSON),
        ("application/json, application/fhir+json;q=0.5", "", "application/json"),
        ("application/fhir+json; fhirVersion=4.0", "", FHIR_JSON),
        ("text/html, */*;q=0.1", "", FHIR_JSON),
        ("text/html", "_format=json", FHIR_JSON),
        ("text/html", "_format=application/fhir%2Bjson", FHIR_JSON),
        ("text/html", "_format=application/fhir+json", FHIR_JSON),
        ("application/fhir+xml", "_format=application/json", "application/json"),
    ],
)
def test_the_answer_is_in_the_form_that_was_asked_for(client, rulebook, accept, query, given):
    answer = client.get(f"/fhir/metadata?{query}", headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, given)


@pytest.mark.parametrize(
    ("accept", "query"),
    [
        ("application/fhir+xml", ""),
        ("text/html", ""),
        ("application/fhir+json; fhirVersion=5.0", ""),
        ("application/fhir+json;q=0", ""),
        ("*/*", "_format=xml"),
        ("application/json", "_format=text/turtle"),
    ],
)
def test_another_form_is_refused_in_ours(client, rulebook, accept, query):
    answer = client.get(f"/fhir/metadata?{query}", headers={"Accept": accept})
    refused(answer, 406, "not-supported")


# -- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/Nothing", "/Patient/1/2", "/Patient/1/_history/1/2", "/_history", "/x/y/z"]
)
def test_what_is_not_there_is_said_as_an_outcome(client, rulebook, path):
    refused(client.get(f"/fhir{path}"), 404, "not-found")


@pytest.mark.parametrize("one", ["%00", "a%00b", "é", "a" * 65, "1_2", "..%2f"])
def test_what_can_be_no_id_is_found_nowhere(system, one):
    for rest in ("", "/_history", "/_history/1"):
        refused(system.get(f"Observation/{one}{rest}"), 404, "not-found")


def test_a_page_of_another_name_is_none_of_ours(client, rulebook):
    assert client.get("/fhirx")["Content-Type"].startswith("text/html")


def test_a_method_that_an_address_does_not_take_is_refused(system):
    for method, path in (("POST", "metadata"), ("OPTIONS", "Patient"), ("GET", "Patient/_search")):
        answer = system.send(method, path)
        refused(answer, 405, "not-supported")
        assert answer["Allow"]


def test_a_refusal_names_the_parameter(system):
    issue = refused(system.get("Patient", {"_count": "many"}), 400, "value")
    assert issue["expression"] == ["_count"]
    assert "whole number" in issue["diagnostics"]


def test_too_many_requests_are_told_when_to_come_again(system, monkeypatch):
    monkeypatch.setattr(limits.Reads, "quota", 1)
    first = system.get("Patient")
    assert first["RateLimit"].startswith('"read";r=0')
    answer = system.get("Patient")
    refused(answer, 429, "throttled")
    assert int(answer["Retry-After"]) > 0


def test_a_fault_of_the_portal_is_an_outcome(system, monkeypatch):
    def fail(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(fhir_search.Search, "find", fail)
    answer = system.get("Patient")
    refused(answer, 500, "exception")
    assert b"secret" not in answer.content


@pytest.mark.parametrize("error", [OperationalError("gone"), DatabaseError("gone")])
def test_a_database_that_is_away_is_an_outcome(system, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(fhir_search.Search, "find", fail)
    answer = system.get("Patient")
    assert answer.json()["resourceType"] == "OperationOutcome"
    if isinstance(error, OperationalError):
        refused(answer, 503, "transient")
        assert answer["Retry-After"]


def test_a_server_that_is_too_busy_says_so_in_an_outcome():
    said = {}

    def start_response(status, headers):
        said.update(status=status, **dict(headers))

    answer = web_worker.shedding(None)({"portal.shed": True, "PATH_INFO": "/fhir"}, start_response)
    outcome = json.loads(b"".join(answer))
    assert (said["status"][:3], said["Content-Type"]) == ("503", FHIR_JSON)
    assert outcome["issue"][0]["code"] == "transient"


# -- Who may -----------------------------------------------------------------------------------


def test_somebody_of_the_practice_is_read(system, bell):
    answer = system.get(f"Patient/{bell.pk}")
    assert answer.status_code == 200
    assert answer.json()["name"] == [{"use": "official", "family": "Bell", "given": ["Jonathan"]}]


def test_nobody_of_another_practice_is(bell, lakeside):
    make.person("adam", lakeside)
    stranger = System(lakeside, by=make.person("adam", lakeside), source="other")
    refused(stranger.get(f"Patient/{bell.pk}"), 404, "not-found")
    assert stranger.found("Patient") == []
    assert stranger.found("Patient", {"identifier": "nhs|1"}) == []
    refused(stranger.get(f"Patient/{bell.pk}/_history"), 404, "not-found")
    refused(stranger.get(f"Patient/{bell.pk}/_history/1"), 404, "not-found")
    assert stranger.bundle("Patient/_history").get("entry") is None


def test_a_key_for_people_reads_no_patient(bell, harbour, maeve):
    keeper = System(harbour, by=maeve, kind="people")
    refused(keeper.get(f"Patient/{bell.pk}"), 403, "forbidden")
    refused(keeper.get("Patient"), 403, "forbidden")
    refused(keeper.get("Patient/_history"), 403, "forbidden")


def test_scopes_that_do_not_reach_so_far_are_told(system, bell, scoped):
    scoped({("Patient", "r"): ()})
    assert system.get(f"Patient/{bell.pk}").status_code == 200
    answer = system.get("Patient")
    refused(answer, 403, "forbidden")
    assert answer["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="system/Patient.s"'
    )


def test_scopes_bound_what_is_read_and_found(system, bell, harbour, clara, scoped):
    other = make.patient(harbour, clara, family_name="Ames", sex="female")
    women = ((("gender", "female"),),)
    scoped({("Patient", "r"): women, ("Patient", "s"): women})
    assert [one["id"] for one in system.found("Patient")] == [str(other.pk)]
    refused(system.get(f"Patient/{bell.pk}"), 404, "not-found")
    refused(system.get(f"Patient/{bell.pk}/_history"), 404, "not-found")
    assert system.get(f"Patient/{other.pk}").status_code == 200
    either = (*women, (("family", "Bell"), ("birthdate", "gt1900")))
    scoped({("Patient", "s"): either})
    assert len(system.found("Patient")) == 2
    # What nobody understands lets nothing through.
    for bound in (("favourite", "blue"), ("_sort", "family"), ("gender:not", "male")):
        scoped({("Patient", "s"): ((bound,),)})
        assert system.found("Patient") == []


def test_what_goes_out_is_in_the_trail(system, bell):
    system.get("Patient", {"family": "bell"})
    event = AuditEvent.objects.filter(verb="api.read").latest("pk")
    assert (event.detail["resource"], event.detail["shown"]) == ("FHIR Patient", [bell.pk])
    assert event.detail["query"] == {"family": "bell"}


def test_a_person_who_is_signed_in_reads_as_their_role_may(bell, clara, maeve):
    browser = Client()
    browser.force_login(clara, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get(f"/fhir/Patient/{bell.pk}").status_code == 200
    browser.force_login(maeve, backend="allauth.account.auth_backends.AuthenticationBackend")
    refused(browser.get(f"/fhir/Patient/{bell.pk}"), 403, "forbidden")


# -- Reading again -----------------------------------------------------------------------------


def test_what_the_client_has_already_is_not_sent_again(system, bell):
    answer = system.get(f"Patient/{bell.pk}")
    assert answer["ETag"] == 'W/"1"'
    again = system.get(f"Patient/{bell.pk}", If_None_Match='W/"1"')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", 'W/"1"')
    assert system.get(f"Patient/{bell.pk}", If_None_Match='W/"2"').status_code == 200
    since = system.get(f"Patient/{bell.pk}", If_Modified_Since=answer["Last-Modified"])
    assert since.status_code == 304


def test_head_answers_as_get_without_the_resource(system, bell):
    answer = system.send("HEAD", f"Patient/{bell.pk}")
    assert (answer.status_code, answer["ETag"]) == (200, 'W/"1"')


def test_a_scope_may_name_every_type_and_is_limited_only_by_what_a_search_knows():
    assert LIMITED_BY.keys() == KINDS.keys()
    for name, known in LIMITED_BY.items():
        assert known <= {"_id", *KINDS[name].definitions}, name
