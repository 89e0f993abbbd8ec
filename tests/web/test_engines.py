"""By which engine somebody was judged: on the pages and in the API."""

import pytest

from reviews import requests, tasks
from reviews.models import Job, PatientScreening
from reviews.rules import ENGINE
from reviews.verbs import engines, screen
from tests import database, make
from tests.web.browse import Browser

LATER = make.LATER


@pytest.fixture
def case(harbour, clara):
    return make.flagged_case(harbour, logged_by=clara)


@pytest.fixture
def upgraded(case, another):
    """A portal that runs later code, and has not judged anybody by it yet."""
    another()
    engines.adopt()
    return case


def test_a_patient_who_was_judged_says_by_which_engine(case, clara):
    page = Browser(clara).read(f"/patients/{case.patient_id}")
    assert f"by engine {ENGINE.name}" in page
    assert "being judged again" not in page


def test_until_their_turn_comes_pages_say_so(upgraded, clara, ravi):
    said = f"by engine {ENGINE.name}, being judged again"
    assert said in Browser(clara).read(f"/patients/{upgraded.patient_id}")
    case_page = Browser(ravi).read(f"/cases/{upgraded.pk}")
    assert said in case_page
    assert "NOT CHECKED" not in case_page
    screen.drain()
    page = Browser(clara).read(f"/patients/{upgraded.patient_id}")
    assert f"by engine {LATER.name}" in page
    assert "being judged again" not in page
    # The flag found before is the same flag: it keeps the engine that made it.
    assert f"by engine {ENGINE.name}" in Browser(ravi).read(f"/cases/{upgraded.pk}")


def test_a_change_that_waits_goes_before(upgraded, clara):
    make.prescription(upgraded.patient, clara)
    page = Browser(clara).read(f"/patients/{upgraded.patient_id}")
    assert "NOT CHECKED" in page


def test_what_is_older_than_engines_says_so(case, clara, ravi):
    with database.without_triggers() as cursor:
        cursor.execute("UPDATE reviews_flag SET engine_id = NULL")
        cursor.execute("UPDATE reviews_patientscreening SET engine_id = NULL")
    for address in (f"/patients/{case.patient_id}", f"/cases/{case.pk}"):
        assert "before engines were recorded" in Browser(ravi).read(address)


def test_the_page_of_the_rule_books_lists_engines_and_the_rescreen(upgraded, ada):
    page = Browser(ada).read("/rule-books")
    assert "Everybody treated is being judged again" in page
    assert "0 of 1 patients are done" in page
    assert f"under engine {ENGINE.name}" in page
    assert page.index(LATER.name) < page.index("judges")
    screen.drain()
    Job.objects.update(not_before="2026-01-01T00:00Z")
    tasks.work()
    page = Browser(ada).read("/rule-books")
    assert "being judged again" not in page
    assert "replaced" in page


def test_the_api_says_the_same(upgraded, clara, client):
    client.force_login(clara)
    person = client.get(f"/api/v1/patients/{upgraded.patient_id}").json()["checked"]
    assert (person["state"], person["engine"]) == ("checked", ENGINE.name)
    assert person["being_judged_again"] is True
    orders = client.get(f"/api/v1/prescriptions?patient={upgraded.patient_id}").json()["results"]
    assert {order["checked"]["engine"] for order in orders} == {ENGINE.name}
    screen.drain()
    person = client.get(f"/api/v1/patients/{upgraded.patient_id}").json()["checked"]
    assert (person["engine"], person["being_judged_again"]) == (LATER.name, False)
    flags = client.get(f"/api/v1/flags?patient={upgraded.patient_id}").json()["results"]
    assert {flag["engine"] for flag in flags} == {ENGINE.name}


def test_somebody_not_judged_yet_is_not_judged_again(harbour, clara, client):
    treated = make.patient(harbour, clara)
    requests.enqueue([treated.pk], reason="published", priority=requests.BULK)
    client.force_login(clara)
    checked = client.get(f"/api/v1/patients/{treated.pk}").json()["checked"]
    assert (checked["state"], checked["engine"]) == ("not_checked", None)
    assert checked["being_judged_again"] is False
    assert not PatientScreening.objects.exists()
