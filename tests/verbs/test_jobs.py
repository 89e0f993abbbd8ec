"""Long jobs: slices commit their work with their progress, are tried again, and fail in sight."""

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.utils import timezone

from reviews import jobs as room
from reviews import requests
from reviews.errors import BadRecord, IllegalMove, NotAllowed
from reviews.jobs import Slice
from reviews.models import AuditEvent, Job, SavedView
from reviews.queries import jobs as followed
from reviews.verbs import jobs

LONG = 60


def note_down(job, seconds):
    """Three steps, one a slice; each leaves a row, so that what was committed can be seen."""
    step = (job.place or 0) + 1
    SavedView.objects.create(user=job.asked_by, name=f"{job.pk}: step {step}", query="q")
    return Slice(
        done=step,
        total=3,
        note=f"step {step}",
        place=step,
        finished=step == 3,
        result={"steps": step} if step == 3 else None,
    )


def ask(by, kind="steps", **values):
    return room.ask(kind, title="Count the steps", by=by, unit="steps", **values)


def work(seconds=LONG, **kinds):
    return room.work({"steps": note_down, **kinds}, seconds=seconds)


def events(job):
    rows = AuditEvent.objects.filter(subject=f"job {job.pk}").order_by("pk")
    return list(rows.values_list("verb", flat=True))


def steps():
    return [
        int(name[-1]) for name in SavedView.objects.order_by("pk").values_list("name", flat=True)
    ]


def make_due(job):
    """Let the time pass until the next slice is due."""
    Job.objects.filter(pk=job.pk).update(not_before=job.asked_at)


def test_a_job_is_worked_to_its_end(ada):
    job = ask(ada)
    assert (job.state, job.done, job.total) == ("waiting", 0, None)
    assert room.waiting()
    assert work() == 3
    job.refresh_from_db()
    assert (job.state, job.done, job.total, job.note) == ("done", 3, 3, "step 3")
    assert job.result == {"steps": 3}
    assert job.started_at <= job.ended_at
    assert steps() == [1, 2, 3]
    assert not room.waiting()
    assert work() == 0
    assert events(job) == ["job.asked", "job.done"]


def test_asking_and_every_end_are_in_the_trail_with_who_asked(ada):
    job = ask(ada)
    work()
    asked, done = AuditEvent.objects.filter(subject=f"job {job.pk}").order_by("pk")
    assert (asked.actor, done.actor) == ("Ada Lindqvist", "the portal")
    assert done.detail == {"kind": "steps", "title": "Count the steps", "done": 3}


def test_after_the_time_is_up_the_bell_is_rung_for_the_rest(ada, monkeypatch):
    rung = []
    monkeypatch.setattr(requests, "ring", rung.append)
    job = ask(ada)
    assert work(seconds=0) == 1
    assert rung == ["reviews.work"]
    job.refresh_from_db()
    assert (job.state, job.done, job.place) == ("running", 1, 1)
    work()
    assert steps() == [1, 2, 3]


def test_a_slice_whose_machine_vanished_is_ended_by_the_database(ada):
    def look(job, seconds):
        with connections["default"].cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            return Slice(done=0, note=cursor.fetchone()[0], finished=True)

    job = ask(ada, "look")
    work(look=look)
    job.refresh_from_db()
    assert job.note == "1min"


def test_jobs_take_turns(ada):
    first, second = ask(ada), ask(ada)
    for done in ((1, 0), (1, 1), (2, 1), (2, 2)):
        work(seconds=0)
        assert tuple(Job.objects.order_by("pk").values_list("done", flat=True)) == done
    assert first.pk < second.pk


