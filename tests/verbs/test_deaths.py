"""What sources say of a death, where they contradict each other, and who settles that."""

from datetime import date

import pytest

from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.models import AuditEvent, Case, ImportNote, Patient
from reviews.verbs import deaths, identity, screen, sync
from tests import make
from tests.api import sent
from tests.web.browse import Browser, heading, words

DAY, OTHER_DAY = date(2020, 2, 29), date(2020, 2, 25)
DIED, ELSE_DIED = {"deceased_on": DAY.isoformat()}, {"deceased_on": OTHER_DAY.isoformat()}
ALIVE, DEAD = {"deceased": False}, {"deceased": True}


def send(by, *rows, source="ehr", verb=sync.patients):
    result = verb(rows=enumerate(rows), source_system=source, by=by)
    assert not result.errors
    return Patient.objects.order_by("pk").first()


def says(by, source="ehr", **said):
    return send(by, sent.patient(**said), source=source)


def known(patient):
    return patient.deceased_on, patient.deceased


def noted():
    return [note.reason for note in ImportNote.objects.deaths()]


@pytest.mark.parametrize(
    ("first", "then", "now"),
    [
        ({}, DIED, (DAY, False)),
        (DEAD, DIED, (DAY, True)),
        (DEAD, ALIVE, (None, False)),
        (DIED, DIED, (DAY, False)),
        (DIED, DEAD, (DAY, True)),
        (DIED, {}, (DAY, False)),
        ({}, ALIVE, (None, False)),
    ],
)
def test_what_contradicts_no_day_of_death_is_taken_over(harbour, ehr, first, then, now):
    says(ehr, **first)
    assert known(says(ehr, **then)) == now
    assert noted() == []


@pytest.mark.parametrize(
    ("said", "words_of_it"),
    [(ALIVE, "says “alive”"), (ELSE_DIED, f"says “died on {OTHER_DAY.day} {OTHER_DAY:%b %Y}”")],
)
def test_a_day_of_death_stays_and_what_contradicts_it_is_noted(harbour, ehr, said, words_of_it):
    says(ehr, **DIED)
    assert known(says(ehr, "gp", **said)) == (DAY, False)
    (reason,) = noted()
    assert reason.startswith(words_of_it)
    assert f"{DAY.day} {DAY:%b %Y}, which stays" in reason
    says(ehr, "gp", **said)
    send(
        ehr,
        sent.prescription("rx-1", patient=sent.patient(**said)),
        source="gp",
        verb=sync.prescriptions,
    )
    assert len(noted()) == 1, "once for each source, whatever it sends"
    says(ehr, "gp")
    assert len(noted()) == 1, "who says nothing of it takes nothing back"
    says(ehr, "gp", **DIED)
    assert noted() == []


def test_two_records_of_one_batch_that_contradict_each_other_are_noted(harbour, ehr):
    assert known(send(ehr, sent.patient(**DIED), sent.patient(**ALIVE))) == (DAY, False)
    assert len(noted()) == 1


def test_somebody_says_what_is_right_and_no_source_puts_it_back(harbour, ehr, clara):
    patient = says(ehr, **DIED)
    says(ehr, "gp", **ALIVE)
    deaths.say(patient=patient, deceased=False, reason="Spoke with him.", by=clara)
    assert known(says(ehr, "gp", **ALIVE)) == (None, False)
    assert noted() == []
    assert ImportNote.objects.get().answer == "Spoke with him."
    assert known(says(ehr, **DIED)) == (None, False)
    (reason,) = noted()
    assert "somebody here has said that this is not so" in reason
    assert known(says(ehr, **ELSE_DIED)) == (OTHER_DAY, False), "another death is news"
    assert noted() == []
    event = AuditEvent.objects.get(verb="patient.death_said")
    assert (event.detail["deceased"], event.detail["reason"]) == (False, "Spoke with him.")


def test_a_corrected_day_is_not_put_back(harbour, ehr, clara):
    patient = says(ehr, **DIED)
    deaths.say(patient=patient, deceased=True, deceased_on=OTHER_DAY, reason="Letter.", by=clara)
    assert known(says(ehr, **DIED)) == (OTHER_DAY, True)
    assert len(noted()) == 1
    assert known(says(ehr, **ELSE_DIED)) == (OTHER_DAY, True)
    assert noted() == []


def test_a_death_without_a_day_that_was_taken_back_stays_so(harbour, ehr, clara):
    patient = says(ehr, **DEAD)
    deaths.say(patient=patient, deceased=False, reason="Here today.", by=clara)
    assert known(says(ehr, **DEAD)) == (None, False)
    assert len(noted()) == 1
    assert known(says(ehr, **DIED)) == (DAY, False)


def test_whoever_is_said_to_be_alive_again_comes_back_into_the_queue(harbour, ehr, clara):
    send(ehr, sent.prescription("rx-1"), verb=sync.prescriptions)
    screen.drain()
    assert Case.objects.open().exists()
    patient = says(ehr, deceased_on=make.day(-5).isoformat())
    screen.drain()
    assert not Case.objects.open().exists()
    deaths.say(patient=patient, deceased=False, reason="Spoke with him.", by=clara)
    screen.drain()
    assert Case.objects.open().exists()


def test_it_needs_a_reason_a_day_that_can_be_and_somebody_who_may(
    harbour, ehr, clara, audrey, ravi
):
    patient = says(ehr)
    for wrong in (
        {"reason": " "},
        {"deceased": False, "deceased_on": DAY},
        {"deceased_on": make.day(1)},
        {"deceased_on": date(1900, 1, 1)},
    ):
        given = {"deceased": True, "reason": "Letter."} | wrong
        with pytest.raises(BadRecord):
            deaths.say(patient=patient, by=clara, **given)
    for nobody in (audrey, ehr):
        with pytest.raises(NotAllowed):
            deaths.say(patient=patient, deceased=True, reason="Letter.", by=nobody)
    other = make.patient(harbour, clara)
    identity.merge(kept=other, gone=patient, reason="One person.", by=ravi)
    with pytest.raises(Stale):
        deaths.say(patient=patient, deceased=True, reason="Letter.", by=clara)


def test_the_page_says_that_a_death_is_contradicted_and_takes_the_answer(
    harbour, ehr, clara, audrey
):
    quiet = {"medicine": "Paracetamol 500 mg tablets", "codings": []}
    send(ehr, sent.prescription("rx-1", **quiet), verb=sync.prescriptions)
    patient = says(ehr, **DIED)
    says(ehr, "gp", **ALIVE)
    screen.drain()
    page = f"/patients/{patient.pk}"
    seen = Browser(audrey).get(page)
    assert "a source contradicts what is known of a death" in heading(seen)
    assert "gp says “alive”" in words(seen)
    assert f"{page}/death" not in seen.content.decode()
    browser = Browser(clara)
    assert f"{page}/death" in browser.get(page).content.decode()
    assert browser.post(f"{page}/death", deceased="no").status_code == 422
    done = browser.follow(f"{page}/death", deceased="no", deceased_on="", reason="Spoke with him.")
    assert "Kept." in words(done)
    assert "contradict" not in words(done)
    assert Browser(audrey).get(f"{page}/death").status_code == 403
