"""Long work in slices: asked for, followed, cancelled, and gone on with after a kill.

A job is a row. A kind of job is a function that does one slice of it, and a row in `tasks.KINDS`:

    def slice_of_export(job: Job, seconds: float) -> Slice:
        '''Write the next patients to the file, from the id in `job.place` on.'''

    jobs.ask(EXPORT, title="Export for the region", by=user, given={...}, unit="patients")

- **A slice is one transaction.** What it writes to the database and how far it came are committed
  together, so a worker that is killed loses the slice it was in, and the next one begins where the
  last one ended. What a slice does elsewhere (a file, a letter) must bear being done again.
- It gets the job, which it only reads (`given`: what was asked; `place`: where the last slice
  ended, None at first; `done`, `total`), and about how many `seconds` it may take: it does at least
  one step, and returns a `Slice`. A count of the whole is best made by the first slice.
- **Nobody else works on the job meanwhile**: an advisory lock is held until the transaction ends,
  and so ends with a worker that is killed. One that hangs is cut off by Celery, and one whose
  machine is gone by the database, after `CUT_OFF_SECONDS`.
- **A slice that raises** is tried again after `RETRY_SECONDS`; then the job has failed, and says
  why. So has one whose workers were killed as often. What earlier slices committed stays.
- **Cancelling** takes effect between two slices. What was committed stays here too: a kind that
  cannot bear that, because nothing may be left half done, is asked for with `cancellable=False`.

Celery carries a doorbell, as for screening (`requests`): beat rings while any job is due.
"""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from reviews import audit, requests
from reviews.audit import Event
from reviews.errors import DomainError
from reviews.models import Job

log = structlog.get_logger(__name__)
WAITING, RUNNING = Job.State.WAITING, Job.State.RUNNING
DONE, FAILED, CANCELLED = Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED
ENDED = {DONE: Event.JOB_DONE, FAILED: Event.JOB_FAILED, CANCELLED: Event.JOB_CANCELLED}

RETRY_SECONDS = (5, 30, 120, 600)
LONGEST_WAIT_SECONDS = 3600
MOST_TRIES = len(RETRY_SECONDS) + 1
CUT_OFF_SECONDS = 60
AFTER = "after"
"""Where a job was asked for again, the number of the one that failed, in what it was given."""
LOCK = 0x10B5
"""First key of the advisory lock of a job; the second one is its id."""


class Slice(NamedTuple):
    """How far a slice came. `finished` ends the job; `result` is then kept, as JSON.

    `total` None leaves it as it is. `wait_seconds` is for work that others do, and that the job
    only watches: the next slice is not due before.
    """

    done: int
    total: int | None = None
    note: str = ""
    place: Any = None
    finished: bool = False
    result: Any = None
    wait_seconds: float = 0


Kinds = Mapping[str, Callable[[Job, float], Slice]]
"""How a slice of each kind of job is done: it gets the job, and about how many seconds it has."""


def ask(
    kind: str,
    *,
    title: str,
    by: User | None = None,
    given: dict[str, Any] | None = None,
    total: int | None = None,
    unit: str = "",
    cancellable: bool = True,
) -> Job:
    """Ask for a job in the caller's transaction, which has asked `access`; ring after commit.

    `by` None is the portal. `title` is read by administrators of every practice: it names nobody.
    """
    job = Job.objects.create(
        kind=kind,
        title=title,
        asked_by=by,
        given=given or {},
        total=total,
        unit=unit,
        cancellable=cancellable,
    )
    audit.record(by, Event.JOB_ASKED, subject=job, kind=kind, title=title)
    transaction.on_commit(ring)
    return job


def ask_again(job: Job, *, by: User) -> Job:
    """Ask for a job that failed once more: it goes on where that one ended.

    In the caller's transaction, which has asked `access`. It acts as whoever asked for the first.
    """
    made = Job.objects.create(
        kind=job.kind,
        title=job.title,
        asked_by=job.asked_by,
        given={**job.given, AFTER: job.pk},
        place=job.place,
        done=job.done,
        total=job.total,
        unit=job.unit,
        cancellable=job.cancellable,
    )
    audit.record(by, Event.JOB_ASKED, subject=made, kind=made.kind, title=made.title)
    transaction.on_commit(ring)
    return made


def cancel(job: Job, *, by: User) -> None:
    """Cancel a job that the caller has locked: at once, or after the slice it is in."""
    now = timezone.now()
    # Due at once: a job that is to be tried again later ends now all the same.
    job.cancel_asked_at, job.cancel_asked_by, job.not_before = now, by, now
    job.save(update_fields=["cancel_asked_at", "cancel_asked_by", "not_before"])
    audit.record(by, Event.JOB_CANCEL, subject=job, kind=job.kind, title=job.title)
    if job.state == WAITING:
        end(job, CANCELLED)
    else:
        transaction.on_commit(ring)