def test_a_slice_that_raises_leaves_nothing_and_is_tried_again(ada):
    def breaks_at_two(job, seconds):
        made = note_down(job, seconds)
        if made.done == 2 and job.tries == 1:
            raise BadRecord("row 2", "is no number")
        return made

    job = ask(ada, "breaks")
    work(breaks=breaks_at_two)
    job.refresh_from_db()
    assert (job.state, job.done, job.tries) == ("running", 1, 1)
    assert job.error == "row 2: is no number"
    assert job.not_before > timezone.now() + timedelta(seconds=3)
    assert steps() == [1]
    assert work(breaks=breaks_at_two) == 0
    make_due(job)
    work(breaks=breaks_at_two)
    job.refresh_from_db()
    assert (job.state, job.error, job.tries) == ("done", "", 0)
    assert steps() == [1, 2, 3]


def test_a_job_that_always_raises_has_failed_and_says_why(ada):
    def breaks(job, seconds):
        with transaction.atomic():
            SavedView.objects.create(user=job.asked_by, name="one", query="")
            SavedView.objects.create(user=job.asked_by, name="one", query="secret 999 000 0000")

    job = ask(ada, "breaks")
    waits = []
    for _ in range(room.MOST_TRIES):
        make_due(job)
        assert work(breaks=breaks) == 1
        job.refresh_from_db()
        waits.append(round((job.not_before - timezone.now()).total_seconds()))
    assert waits[:-1] == list(room.RETRY_SECONDS)
    assert (job.state, job.done) == ("failed", 0)
    assert job.error.startswith("IntegrityError: duplicate key value")
    assert "secret" not in job.error
    assert "\n" not in job.error
    assert not SavedView.objects.exists()
    assert work(breaks=breaks) == 0
    assert events(job) == ["job.asked", "job.failed"]
    assert AuditEvent.objects.get(verb="job.failed").detail["error"] == job.error


def test_one_broken_job_does_not_stop_another(ada):
    broken, whole = ask(ada, "breaks"), ask(ada)
    work(breaks=lambda *_: 1 / 0)
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.state, whole.state) == ("running", "done")
    assert broken.error == "ZeroDivisionError: division by zero"


def test_a_job_whose_workers_are_killed_each_time_ends(ada):
    """A killed worker says nothing: only that a slice was begun is known."""
    job = ask(ada)
    for _ in range(room.MOST_TRIES):
        assert room._begin() == job.pk
    assert work() == 1
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error == "Its workers were cut off 5 times, each in the middle of a slice."
    assert steps() == []


def test_a_job_of_a_kind_that_nobody_knows_is_shown_as_failed(ada):
    job = ask(ada, "unheard of")
    for _ in range(room.MOST_TRIES):
        make_due(job)
        work()
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error == "Nobody here knows how to work on a job of the kind “unheard of”."


def test_a_job_that_watches_is_looked_at_again_later(ada):
    job = ask(ada, "watch")

    def watch(job, seconds):
        return Slice(done=0, wait_seconds=30)

    assert work(watch=watch) == 1
    assert work(watch=watch) == 0
    assert not room.waiting()
    make_due(job)
    assert room.waiting()


@pytest.mark.parametrize("count", [0, 40])
def test_what_a_slice_may_not_say_is_refused(ada, count):
    job = ask(ada, "wrong")
    work(wrong=lambda *_: Slice(done=count + 1, total=count))
    job.refresh_from_db()
    assert job.error.startswith("IntegrityError")
    assert job.done == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_work_on_one_job_at_once(ada):
    job = ask(ada, "slow")
    inside, may_go_on = threading.Event(), threading.Event()

    def slow(job, seconds):
        inside.set()
        may_go_on.wait(20)
        return note_down(job, seconds)

    def worker():
        try:
            work(seconds=0, slow=slow)
        finally:
            connections.close_all()

    first = threading.Thread(target=worker)
    first.start()
    assert inside.wait(20)
    assert work(slow=slow) == 0
    may_go_on.set()
    first.join(timeout=20)
    assert steps() == [1]
    job.refresh_from_db()
    assert (job.done, job.tries) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_a_cancel_does_not_wait_for_the_slice_and_ends_the_job_after_it(ada):
    job = ask(ada, "slow")
    inside, may_go_on = threading.Event(), threading.Event()

    def slow(job, seconds):
        inside.set()
        may_go_on.wait(20)
        return note_down(job, seconds)

    def worker():
        try:
            work(slow=slow)
        finally:
            connections.close_all()

    running = threading.Thread(target=worker)
    running.start()
    assert inside.wait(20)
    asked = jobs.cancel(job=job, by=ada)
    assert (asked.state, asked.ended_at) == ("running", None)
    may_go_on.set()
    running.join(timeout=20)
    job.refresh_from_db()
    assert (job.state, job.done, job.cancel_asked_by) == ("cancelled", 1, ada)
    assert steps() == [1]
    assert events(job) == ["job.asked", "job.cancel", "job.cancelled"]


