"""Bulk export by FHIR: ask for it, have it written slice by slice, have it removed."""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, Literal

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from reviews import access, audit, bulk_files, horizon, jobs
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import DomainError, NotAllowed, TooMany
from reviews.jobs import Slice
from reviews.models import SHOWN, BulkExport, BulkFile, Job
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_export import After, Asked, Export, Page
from reviews.queries.fhir_source import Viewer

EXPORT = "bulk_export"
"""The kind of the job."""
MOST_AT_ONCE = 2
MOST_KEPT = 10
"""Exports of one system that are under way, and whose files are kept."""
WAIT_SECONDS = 60
ROWS_AT_ONCE = 1_000
MOST_FILE_BYTES = 64 * 1024 * 1024
SHOWN_AT_ONCE = 5_000
"""Of a larger number of people several events tell."""
_LOCK = 0xB01D
Purpose = BulkFile.Purpose


@transaction.atomic
def ask(*, asked: Asked, request: str, by: User) -> BulkExport:
    """Ask for an export; a job writes its files. `request` is the address it was asked for at.

    Raises `TooMany` where the system has as many under way, or kept, as it may.
    """
    access.require(by, Action.BULK_EXPORT)
    places = asked.practices or access.practice_ids(by, Action.BULK_EXPORT)
    if not set(places) <= set(access.practice_ids(by, Action.BULK_EXPORT)):
        raise NotAllowed("You may not export records of that practice.", action="bulk_export")
    with connection.cursor() as cursor:
        # Two that come at once are counted one after the other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, by.pk])
    mine = BulkExport.objects.filter(asked_by=by, removed_at=None)
    if mine.filter(job__ended_at=None).count() >= MOST_AT_ONCE:
        raise TooMany(
            f"{MOST_AT_ONCE} exports of this system are under way, and no more may be at once.",
            wait=WAIT_SECONDS,
        )
    if mine.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now())).count() >= MOST_KEPT:
        raise TooMany(
            f"The files of {MOST_KEPT} exports of this system are kept: have some removed"
            " (DELETE at the address of their status).",
            wait=WAIT_SECONDS,
        )
    return BulkExport.objects.create(
        job=jobs.ask(EXPORT, title="Bulk export by FHIR", by=by, unit="resources"),
        asked_by=by,
        request=request,
        asked=msgspec.to_builtins(asked),
        practice_ids=places,
    )


@transaction.atomic
def remove(*, export: BulkExport, by: User) -> None:
    """Have an export's files removed, and its job cancelled where that is still under way."""
    access.require(by, Action.BULK_EXPORT)
    if export.asked_by_id != by.pk:
        raise NotAllowed("Only the system that asked for an export removes it.")
    job = Job.objects.select_for_update(of=["self"]).get(pk=export.job_id)
    if job.ended_at is None and job.cancel_asked_at is None:
        jobs.cancel(job, by=by)
    BulkExport.objects.filter(pk=export.pk).update(removed_at=timezone.now())
    transaction.on_commit(lambda: bulk_files.remove(export.pk))


def forget() -> None:
    """Remove the files that nobody can fetch any more."""
    over = BulkExport.objects.filter(
        Q(removed_at__isnull=False)
        | Q(expires_at__lt=timezone.now())
        | Q(job__state__in=[jobs.FAILED, jobs.CANCELLED])
    )
    # A worker that was at it when it was cancelled may have written on for a while.
    for pk in over.values_list("pk", flat=True):
        if bulk_files.folder_of(pk).exists():
            bulk_files.remove(pk)


# -- The job -----------------------------------------------------------------------------------


class Place(msgspec.Struct, omit_defaults=True):
    """Where a slice ended: which step, and in it which type, table and key; the number of files."""

    moment: horizon.Moment
    step: Literal["wait", "output", "deleted", "error"] = "wait"
    kind: int = 0
    rank: int = 0
    after: After = None
    files: int = 0


def work(job: Job, seconds: float) -> Slice:
    """A slice of an export: as many pages as there is time for."""
    export = BulkExport.objects.select_related("asked_by").get(job=job)
    until = monotonic() + seconds
    with bulk_files.held(export.pk) as folder:
        if folder is None:
            # A worker that hung has it: whatever it writes was not committed, and ends with it.
            return Slice(job.done, note=job.note, place=job.place, wait_seconds=5)
        return _Work(export, job, folder).slice(until)


