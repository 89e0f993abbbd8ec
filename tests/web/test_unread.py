"""What could not be read of a person stands on their page, in their case and in the API."""

import pytest

from reviews.models import Case, ImportNote, Patient
from reviews.verbs import screen, sync
from tests import make
from tests.api import sent
from tests.api.conftest import make_system
from tests.web.browse import Browser, heading, words

AMLODIPINE = {"medicine": "Amlodipine 5 mg tablets", "codings": [], "indication": "other"}


@pytest.fixture
def bell(harbour, ehr):
    """Somebody with nothing to review."""
    send(ehr, sent.prescription(**AMLODIPINE))
    screen.drain()
    return Patient.objects.get()


def send(ehr, *rows, notes=()):
    sync.prescriptions(rows=enumerate(rows), source_system="ehr", by=ehr, notes=notes)


def test_a_person_with_an_unread_medicine_is_checked_in_part(bell, ehr, clara):
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked, nothing to review"
    send(ehr, sent.prescription("rx-2", dose=-1))
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked in part: 1 medicine was not read"
    said = words(page)
    assert "NOT READ. 1 medicine was sent and could not be read: no rule has seen it." in said
    assert "Diazepam 5 mg tablets not kept: dose: Expected `float` &gt;= 0.0001" in said
    assert "Checked in part with rule book" in said
    assert "nothing waits for a reviewer" not in said
    send(ehr, *[sent.prescription(f"rx-{n}", dose=-1) for n in (3, 4)])
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked in part: 3 medicines were not read"
    assert "in part," in words(Browser(clara).get("/patients"))


def test_read_at_last_the_page_is_clear_again(bell, ehr, clara):
    bad = sent.prescription("rx-2", **AMLODIPINE)
    send(ehr, {**bad, "dose": -1})
    send(ehr, bad)
    screen.drain()
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked, nothing to review"


def test_a_doubt_is_shown_and_leaves_the_person_checked(bell, ehr, clara):
    reason = "the unit is not known"
    said = sync.Noted("rx-1", sent.patient(), reason, False, "Amlodipine", "harbour")
    send(ehr, sent.prescription(**AMLODIPINE), notes=[said])
    page = Browser(clara).get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked, nothing to review"
    assert "Amlodipine: the unit is not known" in words(page)


def test_the_case_shows_it_too(harbour, ehr, ravi):
    send(ehr, sent.prescription(), sent.prescription("rx-2", dose=-1))
    screen.drain()
    said = words(Browser(ravi).get(f"/cases/{Case.objects.get().pk}"))
    assert "NOT READ. 1 medicine was sent" in said


def test_an_answer_takes_it_off_the_page(bell, ehr, clara):
    send(ehr, sent.prescription("rx-2", dose=-1))
    (note,) = ImportNote.objects.live()
    browser = Browser(clara)
    browser.post(f"/notes/{note.pk}/answer", answer=" ")
    assert ImportNote.objects.live().count() == 1
    browser.post(f"/notes/{note.pk}/answer", answer="Stopped in March.")
    page = browser.get(f"/patients/{bell.pk}")
    assert heading(page) == "Checked, nothing to review"


def test_nobody_answers_for_another_practice(bell, ehr, lakeside):
    send(ehr, sent.prescription("rx-2", dose=-1))
    (note,) = ImportNote.objects.live()
    stranger = Browser(make.person("doc", lakeside, "clinician"))
    assert stranger.post(f"/notes/{note.pk}/answer", answer="Mine").status_code == 404
    assert ImportNote.objects.live().exists()


def test_who_may_only_look_is_asked_for_no_answer(bell, ehr, harbour):
    send(ehr, sent.prescription("rx-2", dose=-1))
    page = Browser(make.person("audrey", harbour)).get(f"/patients/{bell.pk}")
    assert "NOT READ" in words(page)
    assert "What is known of it" not in words(page)


def test_the_api_says_what_was_not_read(bell, ehr, harbour, ada):
    send(ehr, sent.prescription("rx-2", dose=-1))
    (said,) = make_system(harbour, by=ada).get("patients").json()["results"]
    assert said["medicines_not_read"] == 1
    (note,) = said["notes"]
    told = ("kind", "source_system", "about", "refused", "medicine", "reason")
    assert [note[name] for name in told] == [
        *("prescription", "ehr", "rx-2", True, "Diazepam 5 mg tablets"),
        "dose: Expected `float` >= 0.0001",
    ]
