"""Records of which it is not certain whose they are: put aside whole, with one question for each.

Used inside the transaction of whoever takes records in. Records that say the same of a person wait
under one question, from whatever batch; nothing of anybody on file is changed by them meanwhile.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from reviews import audit, likeness
from reviews.audit import Event
from reviews.models import IdentityQuestion, Patient, WaitingRecord
from reviews.people import Waits
from reviews.records import PatientRecord
from reviews.unread import Told

WHO_IS_WHO = 7_302
"""First key of a practice's advisory lock: batches share it, a change of who is who does not."""
ROWS_AT_ONCE = 1_000


class Held(NamedTuple):
    """A record of a batch that waits: what it says of a person, why, and its row."""

    practice_id: int
    patient: PatientRecord
    why: Waits
    row: Any

    @property
    def patient_ids(self) -> list[int]:
        """Whom it may be, once those who are new have been written."""
        return sorted({person.pk for person in self.why.patients if person.pk is not None})

    @property
    def key(self) -> str:
        """The key of its question: what is said of the person, and whom it may be."""
        said = _said(self.patient)
        said["identifiers"] = sorted(said["identifiers"], key=str)
        content = msgspec.json.encode(
            [self.why.cause, self.patient_ids, said], order="deterministic"
        )
        return hashlib.blake2b(content, digest_size=16).hexdigest()


