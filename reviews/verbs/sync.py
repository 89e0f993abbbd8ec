"""Sync verbs: what a client system reports, in batches that may hold thousands of records.

Each verb takes `rows`: pairs of (index, record), a record being JSON bytes or plain Python data in
the shape of `records.SyncedPrescription`, `SyncedCondition`, `SyncedReading` or `SyncedPatient`. A
record that cannot be accepted is refused by index, field and reason; one of which it is not certain
whose it is waits; all others are merged in one transaction and a fixed number of statements
(`reviews.incoming`). The same content again changes nothing and screens nobody.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected

from reviews import access, identifiers, incoming, jobs, records, unread, uploads
from reviews.access import Action
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.incoming import Kind, Refusal, Row, SyncResult
from reviews.jobs import Slice
from reviews.models import Job, Practice, UploadFault
from reviews.people import Moved
from reviews.records import PatientRecord

ATTEMPTS = 3
UPLOADED = (*("created", "amended", "unchanged", "refused", "waiting", "registered", "updated"),)
"""What is counted of an upload, as of a batch."""
MOST_BYTES = 256 * 1024
"""Of one record of JSON. One that says all that a record can say is a tenth of that."""
MOST_LOOKS = 20_000
"""So often a batch is looked at again for further faults of refused records; then for the first."""
Rows = Iterable[tuple[int, Any]]


@dataclass(frozen=True)
class Noted:
    """What the reader of a client's format could not keep of a record, or all of it (`refused`).

    `about` is the source's id of the record, `patient` the record of the person it is about.
    """

    about: str
    patient: dict[str, Any]
    reason: str
    refused: bool
    medicine: str = ""
    practice: str = ""


def prescriptions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedPrescription`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return _sync(incoming.Prescriptions, rows, source_system, by, notes)


def conditions(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedCondition`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return _sync(incoming.Conditions, rows, source_system, by, notes)


def readings(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Merge a batch of `SyncedReading`. Raises `NotAllowed`, or `Stale` under a rare race."""
    return _sync(incoming.Readings, rows, source_system, by, notes)


def patients(
    *, rows: Rows, source_system: str, by: User, notes: Iterable[Noted] = ()
) -> SyncResult:
    """Register or update the people of a batch of `SyncedPatient`.

    `created` and `registered` are then the same number, and so are `amended` and `updated`.
    """
    return _sync(incoming.Patients, rows, source_system, by, notes)


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
        result = _sync(kind, uploads.read(part), given["source_system"], job.asked_by, ())
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
        done += part.lines
        part.delete()
        if time.monotonic() >= until:
            break
    finished = uploads.next_part(given["upload"]) is None
    return Slice(done=done, place=told, finished=finished, result=told if finished else None)


def _sync(
    kind: Kind, rows: Rows, source_system: str, by: User, notes: Iterable[Noted]
) -> SyncResult:
    places = {practice.code: practice for practice in access.practices(by, Action.SYNC)}
    if not places:
        raise NotAllowed("You may not sync records here.", action="sync")
    accepted, errors, told, met = _read(kind, rows, places)
    told += _told(notes, places)
    attempt = 0
    while True:
        attempt += 1
        try:
            with transaction.atomic():
                result = incoming.merge(
                    kind, accepted, source_system, by, refused=errors, notes=told, met=met
                )
            break
        except (Moved, IntegrityError, OperationalError) as error:
            # Somebody else wrote the same order, person or identifier at the same time.
            passing = not isinstance(error, OperationalError) or isinstance(
                error.__cause__, DeadlockDetected
            )
            if not passing:
                raise
            if attempt == ATTEMPTS:
                raise Stale("Others changed the same records meanwhile. Send it again.") from error
    result.errors.sort(key=lambda refusal: refusal.index)
    return result


