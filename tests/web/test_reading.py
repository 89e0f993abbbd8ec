"""Who saw what is told: every page about a patient, every search, print and read over the API."""

import pytest
from django.db import DatabaseError
from django.urls import URLPattern, URLResolver, get_resolver

from reviews import audit
from reviews.models import AuditEvent, Membership, Role
from reviews.verbs import clients, screen
from tests import make
from tests.web.browse import Browser

READS = ("record.opened", "record.printed", "search.made", "api.read")


@pytest.fixture
def bell(harbour, clara):
    treated = make.patient(harbour, clara, identifiers=["9990001234"])
    make.prescription(treated, clara, start=-34, days=35)
    screen.drain()
    return treated


def reads(**fits):
    events = AuditEvent.objects.filter(verb__in=READS, **fits).order_by("pk")
    return [(event.verb, event.actor_id, event.patient_id, event.detail) for event in events]


def test_opening_a_record_and_a_case_is_told_with_which_page(bell, ravi):
    browser, case = Browser(ravi), bell.cases.get()
    browser.read(f"/patients/{bell.pk}")
    browser.read(f"/cases/{case.pk}")
    assert reads() == [
        ("record.opened", ravi.pk, bell.pk, {"page": "patient"}),
        ("record.opened", ravi.pk, bell.pk, {"page": "case", "case": case.pk}),
    ]


def test_every_page_that_names_a_patient_tells_of_it(bell, harbour, clara, ravi, audrey):
    """Walked over every address that can be made from what there is, by everybody."""
    ids = {
        "patients": bell.pk,
        "cases": bell.cases.get().pk,
        "prescriptions": bell.prescriptions.get().pk,
    }
    shown = set()
    for user in (clara, ravi, audrey):
        browser = Browser(user)
        for address in addresses(get_resolver().url_patterns, ids):
            before = AuditEvent.objects.filter(verb__in=READS).count()
            response = browser.get(address)
            if response.status_code != 200 or b"patient-banner" not in response.content:
                continue
            shown.add(address)
            told = AuditEvent.objects.filter(verb__in=READS)
            assert told.count() > before, (address, user)
            assert told.latest("pk").patient_id == bell.pk
    assert len(shown) > 10, shown


def addresses(patterns, ids, before=""):
    """Addresses whose first number is an id of something there is."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, ids, route)
        elif isinstance(pattern, URLPattern):
            head, _, rest = route.partition("/<int:pk>")
            if head in ids:
                rest = rest.replace("<slug:kind>", "egfr").replace("<slug:code>", "start")
                if "<" not in rest:
                    yield f"/{head}/{ids[head]}{rest}"


def test_nothing_is_told_of_what_was_not_shown(bell, lakeside, ravi):
    stranger = make.person("other", lakeside, "reviewer")
    assert Browser(stranger).get(f"/patients/{bell.pk}").status_code == 404
    assert Browser(ravi).get(f"/patients/{bell.pk}/audit").status_code == 404
    assert reads() == []


def test_a_page_that_cannot_be_recorded_is_not_shown(bell, ravi, monkeypatch):
    def refused(*_, **__):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(audit, "record", refused)
    browser = Browser(ravi)
    browser.client.raise_request_exception = False
    response = browser.get(f"/patients/{bell.pk}")
    assert response.status_code == 500
    assert b"Bell" not in response.content


@pytest.mark.parametrize("address", ["/search", "/patients", "/"])
def test_a_search_is_told_with_whom_it_showed(bell, ravi, address):
    Browser(ravi).get(address, q="bell")
    assert reads() == [("search.made", ravi.pk, None, {"typed": "bell", "shown": [bell.pk]})]


def test_a_search_belongs_to_the_practice_of_whoever_works_at_one(bell, lakeside, ravi):
    Browser(ravi).get("/patients", q="bell")
    Membership.objects.create(user=ravi, practice=lakeside, role=Role.REVIEWER)
    Browser(ravi).get("/patients", q="bell")
    places = AuditEvent.objects.filter(verb="search.made").order_by("pk")
    assert list(places.values_list("practice_id", flat=True)) == [bell.practice_id, None]


def test_so_is_one_that_found_nobody(bell, ravi):
    Browser(ravi).get("/patients", q="nobody at all")
    assert reads() == [("search.made", ravi.pk, None, {"typed": "nobody at all", "shown": []})]


def test_printing_is_told_by_the_browser(bell, ravi):
    response = Browser(ravi).post(f"/patients/{bell.pk}/printed", page="taper-sheet")
    assert response.status_code == 204
    assert reads(verb="record.printed") == [
        ("record.printed", ravi.pk, bell.pk, {"page": "taper-sheet"})
    ]


def test_a_machine_that_reads_is_told_with_of_whom(bell, harbour, ehr, ada, client):
    _, secret = clients.make_key(
        name="Main record", source_system="emis", practices=[harbour], by=ada
    )
    headers = {"authorization": f"Bearer {secret}"}
    client.get("/api/v1/prescriptions?limit=5", headers=headers)
    client.get(f"/api/v1/patients/{bell.pk}", headers=headers)
    listed, single = reads(verb="api.read")
    assert listed[3] == {
        "resource": "prescriptions",
        "rows": 1,
        "query": {"limit": "5"},
        "shown": [bell.pk],
    }
    assert single[3] == {"resource": "patients", "rows": 1, "query": {}, "shown": [bell.pk]}


def test_reads_of_a_patient_are_found_among_those_of_many(bell, harbour, clara, ravi):
    other = make.patient(harbour, clara, family_name="Bellamy")
    Browser(ravi).get("/patients", q="bell")
    found = AuditEvent.objects.filter(
        detail__has_key="shown", detail__contains={"shown": [other.pk]}
    )
    assert [event.verb for event in found] == ["search.made"]
