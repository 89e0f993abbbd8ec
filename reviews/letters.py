"""Keep a letter as it goes out: its words, its pages, and the number that stands on them.

Used by verbs, inside their transaction, which has asked `access`.
"""

import hashlib
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from reviews import audit, profiles, typesetting
from reviews.audit import Event
from reviews.lettering.text import Block, as_json, from_json, in_words
from reviews.models import Letter, LetterText, Patient, Practice, RecallPerson, RecallRound

LOCK = 0x1E77
"""First key of the advisory lock under which a practice counts its letters; then its id."""


def keep(
    *,
    patient: Patient,
    text: LetterText,
    blocks: Sequence[Block],
    addressee: str,
    by: User,
    person: RecallPerson | None = None,
    to_round: RecallRound | None = None,
) -> Letter:
    """Number a letter, set it and keep it. Numbers have no gap, and none is given twice."""
    practice, today = patient.practice, timezone.localdate()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, practice.pk])
    before = Letter.objects.filter(practice=practice, year=today.year).aggregate(Max("number"))
    number = (before["number__max"] or 0) + 1
    letter = Letter(
        practice=practice,
        patient=patient,
        text=text,
        identifier=f"{initials(practice)}{practice.pk}-{today.year}-{number:04d}",
        year=today.year,
        number=number,
        dated_on=today,
        addressee=addressee,
        blocks=as_json(blocks),
        written_by=by,
        person=person,
        round=to_round,
    )
    letter.pdf = typesetting.pdf([sheet(letter)])
    letter.digest = hashlib.sha256(letter.pdf).hexdigest()
    letter.save()
    audit.record(
        by,
        Event.LETTER_WRITTEN,
        practice_id=practice.pk,
        patient_id=patient.pk,
        subject=letter,
        letter=letter.identifier,
        text=f"{text.template.key} {text.number}",
        digest=letter.digest,
    )
    return letter


def sheet(letter: Letter) -> typesetting.Sheet:
    """What stands on the pages of a letter, for the one who sets it."""
    practice = letter.practice
    return typesetting.Sheet(
        title=f"{letter.text.name}, {letter.identifier}",
        number=f"Letter {letter.identifier}",
        date=f"{letter.dated_on.day} {letter.dated_on:%B %Y}",
        practice=practice.name,
        language=practice.language_tag.partition("-")[0],
        paper=profiles.of(practice).paper,
        sender="\n".join(filter(None, [practice.name, practice.address, practice.telephone])),
        addressee=letter.addressee,
        blocks=letter.blocks,
    )


def words_of(letter: Letter) -> str:
    """What a kept letter says, as plain text."""
    return in_words(from_json(letter.blocks))


def initials(practice: Practice) -> str:
    """ "HSS" of Harbour Street Surgery: letters of the Latin alphabet alone, at most four."""
    firsts = [word[0].upper() for word in practice.name.split()]
    return "".join(first for first in firsts if "A" <= first <= "Z")[:4] or "L"
