"""The audit trail of a patient, as an auditor reads it."""

import pytest

from reviews.models import AuditEvent
from reviews.queries import trail
from reviews.verbs import caseload, screen
from reviews.views import audit_trail
from tests import make
from tests.web.browse import Browser, heading, words


@pytest.fixture
def bell(harbour, clara):
    treated = make.patient(harbour, clara)
    make.prescription(treated, clara, start=-34, days=35)
    screen.drain()
    return treated


def test_only_an_auditor_of_the_practice_reads_it(bell, harbour, lakeside, audrey):
    address = f"/patients/{bell.pk}/audit"
    assert Browser(audrey).get(address).status_code == 200
    others = [make.person(name, harbour) for name in ("clara", "ravi", "ada")]
    for user in (*others, make.person("other", lakeside, "auditor")):
        assert Browser(user).get(address).status_code == 404
    assert Browser(None).get(address).status_code == 302


def test_it_says_who_did_what(bell, audrey, ravi):
    case = bell.cases.get()
    caseload.claim(case=case, by=ravi, seen=case.lock)
    count = AuditEvent.objects.filter(patient_id=bell.pk).count()
    page = Browser(audrey).get(f"/patients/{bell.pk}/audit")
    text = words(page)
    assert heading(page) == f"{count} events in the audit trail"
    assert "Clara Moreau Registered the patient" in text
    assert "Clara Moreau Logged a prescription" in text
    assert "the portal Raised a flag" in text
    assert "Ravi Shah Claimed the case" in text
    assert text.index("Ravi Shah Claimed") < text.index("Clara Moreau Registered")
    assert "Logged a prescription: Diazepam 5 mg tablets" in text
    assert "severity S2" in text


def test_it_is_filtered_by_what_happened(bell, audrey):
    browser = Browser(audrey)
    page = browser.get(f"/patients/{bell.pk}/audit", verb="prescription.logged").content.decode()
    assert page.count("<time ") == 1
    everything = browser.get(f"/patients/{bell.pk}/audit", verb="no.such").content.decode()
    assert everything.count("<time ") > 1


def test_pages_follow_one_another_without_gap_or_repeat(bell, audrey, monkeypatch):
    monkeypatch.setattr(audit_trail, "PAGE_SIZE", 2)
    browser, seen, address = Browser(audrey), [], f"/patients/{bell.pk}/audit"
    # Each page that is opened is an event of its own, the newest.
    everything = list(
        AuditEvent.objects.filter(patient_id=bell.pk).order_by("-pk").values_list("pk", flat=True)
    )
    before = ""
    while before is not None:
        context = browser.get(address, before=before).context
        seen += [row["event"].pk for row in context["events"]]
        before = context["older"]
    assert seen == everything


def test_details_are_words():
    assert trail.in_words({"from_owner": None, "state": "snoozed"}) == (
        "from owner nothing, state Snoozed"
    )
    assert trail.in_words([1, "active"]) == "1; Active"
    assert trail.said("new.thing_done") == "new: thing done"
