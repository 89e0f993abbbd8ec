"""Who is meant: match what a batch says about people with those registered, in sets.

Used by the sync verbs, inside their transaction. A person is known by any of their identifiers at
the practice; what a source says anew about them is kept, what it leaves out is left as it was.
"""

from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from reviews import audit, records
from reviews.audit import Event
from reviews.bulk import as_json, copy_rows, next_ids
from reviews.errors import BadRecord

SAID = ("family_name", "given_name", "birth_date", "sex", "deceased_on")
# A change of one of these can change what screening finds.
SCREENED = ("birth_date", "sex", "deceased_on")

# The columns from family_name on are those of SAID, in its order.
FIND = """
    SELECT i.practice_id, i.system, i.value, p.id,
        p.family_name, p.given_name, p.birth_date, p.sex, p.deceased_on
    FROM ROWS FROM (
        unnest(%s::bigint[]), json_array_elements_text(%s), json_array_elements_text(%s)
    ) AS said (practice_id, system, value)
    JOIN reviews_identifier i USING (practice_id, system, value)
    JOIN reviews_patient p ON p.id = i.patient_id
"""
LOCK = """
    SELECT id, family_name, given_name, birth_date, sex, deceased_on FROM reviews_patient
    WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
UPDATE = """
    UPDATE reviews_patient p SET family_name = said.family_name, given_name = said.given_name,
        birth_date = said.birth_date, sex = said.sex, deceased_on = said.deceased_on,
        updated_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::date[], %s::text[], %s::date[])
        AS said (id, family_name, given_name, birth_date, sex, deceased_on)
    WHERE p.id = said.id
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
    def changed(self):
        return self.before is not None and (self.before != self.now or bool(self.identifiers))

    @property
    def to_screen(self):
        """Whether the person alone, without any new record, is a reason to screen."""
        return self.before is None or any(
            old != new
            for name, old, new in zip(SAID, self.before, self.now, strict=True)
            if name in SCREENED
        )


class People:
    """The people of one batch. `who` says who is meant; `write` keeps what was learned."""

    def __init__(self, said):
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

    def who(self, practice_id, record):
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

    def write(self, by):
        """Register those who are new and change those who changed, in a fixed number of queries."""
        new = [person for person in self.all.values() if person.pk is None]
        changed = sorted(
            (person for person in self.all.values() if person.changed), key=lambda p: p.pk
        )
        if changed:
            self._change(changed, by)
        if new:
            ids = next_ids("reviews_patient", len(new))
            for person, pk in zip(new, ids, strict=True):
                person.pk = pk
            copy_rows(
                "reviews_patient",
                ("id", "practice_id", *SAID),
                ((person.pk, person.practice_id, *person.now) for person in new),
            )
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

    def _find(self, wanted):
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

    def _recognise(self, practice_id, record):
        if not record.identifiers:
            raise BadRecord("identifiers", "at least one is needed")
        keys = {
            (practice_id, identifier.system, identifier.value) for identifier in record.identifiers
        }
        found = {self._by_identifier[key] for key in keys if key in self._by_identifier}
        if len(found) > 1:
            raise BadRecord("identifiers", "belong to different patients")
        person = found.pop() if found else None
        before = person.now if person else ("", "", None, "unknown", None)
        now = tuple(getattr(record, name) or held for name, held in zip(SAID, before, strict=True))
        if person is None or now != before:
            records.check_patient(
                records.PatientRecord(**dict(zip(SAID, now, strict=True))), today=self.today
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

    def _change(self, changed, by):
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [[person.pk for person in changed]])
            if [tuple(row[1:]) for row in cursor.fetchall()] != [p.before for p in changed]:
                raise Moved
            values = zip(*(person.now for person in changed), strict=True)
            cursor.execute(
                UPDATE, [[person.pk for person in changed], *(list(column) for column in values)]
            )
        audit.record_all(
            audit.entry(
                by,
                Event.PATIENT_UPDATED,
                practice_id=person.practice_id,
                patient_id=person.pk,
                before=_different(person.before, person.now),
                after=_different(person.now, person.before),
                **({"identifiers": _added(person)} if person.identifiers else {}),
            )
            for person in changed
        )


def _added(person):
    return [{"system": system, "value": value} for _, system, value in sorted(person.identifiers)]


def _different(these, those):
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value, other in zip(SAID, these, those, strict=True)
        if value != other
    }
