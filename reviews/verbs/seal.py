"""The verbs on the sealed log: verify it as a long job, and go on with it after a restore."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, audit, jobs, sealing, verifying
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.jobs import Slice
from reviews.models import Job, TreeHead
from reviews.queries.trail import VERIFY


@transaction.atomic
def ask_to_verify(*, by: User | None) -> Job | None:
    """Ask for the whole log to be compared with its rows; None where that is under way already."""
    if by is not None:
        access.require(by, Action.SEE_AUDIT)
    if Job.objects.unfinished().filter(kind=VERIFY).exists():
        return None
    return jobs.ask(VERIFY, title="Verify the sealed log", by=by, unit="rows")


def verify(job: Job, seconds: float) -> Slice:
    """A slice of a verification; the last one tells what was found."""
    check = verifying.Check.from_json(job.place)
    verifying.steps(check, seconds)
    head = sealing.newest()
    result: dict[str, Any] | None = None
    if check.finished:
        result = {
            "whole": check.first is None,
            "rows": check.size,
            "heads": check.heads,
            "wrong": [wrong._asdict() for wrong in check.found],
        }
    return Slice(
        done=check.position,
        total=head.size if head else 0,
        note=check.first.sentence[:200] if check.first else "",
        place=check.as_json(),
        finished=check.finished,
        result=result,
    )


def go_on(*, reason: str, operator: str) -> TreeHead | None:
    """Go on with the log of a database that was brought back from a backup, and say so in it.

    `operator` is who does so on the server. Raises `BadRecord` where nothing was lost.
    """
    if not reason.strip():
        raise BadRecord("reason", "is needed to go on after a restore")
    lost, last = sealing.Kept.read_last(), sealing.newest()
    if lost is None or (last is not None and lost.number <= last.number):
        raise BadRecord("restored", "The file outside has no tree head that the database lacks.")
    said = f"{reason.strip()} ({operator})"
    audit.record(None, Event.SEAL_RESTORED, reason=said, lost=lost.number)
    return sealing.seal(restored=said)
