"""Who is meant, and how a person is written: registered, or changed by a new version.

Used by verbs, inside their transaction. A batch is matched with those registered in sets: a person
is known by any of their identifiers at the practice; what a source says anew about them is kept,
what it leaves out is left as it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from reviews import audit, records, versions
from reviews.audit import Event
from reviews.bulk import as_json, copy_rows, next_ids
from reviews.errors import BadRecord
from reviews.models import PARTICULARS, Identifier, Patient, PatientVersion, Practice
from reviews.records import PatientRecord

# A change of one of these can change what screening finds.
SCREENED = ("birth_date", "sex", "deceased_on")
_NOTHING = {
    "family_name": "",
    "given_name": "",
    "birth_date": None,
    "sex": "unknown",
    "deceased_on": None,
}
NOBODY = tuple(_NOTHING[name] for name in PARTICULARS)
"""The particulars of somebody of whom nothing is known."""

FIND = f"""
    SELECT i.practice_id, i.system, i.value, p.id, {", ".join(f"p.{name}" for name in PARTICULARS)}
    FROM ROWS FROM (
        unnest(%s::bigint[]), json_array_elements_text(%s), json_array_elements_text(%s)
    ) AS said (practice_id, system, value)
    JOIN reviews_identifier i USING (practice_id, system, value)
    JOIN reviews_patient p ON p.id = i.patient_id
"""
LOCK = f"""
    SELECT p.id, v.id, v.version, {", ".join(f"p.{name}" for name in PARTICULARS)}
    FROM reviews_patient p JOIN reviews_patientversion v
        ON v.patient_id = p.id AND v.superseded_at IS NULL
    WHERE p.id = ANY(%s) ORDER BY p.id FOR NO KEY UPDATE
"""
VERSION = (
    *("patient_id", "practice_id", "version", "supersedes_id", "recorded_by_id"),
    *PARTICULARS,
)
# A person is what their live version says.
UPDATE = f"""
    UPDATE reviews_patient p
    SET {", ".join(f"{name} = v.{name}" for name in PARTICULARS)}, updated_at = v.recorded_at
    FROM reviews_patientversion v
    WHERE p.id = ANY(%s) AND v.patient_id = p.id AND v.superseded_at IS NULL
