"""Break-glass: a record of another practice, in an emergency, for an hour, and never unseen."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from reviews import access, walls
from reviews.models import (
    AuditEvent,
    BreakGlass,
    CaseMove,
    Membership,
    Patient,
    PatientScreening,
    Prescription,
    Role,
)
from reviews.verbs import break_glass
from tests import make
from tests.web.browse import Browser, words

WHY = "Brought in drowsy, asks for her tablets"


@pytest.fixture
def browser(dora):
    return Browser(dora)


def look_up(browser, **typed):
    return browser.post("/emergency", **typed)


def opened(browser, quillfeather, reason=WHY):
    """Look the person up by number, say why, and arrive at their page."""
    answer = browser.post(
        "/emergency", number="1Quillfeather", patient=quillfeather.patient.pk, reason=reason
    )
    assert answer.status_code == 302, words(answer)
    return BreakGlass.objects.latest("pk")


def pages(quillfeather):
    """What is read in an emergency: every page of the record, and no other."""
    return [
        f"/patients/{quillfeather.patient.pk}",
        f"/patients/{quillfeather.patient.pk}/medicines",
        f"/cases/{quillfeather.case.pk}",
        f"/tapers/{quillfeather.taper.pk}",
        f"/tapers/{quillfeather.taper.pk}/sheet",
    ]


def told(verb):
    return list(AuditEvent.objects.filter(verb=verb).order_by("pk"))


# -- Opening -------------------------------------------------------------------------------------


def test_nobody_else_sees_the_record_before(browser, quillfeather):
    assert {browser.get(page).status_code for page in pages(quillfeather)} == {404}


def test_somebody_is_found_exactly_or_not_at_all(browser, quillfeather):
    ashdown = make.patient(
        quillfeather.place, quillfeather.staff[Role.CLINICIAN], family_name="Ashdown", age=71
    )
    born = f"{ashdown.birth_date:%-d %b %Y}"
    for typed, found in (
        ({"number": "1Quillfeather"}, "QUILLFEATHER, Ada"),
        ({"number": "1-quill feather"}, "QUILLFEATHER, Ada"),
        ({"family_name": "ashdown", "birth_date": born}, "ASHDOWN, Jonathan"),
        ({"number": "1Quillfeathe"}, "Nobody has exactly this"),
        ({"family_name": "Ashdow", "birth_date": born}, "Nobody has exactly this"),
        ({"family_name": "Ashdown", "birth_date": "1 Jan 1901"}, "Nobody has exactly this"),
        ({"family_name": "Bell", "birth_date": born}, "Nobody has exactly this"),
    ):
        answer = look_up(browser, **typed)
        assert found in words(answer), typed
    assert look_up(browser, family_name="Quillfeather").status_code == 422
    assert look_up(browser, number="1").status_code == 422
    assert look_up(browser).status_code == 422


def test_who_was_found_is_told_to_their_practice(browser, quillfeather, dora):
    look_up(browser, number="1Quillfeather")
    look_up(browser, number="nobody-has-it")
    first, second = told("emergency.looked_up")
    assert (first.practice_id, first.patient_id) == (quillfeather.place.pk, quillfeather.patient.pk)
    assert (first.actor_id, first.detail["typed"]) == (dora.pk, "1Quillfeather")
    assert second.patient_id is None


def test_numbers_are_not_tried_out_one_after_the_other(browser, quillfeather):
    for _ in range(break_glass.LOOK_UPS.most):
        assert look_up(browser, number="nobody-has-it").status_code == 200
    answer = look_up(browser, number="1Quillfeather")
    assert answer.status_code == 422
    assert "wait until" in words(answer)
    assert "QUILLFEATHER" not in words(answer)


@pytest.mark.parametrize("reason", ["", "   ", "asdf", "........... . .", "1234567890 12"])
def test_without_a_reason_in_words_it_stays_closed(browser, quillfeather, reason):
    answer = browser.post(
        "/emergency", number="1Quillfeather", patient=quillfeather.patient.pk, reason=reason
    )
    assert answer.status_code == 422
    assert not BreakGlass.objects.exists()
    assert browser.get(f"/patients/{quillfeather.patient.pk}").status_code == 404


def test_only_who_was_found_is_opened(browser, quillfeather):
    answer = browser.post(
        "/emergency", number="1Quillfeather", patient=quillfeather.other.pk, reason=WHY
    )
    assert answer.status_code == 422
    assert not BreakGlass.objects.exists()


def test_it_opens_every_page_of_the_record_with_a_banner_and_tells_of_each(
    browser, quillfeather, dora
):
    row = opened(browser, quillfeather)
    for page in pages(quillfeather):
        said = browser.read(page)
        assert "Opened in an emergency until" in said, page
        assert "Close it now" in said, page
    assert "Opened in an emergency until" in browser.read("/"), "on every other page too"
    begun = told("emergency.opened")[-1]
    assert (begun.actor_id, begun.practice_id) == (dora.pk, quillfeather.place.pk)
    assert begun.detail["reason"] == WHY
    read = told("record.opened")
    assert len(read) == len(pages(quillfeather))
    assert {event.detail["opening"] for event in read} == {row.pk}
    assert {event.practice_id for event in read} == {quillfeather.place.pk}


def test_it_shows_as_much_as_the_own_practice_sees(browser, quillfeather):
    opened(browser, quillfeather)
    own = Browser(quillfeather.staff[Role.CLINICIAN])
    for page in pages(quillfeather)[1:2]:
        theirs = own.get(page).content.decode().split("<table", 1)[1].split("</table>")[0]
        for medicine in ("Quillfeatherin", "Quillfeatherol", "Quillfeatherex"):
            assert medicine in theirs
            assert medicine in browser.get(page).content.decode()


def test_printing_is_told_of_too(browser, quillfeather):
    row = opened(browser, quillfeather)
    answer = browser.post(f"/patients/{quillfeather.patient.pk}/printed", page="patient")
    assert answer.status_code == 204
    assert told("record.printed")[0].detail["opening"] == row.pk


def test_who_works_there_is_sent_to_the_record_without_an_emergency(quillfeather):
    clara = Browser(quillfeather.staff[Role.CLINICIAN])
    assert "is of your own practice" in words(look_up(clara, number="1Quillfeather"))
    answer = clara.post(
        "/emergency", number="1Quillfeather", patient=quillfeather.patient.pk, reason=WHY
    )
    assert answer.status_code == 302
    assert not BreakGlass.objects.exists()


@pytest.mark.parametrize(
    "role", [Role.AUDITOR, Role.FORMULARY_ADMIN, Role.PRACTICE_ADMIN, Role.INTEGRATION_CLIENT]
)
def test_without_a_clinical_role_nobody_opens_anything(quillfeather, lakeside, role):
    other = Browser(make.person("otto", lakeside, role))
    assert other.get("/emergency").status_code == 403
    answer = other.post(
        "/emergency", number="1Quillfeather", patient=quillfeather.patient.pk, reason=WHY
    )
    assert answer.status_code == 403
    assert not told("emergency.looked_up")


def test_no_more_than_a_few_are_opened_one_after_the_other(browser, quillfeather, dora):
    number, pk = "1Quillfeather", quillfeather.patient.pk
    for _ in range(break_glass.OPENINGS.most):
        browser.post(f"/emergency/{opened(browser, quillfeather).pk}/end")
    answer = browser.post("/emergency", number=number, patient=pk, reason=WHY)
    assert answer.status_code == 422
    assert "Call Harbour" in words(answer)
    assert "01632 960 114" in words(answer)
    assert BreakGlass.objects.count() == break_glass.OPENINGS.most
    [refused] = told("emergency.refused")
    assert (refused.actor_id, refused.practice_id) == (dora.pk, quillfeather.place.pk)
    assert refused.detail["reason"] == WHY
    desk = Browser(quillfeather.staff[Role.AUDITOR])
    assert "Was refused another record in an emergency" in desk.read("/audit", kind="emergency")


# -- What stays closed ---------------------------------------------------------------------------


def test_other_people_of_that_practice_stay_closed(browser, quillfeather):
    opened(browser, quillfeather)
    assert browser.get(f"/patients/{quillfeather.other.pk}").status_code == 404
    assert browser.get(f"/cases/{quillfeather.decided.pk}").status_code == 404
    for address in ("/", "/patients", "/search?q=Quillfeather", "/waiting-records"):
        inside = browser.get(address, follow=True).content.decode()
        assert "QUILLFEATHER" not in inside.split("<main", 1)[-1].upper().replace(
            "“QUILLFEATHER”", ""
        ).replace('VALUE="QUILLFEATHER"', ""), address


def test_the_api_stays_closed(browser, quillfeather):
    opened(browser, quillfeather)
    for address in (
        f"/api/v1/patients/{quillfeather.patient.pk}",
        f"/api/v1/prescriptions/{quillfeather.prescription.pk}",
        f"/api/v1/cases/{quillfeather.case.pk}",
        f"/api/v1/tapers/{quillfeather.taper_version.pk}",
    ):
        assert browser.get(address).status_code == 404, address
    for kind in ("patients", "prescriptions", "flags", "cases"):
        assert "quillfeather" not in browser.get(f"/api/v1/{kind}").content.decode().lower()


def test_nothing_of_it_can_be_changed(browser, quillfeather):
    opened(browser, quillfeather)
    pk, before = (
        quillfeather.patient.pk,
        AuditEvent.objects.exclude(verb__startswith="record.").count(),
    )
    for address in (
        f"/patients/{pk}/conditions",
        f"/patients/{pk}/death",
        f"/patients/{pk}/prescriptions/log",
        f"/patients/{pk}/tapers/plan",
        f"/cases/{quillfeather.case.pk}/claim",
        f"/cases/{quillfeather.case.pk}/decide",
        f"/tapers/{quillfeather.taper.pk}/start",
        f"/prescriptions/{quillfeather.prescription.pk}/amend",
        f"/prescriptions/{quillfeather.prescription.pk}/withdraw",
    ):
        assert browser.post(address).status_code in (403, 404), address
    assert AuditEvent.objects.exclude(verb__startswith="record.").count() == before


def test_the_database_shows_one_person_and_lets_nothing_be_written(quillfeather, lakeside, dora):
    sight = walls.of([lakeside.pk], [quillfeather.patient.pk])
    with walls.seeing(sight):
        assert [each.pk for each in Patient.objects.all()] == [quillfeather.patient.pk]
        seen = set(Prescription.objects.values_list("patient", flat=True))
        assert seen == {quillfeather.patient.pk}
        assert CaseMove.objects.exclude(case__patient=quillfeather.patient.pk).count() == 0
        assert PatientScreening.objects.count() == 1
        assert Patient.objects.update(registered_at="2020-01-01T00:00Z") == 0
        assert Prescription.objects.all().delete()[0] == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            make.prescription(quillfeather.patient, quillfeather.staff[Role.CLINICIAN])
    assert Prescription.objects.filter(patient=quillfeather.patient).exists()


def test_what_is_opened_is_in_sight_of_what_only_reads(browser, quillfeather, dora, rf):
    """A form of one's own work is sent as if nothing were open."""
    row = opened(browser, quillfeather)
    access.let_see(dora, [row.pk], reads=False)
    with walls.seeing(walls.NO_PRACTICE):
        access.let_see(dora, [row.pk], reads=False)
        assert not Patient.objects.exists()
        access.let_see(dora, [row.pk], reads=True)
        assert Patient.objects.count() == 1


