"""A clock that steps back leaves nobody unscreened, shows nobody falsely clear, and is noticed.

The database's own functions cannot be set back here; what they would have written before can be
written: times that are still to come.
"""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from reviews import clock, jobs, requests, tasks
from reviews.models import (
    AuditEvent,
    Clock,
    Flag,
    Patient,
    PatientScreening,
    Prescription,
    ScreeningRequest,
)
from reviews.queries import checked
from reviews.verbs import prescribe, screen
from tests import make

HOURS = timedelta(hours=2)


@pytest.fixture
def treated(harbour, clara):
    person = make.patient(harbour, clara)
    make.prescription(person, clara, start=-40, days=35)
    return person


def state(person, row=None):
    rows = Prescription if row else Patient
    queryset = rows.objects.select_related(
        *(f"{'patient__' if row else ''}screening__{one}" for one in ("version", "engine"))
    )
    waiting = checked.with_waiting(queryset, patient="patient" if row else "pk")
    read = waiting.get(pk=row.pk if row else person.pk)
    return checked.of(read.patient if row else read, read).state


def test_a_change_made_before_the_clock_went_back_is_screened_at_once(treated):
    ScreeningRequest.objects.update(requested_at=timezone.now() + HOURS)
    assert requests.waiting()
    assert screen.drain() == 1
    assert Flag.objects.live().exists()


def test_a_change_waits_for_no_clock_at_all(treated):
    assert list(ScreeningRequest.objects.values_list("not_before", flat=True)) == [None, None]


@pytest.mark.parametrize(
    ("minutes", "due", "why"),
    [
        (-1, True, "its time has come"),
        (30, False, "it is tried again in half an hour"),
        (59, False, "nothing is put off for longer than an hour"),
        (61, True, "so this was put off before the clock went back"),
    ],
)
def test_a_retry_waits_an_hour_at_most(treated, minutes, due, why):
    ScreeningRequest.objects.update(not_before=timezone.now() + timedelta(minutes=minutes))
    assert requests.waiting() is due, why
    assert (screen.drain() == 1) is due, why


def test_a_job_waits_an_hour_at_most(ada):
    job = jobs.ask("count", title="Count", by=ada)
    for wait, due in ((timedelta(minutes=59), False), (HOURS, True)):
        type(job).objects.update(not_before=timezone.now() + wait)
        assert jobs.waiting() is due


def test_what_came_after_a_screening_of_a_later_hour_is_not_shown_as_checked(treated, clara):
    """The clock was ahead while it was screened, and is right again when more is prescribed."""
    screen.drain()
    PatientScreening.objects.update(screened_at=timezone.now() + HOURS)
    later = make.prescription(treated, clara, start=-3)
    ScreeningRequest.objects.all().delete()  # as if the request were lost: the order still tells
    assert state(treated, later) == "not_checked"
    assert screen.sweep() == 1
    screen.drain()
    assert state(treated, later) == "checked"


def test_what_was_screened_before_its_own_hour_is_shown_as_checked(treated):
    """The clock went back between the prescription and its screening."""
    screen.drain()
    PatientScreening.objects.update(screened_at=timezone.now() - HOURS)
    assert state(treated, Prescription.objects.get()) == "checked"
    assert screen.sweep() == 0, "nothing is screened again for a clock alone"


def test_who_was_judged_as_of_a_day_to_come_is_judged_again(treated):
    screen.drain(as_of=make.day(400))
    assert not Flag.objects.live().filter(rule_id="DUR-01").exists()
    assert screen.sweep() == 1
    screen.drain()
    assert Flag.objects.live().filter(rule_id="DUR-01").exists()


def test_a_clock_that_goes_on_is_no_news(db):
    assert [clock.look() for _ in range(3)] == [None, None, None]
    assert not AuditEvent.objects.filter(verb="clock.behind").exists()


def test_a_clock_set_back_is_noted_once_and_whoever_it_concerns_is_judged_again(treated):
    screen.drain(as_of=make.day(400))
    clock.look()
    Clock.objects.update(furthest=timezone.now() + HOURS)
    tasks.ring()
    tasks.ring()
    event = AuditEvent.objects.get(verb="clock.behind")
    assert event.detail["seconds"] == pytest.approx(7200, abs=5)
    assert PatientScreening.objects.get().as_of == make.day()
    assert Clock.objects.get().behind


def test_it_is_noted_again_when_it_goes_back_a_second_time(db):
    for _ in range(2):
        clock.look()
        Clock.objects.update(furthest=timezone.now() + HOURS)
        assert clock.look().seconds == pytest.approx(7200, abs=5)
        Clock.objects.update(furthest=timezone.now() - HOURS)
    assert clock.look() is None
    assert AuditEvent.objects.filter(verb="clock.behind").count() == 2


def test_a_clock_that_was_far_ahead_is_taken_as_right_by_hand(db, capsys):
    clock.look()
    Clock.objects.update(furthest=timezone.now() + timedelta(days=3650))
    call_command("clock", "--accept")
    assert "behind what it had shown; what it shows now is right" in capsys.readouterr().out
    assert AuditEvent.objects.filter(verb="clock.accepted").count() == 1
    assert clock.look() is None


def test_a_withdrawn_prescription_is_seen_like_any_other_version(treated, clara):
    screen.drain()
    withdrawn = prescribe.withdraw(
        prescription=Prescription.objects.live().get(),
        status="entered-in-error",
        reason="entered twice",
        by=clara,
    )
    assert state(treated, withdrawn) == "not_checked"
    screen.drain()
    assert state(treated, withdrawn) == "checked"
