"""Batches of what a client system reports, which may hold thousands of records: each is checked by
itself, then all are merged.

`rows` are pairs of (index, record), a record being JSON bytes or plain Python data in the shape of
`records.SyncedPrescription`, `SyncedCondition`, `SyncedReading` or `SyncedPatient`. A record that
cannot be accepted is refused by index, field and reason; one of which it is not certain whose it is
waits; all others are merged in one transaction and a fixed number of statements (`incoming`). The
same content again changes nothing and screens nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected

from reviews import access, identifiers, incoming, records, unread
from reviews.access import Action
from reviews.errors import BadRecord, NotAllowed, Stale
from reviews.incoming import Kind, Refusal, Row, SyncResult
from reviews.models import Practice
from reviews.people import Moved
from reviews.records import PatientRecord

ATTEMPTS = 3
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


def merge(
    kind: Kind,
    rows: Rows,
    source_system: str,
    by: User,
    notes: Iterable[Noted] = (),
    *,
    record_ids: Mapping[int, UUID] | None = None,
) -> SyncResult:
    """Merge a batch. A new record gets the id that `record_ids` has for its place in the batch.

    A person has no id here before it is known who it is: while they wait it is what they are
    known by.

    Raises `NotAllowed`, or `Stale` under a rare race.
    """
    places = {practice.code: practice for practice in access.practices(by, Action.SYNC)}
    if not places:
        raise NotAllowed("You may not sync records here.", action="sync")
    accepted, errors, told, met = _read(kind, rows, places)
    if record_ids:
        for row in accepted:
            row.record_id = record_ids.get(row.index)
            if kind is incoming.Patients and row.record_id is not None:
                row.source_id = str(row.record_id)
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
