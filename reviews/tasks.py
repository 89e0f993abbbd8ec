"""Doorbells: a name, a retry policy, one call. The work itself waits in the database."""

from celery import shared_task

from reviews import jobs, requests
from reviews.engines import RESCREEN
from reviews.verbs import digest, engines, screen

# Well below the limit at which a task is cut off; a longer backlog is handed on.
SECONDS = 20
# Shorter: meanwhile a fresh prescription may wait for this worker.
JOB_SECONDS = 5

KINDS: jobs.Kinds = {
    RESCREEN: engines.rescreen,
}
"""Every kind of long job, and what does a slice of it; `reviews.jobs` says how one is made."""


@shared_task(name="reviews.drain", ignore_result=True)
def drain() -> None:
    screen.drain(seconds=SECONDS)


@shared_task(name="reviews.ring", ignore_result=True)
def ring() -> None:
    """Started by the clock: whatever a lost message left waiting is found here."""
    if jobs.waiting():
        jobs.ring()
    if requests.waiting():
        screen.drain(seconds=SECONDS)


@shared_task(name="reviews.work", ignore_result=True)
def work() -> None:
    jobs.work(KINDS, seconds=JOB_SECONDS)


@shared_task(name="reviews.sweep", ignore_result=True)
def sweep() -> None:
    screen.sweep()


@shared_task(name="reviews.digest", ignore_result=True)
def send_digests() -> None:
    digest.send()
