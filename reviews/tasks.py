"""Doorbells: a name, a retry policy, one call. The work itself waits in the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import cast

import structlog
from celery import Task, shared_task

from reviews import (
    bulk_data,
    clock,
    feed,
    jobs,
    presses,
    refused,
    releases,
    replies,
    requests,
    sealing,
    sessions,
    tries,
    uploads,
    webhooks,
    what_ifs,
)
from reviews.engines import RESCREEN
from reviews.errors import OtherEngine
from reviews.verbs import (
    break_glass,
    bulk_export,
    bulk_import,
    deliver,
    digest,
    editions,
    engines,
    guard,
    hooks,
    leaving,
    messages,
    recall,
    resources,
    screen,
    seal,
    sync,
    tokens,
    what_if,
)

log = structlog.get_logger(__name__)

# Well below the limit at which a task is cut off; a longer backlog is handed on.
SECONDS = 20
# Shorter: meanwhile a fresh prescription may wait for this worker.
JOB_SECONDS = 5
DELIVER_SECONDS = 10

KINDS: jobs.Kinds = {
    RESCREEN: engines.rescreen,
    seal.VERIFY: seal.verify,
    recall.LETTERS: recall.write_letters,
    uploads.KIND: sync.take_in,
    editions.READ: editions.read,
    bulk_export.EXPORT: bulk_export.work,
    what_ifs.KIND: what_if.work,
    bulk_import.IMPORT: partial(
        bulk_import.work,
        writing=bulk_import.Writing(resources.Wanted, resources.write, resources.Refused),
    ),
}
"""Every kind of long job, and what does a slice of it; `reviews.jobs` says how one is made."""


def task(name: str) -> Callable[[Callable[[Task], None]], Task]:
    """Make a task of a function that gets it; it does nothing where database and code differ.

    A worker older than the database takes no more doorbells. One that is newer leaves the work
    alone until somebody has run `prepare`, and says so each time.
    """

    def make(work: Callable[[Task], None]) -> Task:
        @wraps(work)
        def of_one_release(task: Task) -> None:
            try:
                releases.require()
            except (releases.OlderDatabase, releases.NewerDatabase) as error:
                log.warning("not_of_this_release", why=error.message)
                if isinstance(error, releases.NewerDatabase):
                    _take_no_more(task)
                return
            work(task)

        decorate = shared_task(bind=True, name=name, ignore_result=True)
        return cast(Task, decorate(of_one_release))

    return make


def _take_no_more(task: Task) -> None:
    """Have this worker take no more doorbells: its queue is its own again when it is restarted."""
    if task.request.hostname:
        queue = task.app.conf.task_default_queue
        task.app.control.cancel_consumer(queue, destination=[task.request.hostname])


@contextmanager
def _left_to_the_portals_engine(task: Task) -> Iterator[None]:
    """A worker of another engine takes no more doorbells, or those who can judge go without.

    It is idle and quick, so that in a rolling restart it would win most of them.
    """
    try:
        yield
    except OtherEngine:
        _take_no_more(task)
        raise


@task("reviews.drain")
def drain(task: Task) -> None:
    with _left_to_the_portals_engine(task):
        screen.drain(seconds=SECONDS)
    _look_at_guarded()


@task("reviews.ring")
def ring(task: Task) -> None:
    """Started by the clock: whatever a lost message left waiting is found here.

    Here a database clock that was set back is noticed, too: who was judged as of a day that is
    still to come is judged again.
    """
    if clock.look():
        screen.sweep()
    if webhooks.due():
        webhooks.ring()
    if jobs.waiting():
        jobs.ring()
    if requests.waiting():
        with _left_to_the_portals_engine(task):
            screen.drain(seconds=SECONDS)
    _look_at_guarded()


def _look_at_guarded() -> None:
    """Judge a stage that was screened, and mail at once where it stopped itself.

    What could not be mailed goes after the next sweep: this rings too often to wait for a server.
    """
    if guard.look_first():
        guard.tell_of_stops()


@task(webhooks.DELIVER)
def tell_receivers(task: Task) -> None:
    deliver.deliver(seconds=DELIVER_SECONDS)


@task("reviews.work")
def work(task: Task) -> None:
    jobs.work(KINDS, seconds=JOB_SECONDS)


@task("reviews.sweep")
def sweep(task: Task) -> None:
    screen.sweep()


@task("reviews.guard")
def look_at_guarded(task: Task) -> None:
    guard.sweep()
    guard.tell_of_stops()


@task("reviews.mark_overdue")
def mark_overdue(task: Task) -> None:
    screen.mark_overdue()


@task("reviews.leave")
def end_work(task: Task) -> None:
    leaving.carry_out()


@task("reviews.end_break_glass")
def end_what_was_opened(task: Task) -> None:
    break_glass.end_what_is_over()


@task("reviews.digest")
def send_digests(task: Task) -> None:
    digest.send()


@task("reviews.remind")
def send_reminders(task: Task) -> None:
    messages.remind()


@task("reviews.forget")
def forget(task: Task) -> None:
    """Remove what is of no more use: forms, sessions, tries, tokens, files, old changes.

    And rows of old what-ifs that name patients.
    """
    feed.prune()
    presses.forget()
    replies.forget_old()
    uploads.forget_old()
    refused.forget_old()
    sessions.forget()
    tries.forget_old()
    tokens.forget()
    hooks.forget()
    bulk_data.forget()
    what_if.prune()


@task("reviews.seal")
def seal_what_is_new(task: Task) -> None:
    sealing.seal_all(seconds=SECONDS)


@task("reviews.verify")
def verify_what_is_sealed(task: Task) -> None:
    seal.ask_to_verify(by=None)