def test_a_job_that_has_not_begun_is_cancelled_at_once(ada):
    job = jobs.cancel(job=ask(ada), by=ada)
    assert (job.state, job.done) == ("cancelled", 0)
    assert work() == 0
    with pytest.raises(IllegalMove, match="cannot be cancelled"):
        jobs.cancel(job=ask_and_finish(ada), by=ada)


def ask_and_finish(by):
    job = ask(by)
    work()
    return job


def test_a_job_that_waits_to_be_tried_again_is_cancelled_without_waiting(ada):
    job = ask(ada, "breaks")
    for _ in range(3):
        make_due(job)
        work(breaks=lambda *_: 1 / 0)
    assert work() == 0
    jobs.cancel(job=job, by=ada)
    assert work() == 1
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_job_cancelled_in_a_slice_that_raises_is_not_tried_again(ada):
    job = ask(ada, "breaks")
    Job.objects.filter(pk=job.pk).update(
        cancel_asked_at=timezone.now(),
        cancel_asked_by=ada,
        state="running",
        started_at=timezone.now(),
    )
    room._try_again(job.pk, BadRecord("row 2", "is no number"))
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_cancelling_twice_is_no_error(ada):
    job = ask(ada)
    work(seconds=0)
    first = jobs.cancel(job=job, by=ada).cancel_asked_at
    assert jobs.cancel(job=job, by=ada).cancel_asked_at == first
    assert events(job) == ["job.asked", "job.cancel"]


def test_who_sees_and_cancels_what(ada, clara, ravi):
    claras, portals = ask(clara), ask(None)
    assert list(followed.visible_to(clara)) == [claras]
    assert list(followed.visible_to(ravi)) == []
    assert set(followed.visible_to(ada)) == {claras, portals}
    assert jobs.may_cancel(claras, clara)
    assert not jobs.may_cancel(portals, clara)
    for job in (claras, portals):
        assert not jobs.may_cancel(job, ravi)
        with pytest.raises(NotAllowed):
            jobs.cancel(job=job, by=ravi)
        assert jobs.may_cancel(job, ada)
    with pytest.raises(NotAllowed):
        jobs.cancel(job=portals, by=clara)
    assert jobs.cancel(job=claras, by=ada).cancel_asked_by == ada


def test_a_pace_tells_how_long_it_will_take(ada):
    job = ask(ada, total=300)
    assert followed.seconds_left(job) is None
    job.started_at, job.done = timezone.now() - timedelta(seconds=10), 100
    assert round(followed.seconds_left(job)) == 20


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"state": "done"}, "job_ended_with_its_state"),
        ({"ended_at": "2026-01-01T00:00Z"}, "job_ended_with_its_state"),
        ({"state": "running"}, "job_started_once_it_runs"),
        ({"done": 2, "total": 1}, "job_done_of_its_total"),
        ({"state": "failed", "ended_at": "2026-01-01T00:00Z"}, "job_failed_for_a_reason"),
        ({"cancel_asked_at": "2026-01-01T00:00Z"}, "job_cancel_asked_by_somebody"),
    ],
)
def test_the_database_refuses(ada, values, constraint):
    job = ask(ada)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**values)


def test_what_has_ended_stays_as_it_is(ada):
    job = ask_and_finish(ada)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(note="better")
    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        Job.objects.filter(pk=job.pk).delete()
    other = ask(ada)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Job.objects.filter(pk=other.pk).update(title="Another job")