"""


class Moved(Exception):
    """Somebody else changed a row between reading and locking it: try the batch again."""


@dataclass(eq=False, slots=True)
class Person:
    """One patient of the batch: `before` is None for somebody new, who gets a `pk` when written."""

    practice_id: int
    pk: int | None
    before: tuple | None
    now: tuple
    identifiers: list = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.before is not None and (self.before != self.now or bool(self.identifiers))

    @property
    def to_screen(self) -> bool:
        """Whether the person alone, without any new record, is a reason to screen."""
        return self.before is None or any(
            old != new
            for name, old, new in zip(PARTICULARS, self.before, self.now, strict=True)
            if name in SCREENED
        )


class People:
    """The people of one batch. `who` says who is meant; `write` keeps what was learned."""

    def __init__(self, said: Iterable[tuple[int, PatientRecord]]) -> None:
        """`said`: every (practice id, patient record) of the batch, in any order."""
        self.today = timezone.localdate()
        self.all = {}
        self._answers = {}
        self._by_identifier = {}
        wanted = {
            (practice_id, identifier.system, identifier.value)
            for practice_id, record in set(said)
            for identifier in record.identifiers
        }
        self._find(sorted(wanted))

    def who(self, practice_id: int, record: PatientRecord) -> Person:
        """The person whom `record` describes, new or known. Raises `BadRecord`."""
        key = (practice_id, record)
        answer = self._answers.get(key)
        if answer is None:
            try:
                answer = self._recognise(practice_id, record)
            except BadRecord as error:
                answer = error
            self._answers[key] = answer
        if isinstance(answer, BadRecord):
            raise answer
        return answer

    def write(self, by: User) -> tuple[int, int]:
        """Register those who are new and change those who changed, in a fixed number of queries.

        Returns how many were new, and how many changed.
        """
        new = [person for person in self.all.values() if person.pk is None]
        changed = sorted(
            (person for person in self.all.values() if person.changed), key=lambda p: p.pk
        )
        if changed:
            self._change(changed, by)
        if new:
            _register(new, by)
        # In one order, so that two batches with the same new identifiers cannot deadlock.
        identifiers = sorted(
            (*identifier, person.pk)
            for person in self.all.values()
            for identifier in person.identifiers
        )
        if identifiers:
            copy_rows(
                "reviews_identifier", ("practice_id", "system", "value", "patient_id"), identifiers
            )
        return len(new), len(changed)

    def _find(self, wanted: list[tuple[int, str, str]]) -> None:
        if not wanted:
            return
        with connection.cursor() as cursor:
            practice_ids, systems, values = zip(*wanted, strict=True)
            cursor.execute(FIND, [list(practice_ids), as_json(systems), as_json(values)])
            for practice_id, system, value, pk, *now in cursor.fetchall():
                person = self.all.get(pk)
                if person is None:
                    person = Person(practice_id, pk, tuple(now), tuple(now))
                    self.all[pk] = person
                self._by_identifier[practice_id, system, value] = person

    def _recognise(self, practice_id: int, record: PatientRecord) -> Person:
        if not record.identifiers:
            raise BadRecord("identifiers", "at least one is needed")
        keys = {
            (practice_id, identifier.system, identifier.value) for identifier in record.identifiers
        }
        found = {self._by_identifier[key] for key in keys if key in self._by_identifier}
        if len(found) > 1:
            raise BadRecord("identifiers", "belong to different patients")
        person = found.pop() if found else None
        before = person.now if person else NOBODY
        now = _with_what_was_known(record, before)
        if person is None or now != before:
            records.check_patient(
                PatientRecord(**dict(zip(PARTICULARS, now, strict=True))), today=self.today
            )
        if person is None:
            person = Person(practice_id, None, None, now)
            self.all[id(person), "new"] = person
        person.now = now
        for key in keys:
            if key not in self._by_identifier:
                person.identifiers.append(key)
                self._by_identifier[key] = person
        return person

    def _change(self, changed: list[Person], by: User) -> None:
        ids = [person.pk for person in changed]
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [ids])
            held = [(pk, live, number, tuple(was)) for pk, live, number, *was in cursor.fetchall()]
            if [(pk, was) for pk, _, _, was in held] != [(p.pk, p.before) for p in changed]:
                raise Moved
            moment = versions.end(PatientVersion, [live for _, live, _, _ in held])
            copy_rows(
                "reviews_patientversion",
                (*VERSION, "recorded_at"),
                (
                    (
                        *(person.pk, person.practice_id, number + 1, live, by.pk),
                        *(*person.now, moment),
                    )
                    for person, (_, live, number, _) in zip(changed, held, strict=True)
                ),
            )
            cursor.execute(UPDATE, [ids])
        audit.record_all(
            audit.entry(
                by,
                Event.PATIENT_UPDATED,
                practice_id=person.practice_id,
                patient_id=person.pk,
                before=_different(person.before or (), person.now),
                after=_different(person.now, person.before or ()),
                **_added(person),
            )
            for person in changed
        )


def register(practice: Practice, record: PatientRecord, by: User) -> Patient:
    """Write one new person. Raises `BadRecord` for an identifier that is already in use."""
    person = Person(practice.pk, None, None, _with_what_was_known(record, NOBODY))
    _register([person], by)
    patient = Patient.objects.get(pk=person.pk)
    for identifier in record.identifiers:
        try:
            with transaction.atomic():
                Identifier.objects.create(
                    patient=patient,
                    practice=practice,
                    system=identifier.system,
                    value=identifier.value,
                )
        except IntegrityError as error:
            raise BadRecord("identifiers", f"{identifier.value} is already in use") from error
    return patient


def _register(new: list[Person], by: User) -> None:
    """Give new people their ids and write them: first the version, then the person it describes."""
    for person, pk in zip(new, next_ids("reviews_patient", len(new)), strict=True):
        person.pk = pk
    copy_rows(
        "reviews_patientversion",
        VERSION,
        ((person.pk, person.practice_id, 1, None, by.pk, *person.now) for person in new),
    )
    copy_rows(
        "reviews_patient",
        ("id", "practice_id", *PARTICULARS),
        ((person.pk, person.practice_id, *person.now) for person in new),
    )


def _with_what_was_known(record: PatientRecord, held: tuple) -> tuple:
    """The particulars as a record says them; what it leaves out stays as it was held."""
    return tuple(getattr(record, name) or was for name, was in zip(PARTICULARS, held, strict=True))


def _added(person: Person) -> dict[str, Any]:
    """The numbers that were added, for the trail; nothing when none was."""
    added = [{"system": system, "value": value} for _, system, value in sorted(person.identifiers)]
    return {"identifiers": added} if added else {}


def _different(these: tuple, those: tuple) -> dict[str, Any]:
    """What of `these` particulars is another in `those`, by name."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value, other in zip(PARTICULARS, these, those, strict=True)
        if value != other
    }
