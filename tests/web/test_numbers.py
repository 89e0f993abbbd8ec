"""Numbers of patients: whole for those who treat, judge or sync; else the last signs alone."""

import pytest

from reviews.identifiers import masked, written
from reviews.verbs import clients
from tests import make
from tests.web.browse import Browser

NUMBER, SHOWN = "9990000018", ("999 000 0018", "9990000018")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("999 000 0018", "••• ••• 0018"),
        ("9990000018", "••••••0018"),
        ("AB-12", "••-•2"),
        ("12", "••"),
        ("", ""),
    ],
)
def test_the_last_signs_are_left_and_never_most_of_it(number, shown):
    assert masked(number) == shown


@pytest.fixture
def case(harbour, clara):
    found = make.flagged_case(harbour, logged_by=clara)
    system, value = written("nhs", NUMBER)
    found.patient.identifiers.create(practice=harbour, system=system, value=value)
    return found


def pages(case):
    return [
        "/",
        "/patients",
        "/search?q=Bell",
        f"/patients/{case.patient_id}",
        f"/patients/{case.patient_id}/medicines",
        f"/cases/{case.pk}",
    ]


def whole(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return any(number in answer.content.decode() for number in SHOWN)


def test_who_treats_or_judges_sees_them_whole(case, clara, ravi):
    for person in (clara, ravi):
        browser = Browser(person)
        assert {page: whole(browser, page) for page in pages(case)} == dict.fromkeys(
            pages(case), True
        )


def test_an_auditor_tells_two_apart_and_no_more(case, audrey):
    browser = Browser(audrey)
    for page in [*pages(case), f"/patients/{case.patient_id}/audit", "/audit"]:
        assert not whole(browser, page), page
    assert "••• ••• 0018" in browser.read(f"/patients/{case.patient_id}")


def test_the_api_says_the_same(case, audrey, clara, harbour, ada, ehr):
    _key, secret = clients.make_key(name="x", source_system="ehr", practices=[harbour], by=ada)
    by_key = {"Authorization": f"Bearer {secret}"}
    for address in ("/api/v1/patients", f"/api/v1/patients/{case.patient_id}"):
        assert whole(Browser(clara), address)
        assert not whole(Browser(audrey), address)
        assert "0018" in Browser(audrey).get(address).content.decode()
        assert NUMBER in Browser(None).client.get(address, headers=by_key).content.decode()
