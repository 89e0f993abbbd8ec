"""Records marked as sensitive: a reason once in each session, told to the auditor; never hidden."""

from urllib.parse import unquote

import pytest

from reviews.models import AuditEvent, BreakGlass, Case, Membership, Role, SensitiveMark
from reviews.verbs import clients, identity, screen, sensitive
from tests import make
from tests.web.browse import Browser, words

WHY = "She asked me about her own tablets"
SECRETS = ("Diazepam", "diazepam", "Past day", "28 days")


@pytest.fixture
def case(harbour, clara, ravi):
    """A case of a nurse who works here."""
    found = make.flagged_case(harbour, logged_by=clara)
    sensitive.mark(patient=found.patient, kind="staff", reason="A nurse here", by=ravi)
    return found


@pytest.fixture
def browser(ravi):
    return Browser(ravi)


def give_reason(browser, case, reason=WHY, **more):
    return browser.post(f"/patients/{case.patient_id}/reason", reason=reason, **more)


def main(page):
    return page.content.decode().split("<main", 1)[1].split("</main>")[0]


# -- The mark ------------------------------------------------------------------------------------


def test_a_reviewer_marks_and_takes_it_back_with_a_reason(harbour, clara, ravi):
    treated, browser = make.patient(harbour, clara), Browser(ravi)
    page = f"/patients/{treated.pk}/sensitive"
    assert browser.post(page, kind="staff", reason="").status_code == 422
    assert browser.post(page, kind="", reason="A nurse here").status_code == 422
    assert browser.post(page, kind="staff", reason="A nurse here").status_code == 302
    mark = SensitiveMark.objects.live().get(patient=treated)
    assert (mark.kind, mark.reason, mark.set_by) == ("staff", "A nurse here", ravi)
    browser.post(f"/patients/{treated.pk}/reason", reason=WHY)
    assert "A nurse here" in browser.read(page)
    assert browser.post(page, reason="").status_code == 422
    assert browser.post(page, reason="Left us in May").status_code == 302
    assert not SensitiveMark.objects.live().exists()
    told = AuditEvent.objects.filter(patient_id=treated.pk, subject__startswith="sensitivemark")
    assert [(event.verb, event.detail["reason"]) for event in told.order_by("pk")] == [
        ("patient.marked_sensitive", "A nurse here"),
        ("patient.mark_removed", "Left us in May"),
    ]


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.AUDITOR, Role.FORMULARY_ADMIN])
def test_nobody_else_marks(harbour, clara, role):
    treated = make.patient(harbour, clara)
    other = Browser(make.person("otto", harbour, role))
    answer = other.post(f"/patients/{treated.pk}/sensitive", kind="staff", reason="x")
    assert answer.status_code in (403, 404)
    assert not SensitiveMark.objects.exists()


# -- Opening -------------------------------------------------------------------------------------


def test_every_page_of_it_asks_for_a_reason_first(case, browser):
    for page in (
        f"/patients/{case.patient_id}",
        f"/patients/{case.patient_id}/medicines",
        f"/patients/{case.patient_id}/conditions",
        f"/patients/{case.patient_id}/death",
        f"/cases/{case.pk}",
    ):
        answer = browser.get(page)
        assert answer.status_code == 302, page
        assert answer["Location"].startswith(f"/patients/{case.patient_id}/reason"), page
        asked = browser.client.get(answer["Location"])
        assert "is marked as sensitive" in words(asked)
        assert not any(secret in main(asked) for secret in SECRETS)
    for form in (f"/cases/{case.pk}/decide", f"/cases/{case.pk}/claim"):
        assert "/reason" in browser.post(form)["Location"]


def test_a_reason_opens_it_for_the_session_and_leads_on(case, browser, ravi):
    answer = give_reason(browser, case, next=f"/cases/{case.pk}")
    assert answer["Location"] == f"/cases/{case.pk}"
    assert browser.get(f"/cases/{case.pk}").status_code == 200
    assert browser.get(f"/patients/{case.patient_id}").status_code == 200
    row = BreakGlass.objects.get()
    assert (row.kind, row.reason, row.by) == ("sensitive", WHY, ravi)
    read = AuditEvent.objects.filter(verb="record.opened")
    assert {event.detail["opening"] for event in read} == {row.pk}
    assert "Opened in an emergency" not in browser.read(f"/cases/{case.pk}")
    elsewhere = Browser(ravi)
    assert elsewhere.get(f"/cases/{case.pk}").status_code == 302, "another session"
    browser.client.post("/accounts/logout/")
    row.refresh_from_db()
    assert row.ended_because == "the session ended"


def test_work_goes_on_as_ever_with_a_reason(case, browser):
    give_reason(browser, case)
    answer = browser.post(f"/patients/{case.patient_id}/conditions", text="Asthma", kind="problem")
    assert answer.status_code != 403
    assert "/reason" not in answer.get("Location", "")
    answer = browser.post(f"/cases/{case.pk}/claim", seen=case.lock)
    assert answer["Location"] == f"/cases/{case.pk}"


@pytest.mark.parametrize("reason", ["", "  ", "x"])
def test_without_words_it_stays_closed(case, browser, reason):
    assert give_reason(browser, case, reason).status_code == 422
    assert browser.get(f"/cases/{case.pk}").status_code == 302