def lock(practice_id: int) -> None:
    """Keep all batches of a practice waiting while it changes who is who there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [WHO_IS_WHO, practice_id])


def hold(
    kind: str,
    source_system: str,
    held: Sequence[Held],
    by: User,
    *,
    about: Callable[[Any], str],
    told: Iterable[Told] = (),
) -> list[Told]:
    """Put records aside, each under its question; one that waits already is not put aside twice.

    What is `told` of them waits with them; `about` gives what notes call a record. Returns what is
    told of others.
    """
    notes: dict[tuple[int, str], list[dict[str, Any]]] = {}
    waits = {(one.practice_id, about(one.row.record)) for one in held}
    others = []
    for one in told:
        if (one.practice_id, one.about) in waits and not one.refused:
            said = {"reason": one.reason, "medicine": one.medicine}
            notes.setdefault((one.practice_id, one.about), []).append(said)
        else:
            others.append(one)
    by_key: dict[tuple[int, str], list[Held]] = {}
    for one in held:
        by_key.setdefault((one.practice_id, one.key), []).append(one)
    questions = _questions(by_key, by)
    there = {
        (record.question_id, record.source_id): record
        for record in WaitingRecord.objects.filter(
            question__in=questions.values(),
            kind=kind,
            source_system=source_system,
            ended_at__isnull=True,
        )
    }
    fresh, replaced = {}, []
    for key, several in by_key.items():
        question = questions[key]
        for one in several:
            content = _as_sent(one.row.record)
            said = notes.get((one.practice_id, about(one.row.record)), [])
            place = (question.pk, one.row.source_id)
            before = there.get(place)
            if before is not None and (before.content, before.notes) == (content, said):
                continue
            if before is not None:
                replaced.append(before.pk)
            fresh[place] = WaitingRecord(
                question=question,
                practice_id=one.practice_id,
                kind=kind,
                source_system=source_system,
                source_id=one.row.source_id,
                record_id=one.row.record_id,
                content=content,
                notes=said,
                sent_by=by,
            )
    WaitingRecord.objects.filter(pk__in=replaced).update(ended_at=timezone.now())
    WaitingRecord.objects.bulk_create(fresh.values(), batch_size=ROWS_AT_ONCE)
    return others


def end(kind: str, source_system: str, taken: Iterable[Any], held: Iterable[Held]) -> None:
    """What waited and has come again otherwise waits no more: taken in now, or under another name.

    What says only who somebody is (a “patients” record has no id) goes with the last record that
    waited beside it. A question under which nothing waits any more is withdrawn.
    """
    questions: dict[tuple[int, str], str | None] = {
        (row.practice_id, row.source_id): None for row in taken
    }
    questions |= {(one.practice_id, one.row.source_id): one.key for one in held}
    waits = WaitingRecord.objects.filter(
        practice__in={practice_id for practice_id, _ in questions},
        kind=kind,
        source_system=source_system,
        ended_at__isnull=True,
    ).exclude(source_id="")
    over = [
        (pk, question_id)
        for pk, question_id, practice_id, source_id, key in waits.values_list(
            "pk", "question", "practice", "source_id", "question__key"
        )
        if questions.get((practice_id, source_id), key) != key
    ]
    if not over:
        return
    now, asked = timezone.now(), {question for _, question in over}
    WaitingRecord.objects.filter(pk__in=[pk for pk, _ in over]).update(ended_at=now)
    still = WaitingRecord.objects.filter(question__in=asked, ended_at__isnull=True)
    still.filter(kind="patients", source_system=source_system).exclude(
        question__in=still.exclude(kind="patients").values("question")
    ).update(ended_at=now)
    IdentityQuestion.objects.open().filter(pk__in=asked).exclude(
        records__ended_at__isnull=True
    ).update(settled_at=now, answer=IdentityQuestion.Answer.WITHDRAWN)
    tell_followers(asked)


def _as_sent(record: msgspec.Struct) -> dict[str, Any]:
    """A record as its JSON."""
    return msgspec.json.decode(msgspec.json.encode(record))


def _said(record: PatientRecord) -> dict[str, Any]:
    """What a record says of a person, and nothing else."""
    sent = _as_sent(record)
    return {name: sent[name] for name in PatientRecord.__struct_fields__}


def _questions(
    by_key: dict[tuple[int, str], list[Held]], by: User
) -> dict[tuple[int, str], IdentityQuestion]:
    """The open question of each (practice id, key), asked now where it was not."""
    found = {
        (question.practice_id, question.key): question
        for question in IdentityQuestion.objects.open().filter(
            practice__in={practice_id for practice_id, _ in by_key},
            key__in={key for _, key in by_key},
        )
    }
    asked = []
    for (practice_id, key), several in by_key.items():
        if (practice_id, key) not in found:
            first = several[0]
            asked.append(
                IdentityQuestion(
                    practice_id=practice_id,
                    key=key,
                    cause=first.why.cause,
                    said=_said(first.patient),
                    differs=list(first.why.differs),
                )
            )
    for question in IdentityQuestion.objects.bulk_create(asked, batch_size=ROWS_AT_ONCE):
        found[question.practice_id, question.key] = question
    whom = {
        question.pk: by_key[question.practice_id, question.key][0].patient_ids for question in asked
    }
    through = IdentityQuestion.patients.through
    through.objects.bulk_create(
        [
            through(identityquestion_id=pk, patient_id=patient_id)
            for pk, patients in whom.items()
            for patient_id in patients
        ],
        batch_size=ROWS_AT_ONCE,
    )
    audit.record_all(
        audit.entry(
            by,
            Event.IDENTITY_ASKED,
            practice_id=question.practice_id,
            patient_id=patient_id,
            subject=question,
            cause=question.cause,
            differs=question.differs,
        )
        for question in asked
        for patient_id in whom[question.pk] or [None]
    )
    tell_followers(whom)
    return found


# Whoever a question may be about: whose number it is, and who has the name and birth date said.
CONCERNED = """
    UPDATE reviews_patient p SET updated_at = statement_timestamp()
    FROM reviews_identityquestion q
    WHERE q.id = ANY(%s) AND p.practice_id = q.practice_id AND p.merged_into_id IS NULL
        AND (
            p.id IN (
                SELECT patient_id FROM reviews_identityquestion_patients
                WHERE identityquestion_id = q.id
            )
            OR p.birth_date = (q.said ->> 'birth_date')::date
                AND p.family_folded || p.given_folded = reviews_folded(
                    (q.said ->> 'family_name') || (q.said ->> 'given_name')
                )
        )
"""


def tell_followers(question_ids: Iterable[int]) -> None:
    """Who follows changes of people learns that other records wait for them now, or none."""
    with connection.cursor() as cursor:
        cursor.execute(CONCERNED, [list(question_ids)])


def about(patient: Patient) -> QuerySet[IdentityQuestion]:
    """The open questions whether records are of this person, the oldest first.

    That is where one of their numbers is said, or their name and birth date under another number.
    """
    may_be = Q(patients=patient)
    if patient.birth_date:
        may_be |= Q(
            practice=patient.practice_id,
            said_birth_date=patient.birth_date.isoformat(),
            said_name=likeness.folded(patient.family_name + patient.given_name),
        )
    rows = IdentityQuestion.objects.open().with_said().filter(may_be)
    return rows.order_by("asked_at", "pk").distinct()
