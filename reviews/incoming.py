"""What client systems report, taken in: matched with whom and what is known, and merged in sets.

Used by verbs, inside their transaction. A record is known by (practice, source system, source id).
What the source says last replaces the live version, whoever made that; when the source only repeats
itself, a clinician's later amendment stands. A record of which it is not certain whose it is waits.
"""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from reviews import audit, columns, products, records, requests, unread, versions, waiting
from reviews.audit import Event
from reviews.bulk import as_array, as_json, copy_rows
from reviews.columns import Copied
from reviews.errors import BadRecord
from reviews.models import Condition, ImportNote, Practice, Prescription, Reading, Reported
from reviews.people import Moved, People, Person, Waits
from reviews.records import PatientRecord

LOOKUPS = 20
COUNTED = ("created", "amended", "unchanged")
# First key of the advisory lock that keeps two batches of one source and practice apart.
LOCK_SPACE = 7_301


@dataclass(frozen=True)
class Refusal:
    """One record that was not accepted, and why; `index` is its place in the batch."""

    index: int
    source_id: str | None
    field: str
    reason: str


@dataclass
class SyncResult:
    """What a batch did: numbers of records, of people, and the records refused or put aside."""

    created: int = 0
    amended: int = 0
    unchanged: int = 0
    registered: int = 0
    updated: int = 0
    errors: list[Refusal] = field(default_factory=list)
    waits: list[Refusal] = field(default_factory=list)

    @property
    def refused(self) -> int:
        return len({error.index for error in self.errors})

    @property
    def waiting(self) -> int:
        """How many records wait until somebody says whose they are."""
        return len(self.waits)


class Row(msgspec.Struct, eq=False, gc=False):
    """One record of a batch, checked by itself; `index` is its place there.

    `record_id` is what all versions of it will share if it is new; None: an id of its own.
    """

    index: int
    source_id: str
    practice_id: int
    record: Any
    digest: bytes
    matched: Person | None = None
    record_id: uuid.UUID | None = None

    @property
    def person(self) -> Person:
        """Whom it is about, once everybody in the batch has been looked up."""
        if self.matched is None:
            raise LookupError(f"Nobody has been looked up for the record at index {self.index}.")
        return self.matched


def merge(
    kind: "Kind",
    accepted: list[Row],
    source_system: str,
    by: User,
    *,
    refused: Iterable[Refusal] = (),
    notes: Iterable[unread.Told] = (),
    met: Iterable[tuple[int, PatientRecord]] = (),
) -> SyncResult:
    """Take in what is `accepted` of a batch, in a fixed number of statements.

    What cannot be taken in is refused besides those `refused` already, and noted of the person
    besides the `notes`; a record of which it is not certain whose it is waits, with its notes.
    `met` are (practice id, person) whose medicine was refused: those who are not known yet are
    registered, so that it stands on somebody's page. Raises `Moved`, or a database error, where
    others write the same.
    """
    result, told = SyncResult(errors=list(refused)), list(notes)
    counts = {row.practice_id: Counter(dict.fromkeys(COUNTED, 0)) for row in accepted}
    any_wait = _lock({*counts, *(one.practice_id for one in told)}, source_system)
    met = list(met)
    said = ((row.practice_id, kind.patient(row.record)) for row in accepted)
    people = People([*said, *met])
    rows, held, doubted = [], [], set()
    for row in accepted:
        try:
            person = row.matched = people.who(row.practice_id, kind.patient(row.record))
            rows.append(row)
            # Orders repeat what is said of a person: once is enough, where it was never known.
            first = person not in doubted and (kind is Patients or person.before is None)
            if first and (reason := people.doubt(kind.patient(row.record))):
                doubted.add(person)
                told.append(_note(kind, row, reason))
        except BadRecord as error:
            name = f"{kind.patient_field}{error.field}"
            result.errors.append(Refusal(row.index, row.source_id or None, name, error.reason))
            told.append(_note(kind, row, f"{name}: {error.reason}", refused=True))
        except Waits as why:
            name = f"{kind.patient_field}identifiers"
            result.waits.append(Refusal(row.index, row.source_id or None, name, why.reason))
            held.append(waiting.Held(row.practice_id, kind.patient(row.record), why, row))
    for practice_id, record in met:
        people.meet(practice_id, record)
    result.registered, result.updated = people.write(by)
    changed = {person.pk for person in people.all.values() if person.to_screen}
    changed |= kind.merge(rows, source_system, by, counts)
    if any_wait:
        waiting.end(kind.name, source_system, rows, held)
    if held:
        told = waiting.hold(kind.name, source_system, held, by, about=kind.about, told=told)
    if changed:
        requests.enqueue(sorted(changed), reason="synced")
    unread.keep(
        kind.note,
        source_system,
        told,
        practice_ids=counts,
        sent=lambda: ((row.practice_id, kind.about(row.record)) for row in accepted),
        whose=lambda: {(row.practice_id, kind.about(row.record)): row.person.pk for row in rows},
    )
    if people.deaths:
        _note_deaths(people, source_system)
    for practice_id, count in (counts or {None: Counter()}).items():
        audit.record(
            by,
            kind.event,
            practice_id=practice_id,
            source_system=source_system,
            first=accepted[0].source_id if accepted else None,
            last=accepted[-1].source_id if accepted else None,
            refused=result.refused,
            **({"waiting": result.waiting} if held else {}),
            **count,
        )
        for name, number in count.items():
            setattr(result, name, getattr(result, name) + number)
    return result