def test_nobody_is_led_out_of_the_portal(case, browser):
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        answer = give_reason(
            Browser(case.patient and make.person("ravi", case.practice)), case, next=elsewhere
        )
        assert answer["Location"] == f"/patients/{case.patient_id}"


def test_a_reason_opens_nothing_at_another_practice(case, lakeside):
    other = Browser(make.person("dora", lakeside, Role.CLINICIAN))
    assert give_reason(other, case).status_code == 404
    assert not BreakGlass.objects.exists()


def test_a_reason_ends_with_the_role(case, browser, ravi):
    give_reason(browser, case)
    Membership.objects.filter(user=ravi).delete()
    assert browser.get(f"/patients/{case.patient_id}").status_code in (403, 404)


def test_the_auditor_is_told(case, browser, audrey):
    give_reason(browser, case)
    desk = Browser(audrey)
    assert WHY in desk.read("/audit")
    assert "the marked record of" in desk.read("/audit")
    desk.post(f"/audit/emergencies/{BreakGlass.objects.get().pk}", note="Asked her: right")
    assert "the marked record of" not in desk.read("/audit")


# -- Lists ---------------------------------------------------------------------------------------


def test_the_queue_shows_it_without_saying_why(case, browser):
    page = browser.get("/")
    assert str(case.patient) in page.content.decode()
    assert "sensitive" in words(page)
    assert not any(secret in main(page).split("<ol", 1)[1] for secret in SECRETS)
    give_reason(browser, case)
    assert case.headline in browser.read("/")


def test_a_rule_or_a_medicine_finds_it_no_longer_and_says_so(case, browser):
    rule = case.rule_ids[0]
    for query in ({"rule": rule}, {"q": "diazepam"}):
        page = browser.get("/", **query)
        assert str(case.patient) not in page.content.decode(), query
        assert "marked as sensitive are left out" in words(page), query
    assert str(case.patient) in browser.get("/", q="Bell").content.decode(), "by its name"
    found = browser.get("/search", q="diazepam")
    assert str(case.patient) not in found.content.decode()
    assert "not searched by medicine" in words(found)
    give_reason(browser, case)
    assert str(case.patient) in browser.get("/", rule=rule).content.decode()
    assert str(case.patient) in browser.get("/search", q="diazepam").content.decode()


def test_lists_of_people_show_that_it_is_marked(case, browser):
    for address, query in (("/patients", {}), ("/search", {"q": "Bell"}), ("/my-work", {})):
        page = browser.get(address, **query)
        if address != "/my-work":
            assert str(case.patient) in page.content.decode()
            assert "sensitive" in words(page)
        assert not any(secret in main(page) for secret in SECRETS), address


def test_the_api_shows_it_to_systems_and_not_to_people(case, browser, harbour, ada, ehr):
    _key, secret = clients.make_key(name="x", source_system="ehr", practices=[harbour], by=ada)
    by_key = {"Authorization": f"Bearer {secret}"}
    for kind in ("patients", "prescriptions", "flags", "cases"):
        assert browser.get(f"/api/v1/{kind}").json()["results"] == [], kind
        answer = browser.client.get(f"/api/v1/{kind}", headers=by_key)
        assert len(answer.json()["results"]) >= 1, kind
    give_reason(browser, case)
    assert browser.get(f"/api/v1/cases/{case.pk}").status_code == 404


# -- What goes on as before ----------------------------------------------------------------------


def test_screening_takes_no_notice(case, clara):
    before = Case.objects.get(pk=case.pk).rule_ids
    make.prescription(case.patient, clara, "Morphine 10 mg tablets", start=-1, days=7)
    screen.drain()
    assert Case.objects.get(pk=case.pk).rule_ids != before


def test_a_merge_keeps_the_mark_and_asks_for_the_reason(case, harbour, clara, browser, ravi):
    kept = make.patient(harbour, clara)
    answer = browser.post(
        f"/patients/{kept.pk}/merge/{case.patient_id}", reason="The same person", kept=kept.pk
    )
    assert kept.merged.count() == 0, words(answer)
    ravi._opened_with_reason = {case.patient_id: None}
    identity.merge(kept=kept, gone=case.patient, reason="The same person", by=ravi)
    assert SensitiveMark.objects.live().filter(patient=kept).exists()


def test_what_was_written_before_the_record_was_marked_is_kept_over_the_reason(
    harbour, clara, ravi, browser
):
    treated = make.patient(harbour, clara)
    page = f"/patients/{treated.pk}"
    browser.read(page)
    sensitive.mark(patient=treated, kind="staff", reason="A nurse here", by=ravi)
    asked = browser.post(f"{page}/notes", text="Rang: sleeps better, wants to halve the dose")
    assert asked.status_code == 302
    assert asked["Location"].startswith(f"{page}/reason?next=")
    going_to = unquote(asked["Location"].partition("next=")[2])
    answer = browser.post(f"{page}/reason", reason=WHY, next=going_to)
    said = browser.read(answer["Location"])
    assert "the record had been marked as sensitive" in said
    assert "Rang: sleeps better, wants to halve the dose" in said
    browser.post(f"{page}/notes", text="Rang: sleeps better, wants to halve the dose")
    assert "was not sent" not in browser.read(page)
    assert treated.colleagues_notes.count() == 1
