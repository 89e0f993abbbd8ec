"""What bulk exports and imports have in common: how many there may be, their files, their end."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from reviews import bulk_files, jobs
from reviews.access import Action
from reviews.errors import TooMany
from reviews.models import BulkFile, BulkRequest, Job

ACTIONS = {BulkRequest.Kind.EXPORT: Action.BULK_EXPORT, BulkRequest.Kind.IMPORT: Action.SYNC}
"""What somebody must be allowed for each kind."""
MOST_AT_ONCE = 2
MOST_KEPT = 10
"""Exports, or imports, of one system that are under way, and whose files are kept."""
WAIT_SECONDS = 60
MOST_FILE_BYTES = 64 * 1024 * 1024
_LOCK = 0xB01D
Purpose = BulkFile.Purpose


class Lines(NamedTuple):
    """Resources as lines of JSON, without the ends of lines, and of which people they are."""

    lines: list[bytes]
    patient_ids: set[int]


def begin(
    kind: BulkRequest.Kind, *, job: str, asked: Any, address: str, practice_ids: list[int], by: User
) -> BulkRequest:
    """Ask for an export or import in the caller's transaction, which has asked `access`.

    `job` is the kind of job that does it. Raises `TooMany` where the system has as many under way,
    or kept, as it may.
    """
    with connection.cursor() as cursor:
        # Two that come at once are counted one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, by.pk])
    mine = BulkRequest.objects.filter(kind=kind, asked_by=by, removed_at=None)
    if mine.filter(job__ended_at=None).count() >= MOST_AT_ONCE:
        raise TooMany(
            f"{MOST_AT_ONCE} {kind}s of this system are under way, and no more may be at once.",
            wait=WAIT_SECONDS,
        )
    if mine.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now())).count() >= MOST_KEPT:
        raise TooMany(
            f"The files of {MOST_KEPT} {kind}s of this system are kept: have some removed"
            " (DELETE at the address of their status).",
            wait=WAIT_SECONDS,
        )
    return BulkRequest.objects.create(
        kind=kind,
        job=jobs.ask(job, title=f"Bulk {kind} by FHIR", by=by, unit="resources"),
        asked_by=by,
        address=address,
        asked=asked,
        practice_ids=practice_ids,
    )


def end(bulk: BulkRequest, at: Any) -> None:
    """Have the files kept for a while from now on; `at` is the transaction time."""
    BulkRequest.objects.filter(pk=bulk.pk).update(
        transaction_time=at, expires_at=timezone.now() + timedelta(hours=settings.BULK_HOURS)
    )


def remove(bulk: BulkRequest, by: User) -> None:
    """Remove the files, and cancel the job where that is still under way; in a transaction."""
    job = Job.objects.select_for_update(of=["self"]).get(pk=bulk.job_id)
    if job.ended_at is None and job.cancel_asked_at is None:
        jobs.cancel(job, by=by)
    BulkRequest.objects.filter(pk=bulk.pk).update(removed_at=timezone.now())
    transaction.on_commit(lambda: bulk_files.remove(bulk.pk))


def forget() -> None:
    """Remove the files that nobody can fetch any more."""
    over = BulkRequest.objects.filter(
        Q(removed_at__isnull=False)
        | Q(expires_at__lt=timezone.now())
        | Q(job__state__in=[jobs.FAILED, jobs.CANCELLED])
    )
    # A worker that was at it when it was cancelled may have written on for a while.
    for pk in over.values_list("pk", flat=True):
        if bulk_files.folder_of(pk).exists():
            bulk_files.remove(pk)
    day_ago = timezone.now() - timedelta(days=1)
    bulk_files.forget_received(day_ago.timestamp())


class Files:
    """The files of a request as one slice writes them; what it wrote is on the disk at its end.

    One file is open at a time: the last one, unless it is whole. Whatever another slice wrote and
    did not commit is cut off, or written anew. `count` is how many files there are.
    """

    def __init__(self, bulk: BulkRequest, folder: Path, count: int) -> None:
        self.bulk, self.folder, self.count = bulk, folder, count
        self.row: BulkFile | None = None
        self.file: BinaryIO | None = None
        self.people: set[int] = set()
        self.open = ExitStack()

    def __enter__(self) -> "Files":
        last = self.bulk.files.filter(number=self.count, digest="").first()
        if last is not None:
            self._take(last)
        return self

    def __exit__(self, *error: object) -> None:
        self.open.close()
        if error[0] is None:
            self._save()

    def add(self, purpose: Purpose, type_name: str, lines: Lines) -> None:
        """Write lines to the file of their kind."""
        if not lines.lines:
            return
        if self.row is not None and (self.row.purpose, self.row.type) != (purpose, type_name):
            self.close()
        if self.row is None or self.file is None:
            self.count += 1
            self._take(BulkFile(bulk=self.bulk, number=self.count, purpose=purpose, type=type_name))
        row, file = self._taken()
        text = b"\n".join(lines.lines) + b"\n"
        file.write(text)
        row.rows += len(lines.lines)
        row.size += len(text)
        self.people |= lines.patient_ids
        if row.size >= MOST_FILE_BYTES:
            self.close()

    def close(self) -> None:
        """End the file that is open: it is whole."""
        if self.row is None:
            return
        self.open.close()
        self.row.digest = bulk_files.digest_of(self.folder / self.row.name)
        self._save()
        self.row = self.file = None

    def _take(self, row: BulkFile) -> None:
        self.row, self.people = row, set(row.patient_ids)
        self.file = self.open.enter_context(bulk_files.writing(self.folder / row.name, row.size))

    def _taken(self) -> tuple[BulkFile, BinaryIO]:
        if self.row is None or self.file is None:
            raise RuntimeError("No file is open.")
        return self.row, self.file

    def _save(self) -> None:
        if self.row is not None:
            self.row.patient_ids = sorted(self.people)
            self.row.save()
