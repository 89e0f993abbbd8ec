"""Read many dossiers in a fixed number of queries. The hot path of screening: raw cursors."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from functools import lru_cache, partial

import msgspec
import psycopg
from django.db import connection

from reviews import fields, groups, records
from reviews.bulk import as_array, binary_cursor
from reviews.fields import AMOUNT, CODE, COUNT, DAY, FLAG, SCHEDULE, TEXT, UNIT, Field
from reviews.models import Patient, Practice
from reviews.models.versioned import KNOWN_THEN, LIVE
from reviews.records import PORTAL, PrescriptionRecord
from reviews.rules.dossier import (
    Condition,
    Dossier,
    Exemption,
    Line,
    Medicine,
    Reading,
    Taper,
    TaperStep,
)
from reviews.rules.meanings import Meanings

_FIELDS = {field.line: field for field in fields.KEPT if field.line}
# In the order of `Line`, whose named fields after the medicine are those of the table.
_EARLY = [_FIELDS[name] for name in Line._fields if name in _FIELDS and not _FIELDS[name].later]
_LATER = [_FIELDS[name] for name in Line._fields if name in _FIELDS and _FIELDS[name].later]
# What a line does not read as its column holds it.
_READ = {
    "route": "nullif(route, '')",
    "prescriber": "coalesce(prescriber_id::text, prescriber_name)",
    "source": "CASE WHEN dispensed THEN 'dispensed' WHEN evidence <> '' THEN evidence"
    " ELSE 'written' END",
    "schedule": "coalesce(schedule, '[]')",
}
_READ_KIND = {AMOUNT: "{}::float8", UNIT: "nullif({}, '')"}
_TYPES = {
    AMOUNT: float | None,
    COUNT: int | None,
    DAY: date | None,
    FLAG: bool,
    CODE: str,
    TEXT: str,
    SCHEDULE: tuple[tuple[float, int], ...],
}


def _read(field: Field) -> str:
    """The expression of a line's field."""
    return _READ.get(field.line) or _READ_KIND.get(field.kind, "{}").format(field.column)


def _unsaid(field: Field) -> str:
    """The condition that a column says nothing."""
    nothing = Line._field_defaults[field.line]
    if field.kind is FLAG:
        return f"NOT {field.column}"
    return (
        f"{field.column} = '{nothing}'" if field.kind in (CODE, TEXT) else f"{field.column} IS NULL"
    )