def _note_deaths(people: People, source_system: str) -> None:
    """Note what contradicts a death on record; what agrees with it ends the note."""
    unread.keep(
        ImportNote.Kind.PATIENT,
        source_system,
        [
            unread.Told(practice_id, about, (), reason, refused=False)
            for (practice_id, about), (_, reason) in people.deaths.items()
            if reason
        ],
        practice_ids={practice_id for practice_id, _ in people.deaths},
        sent=people.deaths.keys,
        whose=lambda: {
            place: person.pk
            for place, (person, _) in people.deaths.items()
            if person.pk is not None
        },
    )


def _note(kind: "Kind", row: Row, reason: str, *, refused: bool = False) -> unread.Told:
    """What is to be noted of whoever a record is about."""
    return unread.Told(
        row.practice_id,
        kind.about(row.record),
        tuple((known.system, known.value) for known in kind.patient(row.record).identifiers),
        reason,
        refused=refused,
        medicine=getattr(row.record, "medicine", ""),
    )


def _lock(practice_ids: Iterable[int], source_system: str) -> bool:
    """Wait for other batches of this source: two at once would both miss what the other adds.

    Also for whoever changes who is who at the practices, and keep them waiting. Returns whether any
    record of this source waits there.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s, places.id::int),"
            " pg_advisory_xact_lock(%s, hashtext(%s || ':' || places.id)),"
            " EXISTS (SELECT FROM reviews_waitingrecord WHERE practice_id = places.id"
            " AND source_system = %s AND ended_at IS NULL)"
            " FROM (SELECT unnest(%s::bigint[]) AS id ORDER BY id) places",
            [waiting.WHO_IS_WHO, LOCK_SPACE, source_system, source_system, sorted(practice_ids)],
        )
        return any(waits for _, _, waits in cursor.fetchall())


class _Recorded:
    """What all records but people have in common: a source id, a digest and versions.

    `known_by` is the column within which a source's id names one record.
    """

    name: str
    event: Event
    model: type[Reported]
    shape: type[msgspec.Struct]
    said: Copied
    note: ImportNote.Kind
    patient_field = "patient."
    known_by = "practice_id"

    @staticmethod
    def check(record: Any, practice: Practice, /) -> None:
        """Raise `BadRecord` for what its types cannot say."""
        raise NotImplementedError

    @classmethod
    def content(cls, _rows: list[Row]) -> Copied:
        """The columns that hold what these rows say."""
        return cls.said

    @staticmethod
    def patient(record: Any) -> PatientRecord:
        return record.patient

    @staticmethod
    def about(record: Any) -> str:
        """What notes call this record."""
        return record.source_id

    @classmethod
    def row(cls, index: int, practice: Practice, record: Any) -> Row:
        cls.check(record, practice)
        return Row(index, record.source_id, practice.pk, record, records.digest(record))

    @staticmethod
    def key(row: Row) -> Any:
        return row.practice_id, row.source_id

    @classmethod
    def merge(
        cls, rows: list[Row], source_system: str, by: User, counts: dict[int, Counter]
    ) -> set[int]:
        """Write what is new or different; returns the ids of the patients it is about."""
        fresh, different, changed, met = [], [], set(), set()
        found = cls.differences(rows, source_system)
        for place, row in enumerate(rows):
            if place not in found or cls.key(row) in met:
                continue
            met.add(cls.key(row))
            pk, patient_id = found[place]
            if pk is None:
                counts[row.practice_id]["created"] += 1
                fresh.append(row)
            else:
                counts[row.practice_id]["amended"] += 1
                different.append((pk, row))
                changed.add(patient_id)
            changed.add(row.person.pk)
        for practice_id, given in Counter(row.practice_id for row in rows).items():
            count = counts[practice_id]
            count["unchanged"] = given - count["created"] - count["amended"]
        if changed:
            cls.write(fresh, different, source_system, by)
        return changed

    @classmethod
    def write(
        cls, fresh: list[Row], different: list[tuple[int, Row]], source_system: str, by: User
    ) -> None:
        """Copy the first versions of what is new, and the next ones of (live id, row)."""
        content = cls.content([*fresh, *(row for _, row in different)])
        held, moment = cls.supersede(different, source_system) if different else ((), None)
        # What is only new is recorded when the database says, which is one value less in each row.
        recorded = (moment,) if moment else ()

        def version(
            row: Row, record_id: uuid.UUID, number: int = 1, supersedes: int | None = None
        ) -> tuple:
            return (
                *(row.person.pk, row.practice_id, record_id, number, supersedes, by.pk),
                *(source_system, row.source_id, row.digest),
                *content.values(row.record),
                *recorded,
            )

        def rows() -> Iterable[tuple]:
            for row in fresh:
                yield version(row, row.record_id or uuid.uuid4())
            for (pk, record_id, number), row in held:
                yield version(row, record_id, number + 1, pk)

        copy_rows(
            cls.model._meta.db_table,
            (
                *("patient_id", "practice_id", cls.model.VERSIONS_OF, "version", "supersedes_id"),
                *("recorded_by_id", "source_system", "source_id", "digest"),
                *content.names,
                *(("recorded_at",) if moment else ()),
            ),
            rows(),
        )

    @classmethod
    def supersede(
        cls, different: list[tuple[int, Row]], source_system: str
    ) -> tuple[list[tuple[tuple, Row]], datetime | None]:
        """Lock the live versions of (id, row) in one order and end them, at the moment returned.

        Returns pairs of what is held (id, the record's id, number) and the row. A version that
        somebody amended before it was locked is looked up again; what is locked already stays, so
        this ends soon.
        """
        table, record = cls.model._meta.db_table, cls.model.VERSIONS_OF
        locked = []
        with connection.cursor() as cursor:
            for _ in range(LOOKUPS):
                cursor.execute(
                    f"SELECT id, {record}, version FROM {table}"
                    " WHERE id = ANY(%s) AND superseded_at IS NULL ORDER BY id FOR NO KEY UPDATE",
                    [[pk for pk, _ in different]],
                )
                live = {held[0]: held for held in cursor.fetchall()}
                locked += [(live[pk], row) for pk, row in different if pk in live]
                moved = [row for pk, row in different if pk not in live]
                if not moved:
                    break
                found = cls.differences(moved, source_system)
                if len(found) < len(moved) or any(pk is None for pk, _ in found.values()):
                    raise Moved
                different = [(pk, moved[place]) for place, (pk, _) in found.items()]
            else:
                raise Moved
        return locked, versions.end(cls.model, [held[0] for held, _ in locked])

    @classmethod
    def differences(cls, rows: list[Row], source_system: str) -> dict[int, list]:
        """`{place in rows: (id, patient id)}` of rows not held as they are; no id: not held."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT said.place - 1, p.id, p.patient_id
                FROM ROWS FROM (
                    unnest(%s::bigint[]), unnest(%s::bigint[]),
                    json_array_elements_text(%s), json_array_elements_text(%s)
                ) WITH ORDINALITY AS said (practice_id, patient_id, source_id, digest, place)
                LEFT JOIN {cls.model._meta.db_table} p
                    ON p.{cls.known_by} = said.{cls.known_by} AND p.source_id = said.source_id
                    AND p.source_system = %s AND p.superseded_at IS NULL
                WHERE p.digest IS DISTINCT FROM decode(said.digest, 'hex')
                    OR p.patient_id <> said.patient_id
                """,
                [
                    as_array(row.practice_id for row in rows),
                    as_array(row.person.pk or 0 for row in rows),
                    as_json([row.source_id for row in rows]),
                    as_json([row.digest.hex() for row in rows]),
                    source_system,
                ],
            )
            return {place: held for place, *held in cursor.fetchall()}


class Prescriptions(_Recorded):
    name = "prescriptions"
    event = Event.PRESCRIPTIONS_SYNCED
    note = ImportNote.Kind.PRESCRIPTION
    model = Prescription
    shape = records.SyncedPrescription

    @staticmethod
    def check(record: records.SyncedPrescription, _practice: Practice, /) -> None:
        records.check_prescription(record)

    @classmethod
    def content(cls, rows: list[Row]) -> Copied:
        medicines = products.many(row.record for row in rows)
        # Most systems say nothing of the later fields.
        later = any(records.said_later(row.record) for row in rows)
        said = columns.PRESCRIPTION if later else columns.WITHOUT_LATER
        return Copied(
            ("medicine_id", "reason", *said.names),
            lambda record: (
                medicines[record.medicine, record.codings],
                "",
                *said.values(record),
            ),
        )


class Dispensings(Prescriptions):
    """What was handed out: prescriptions in all but what they say, so that they wait as such."""

    shape = records.SyncedDispensing

    @staticmethod
    def check(record: records.SyncedPrescription, _practice: Practice, /) -> None:
        if not record.dispensed:
            raise BadRecord("dispensed", "is true of what was handed out; orders are prescriptions")
        records.check_prescription(record)


class Conditions(_Recorded):
    name = "conditions"
    event = Event.CONDITIONS_SYNCED
    note = ImportNote.Kind.CONDITION
    model = Condition
    shape = records.SyncedCondition
    said = columns.CONDITION
    known_by = "patient_id"

    @staticmethod
    def check(record: records.SyncedCondition, _practice: Practice, /) -> None:
        records.check_condition(record)


class Readings(_Recorded):
    name = "readings"
    event = Event.READINGS_SYNCED
    note = ImportNote.Kind.READING
    model = Reading
    shape = records.SyncedReading
    said = columns.READING

    @staticmethod
    def check(record: records.SyncedReading, practice: Practice, /) -> None:
        # Where it is tomorrow already, what was read there today was.
        there = timezone.localdate(timezone=practice.zone)
        records.check_reading(record, today=max(there, timezone.localdate()))


class Patients:
    name = "patients"
    event = Event.PATIENTS_SYNCED
    note = ImportNote.Kind.PATIENT
    shape = records.SyncedPatient
    patient_field = ""

    @staticmethod
    def patient(record: records.SyncedPatient) -> PatientRecord:
        return record

    @staticmethod
    def about(record: records.SyncedPatient) -> str:
        """A person has no id in a source but their first number."""
        known = next(iter(record.identifiers), None)
        return f"{known.system}|{known.value}"[:200] if known else ""

    @staticmethod
    def row(index: int, practice: Practice, record: Any) -> Row:
        return Row(index, "", practice.pk, record, b"")

    @staticmethod
    def key(row: Row) -> Any:
        return row.index

    @staticmethod
    def merge(
        rows: list[Row], _source_system: str, _by: User, counts: dict[int, Counter]
    ) -> set[int]:
        met = set()
        for row in rows:
            kind = "unchanged"
            if row.person not in met:
                if row.person.before is None:
                    kind = "created"
                elif row.person.changed:
                    kind = "amended"
            met.add(row.person)
            counts[row.practice_id][kind] += 1
        return set()


Kind = type[_Recorded] | type[Patients]
KINDS: dict[str, Kind] = {
    **{kind.name: kind for kind in (Prescriptions, Conditions, Readings, Patients)},
    "dispensings": Dispensings,
}
"""What a batch may hold, by name."""
