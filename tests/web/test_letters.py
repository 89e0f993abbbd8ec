"""Letters on pages: edited, tried with a person, published, written, printed."""

import pytest

from reviews.models import AuditEvent, Letter, LetterText, Practice
from reviews.verbs import letters
from tests import make
from tests.verbs.test_letters import BODY, in_use
from tests.web.browse import Browser, heading, words


@pytest.fixture
def treated(harbour, clara):
    Practice.objects.filter(pk=harbour.pk).update(telephone="01632 960 114")
    harbour.refresh_from_db()
    person = make.patient(harbour, clara, age=72, given_name="Sheila", family_name="Gray")
    for start in range(-200, 0, 28):
        make.prescription(person, clara, "Zopiclone 7.5 mg tablets", start=start, days=28)
    return person


def draft(browser, body=BODY, key="invitation", **more):
    fields = {"name": "Invitation", "audience": "patient", "reviewed_on": "", "body": body, **more}
    return browser.follow(f"/letters/{key}", **fields)


def test_a_text_is_drafted_by_one_and_published_by_another(db, ada, adam):
    page = draft(Browser(ada))
    assert "Draft 2 is kept" in words(page)
    assert "waits for a second person" in words(page)
    assert Browser(ada).post("/letters/invitation/2/publish").status_code == 403
    page = Browser(adam).get("/letters/invitation")
    assert "Publish draft 2" in words(page)
    page = Browser(adam).follow("/letters/invitation/2/publish")
    assert "version 2 is in use" in words(page)
    assert in_use("invitation").number == 2


def test_what_is_wrong_stands_at_the_letter_and_nothing_typed_is_lost(db, ada):
    page = draft(Browser(ada), body="Dear {pateint_name}, stop it today.")
    assert page.status_code == 422
    text = words(page)
    assert "{pateint_name} is no field" in text
    assert "stop it today" in page.content.decode()
    page = draft(Browser(ada), body="Please stop your tablets today.")
    assert "tells somebody to stop" in words(page)
    assert LetterText.objects.filter(template__key="invitation").count() == 1


def test_a_preview_keeps_nothing(db, ada):
    page = draft(Browser(ada), do="preview")
    assert page.status_code == 200
    assert "Please do not stop zopiclone by yourself" in words(page)
    assert LetterText.objects.filter(template__key="invitation").count() == 1


def test_a_new_letter(db, ada):
    page = Browser(ada).follow("/letters/new", name="After a fall", audience="patient", body=BODY)
    assert heading(page).startswith("After a fall")
    assert "not in use" in words(page)
    page = Browser(ada).follow("/letters/new", name="After a fall", audience="patient", body=BODY)
    assert "there is a letter of that name" in words(page).lower()


def test_an_admin_tries_it_with_an_invented_person_and_a_reviewer_with_a_real_one(
    treated, ada, ravi
):
    page = Browser(ada).get("/letters/invitation", person=treated.pk)
    assert page.status_code == 200
    assert "Gray, Sheila".lower() not in words(page).lower().replace("sheila gray", "")
    page = Browser(ravi).get("/letters/invitation", person=treated.pk)
    assert "Filled with GRAY, Sheila" in words(page)
    assert "for 6 months" in words(page)
    assert AuditEvent.objects.filter(verb="record.opened", patient_id=treated.pk).exists()


def test_nobody_tries_it_with_somebody_of_another_practice(treated, lakeside):
    stranger = Browser(make.person("ravi2", lakeside, "reviewer"))
    assert stranger.get("/letters/invitation", person=treated.pk).status_code == 404


def test_read_write_print(treated, ravi, audrey):
    browser = Browser(ravi)
    page = browser.read(f"/patients/{treated.pk}/letters")
    assert "Invitation to talk" in page
    text = in_use("invitation")
    page = browser.read(f"/patients/{treated.pk}/letters", text=text.pk)
    assert "You have taken zopiclone for 6 months" in page
    assert not Letter.objects.exists()
    page = browser.follow(f"/patients/{treated.pk}/letters", text=text.pk, seen=1)
    letter = Letter.objects.get()
    assert heading(page) == f"Letter {letter.identifier}"
    answer = browser.get(f"/letters/sent/{letter.pk}/pdf")
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert answer.content == bytes(letter.pdf)
    printed = AuditEvent.objects.get(verb="letter.printed")
    assert printed.detail["letters"] == [letter.identifier]
    assert letter.identifier in browser.read(f"/patients/{treated.pk}")
    assert letter.identifier in Browser(audrey).read(f"/letters/sent/{letter.pk}")
    assert Browser(audrey).get(f"/patients/{treated.pk}/letters").status_code == 403


def test_a_letter_with_a_hole_says_what_is_not_known(harbour, clara, ravi):
    nobody = make.patient(harbour, clara)
    text = in_use("invitation")
    page = Browser(ravi).read(f"/patients/{nobody.pk}/letters", text=text.pk)
    assert "It cannot be written yet" in page
    answer = Browser(ravi).post(f"/patients/{nobody.pk}/letters", text=text.pk, seen=1)
    assert answer.status_code == 422
    assert "Not known" in words(answer) or "not known are" in words(answer)


def test_a_text_that_changed_meanwhile_is_shown_first(treated, ravi, ada, adam):
    text = in_use("invitation")
    made = letters.draft(template=text.template, name="New", audience="patient", body=BODY, by=ada)
    letters.publish(text=made, by=adam)
    answer = Browser(ravi).post(f"/patients/{treated.pk}/letters", text=made.pk, seen=1)
    assert answer.status_code == 409
    assert "Another text of this letter" in words(answer)
    assert not Letter.objects.exists()


def test_a_letter_to_the_pharmacy_asks_to_whom(treated, ravi):
    text = in_use("to-pharmacy")
    browser = Browser(ravi)
    address = f"/patients/{treated.pk}/letters"
    assert browser.post(address, text=text.pk, seen=1).status_code == 422
    page = browser.follow(address, text=text.pk, seen=1, addressee="Quay Pharmacy\n1 Quay")
    assert "Quay Pharmacy" in words(page)


def test_letters_of_another_practice_are_not_there(treated, ravi, lakeside):
    letter = letters.write(patient=treated, text=in_use("invitation"), by=ravi)
    stranger = Browser(make.person("ravi2", lakeside, "reviewer"))
    for address in (f"/letters/sent/{letter.pk}", f"/letters/sent/{letter.pk}/pdf"):
        assert stranger.get(address).status_code == 404