# The later fields are one JSON array, or null where they all say nothing, as most do.
SELECT_LINE = f"""
    patient_id, id, medicine_id, {", ".join(map(_read, _EARLY))},
    CASE WHEN {" AND ".join(map(_unsaid, _LATER))} THEN NULL
        ELSE json_build_array({", ".join(map(_read, _LATER))})::text END,
    source_system
"""
_later = msgspec.json.Decoder(tuple[tuple(_TYPES[field.kind] for field in _LATER)])
NOTHING_LATER = tuple(Line._field_defaults[field.line] for field in _LATER)
# An exemption ended early does not count from that moment on.
NOT_ENDED = "ended_at IS NULL"
NOT_ENDED_THEN = "granted_at <= %(known_at)s AND (ended_at IS NULL OR ended_at > %(known_at)s)"
# What the rules read of a taper's steps: the day and the mg a day.
TAPERS = """
    SELECT t.patient_id, t.id, t.drug, v.status, v.maintenance_agreed, v.last_contact_on,
        (SELECT json_agg(json_build_array(step ->> 0, (step ->> 1)::float8))
            FROM jsonb_array_elements(v.steps) step)::text
    FROM reviews_taper t JOIN reviews_taperversion v ON v.taper_id = t.id
    WHERE t.patient_id = ANY(%(ids)s::bigint[]) AND {} ORDER BY t.id
"""
_steps = msgspec.json.Decoder(tuple[tuple[date, float], ...])
# A word taken back does not count from that moment on; one for every practice has none of its own.
SAID = "taken_back_at IS NULL"
SAID_THEN = "said_at <= %(known_at)s AND (taken_back_at IS NULL OR taken_back_at > %(known_at)s)"
MEANINGS = """
    SELECT s.practice_id, s.text, m.key, m.text, m.codings::text
    FROM reviews_medicinemeaning s JOIN reviews_medicine m ON m.id = s.medicine_id WHERE {}
"""
NO_SEDATIVES = "SELECT practice_id, array_agg(text) FROM reviews_nosedative WHERE {} GROUP BY 1"
# The lines of the orders that an exemption is limited to. Never empty then: empty means all.
SCOPE = """
    CASE WHEN order_ids = '{{}}' THEN '{{}}' ELSE ARRAY(
        SELECT -1::bigint UNION ALL SELECT p.id FROM reviews_prescription p
        WHERE p.patient_id = e.patient_id AND p.order_id = ANY(e.order_ids) AND {known}
    ) END
"""
PATIENTS = """
    SELECT p.id, p.practice_id, c.profile, p.birth_date, p.deceased_on, p.sex,
        p.deceased, c.code, coalesce(g.code, '')
    FROM reviews_patient p JOIN reviews_practice c ON c.id = p.practice_id
        LEFT JOIN reviews_groupmember m ON m.practice_id = c.id AND m.until IS NULL
        LEFT JOIN reviews_practicegroup g ON g.id = m.group_id
    WHERE p.id = ANY(%(ids)s::bigint[])
"""
# Of somebody registered later nothing was known then.
PATIENTS_THEN = f"""
    SELECT p.id, p.practice_id, coalesce(
            (SELECT o.profile FROM reviews_pastprofile o
                WHERE o.practice_id = c.id AND o.until > %(known_at)s ORDER BY o.until LIMIT 1),
            c.profile
        ), v.birth_date, v.deceased_on, coalesce(v.sex, 'unknown'),
        coalesce(v.deceased, false), c.code, coalesce(g.code, '')
    FROM reviews_patient p JOIN reviews_practice c ON c.id = p.practice_id
        LEFT JOIN reviews_groupmember m ON m.practice_id = c.id AND m.since <= %(known_at)s
            AND (m.until IS NULL OR m.until > %(known_at)s)
        LEFT JOIN reviews_practicegroup g ON g.id = m.group_id
        LEFT JOIN reviews_patientversion v ON v.patient_id = p.id AND {KNOWN_THEN}
    WHERE p.id = ANY(%(ids)s::bigint[])
"""

MEDICINES = """
    SELECT patient_id, array_agg(medicine_id) FROM reviews_prescription
    WHERE patient_id = ANY(%(ids)s::bigint[]) AND {} GROUP BY patient_id
"""

# Medicines never change, so each process keeps those it has met.
_medicines = {}
MOST_MEDICINES = 50_000
STREAMED = 5_000


def read(
    patient_ids: Iterable[int],
    *,
    as_of: date,
    known_at: datetime | None = None,
    concerning: Callable[[Medicine], bool] | None = None,
) -> Iterator[tuple[int, int, Callable[[], Dossier]]]:
    """Yield `(patient id, practice id, make)`; `make()` builds the dossier, and may raise.

    With `known_at` the record is read as it was known at that time, for a replay. `concerning`
    asks of a medicine whether it matters: whoever holds none that does has an empty dossier.
    """
    condition = KNOWN_THEN if known_at else LIVE
    granted = NOT_ENDED_THEN if known_at else NOT_ENDED
    given = {"ids": as_array(patient_ids), "known_at": known_at}
    with binary_cursor() as cursor:
        people = cursor.execute(PATIENTS_THEN if known_at else PATIENTS, given).fetchall()
        if concerning:
            # Three in four hold none, and reading their lines took half of all reading.
            held = cursor.execute(MEDICINES.format(condition), given).fetchall()
            given["ids"] = as_array(_whom_it_concerns(held, concerning))
        lines = _by_patient(
            cursor,
            f"SELECT {SELECT_LINE} FROM reviews_prescription"
            f" WHERE patient_id = ANY(%(ids)s::bigint[]) AND {condition}",
            given,
        )
        conditions = _by_patient(
            cursor,
            "SELECT patient_id, id, codings::text, text, onset_on, ended_on, kind"
            " FROM reviews_condition"
            " WHERE patient_id = ANY(%(ids)s::bigint[]) AND status <> 'entered-in-error'"
            f" AND {condition}",
            given,
        )
        readings = _by_patient(
            cursor,
            "SELECT patient_id, id, kind, value::float8, unit, dated_on, text FROM reviews_reading"
            " WHERE patient_id = ANY(%(ids)s::bigint[]) AND status <> 'entered-in-error'"
            f" AND {condition}",
            given,
        )
        exemptions = _by_patient(
            cursor,
            "SELECT patient_id, id, kind, starts_on, expires_on, "
            f"{SCOPE.format(known=condition)} FROM reviews_exemption e"
            f" WHERE patient_id = ANY(%(ids)s::bigint[]) AND {granted}",
            given,
        )
        tapers = _by_patient(cursor, TAPERS.format(condition), given)
        said = cursor.execute(NO_SEDATIVES.format(SAID_THEN if known_at else SAID), given)
        no_sedatives = {practice_id: frozenset(texts) for practice_id, texts in said.fetchall()}
        meanings = _meanings(cursor, SAID_THEN if known_at else SAID, given)
    _meet({row[2] for rows in lines.values() for row in rows})
    for person in people:
        pk = person[0]
        facts = [rows.get(pk, ()) for rows in (lines, conditions, readings, exemptions, tapers)]
        texts = no_sedatives.get(None, frozenset()) | no_sedatives.get(person[1], frozenset())
        meant = _in_practice(meanings, person[1])
        yield pk, person[1], partial(_dossier, person, as_of, facts, texts, meant)