# -- Until when ----------------------------------------------------------------------------------


def test_it_ends_when_the_button_is_pressed_in_every_window(browser, quillfeather, dora):
    row = opened(browser, quillfeather)
    other_window = browser  # the same session
    assert browser.post(f"/emergency/{row.pk}/end").status_code == 302
    assert other_window.get(f"/patients/{quillfeather.patient.pk}").status_code == 404
    assert "Opened in an emergency" not in browser.read("/")
    [ended] = told("emergency.ended")
    assert (ended.actor_id, ended.detail["why"]) == (dora.pk, "by who had opened it")
    assert browser.post(f"/emergency/{row.pk}/end").status_code == 404
    assert len(told("emergency.ended")) == 1


def test_it_ends_by_itself(browser, quillfeather):
    row = opened(browser, quillfeather)
    page = browser.get(f"/patients/{quillfeather.patient.pk}")
    seconds, _, url = page["Refresh"].partition("; url=")
    assert 3500 < int(seconds) <= 3601
    assert url == "/emergency"
    BreakGlass.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert {browser.get(address).status_code for address in pages(quillfeather)} == {404}
    assert "Opened in an emergency" not in browser.read("/")
    assert break_glass.end_what_is_over() == 1
    assert break_glass.end_what_is_over() == 0
    [ended] = told("emergency.ended")
    assert (ended.actor_id, ended.detail["why"]) == (None, "the time was over")
    row.refresh_from_db()
    assert row.ended_at == row.until


