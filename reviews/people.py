"""Who is meant, and how a person is written: registered, or changed by a new version.

Used by verbs, inside their transaction. A batch is matched with those registered in sets: a person
is known by any of their identifiers at the practice; what a source says anew about them is kept,
what it leaves out is left as it was. Where it is not certain who is meant, the record waits
(`Waits`), and nobody is changed by it.
"""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from reviews import audit, likeness, records, versions
from reviews.audit import Event
from reviews.bulk import as_json, copy_rows, next_ids
from reviews.errors import BadRecord
from reviews.models import (
    DEATH,
    PARTICULARS,
    Identifier,
    IdentityQuestion,
    Patient,
    PatientVersion,
    Practice,
)
from reviews.records import PatientIdentifier, PatientRecord
from reviews.rules.birth import nobodys, possible_birth_date

CONTRADICTION, TWO_PEOPLE, NUMBER = (
    IdentityQuestion.Cause.CONTRADICTION,
    IdentityQuestion.Cause.TWO_PEOPLE,
    IdentityQuestion.Cause.NUMBER,
)
# A change of one of these can change what screening finds.
SCREENED = ("birth_date", "sex", "deceased_on", "deceased")
_NOTHING = {
    "family_name": "",
    "given_name": "",
    "birth_date": None,
    "sex": "unknown",
    "deceased_on": None,
    "deceased": False,
}
NOBODY = tuple(_NOTHING[name] for name in PARTICULARS)
"""The particulars of somebody of whom nothing is known."""

FIND = f"""
    SELECT i.practice_id, i.system, i.value, i.use, p.id,
        {", ".join(f"p.{name}" for name in PARTICULARS)}
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


# Two people whom somebody has kept apart, each with the other.
APART = f"""
    SELECT apart.one, p.practice_id, p.id, {", ".join(f"p.{name}" for name in PARTICULARS)}
    FROM (
        SELECT first_id AS one, second_id AS other, practice_id, ended_at FROM reviews_keptapart
        UNION ALL
        SELECT second_id, first_id, practice_id, ended_at FROM reviews_keptapart
    ) apart JOIN reviews_patient p ON p.id = apart.other
    WHERE apart.practice_id = ANY(%s) AND apart.ended_at IS NULL AND p.merged_into_id IS NULL
"""
# Who was born on one of these days, with their names as they are compared.
BORN = """
    SELECT id, practice_id, birth_date, family_folded || given_folded
    FROM reviews_patient
    WHERE practice_id = ANY(%s) AND birth_date = ANY(%s::date[]) AND merged_into_id IS NULL
"""
# Deaths that a person, not a system, has taken back.
TAKEN_BACK = """
    SELECT v.patient_id, v.deceased_on
    FROM reviews_patientversion v JOIN reviews_patientversion later ON later.supersedes_id = v.id
    WHERE v.patient_id = ANY(%s) AND (v.deceased OR v.deceased_on IS NOT NULL)
        AND (later.deceased_on IS DISTINCT FROM v.deceased_on OR NOT later.deceased)
        AND NOT EXISTS (
            SELECT FROM reviews_membership m
            WHERE m.user_id = later.recorded_by_id AND m.role = 'integration_client'
        )
"""
# What somebody has said to be of the same person, though it contradicts: not asked again.
SAME = """
    SELECT coalesce(p.merged_into_id, p.id), q.said
    FROM reviews_identityquestion q JOIN reviews_patient p ON p.id = q.patient_id
    WHERE q.practice_id = ANY(%s) AND q.answer = 'same'
        AND coalesce(p.merged_into_id, p.id) = ANY(%s)
"""
USED = """
    UPDATE reviews_identifier i SET use = said.use
    FROM ROWS FROM (
        unnest(%s::bigint[]), json_array_elements_text(%s), json_array_elements_text(%s),
        json_array_elements_text(%s)
    ) AS said (practice_id, system, value, use)
    WHERE (i.practice_id, i.system, i.value) = (said.practice_id, said.system, said.value)
