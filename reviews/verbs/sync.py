"""Sync verbs: what a client system reports, in batches that may hold thousands of records.

`reviews.syncing` says what a batch is and what becomes of it.
"""

import time
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, incoming, jobs, refused, syncing, uploads
from reviews.access import Action
from reviews.errors import NotAllowed
from reviews.incoming import SyncResult
from reviews.jobs import Slice
from reviews.models import Job, UploadFault
from reviews.syncing import Noted, Rows

__all__ = [
    "Noted",
    "Rows",
    "ask_to_take_in",
    "conditions",
    "dispensings",
    "patients",
    "prescriptions",
    "readings",
    "take_in",
]

UPLOADED = (*("created", "amended", "unchanged", "refused", "waiting", "registered", "updated"),)
"""What is counted of an upload, as of a batch."""


def prescriptions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedPrescription`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Prescriptions, rows, source_system, by, notes)


def dispensings(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedDispensing`: prescriptions that say what was handed out."""
    return syncing.merge(incoming.Dispensings, rows, source_system, by, notes)


def conditions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedCondition`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Conditions, rows, source_system, by, notes)


def readings(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedReading`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return syncing.merge(incoming.Readings, rows, source_system, by, notes)


def patients(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Register or update the people of a batch of `SyncedPatient`.

    `created` and `registered` are then the same number, and so are `amended` and `updated`.
    """
    return syncing.merge(incoming.Patients, rows, source_system, by, notes)


@transaction.atomic
def ask_to_take_in(*, kind: str, upload: uploads.Kept, source_system: str, by: User) -> Job:
    """Have a job take in an upload that was kept; `kind` is one of `incoming.KINDS`.

    Raises `TooManyUploads` where enough of the same system wait.
    """
    if not access.practice_ids(by, Action.SYNC):
        raise NotAllowed("You may not sync records here.", action="sync")
    waiting = Job.objects.unfinished().filter(kind=uploads.KIND, asked_by=by)
    if waiting.count() >= uploads.MOST_AT_ONCE:
        raise uploads.TooManyUploads(f"{uploads.MOST_AT_ONCE} uploads of this key wait already.")
    return jobs.ask(
        uploads.KIND,
        title=f"Take in {upload.lines:,} {kind} of {source_system}",
        by=by,
        given={"upload": str(upload.name), "kind": kind, "source_system": source_system},
        total=upload.lines,
        unit="lines",
    )


def take_in(job: Job, seconds: float) -> Slice:
    """A slice of an upload: its next parts, each removed with what came of it.

    The same batches as a sync would send, so that a job that is sent again changes nothing.
    """
    if job.asked_by is None:
        raise NotAllowed("Nobody asked for this upload.")
    kind, given = incoming.KINDS[job.given["kind"]], job.given
    told: dict[str, int] = dict.fromkeys(UPLOADED, 0) | (job.place or {})
    done, until = job.done, time.monotonic() + seconds
    while (part := uploads.next_part(given["upload"])) is not None:
        result = syncing.merge(kind, uploads.read(part), given["source_system"], job.asked_by)
        for name in UPLOADED:
            told[name] += getattr(result, name)
        UploadFault.objects.bulk_create(
            [
                UploadFault(
                    job=job,
                    practice_ids=part.practice_ids,
                    line=fault.index,
                    waits=waits,
                    source_id=fault.source_id,
                    field=fault.field[:200],
                    reason=fault.reason[:1000],
                )
                for waits, faults in ((False, result.errors), (True, result.waits))
                for fault in faults
            ],
            batch_size=5_000,
        )
        refused.keep(job.asked_by, refused.Surface.BULK, refused.faults_of(result.errors))
        done += part.lines
        part.delete()
        if time.monotonic() >= until:
            break
    finished = uploads.next_part(given["upload"]) is None
    return Slice(done=done, place=told, finished=finished, result=told if finished else None)