def test_it_holds_in_its_session_alone_and_ends_with_it(browser, quillfeather, dora):
    opened(browser, quillfeather)
    elsewhere = Browser(dora)
    assert elsewhere.get(f"/patients/{quillfeather.patient.pk}").status_code == 404
    browser.client.post("/accounts/logout/")
    [ended] = told("emergency.ended")
    assert ended.detail["why"] == "the session ended"
    again = Browser(dora)
    assert again.get(f"/patients/{quillfeather.patient.pk}").status_code == 404


def test_it_ends_with_the_clinical_role(browser, quillfeather, dora):
    opened(browser, quillfeather)
    Membership.objects.filter(user=dora).update(role=Role.PRACTICE_ADMIN)
    assert browser.get(f"/patients/{quillfeather.patient.pk}").status_code in (403, 404)


def test_nobody_takes_over_what_another_opened(browser, quillfeather, lakeside):
    row = opened(browser, quillfeather)
    eve = Browser(make.person("eve", lakeside, Role.CLINICIAN))
    session = eve.client.session
    session["opened_in_emergency"] = [row.pk]
    session.save()
    assert eve.get(f"/patients/{quillfeather.patient.pk}").status_code == 404
    assert eve.post(f"/emergency/{row.pk}/end").status_code == 404


# -- The auditor ---------------------------------------------------------------------------------