"""
Key = tuple[int, str, str]
"""An identifier at a practice: (practice id, system, value)."""


class Waits(Exception):
    """Only somebody who asks can say whose this record is.

    `patients` are those whom it may be, `differs` the particulars that contradict theirs.
    """

    def __init__(
        self, cause: IdentityQuestion.Cause, patients: "list[Person]", differs: tuple[str, ...] = ()
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.patients = patients
        self.differs = differs

    @property
    def reason(self) -> str:
        """Why, in words for whoever sent it."""
        differ = ", ".join(which.replace("_", " ") for which in self.differs)
        return {
            CONTRADICTION: f"waits: its number is of a patient of another {differ}",
            TWO_PEOPLE: "waits: its numbers are of two patients, who may be one",
            NUMBER: "waits: its number fails the check of its system",
        }[self.cause]


class Moved(Exception):
    """Somebody else changed a row between reading and locking it: try the batch again."""


@dataclass(eq=False, slots=True)
class Person:
    """One patient of the batch: `before` is None for somebody new, who gets a `pk` when written."""

    practice_id: int
    pk: int | None
    before: tuple | None
    now: tuple
    identifiers: list[tuple[Key, str]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.before is not None and (self.before != self.now or bool(self.identifiers))

    @property
    def particulars(self) -> likeness.Particulars:
        """What they are compared by."""
        family_name, given_name, birth_date, sex, *_ = self.now
        return likeness.Particulars(family_name, given_name, birth_date, sex)

    def contradicted(self, record: PatientRecord) -> tuple[str, ...]:
        """The particulars by which `record` is of somebody else; see `likeness.contradiction`."""
        return likeness.contradiction(self.particulars, _particulars(record))

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
        self._answers: dict[tuple[int, PatientRecord], Person | BadRecord | Waits] = {}
        self._by_identifier: dict[Key, Person] = {}
        self._uses: dict[Key, str] = {}
        self._used: dict[Key, str] = {}
        self._apart: dict[int | None, list[Person]] | None = None
        self._same: set[tuple] | None = None
        self._namesakes: set[tuple] | None = None
        self._taken_back: set[tuple[int, date | None]] | None = None
        # What records say of deaths, by practice and what notes call it: whose, and what of it is
        # not taken over, if anything.
        self.deaths: dict[tuple[int, str], tuple[Person, str]] = {}
        distinct = set(said)
        self._said = distinct
        self._places = sorted({practice_id for practice_id, _ in distinct})
        wanted = {
            (practice_id, identifier.system, identifier.value)
            for practice_id, record in distinct
            for identifier in record.identifiers
        }
        self._find(sorted(wanted))

    def who(self, practice_id: int, record: PatientRecord) -> Person:
        """The person whom `record` describes, new or known. Raises `BadRecord` or `Waits`."""
        key = (practice_id, record)
        answer = self._answers.get(key)
        if answer is None:
            try:
                answer = self._recognise(practice_id, record)
            except (BadRecord, Waits) as error:
                answer = error
            self._answers[key] = answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def doubt(self, record: PatientRecord) -> str:
        """What a record says of a person and nobody can have, in words; empty without."""
        day = record.birth_date
        if day is None or possible_birth_date(day, today=self.today):
            return ""
        return nobodys(day)

    def meet(self, practice_id: int, record: PatientRecord) -> None:
        """Hold somebody whom none of their numbers names yet; nobody who is known is changed."""
        numbers = {(practice_id, known.system, known.value) for known in record.identifiers}
        if numbers.isdisjoint(self._by_identifier):
            with contextlib.suppress(BadRecord, Waits):
                self.who(practice_id, record)

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
            (*key, use, person.pk)
            for person in self.all.values()
            for key, use in person.identifiers
        )
        if identifiers:
            copy_rows(
                "reviews_identifier",
                ("practice_id", "system", "value", "use", "patient_id"),
                identifiers,
            )
        if self._used:
            places, systems, values = zip(*self._used, strict=True)
            with connection.cursor() as cursor:
                uses = as_json(list(self._used.values()))
                cursor.execute(USED, [list(places), as_json(systems), as_json(values), uses])
        return len(new), len(changed)

    def _find(self, wanted: list[tuple[int, str, str]]) -> None:
        if not wanted:
            return
        with connection.cursor() as cursor:
            practice_ids, systems, values = zip(*wanted, strict=True)
            cursor.execute(FIND, [list(practice_ids), as_json(systems), as_json(values)])
            for practice_id, system, value, use, pk, *now in cursor.fetchall():
                key = (practice_id, system, value)
                self._by_identifier[key] = self._known(practice_id, pk, tuple(now))
                self._uses[key] = use

    def _known(self, practice_id: int, pk: int, now: tuple) -> Person:
        person = self.all.get(pk)
        if person is None:
            self.all[pk] = person = Person(practice_id, pk, now, now)
        return person

    def _recognise(self, practice_id: int, record: PatientRecord) -> Person:
        if not record.identifiers:
            raise BadRecord("identifiers", "at least one is needed")
        keys = {
            (practice_id, identifier.system, identifier.value): identifier
            for identifier in sorted(record.identifiers, key=_rank)
        }
        # A number that fails its check names somebody only where somebody has said whom.
        usable = {
            key: identifier
            for key, identifier in keys.items()
            if key in self._by_identifier or identifier.fits
        }
        if not usable:
            raise Waits(NUMBER, [])
        found = list(
            dict.fromkeys(self._by_identifier[key] for key in usable if key in self._by_identifier)
        )
        person = self._one_of(found, record) if found else None
        before = person.now if person else NOBODY
        if person and (record.deceased_on or record.deceased is not None):
            record = self._braked(person, record)
        now = particulars(record, before, today=self.today)
        if person is None or now != before:
            records.check_patient(
                PatientRecord(**dict(zip(PARTICULARS, now, strict=True))), today=self.today
            )
        if person is None:
            person = Person(practice_id, None, None, now)
            self.all[id(person), "new"] = person
        person.now = now
        for key, identifier in usable.items():
            if key not in self._by_identifier:
                person.identifiers.append((key, identifier.use))
                self._by_identifier[key] = person
                self._uses[key] = identifier.use
            elif identifier.use and identifier.use != self._uses[key]:
                self._used[key] = self._uses[key] = identifier.use
        return person

    def _one_of(self, found: list[Person], record: PatientRecord) -> Person:
        """Whom of those that its numbers name, the strongest first, a record is of.

        Somebody may have said already that the holder of a number and another are two people: then
        it is the one whom the record does not contradict. Raises `Waits`.
        """
        said = (record.family_name, record.given_name)
        differs = {
            # Whoever has just that name is not another person, which is quickly seen.
            person: ()
            if person.now[:2] == said
            else person.contradicted(record) or self._of_somebody_else(person, record)
            for person in found
        }
        if len(found) == 1 and not differs[found[0]]:
            return found[0]
        if len(found) > 1 and not all(
            one in self._apart_from(other)
            for place, one in enumerate(found)
            for other in found[:place]
        ):
            raise Waits(TWO_PEOPLE, found)
        fitting = [
            person
            for person in found
            if not differs[person] or self._said_to_be_the_same(person, record)
        ] or [
            other
            for person in found
            for other in self._apart_from(person)
            if not other.contradicted(record) and _says_the_same(other, record)
        ]
        if not fitting:
            raise Waits(CONTRADICTION, found, differs[found[0]])
        return fitting[0]

    def _braked(self, person: Person, record: PatientRecord) -> PatientRecord:
        """A record without a death that contradicts the one on record: this is noted instead.

        A day of death stays until somebody says otherwise here, and one that somebody has taken
        back does not return.
        """
        first = record.identifiers[0]
        place = (person.practice_id, f"{first.system}|{first.value}"[:190] + DEATH)
        if reason := self._contradicted_death(person, record):
            self.deaths[place] = (person, reason)
            return msgspec.structs.replace(record, deceased_on=None, deceased=None)
        self.deaths.setdefault(place, (person, ""))
        return record

    def _contradicted_death(self, person: Person, record: PatientRecord) -> str:
        """How a record contradicts what is known of a death; empty where it does not."""
        held = dict(zip(PARTICULARS, person.now, strict=True))
        said = f"died on {_in_words(record.deceased_on)}" if record.deceased_on else "died"
        if day := held["deceased_on"]:
            if record.deceased_on not in (None, day):
                return f"says “{said}”; on record is {_in_words(day)}, which stays"
            if record.deceased is False and not record.deceased_on:
                return f"says “alive”; on record is a death on {_in_words(day)}, which stays"
            return ""
        is_news = record.deceased_on or (record.deceased and not held["deceased"])
        if is_news and (person.pk, record.deceased_on) in self._deaths_taken_back():
            return f"says “{said}”; somebody here has said that this is not so"
        return ""

    def _deaths_taken_back(self) -> set[tuple[int, date | None]]:
        """(person's id, day) of deaths taken back here. Asked once in a batch that needs it."""
        if self._taken_back is None:
            known = [one.pk for one in self.all.values() if one.pk is not None]
            with connection.cursor() as cursor:
                cursor.execute(TAKEN_BACK, [known])
                self._taken_back = set(cursor.fetchall())
        return self._taken_back

    def _of_somebody_else(self, person: Person, record: PatientRecord) -> tuple[str, ...]:
        """By what a record is of another person on file, such as a twin; empty where it is not.

        That is where the name is another one, and somebody else at the practice has just that name
        and birth date. Those are asked for once in a batch that needs it.
        """
        said = _particulars(record)
        if said.birth_date is None or likeness.named_alike(person.particulars, said):
            return ()
        if self._namesakes is None:
            days = {known.birth_date for _, known in self._said if known.birth_date}
            with connection.cursor() as cursor:
                cursor.execute(BORN, [self._places, [day.isoformat() for day in sorted(days)]])
                self._namesakes = {tuple(row) for row in cursor.fetchall()}
        name = likeness.folded(said.family_name + said.given_name)
        here = {
            (pk, known)
            for pk, practice_id, day, known in self._namesakes
            if practice_id == person.practice_id and day == said.birth_date
        }
        return ("name",) if any(known == name and pk != person.pk for pk, known in here) else ()

    def _said_to_be_the_same(self, person: Person, record: PatientRecord) -> bool:
        """Whether somebody has said that these particulars are of `person`, though they contradict.

        Asked once in a batch that needs it.
        """
        if self._same is None:
            self._same = set()
            known = [one.pk for one in self.all.values() if one.pk is not None]
            with connection.cursor() as cursor:
                cursor.execute(SAME, [self._places, known])
                for pk, said in cursor.fetchall():
                    self._same.add((pk, *_named(records.convert(json.loads(said), PatientRecord))))
        return (person.pk, *_named(record)) in self._same

    def _apart_from(self, person: Person) -> list[Person]:
        """Those whom somebody has kept apart from `person`. Asked once in a batch that needs it."""
        if self._apart is None:
            self._apart = {}
            with connection.cursor() as cursor:
                cursor.execute(APART, [self._places])
                for one, practice_id, pk, *now in cursor.fetchall():
                    other = self._known(practice_id, pk, tuple(now))
                    self._apart.setdefault(one, []).append(other)
        return self._apart.get(person.pk, [])

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
    """Write one new person. Raises `BadRecord` for an identifier in use, or one that cannot be."""
    now = particulars(record, today=timezone.localdate())
    person = Person(practice.pk, None, None, now)
    _register([person], by)
    patient = Patient.objects.get(pk=person.pk)
    for identifier in record.identifiers:
        if not identifier.fits:
            raise BadRecord(
                "identifiers", f"{identifier.value} cannot be right: a digit is wrong or missing"
            )
        try:
            with transaction.atomic():
                Identifier.objects.create(
                    patient=patient,
                    practice=practice,
                    system=identifier.system,
                    value=identifier.value,
                    use=identifier.use,
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


def change(patient: Patient, record: PatientRecord, by: User) -> None:
    """Write what a record says of one person who is known, in the caller's transaction."""
    held = tuple(getattr(patient, name) for name in PARTICULARS)
    rewrite(patient, particulars(record, held, today=timezone.localdate()), by)


def rewrite(patient: Patient, now: tuple, by: User) -> None:
    """Write these particulars, in the order of `PARTICULARS`, as the next version of a person."""
    before = tuple(getattr(patient, name) for name in PARTICULARS)
    person = Person(patient.practice_id, patient.pk, before, now)
    if person.changed:
        batch = People([])
        batch.all[patient.pk] = person
        batch.write(by)
        patient.refresh_from_db()


def current(patient: Patient) -> Patient:
    """The person themselves, or into whom their record was merged, and that one's in turn."""
    while patient.merged_into_id is not None:
        patient = Patient.objects.get(pk=patient.merged_into_id)
    return patient


def particulars(record: PatientRecord, held: tuple = NOBODY, *, today: date) -> tuple:
    """The particulars as a record says them; what it leaves out stays as it was held.

    A birth date that nobody can have is none, held ones included.
    """
    now = {name: getattr(record, name) or was for name, was in zip(PARTICULARS, held, strict=True)}
    was = dict(zip(PARTICULARS, held, strict=True))
    if _one_name((record.family_name, record.given_name), held[:2]):
        now |= {name: was[name] for name in ("family_name", "given_name")}
    now["birth_date"] = possible_birth_date(record.birth_date, today=today) or possible_birth_date(
        was["birth_date"], today=today
    )
    if record.deceased is not None:
        now["deceased"] = record.deceased
    return tuple(now.values())


def _one_name(these: tuple[str, str], those: tuple[str, str]) -> bool:
    """Whether both are a single name, and the same, whichever of the two it is called."""
    single = all(bool(family) != bool(given) for family, given in (these, those))
    return single and likeness.folded("".join(these)) == likeness.folded("".join(those))


def _particulars(record: PatientRecord) -> likeness.Particulars:
    """What a record says of a person that others are compared by."""
    return likeness.Particulars(
        record.family_name,
        record.given_name,
        possible_birth_date(record.birth_date, today=timezone.localdate()),
        record.sex or "unknown",
    )


def _named(record: PatientRecord) -> tuple:
    """What of a record says who somebody is, besides their numbers."""
    return record.family_name, record.given_name, record.birth_date, record.sex


def _in_words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


_RANK = {"": 0, "temp": 1, "old": 2}


def _rank(identifier: PatientIdentifier) -> int:
    return _RANK[identifier.use]


def _says_the_same(person: Person, record: PatientRecord) -> bool:
    """Whether a record gives the name or the birth date that is known of a person."""
    family_name, given_name, birth_date, *_ = person.now
    named = likeness.folded(record.family_name + record.given_name)
    return bool(named and named == likeness.folded(family_name + given_name)) or (
        birth_date is not None and record.birth_date == birth_date
    )


def _added(person: Person) -> dict[str, Any]:
    """The numbers that were added, for the trail; nothing when none was."""
    added = [
        {"system": system, "value": value} for (_, system, value), _ in sorted(person.identifiers)
    ]
    return {"identifiers": added} if added else {}


def _different(these: tuple, those: tuple) -> dict[str, Any]:
    """What of `these` particulars is another in `those`, by name."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value, other in zip(PARTICULARS, these, those, strict=True)
        if value != other
    }
