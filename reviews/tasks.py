"""Doorbells: a name, a retry policy, one call. The work itself waits in the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from celery import Task, shared_task

from reviews import jobs, requests
from reviews.engines import RESCREEN
from reviews.errors import OtherEngine
from reviews.verbs import digest, engines, leaving, screen

# Well below the limit at which a task is cut off; a longer backlog is handed on.
SECONDS = 20
# Shorter: meanwhile a fresh prescription may wait for this worker.
JOB_SECONDS = 5

KINDS: jobs.Kinds = {
    RESCREEN: engines.rescreen,
}
"""Every kind of long job, and what does a slice of it; `reviews.jobs` says how one is made."""


@contextmanager
def _left_to_the_portals_engine(task: Task) -> Iterator[None]:
    """A worker of another engine takes no more doorbells, or those who can judge go without.

    It is idle and quick, so that in a rolling restart it would win most of them. Its queue is its
    own again when it is restarted.
    """
    try:
        yield
    except OtherEngine:
        if task.request.hostname:
            queue = task.app.conf.task_default_queue
            task.app.control.cancel_consumer(queue, destination=[task.request.hostname])
        raise


@shared_task(bind=True, name="reviews.drain", ignore_result=True)
def drain(task: Task) -> None:
    with _left_to_the_portals_engine(task):
        screen.drain(seconds=SECONDS)


@shared_task(bind=True, name="reviews.ring", ignore_result=True)
def ring(task: Task) -> None:
    """Started by the clock: whatever a lost message left waiting is found here."""
    if jobs.waiting():
        jobs.ring()
    if requests.waiting():
        with _left_to_the_portals_engine(task):
            screen.drain(seconds=SECONDS)


@shared_task(name="reviews.work", ignore_result=True)
def work() -> None:
    jobs.work(KINDS, seconds=JOB_SECONDS)


@shared_task(name="reviews.sweep", ignore_result=True)
def sweep() -> None:
    screen.sweep()


@shared_task(name="reviews.leave", ignore_result=True)
def end_work() -> None:
    leaving.carry_out()


@shared_task(name="reviews.digest", ignore_result=True)
def send_digests() -> None:
    digest.send()
