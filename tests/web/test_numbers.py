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


def finds(browser, address, typed):
    """Whether a page that is asked for somebody shows them."""
    answer = browser.get(address.format(typed=typed))
    assert answer.status_code == 200, address
    return "JONATHAN" in answer.content.decode().split("<main", 1)[-1].upper()


@pytest.mark.parametrize(
    "address",
    [
        "/patients?q={typed}",
        "/search?q={typed}",
        "/?q={typed}",
        "/audit?q={typed}",
        "/api/v1/patients?identifier={typed}",
    ],
)
def test_an_auditor_works_out_no_number_by_looking_for_it(case, audrey, address):
    browser = Browser(audrey)
    for typed in ("00018", "10018", "999000", "999000001", "9990000081", "999000001x"):
        assert not finds(browser, address, typed), typed
    assert finds(browser, address, NUMBER)
    if "api" not in address:
        assert finds(browser, address, "0018")
        assert finds(browser, address, "Bell 0018")


def test_who_treats_finds_by_part_of_it(case, clara):
    for typed in ("00018", "999000", "9990000081"):
        assert finds(Browser(clara), "/patients?q={typed}", typed), typed


def test_of_a_short_number_no_sign_is_found_by_itself(case, harbour, audrey):
    case.patient.identifiers.create(practice=harbour, system="urn:local", value="77-512")
    assert not finds(Browser(audrey), "/patients?q={typed}", "7512")
    assert finds(Browser(audrey), "/patients?q={typed}", "77512")