class _Checked(NamedTuple):
    """A batch of which each record was looked at by itself.

    `met` are (practice id, person) of medicines that were refused.
    """

    accepted: list[Row]
    errors: list[Refusal]
    told: list[unread.Told]
    met: list[tuple[int, PatientRecord]]


def _read(kind: Kind, rows: Rows, places: dict[str, Practice]) -> _Checked:
    """Decode and check each record by itself."""
    only = next(iter(places)) if len(places) == 1 else ""
    accepted, errors, told, met, seen = [], [], [], [], {}
    looks_left = MOST_LOOKS

    def zone_at(practice: Any) -> ZoneInfo | None:
        place = places.get(practice or only) if isinstance(practice, str | None) else None
        return place.zone if place else None

    def row_of(index: int, record: Any) -> Row:
        place = places.get(record.practice or only)
        if place is None:
            raise _wrong_practice(record)
        return kind.row(index, place, record)

    def look(record: Any, wrong: set[str]) -> None:
        """Check a record of which some fields are wrong, and what hangs on them is not asked."""
        if "kind" in wrong:
            return
        if "practice" in wrong:
            record = msgspec.structs.replace(record, practice=next(iter(places)))
        row_of(0, record)

    decoder = msgspec.json.Decoder(kind.shape)
    for index, content in rows:
        if isinstance(content, bytes) and len(content) > MOST_BYTES:
            errors.append(Refusal(index, None, "record", f"is larger than {MOST_BYTES:,} bytes"))
            continue
        try:
            if isinstance(content, bytes | msgspec.Raw):
                record = records.decode(content, decoder, zone_at)
            else:
                record = records.convert(content, kind.shape, zone_at)
            row = row_of(index, record)
        except BadRecord as error:
            found = [error]
            if isinstance(content, bytes) and looks_left > 0:
                found = records.faults(error, content, kind.shape, look, zone_at)
                looks_left -= len(found)
            source_id = _source_id(content)
            errors += [Refusal(index, source_id, each.field, each.reason) for each in found]
            noted = _as_told(content, places, only, error)
            told += noted
            if kind is incoming.Prescriptions and noted:
                person = records.person_of(unread.plain(content))
                met += [(one.practice_id, person) for one in noted if person is not None]
            continue
        first = seen.setdefault(kind.key(row), row)
        if first is row or first.record == row.record:
            accepted.append(row)
        else:
            # Which of the two is right cannot be known here; neither is dropped in silence.
            reason = f"differs from the record with the same source_id at index {first.index}"
            errors.append(Refusal(index, row.source_id, "source_id", reason))
            told += _as_told(content, places, only, BadRecord("source_id", reason))
    return _Checked(accepted, errors, told, met)


def _as_told(
    content: Any, places: dict[str, Practice], only: str, error: BadRecord
) -> list[unread.Told]:
    """The note of a record that was refused before it was known whom it is about, if any."""
    said = unread.plain(content)
    practice = said.get("practice")
    place = places.get(practice if isinstance(practice, str) and practice else only)
    return unread.of_refused(said, place and place.pk, f"{error.field}: {error.reason}")


def _told(notes: Iterable[Noted], places: dict[str, Practice]) -> list[unread.Told]:
    """The notes of a client's reader."""
    return [
        unread.Told(
            places[note.practice].pk,
            note.about,
            tuple(
                identifiers.written(known["system"], known["value"])
                for known in note.patient["identifiers"]
            ),
            note.reason,
            note.refused,
            note.medicine,
        )
        for note in notes
    ]


def _wrong_practice(record: Any) -> BadRecord:
    if record.practice:
        return BadRecord("practice", "is not a practice this key may sync")
    return BadRecord("practice", "is needed: this key serves several practices")


def _source_id(content: Any) -> str | None:
    """The source id of a refused record, where one can be made out."""
    try:
        given = content if isinstance(content, dict) else msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = given.get("source_id") if isinstance(given, dict) else None
    return found[:200] if isinstance(found, str) else None