class _Work:
    """One slice of an export."""

    def __init__(self, export: BulkExport, job: Job, folder: Path) -> None:
        self.export, self.by, self.folder = export, export.asked_by, folder
        self.asked = msgspec.convert(export.asked, Asked)
        self.kinds = [KINDS[name] for name in self.asked.types if name in KINDS]
        self.done = job.done
        self.place = msgspec.convert(job.place, Place) if job.place else Place(moment=horizon.now())

    def slice(self, until: float) -> Slice:
        """Go on from where the last slice ended until the time is up."""
        if self.place.step == "wait":
            if left := horizon.still_open(self.place.moment):
                note = f"waits for {left} open {'transaction' if left == 1 else 'transactions'}"
                return Slice(self.done, note=note, place=self._written(), wait_seconds=1)
            self.place.step = "output"
        self._still_may()
        with _Files(self.export, self.folder, self.place) as files:
            while self.place.step != "error":
                if self.place.kind >= len(self.kinds):
                    self._next_step()
                    continue
                self._page(files)
                if monotonic() >= until:
                    break
            else:
                files.add(Purpose.ERROR, "OperationOutcome", _outcomes(self.asked.ignored))
                files.close()
                self._finish()
                note = f"{self.done} resources"
                return Slice(self.done, note=note, place=self._written(), finished=True)
        name = self.kinds[self.place.kind].name if self.place.kind < len(self.kinds) else "the end"
        note = f"{name} ({min(self.place.kind + 1, len(self.kinds))} of {len(self.kinds)} types)"
        return Slice(self.done, note=note, place=self._written())

    def _still_may(self) -> None:
        """Stop where the system has lost what it needs since it asked."""
        now = access.practice_ids(self.by, Action.BULK_EXPORT)
        if not set(self.export.practice_ids) <= set(now):
            raise DomainError("The system may no longer read the records that it asked for.")

    def _page(self, files: "_Files") -> None:
        place, kind = self.place, self.kinds[self.place.kind]
        with access.seeing_as(self.by):
            walk = Export(KINDS, Viewer(self.by, is_system=True), self.asked)
            last_rank = len(walk.tables(kind)) - 1
            if place.step == "output":
                page = walk.page(kind, place.rank, place.after, ROWS_AT_ONCE)
            else:
                last_rank = 0
                page = walk.deletions(kind, place.after, 10, place.moment.at)
        if place.step == "output":
            files.add(Purpose.OUTPUT, kind.name, page)
            self.done += len(page.lines)
        else:
            files.add(Purpose.DELETED, "Bundle", page)
        place.after = page.after
        if page.after is None:
            place.rank += 1
            if place.rank > last_rank:
                place.kind, place.rank = place.kind + 1, 0

    def _next_step(self) -> None:
        deletions = self.place.step == "output" and self.asked.since is not None
        self.place.step = "deleted" if deletions else "error"
        self.place.kind = self.place.rank = 0

    def _written(self) -> Any:
        return msgspec.to_builtins(self.place)

    def _finish(self) -> None:
        """Write down who got the records of whom, before anybody can fetch them."""
        files = list(self.export.files.order_by("number"))
        people = sorted({pk for file in files for pk in file.patient_ids})
        rows: dict[str, int] = {}
        for file in files:
            name = file.type if file.purpose == Purpose.OUTPUT else file.purpose
            rows[name] = rows.get(name, 0) + file.rows
        told = "\n".join(f"{file.name} {file.digest}" for file in files)
        place = access.only_practice(self.by)
        audit.record(
            self.by,
            Event.EXPORT_MADE,
            practice_id=place,
            subject=self.export,
            what=f"FHIR resources in bulk, of {len(people)} people",
            rows=rows,
            form="NDJSON",
            asked=self.export.request,
            digest=hashlib.sha256(told.encode()).hexdigest(),
        )
        for at in range(0, len(people), SHOWN_AT_ONCE):
            audit.record(
                self.by,
                Event.API_READ,
                practice_id=place,
                subject=self.export,
                resource="FHIR $export",
                rows=self.done,
                query={"export": str(self.export.pk)},
                **{SHOWN: people[at : at + SHOWN_AT_ONCE]},
            )
        now = timezone.now()
        BulkExport.objects.filter(pk=self.export.pk).update(
            transaction_time=self.place.moment.at,
            expires_at=now + timedelta(hours=settings.BULK_HOURS),
        )


class _Files:
    """The files of an export as one slice writes them; what it wrote is on the disk at its end.

    One file is open at a time: the last one, unless it is whole. Whatever another slice wrote and
    did not commit is cut off, or written anew.
    """

    def __init__(self, export: BulkExport, folder: Path, place: Place) -> None:
        self.export, self.folder, self.place = export, folder, place
        self.row: BulkFile | None = None
        self.file: BinaryIO | None = None
        self.people: set[int] = set()
        self.open = ExitStack()

    def __enter__(self) -> "_Files":
        last = self.export.files.filter(number=self.place.files, digest="").first()
        if last is not None:
            self._take(last)
        return self

    def __exit__(self, *error: object) -> None:
        self.open.close()
        if error[0] is None:
            self._save()

    def add(self, purpose: Purpose, type_name: str, page: Page) -> None:
        """Write the lines of a page to the file of their kind."""
        if not page.lines:
            return
        if self.row is not None and (self.row.purpose, self.row.type) != (purpose, type_name):
            self.close()
        if self.row is None or self.file is None:
            self.place.files += 1
            row = BulkFile(
                export=self.export, number=self.place.files, purpose=purpose, type=type_name
            )
            self._take(row)
        row, file = self._taken()
        for line in page.lines:
            file.write(line)
            file.write(b"\n")
        row.rows += len(page.lines)
        row.size += sum(map(len, page.lines)) + len(page.lines)
        self.people |= page.patient_ids
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


def _outcomes(ignored: Iterable[str]) -> Page:
    """What could not be done, as lines of OperationOutcomes."""
    lines = [
        msgspec.json.encode(
            {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "warning", "code": "not-supported", "diagnostics": one}],
            }
        )
        for one in ignored
    ]
    return Page(lines, set(), None)
