"""Read many dossiers in a fixed number of queries. The hot path of screening: raw cursors."""

from datetime import date
from functools import lru_cache, partial

import msgspec
import psycopg
from django.db import connection

from reviews import records
from reviews.bulk import as_array, binary_cursor
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

# In the order of `Line`, after the patient and with the medicine's id for the medicine; the fields
# after `source` are one JSON array, or null where they say nothing.
LINE_COLUMNS = """
    patient_id, id, medicine_id, start_on, dose::float8, nullif(dose_unit, ''),
    times_per_day::float8, as_needed, max_per_day::float8, expected_per_day::float8,
    quantity::float8, nullif(quantity_unit, ''), days_supply, written_on, end_on, indication,
    nullif(route, ''), setting, status, coalesce(prescriber_id::text, prescriber_name),
    CASE WHEN dispensed THEN 'dispensed' ELSE 'written' END,
    CASE WHEN refill_number IS NULL AND dispensed_on IS NULL AND start_minute IS NULL
            AND schedule IS NULL AND NOT repeat_template AND NOT is_new_start AND acquired = 'nhs'
            AND replacement_reason = '' AND change_reason = '' AND team = '' AND pharmacy = ''
        THEN NULL
        ELSE json_build_array(refill_number, dispensed_on, repeat_template, acquired,
            replacement_reason, is_new_start, change_reason, coalesce(schedule, '[]'), team,
            pharmacy, start_minute)::text
    END
"""
_further = msgspec.json.Decoder(
    tuple[
        int | None,
        date | None,
        bool,
        str,
        str,
        bool,
        str,
        tuple[tuple[float, int], ...],
        str,
        str,
        int | None,
    ]
)
NOTHING_FURTHER = tuple(Line._field_defaults[name] for name in Line._fields[-11:])
LIVE = "superseded_at IS NULL"
KNOWN_THEN = (
    "recorded_at <= %(known_at)s AND (superseded_at IS NULL OR superseded_at > %(known_at)s)"
)
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
# The lines of the orders that an exemption is limited to. Never empty then: empty means all.
SCOPE = """
    CASE WHEN order_ids = '{{}}' THEN '{{}}' ELSE ARRAY(
        SELECT -1::bigint UNION ALL SELECT p.id FROM reviews_prescription p
        WHERE p.patient_id = e.patient_id AND p.order_id = ANY(e.order_ids) AND {known}
    ) END
"""
PATIENTS = """
    SELECT p.id, p.practice_id, c.profile, p.birth_date, p.deceased_on, p.sex
    FROM reviews_patient p JOIN reviews_practice c ON c.id = p.practice_id
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


def read(patient_ids, *, as_of, known_at=None, concerning=None):
    """Yield `(patient id, practice id, make)`; `make()` builds the dossier, and may raise.

    With `known_at` the record is read as it was known at that time, for a replay. `concerning`
    asks of a medicine whether it matters: whoever holds none that does has an empty dossier.
    """
    condition = KNOWN_THEN if known_at else LIVE
    granted = NOT_ENDED_THEN if known_at else NOT_ENDED
    given = {"ids": as_array(patient_ids), "known_at": known_at}
    with binary_cursor() as cursor:
        people = cursor.execute(PATIENTS, given).fetchall()
        if concerning:
            # Three in four hold none, and reading their lines took half of all reading.
            held = cursor.execute(MEDICINES.format(condition), given).fetchall()
            given["ids"] = as_array(_whom_it_concerns(held, concerning))
        lines = _by_patient(
            cursor,
            f"SELECT {LINE_COLUMNS} FROM reviews_prescription"
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
    _meet({row[2] for rows in lines.values() for row in rows})
    for person in people:
        pk = person[0]
        facts = [rows.get(pk, ()) for rows in (lines, conditions, readings, exemptions, tapers)]
        yield pk, person[1], partial(_dossier, person, as_of, facts)


def one(patient, *, as_of, known_at=None):
    """The dossier of one patient."""
    ((_, _, make),) = read([patient.pk], as_of=as_of, known_at=known_at)
    return make()


def every_line():
    """Stream `(patient id, profile, line)` of the whole live record, in order of patient and line.

    Inside the caller's transaction, whose snapshot it reads.
    """
    connection.ensure_connection()
    with psycopg.ServerCursor(connection.connection, "every_line") as cursor:
        cursor.format = psycopg.pq.Format.BINARY
        cursor.execute(
            "SELECT (SELECT profile FROM reviews_practice c WHERE c.id = practice_id),"
            f" {LINE_COLUMNS} FROM reviews_prescription WHERE {LIVE} ORDER BY 2, 3"
        )
        while rows := cursor.fetchmany(STREAMED):
            _meet({row[3] for row in rows})
            read_lines = _lines([row[1:] for row in rows])
            for (profile, patient_id, *_), made in zip(rows, read_lines, strict=True):
                yield patient_id, profile, made


def line(record, *, line_id=0, prescriber=""):
    """A line that is not saved yet, from the record a form or a client sent."""
    return Line(
        id=line_id,
        medicine=Medicine(
            key=records.medicine_key(record.medicine, record.codings),
            text=record.medicine,
            codings=tuple((coding.system, coding.code) for coding in record.codings),
        ),
        start_on=record.start_on,
        dose=record.dose,
        dose_unit=record.dose_unit,
        times_per_day=record.times_per_day,
        as_needed=record.as_needed,
        max_per_day=record.max_per_day,
        expected_per_day=record.expected_per_day,
        quantity=record.quantity,
        quantity_unit=record.quantity_unit,
        days_supply=record.days_supply,
        written_on=record.written_on,
        end_on=record.end_on,
        indication=record.indication,
        route=record.route or None,
        setting=record.setting,
        status=record.status,
        prescriber=prescriber,
        source="dispensed" if record.dispensed else "written",
        **{
            **records.said_later(record),
            "schedule": tuple((step.per_day, step.days) for step in record.schedule),
        },
    )


def _whom_it_concerns(held, concerning):
    """Of `(patient id, medicine ids)` rows the patients who hold a medicine that matters."""
    ids = {pk for _, taken in held for pk in taken}
    _meet(ids)
    matter = {pk for pk in ids if concerning(_medicines[pk])}
    return [patient_id for patient_id, taken in held if not matter.isdisjoint(taken)]


def _by_patient(cursor, statement, given):
    found = {}
    for row in cursor.execute(statement, given).fetchall():
        found.setdefault(row[0], []).append(row)
    return found


def _dossier(person, as_of, facts):
    lines, conditions, readings, exemptions, tapers = facts
    pk, _, profile, birth_date, deceased_on, sex = person
    return Dossier(
        patient_id=pk,
        as_of=as_of,
        profile=profile,
        birth_date=birth_date,
        deceased_on=deceased_on,
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
    )


def _lines(rows):
    # `_make` takes two thirds of the time of a call, and a rescreen makes a million lines.
    return tuple(
        [
            Line._make(
                (
                    row[1],
                    _medicines[row[2]],
                    *row[3:-1],
                    *(NOTHING_FURTHER if row[-1] is None else _further.decode(row[-1])),
                )
            )
            for row in rows
        ]
    )


def _meet(medicine_ids):
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
def _pairs(codings):
    return tuple((coding["system"], coding["code"]) for coding in msgspec.json.decode(codings))