def one(patient: Patient, *, as_of: date, known_at: datetime | None = None) -> Dossier:
    """The dossier of one patient."""
    ((_, _, make),) = read([patient.pk], as_of=as_of, known_at=known_at)
    return make()


def meanings_in(practice_id: int) -> Meanings:
    """The texts of which somebody said what they are, where that holds in a practice."""
    with binary_cursor() as cursor:
        return _in_practice(_meanings(cursor, SAID, {}), practice_id)


def of_nobody_here(practice: Practice, *, as_of: date) -> Dossier:
    """The empty dossier of somebody who has no record here, as the practice would judge it."""
    with binary_cursor() as cursor:
        said = dict(cursor.execute(NO_SEDATIVES.format(SAID), {}).fetchall())
        meanings = _in_practice(_meanings(cursor, SAID, {}), practice.pk)
    texts = frozenset(said.get(None, ())) | frozenset(said.get(practice.pk, ()))
    return Dossier(
        patient_id=0,
        as_of=as_of,
        profile=practice.profile,
        no_sedatives=texts,
        meanings=meanings,
        practice=practice.code,
        group=groups.group_of(practice.pk),
    )


def every_line() -> Iterator[tuple[int, str, Meanings, Line]]:
    """Stream `(patient id, profile, meanings, line)` of the whole live record, in order of patient
    and line; `meanings` are those that hold in the practice.

    Inside the caller's transaction, whose snapshot it reads.
    """
    connection.ensure_connection()
    with binary_cursor() as cursor:
        meanings = _meanings(cursor, SAID, {})
    with psycopg.ServerCursor(connection.connection, "every_line") as cursor:
        cursor.format = psycopg.pq.Format.BINARY
        statement = (
            "SELECT practice_id,"
            " (SELECT profile FROM reviews_practice c WHERE c.id = practice_id),"
            f" {SELECT_LINE} FROM reviews_prescription WHERE {LIVE} ORDER BY 3, 4"
        )
        # As bytes: psycopg's types take text only where it is a literal.
        cursor.execute(statement.encode())
        while rows := cursor.fetchmany(STREAMED):
            _meet({row[4] for row in rows})
            read_lines = _lines([row[2:] for row in rows])
            for (practice_id, profile, patient_id, *_), made in zip(rows, read_lines, strict=True):
                yield patient_id, profile, _in_practice(meanings, practice_id), made


def lines(ids: Iterable[int]) -> dict[int, Line]:
    """Single versions of prescriptions as the rules read them, by id."""
    with binary_cursor() as cursor:
        rows = cursor.execute(
            f"SELECT {SELECT_LINE} FROM reviews_prescription"
            " WHERE id = ANY(%(ids)s::bigint[])".encode(),
            {"ids": as_array(ids)},
        ).fetchall()
    _meet({row[2] for row in rows})
    return {made.id: made for made in _lines(rows)}


def line(
    record: PrescriptionRecord, *, line_id: int = 0, prescriber: str = "", system: str = PORTAL
) -> Line:
    """A line that is not saved yet, from the record a form or a client sent."""
    said = {name: getattr(record, field.name) for name, field in _FIELDS.items()}
    said |= {
        "route": record.route or None,
        "prescriber": prescriber,
        "source": "dispensed" if record.dispensed else record.evidence or "written",
        "schedule": tuple((step.per_day, step.days) for step in record.schedule),
    }
    return Line(
        id=line_id,
        medicine=Medicine(
            key=records.medicine_key(record.medicine, record.codings),
            text=record.medicine,
            codings=tuple((coding.system, coding.code) for coding in record.codings),
        ),
        system=system,
        **said,
    )