def test_the_auditor_is_told_until_somebody_has_looked(browser, quillfeather):
    row = opened(browser, quillfeather)
    browser.get(f"/patients/{quillfeather.patient.pk}")
    browser.get(f"/cases/{quillfeather.case.pk}")
    auditor = quillfeather.staff[Role.AUDITOR]
    desk = Browser(auditor)
    said = desk.read("/audit")
    assert WHY in said
    assert f"2 pages read: patient, case {quillfeather.case.pk}" in said
    assert desk.post(f"/audit/emergencies/{row.pk}", note=" ").status_code == 302
    assert WHY in desk.read("/audit").split("Lately")[0]
    desk.post(f"/audit/emergencies/{row.pk}", note="Rang the ward: she was there")
    row.refresh_from_db()
    assert (row.looked_by, row.note) == (auditor, "Rang the ward: she was there")
    assert "stays here until" not in desk.read("/audit")
    [looked] = told("emergency.looked_at")
    assert looked.detail["note"] == row.note
    assert len(told("emergency.looked_at")) == 1
    found = desk.read("/audit", kind="emergency", patient=quillfeather.patient.pk)
    assert "Opened a record in an emergency" in found


def test_auditors_of_other_practices_are_not_told(browser, quillfeather, lakeside):
    row = opened(browser, quillfeather)
    elsewhere = Browser(make.person("audrey", lakeside))
    assert WHY not in elsewhere.read("/audit")
    assert elsewhere.post(f"/audit/emergencies/{row.pk}", note="x").status_code == 404


def test_nobody_looks_at_their_own(browser, quillfeather, dora):
    row = opened(browser, quillfeather)
    Membership.objects.create(user=dora, practice=quillfeather.place, role=Role.AUDITOR)
    assert browser.post(f"/audit/emergencies/{row.pk}", note="All well").status_code == 403
    row.refresh_from_db()
    assert row.looked_at is None


def test_the_auditor_follows_who_came_at_their_own_patients_alone(
    browser, quillfeather, lakeside, dora
):
    elsewhere = make.patient(lakeside, dora, family_name="Lakelander")
    browser.read(f"/patients/{elsewhere.pk}")
    opened(browser, quillfeather)
    browser.read(f"/patients/{quillfeather.patient.pk}")
    desk = Browser(quillfeather.staff[Role.AUDITOR])
    page = desk.read("/audit")
    assert f"(dora), clinician at {lakeside}" in page
    assert f'<option value="{dora.pk}"' in desk.get("/audit").content.decode()
    day = desk.read("/audit/day", who=dora.pk)
    assert "QUILLFEATHER" in day
    assert "LAKELANDER" not in day
    followed = desk.read("/audit", who=dora.pk)
    assert "Looked for a person of any practice, in an emergency, by the number" in followed
    assert "LAKELANDER" not in followed
    assert "1Quillfeather" not in followed, "its auditor is shown the last four signs"


def test_who_came_is_unknown_to_other_auditors(browser, quillfeather, lakeside, dora):
    third = make.practice("third")
    opened(browser, quillfeather)
    assert (
        Browser(make.person("otto", third, Role.AUDITOR)).get("/audit/day", who=dora.pk).status_code
        == 404
    )


def test_who_only_looked_somebody_up_is_followed_too(browser, quillfeather, dora):
    look_up(browser, number="1Quillfeather")
    desk = Browser(quillfeather.staff[Role.AUDITOR])
    assert "Looked for a person" in desk.read("/audit/day", who=dora.pk)