def end(
    job: Job,
    state: Job.State,
    *,
    note: str | None = None,
    result: Any = None,
    error: str = "",
) -> None:
    """End a job that the caller has locked. `note` None leaves what the last slice said."""
    job.state, job.ended_at = state, timezone.now()
    job.result, job.error = result, error
    if note is not None:
        job.note = note
    job.save(update_fields=["state", "ended_at", "result", "error", "note"])
    why = {"error": error} if error else {}
    said = {"kind": job.kind, "title": job.title, "done": job.done, **why}
    audit.record(None, ENDED[state], subject=job, **said)


def ring() -> None:
    """Wake a worker for the jobs that are due."""
    requests.ring("reviews.work")


def waiting() -> bool:
    """Whether a slice of some job is due now."""
    return _due().exists()


def work(kinds: Kinds, *, seconds: float) -> int:
    """Work on the jobs that are due, a slice of each in turn, until none is or the time is up.

    Returns how many slices were begun.
    """
    begun, until = 0, time.monotonic() + seconds
    while (pk := _begin()) is not None:
        begun += 1
        _work_on(pk, kinds, max(0.0, until - time.monotonic()))
        if time.monotonic() >= until:
            ring()
            break
    return begun


def _due() -> QuerySet[Job]:
    """Unfinished jobs whose next slice is due, the one left alone for longest first."""
    now = timezone.now()
    # What is put off for longer than anything is was so before a clock was set back.
    due = Q(not_before__lte=now) | Q(not_before__gt=now + timedelta(seconds=LONGEST_WAIT_SECONDS))
    return Job.objects.unfinished().filter(due).order_by(F("worked_at").asc(nulls_first=True), "pk")


@transaction.atomic
def _begin() -> int | None:
    """The id of a job that is due and that nobody works on; None when there is none.

    The try is counted in a transaction of its own, or a job that kills its workers would never end.
    """
    for pk in list(_due().values_list("pk", flat=True)):
        if not _lock(pk):
            continue
        job = _due().select_for_update(of=["self"]).filter(pk=pk).first()
        if job is None:
            continue
        now = timezone.now()
        job.state, job.tries = RUNNING, job.tries + 1
        job.started_at, job.worked_at = job.started_at or now, now
        job.save(update_fields=["state", "tries", "started_at", "worked_at"])
        return pk
    return None


def _work_on(pk: int, kinds: Kinds, seconds: float) -> None:
    try:
        with transaction.atomic():
            _slice(pk, kinds, seconds)
    except Exception as error:  # one broken job must not stop the others
        log.exception("job_slice_failed", job=pk)
        _try_again(pk, error)


def _slice(pk: int, kinds: Kinds, seconds: float) -> None:
    if not _lock(pk):
        return
    job = Job.objects.select_related("asked_by").get(pk=pk)
    if job.ended_at is not None:
        return
    if job.cancel_asked_at is not None:
        end(job, CANCELLED)
        return
    if job.tries > MOST_TRIES:
        reason = f"Its workers were cut off {MOST_TRIES} times, each in the middle of a slice."
        end(job, FAILED, error=f"{reason} {job.error}".strip()[:500])
        return
    with connection.cursor() as cursor:
        # A machine that vanished leaves its transaction open, and the lock in it.
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{CUT_OFF_SECONDS}s'")
    if job.kind not in kinds:
        raise DomainError(f"Nobody here knows how to work on a job of the kind “{job.kind}”.")
    _keep(job, kinds[job.kind](job, seconds))


def _keep(job: Job, made: Slice) -> None:
    job.done, job.note, job.place = made.done, made.note, made.place
    job.tries, job.error = 0, ""
    wait = min(made.wait_seconds, LONGEST_WAIT_SECONDS)
    job.not_before = timezone.now() + timedelta(seconds=wait)
    if made.total is not None:
        job.total = made.total
    job.save(update_fields=["done", "total", "note", "place", "tries", "error", "not_before"])
    if made.finished:
        end(job, DONE, result=made.result)


@transaction.atomic
def _try_again(pk: int, error: Exception) -> None:
    """Note why a slice failed, and when it is tried again; after too many tries the job failed."""
    job = Job.objects.select_for_update(of=["self"]).get(pk=pk)
    if job.ended_at is not None:
        return
    if job.cancel_asked_at is not None:
        end(job, CANCELLED)
        return
    reason = _in_words(error)
    if job.tries >= MOST_TRIES:
        end(job, FAILED, error=reason)
        return
    job.error = reason
    job.not_before = timezone.now() + timedelta(seconds=RETRY_SECONDS[job.tries - 1])
    job.save(update_fields=["error", "not_before"])


def _in_words(error: Exception) -> str:
    """What people see. Only the first line: the others of a database error hold rows' values."""
    if isinstance(error, DomainError):
        return error.message[:500]
    first, _, _ = str(error).strip().partition("\n")
    return f"{type(error).__name__}: {first}"[:500]


def _lock(pk: int) -> bool:
    """Whether this transaction has the job to itself, until it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, pk])
        return (cursor.fetchone() or (False,))[0]