def _whom_it_concerns(
    held: list[tuple[int, list[int]]], concerning: Callable[[Medicine], bool]
) -> list[int]:
    """Of `(patient id, medicine ids)` rows the patients who hold a medicine that matters."""
    ids = {pk for _, taken in held for pk in taken}
    _meet(ids)
    matter = {pk for pk in ids if concerning(_medicines[pk])}
    return [patient_id for patient_id, taken in held if not matter.isdisjoint(taken)]


def _by_patient(cursor: psycopg.Cursor, statement: str, given: dict) -> dict[int, list[tuple]]:
    found = {}
    for row in cursor.execute(statement.encode(), given).fetchall():
        found.setdefault(row[0], []).append(row)
    return found


def _meanings(cursor: psycopg.Cursor, condition: str, given: dict) -> dict[int | None, Meanings]:
    """What was said of texts, by practice; what one says itself counts before what holds in all."""
    found: dict[int | None, dict[str, Medicine]] = {}
    for practice_id, text, key, written, codings in cursor.execute(
        MEANINGS.format(condition).encode(), given
    ).fetchall():
        found.setdefault(practice_id, {})[text] = Medicine(key, written, _pairs(codings))
    everywhere = found.get(None, {})
    return {practice_id: everywhere | own for practice_id, own in found.items()}


def _in_practice(meanings: dict[int | None, Meanings], practice_id: int) -> Meanings:
    return meanings.get(practice_id) or meanings.get(None, {})


def _dossier(
    person: tuple,
    as_of: date,
    facts: list,
    no_sedatives: frozenset[str],
    meanings: Meanings,
) -> Dossier:
    lines, conditions, readings, exemptions, tapers = facts
    pk, _, profile, birth_date, deceased_on, sex, deceased, practice, group = person
    return Dossier(
        patient_id=pk,
        as_of=as_of,
        profile=profile,
        birth_date=birth_date,
        deceased_on=deceased_on,
        deceased=deceased,
        sex=sex,
        lines=_lines(lines),
        conditions=tuple([Condition(row[1], _pairs(row[2]), *row[3:]) for row in conditions]),
        readings=tuple([Reading(*row[1:]) for row in readings]),
        exemptions=tuple(
            Exemption(
                id=row[1],
                kind=row[2],
                starts_on=row[3],
                expires_on=row[4],
                line_scope=tuple(row[5]),
            )
            for row in exemptions
        ),
        tapers=tuple(
            Taper(
                id=row[1],
                drug=row[2],
                status=row[3],
                maintenance_agreed=row[4],
                last_contact_on=row[5],
                steps=tuple(TaperStep(*step) for step in _steps.decode(row[6])),
            )
            for row in tapers
        ),
        no_sedatives=no_sedatives,
        meanings=meanings,
        practice=practice,
        group=group,
    )


def _lines(rows: Iterable[tuple]) -> tuple[Line, ...]:
    """Lines of rows of `SELECT_LINE`."""
    # `_make` takes two thirds of the time of a call, and a rescreen makes a million lines.
    return tuple(
        [
            Line._make(
                (
                    pk,
                    _medicines[medicine_id],
                    *said,
                    *(NOTHING_LATER if later is None else _later.decode(later)),
                    system,
                )
            )
            for _, pk, medicine_id, *said, later, system in rows
        ]
    )


def _meet(medicine_ids: set[int]) -> None:
    unknown = [pk for pk in medicine_ids if pk not in _medicines]
    if not unknown:
        return
    if len(_medicines) > MOST_MEDICINES:
        _medicines.clear()
        unknown = list(medicine_ids)
    with binary_cursor() as cursor:
        for pk, key, text, codings in cursor.execute(
            "SELECT id, key, text, codings::text FROM reviews_medicine WHERE id = ANY(%s)",
            [unknown],
        ):
            _medicines[pk] = Medicine(key=key, text=text, codings=_pairs(codings))


# The same few diagnoses come again and again.
@lru_cache(maxsize=10_000)
def _pairs(codings: str) -> tuple[tuple[str, str], ...]:
    return tuple((coding["system"], coding["code"]) for coding in msgspec.json.decode(codings))
