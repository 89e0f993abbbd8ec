"""Bulk export by FHIR: ask for it, and have it written slice by slice."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import msgspec
from django.contrib.auth.models import User
from django.db import transaction

from reviews import access, audit, bulk_data, bulk_files, horizon
from reviews.access import Action
from reviews.audit import Event
from reviews.bulk_data import Files, Lines, Purpose
from reviews.errors import DomainError, NotAllowed
from reviews.jobs import Slice
from reviews.models import BulkRequest, Job
from reviews.queries.fhir import KINDS
from reviews.queries.fhir_export import After, Asked, Export
from reviews.queries.fhir_source import Viewer

EXPORT = "bulk_export"
"""The kind of the job."""
ROWS_AT_ONCE = 4_000
SHOWN_AT_ONCE = 5_000
"""Of a larger number of people several events tell."""


@transaction.atomic
def ask(*, asked: Asked, address: str, by: User) -> BulkRequest:
    """Ask for an export; a job writes its files. `address` is the one it was asked for at.

    Raises `TooMany` where the system has as many under way, or kept, as it may.
    """
    access.require(by, Action.BULK_EXPORT)
    may = access.practice_ids(by, Action.BULK_EXPORT)
    places = asked.practices or may
    if not set(places) <= set(may):
        raise NotAllowed("You may not export records of that practice.", action="bulk_export")
    return bulk_data.begin(
        BulkRequest.Kind.EXPORT,
        job=EXPORT,
        asked=msgspec.to_builtins(asked),
        address=address,
        practice_ids=places,
        by=by,
    )


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
    export = BulkRequest.objects.select_related("asked_by").get(job=job)
    until = monotonic() + seconds
    with bulk_files.held(export.pk) as folder:
        if folder is None:
            # A worker that hung has it: whatever it writes was not committed, and ends with it.
            return Slice(job.done, note=job.note, place=job.place, wait_seconds=5)
        return _Work(export, job, folder).slice(until)


class _Work:
    """One slice of an export."""

    def __init__(self, export: BulkRequest, job: Job, folder: Path) -> None:
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
        with Files(self.export, self.folder, self.place.files) as files:
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
        self.place.files = files.count
        name = self.kinds[self.place.kind].name if self.place.kind < len(self.kinds) else "the end"
        note = f"{name} ({min(self.place.kind + 1, len(self.kinds))} of {len(self.kinds)} types)"
        return Slice(self.done, note=note, place=self._written())

    def _still_may(self) -> None:
        """Stop where the system has lost what it needs since it asked."""
        now = access.practice_ids(self.by, Action.BULK_EXPORT)
        if not set(self.export.practice_ids) <= set(now):
            raise DomainError("The system may no longer read the records that it asked for.")

    def _page(self, files: "Files") -> None:
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
            files.add(Purpose.OUTPUT, kind.name, Lines(page.lines, page.patient_ids))
            self.done += len(page.lines)
        else:
            files.add(Purpose.DELETED, "Bundle", Lines(page.lines, page.patient_ids))
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
            asked=self.export.address,
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
                shown=people[at : at + SHOWN_AT_ONCE],
            )
        bulk_data.end(self.export, self.place.moment.at)


def _outcomes(ignored: Iterable[str]) -> Lines:
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
    return Lines(lines, set())
