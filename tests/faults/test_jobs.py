"""A long job comes to its end whatever dies, and nothing of it is done twice."""

import os
import signal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from portal.processes import kill_session
from reviews import jobs, requests
from reviews.models import Job, SavedView

from .counting import STEPS
from .parts import until
from .test_faults import pool_processes

pytestmark = pytest.mark.faults
PEOPLE = 10
COUNTING = "tests.faults.counting"


def ask(kind, by):
    with transaction.atomic():
        return jobs.ask(kind, title=f"Job of the kind {kind}", by=by, unit="steps")


def now(job):
    """The job as it is, read anew."""
    connection.close()
    job.refresh_from_db()
    return job


def ended(job):
    return until(lambda: now(job).ended_at is not None)


def steps(job):
    rows = SavedView.objects.filter(query=str(job.pk)).order_by("pk")
    return [int(name.partition(": ")[2]) for name in rows.values_list("name", flat=True)]


EVERY_STEP = list(range(1, STEPS + 1))


def assert_done_once(job, portal):
    assert ended(job), portal.logs()
    assert (job.state, job.done, job.total) == ("done", STEPS, STEPS)
    assert steps(job) == EVERY_STEP


def test_a_worker_killed_in_the_middle_of_a_job(portal, ada):
    worker = portal.at_work(COUNTING)
    job = ask("count", ada)
    assert until(lambda: now(job).done >= 2, every=0.02), portal.logs()
    kill_session(worker.process.pid)
    worker.process.wait()
    assert now(job).state == "running", "the job had ended; there was nothing to go on with"
    assert steps(job) == EVERY_STEP[: job.done], "what was not committed must not be seen"
    portal.worker(app=COUNTING)
    assert_done_once(job, portal)


def test_a_pool_process_killed_under_a_worker_that_lives_on(portal, ada):
    worker = portal.at_work(COUNTING)
    job = ask("count", ada)
    assert until(lambda: now(job).done >= 2, every=0.02), portal.logs()
    for child in pool_processes(worker):
        os.kill(child, signal.SIGKILL)
    assert_done_once(job, portal)
    assert worker.process.poll() is None


def test_the_database_restarted_in_the_middle_of_a_job(portal, ada):
    portal.at_work(COUNTING)
    job = ask("count", ada)
    assert until(lambda: now(job).done >= 2, every=0.02), portal.logs()
    connection.close()
    portal.restart_database()
    assert_done_once(job, portal)


def test_two_workers_share_a_job_and_do_no_step_twice(portal, ada):
    portal.at_work(COUNTING)
    portal.worker(app=COUNTING)
    first, second = ask("count", ada), ask("count", ada)
    assert_done_once(first, portal)
    assert_done_once(second, portal)


def test_a_lost_doorbell_is_found_by_the_clock(portal, ada, monkeypatch):
    portal.at_work(COUNTING)
    monkeypatch.setattr(requests, "ring", lambda *_: None)
    job = ask("count", ada)
    assert_done_once(job, portal)


def test_a_job_that_raises_is_tried_again_and_then_shown(portal, ada):
    portal.at_work(COUNTING)
    job = ask("stumble", ada)
    assert until(lambda: now(job).error), portal.logs()
    assert (job.state, job.done, job.tries) == ("running", 1, 1)
    assert job.error == "row 2: is no number"
    assert job.not_before > timezone.now()
    for tries in range(2, jobs.MOST_TRIES + 1):
        # The time passes until the next try, and whoever is at it has noted when the one after is.
        assert until(lambda: now(job).not_before > timezone.now()), portal.logs()
        Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
        assert until(lambda tries=tries: now(job).tries == tries), portal.logs()
    assert ended(job), portal.logs()
    assert (job.state, job.tries) == ("failed", jobs.MOST_TRIES)
    assert (job.done, job.error) == (1, "row 2: is no number")
