"""Notes of what a source said and could not be kept: written beside the records of a batch.

Used by sync verbs, inside their transaction. What a batch says again of a record replaces what was
noted of it before; a note that is the same stays as it is, and one that somebody has answered does
not come back.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone

from reviews.bulk import as_json, copy_rows
from reviews.identifiers import written
from reviews.models import ImportNote

LONGEST = 500
FIND = """
    SELECT said.told, i.patient_id
    FROM ROWS FROM (
        unnest(%s::int[]), unnest(%s::bigint[]),
        json_array_elements_text(%s), json_array_elements_text(%s)
    ) AS said (told, practice_id, system, value)
    JOIN reviews_identifier i USING (practice_id, system, value)
"""


@dataclass(frozen=True)
class Told:
    """What is to be noted of one record: `about` is its id in the source.

    `identifiers` are pairs of (system, value), as they are compared, that say whom it is about.
    """

    practice_id: int
    about: str
    identifiers: tuple[tuple[str, str], ...]
    reason: str
    refused: bool
    medicine: str = ""


def plain(content: Any) -> dict[str, Any]:
    """A refused record as far as it can be read; empty where it cannot."""
    if isinstance(content, bytes | msgspec.Raw):
        try:
            content = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
    return content if isinstance(content, dict) else {}


def of_refused(content: dict[str, Any], practice_id: int | None, reason: str) -> list[Told]:
    """The note of a refused record, where it can be made out whose it is and at which practice."""
    of_a_person = "patient" not in content
    patient = content if of_a_person else content["patient"]
    identifiers = _identifiers(patient.get("identifiers") if isinstance(patient, dict) else None)
    if practice_id is None or not identifiers:
        return []
    about, medicine = content.get("source_id"), content.get("medicine")
    if of_a_person:
        about = "|".join(identifiers[0])
    elif not isinstance(about, str) or not about:
        # Without an id the record itself says which it is.
        about = hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()
    return [
        Told(
            practice_id,
            _text(about)[:200],
            identifiers,
            reason,
            refused=True,
            medicine=medicine if isinstance(medicine, str) else "",
        )
    ]


def _identifiers(given: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for known in given if isinstance(given, list | tuple) else ():
        system, value = (
            (known.get("system"), known.get("value")) if isinstance(known, dict) else (None, None)
        )
        if isinstance(system, str) and isinstance(value, str) and "\0" not in system + value:
            found.append(written(system, value))
    return tuple(found)


def keep(
    kind: str,
    source_system: str,
    told: list[Told],
    *,
    practice_ids: Iterable[int],
    sent: Callable[[], Iterable[tuple[int, str]]],
    whose: Callable[[], dict[tuple[int, str], int]],
) -> None:
    """Note what is told, and end what was noted before of the records that were sent again.

    `sent` gives (practice id, id in the source) of every record that was sent, kept or not, `whose`
    the patient's id of each that was kept; both are asked only where it matters. A refused record
    is of everybody whom its numbers name.
    """
    kind = str(kind)
    of_the_source = ImportNote.objects.filter(
        practice__in=sorted({*practice_ids, *(one.practice_id for one in told)}),
        source_system=source_system,
        kind=kind,
    )
    if not told and not of_the_source.filter(ended_at__isnull=True).exists():
        return
    wanted = _wanted(told, whose()) if told else set()
    keys = {(practice_id, about) for practice_id, about in sent()}
    # Parts of a record have its id before a “#”.
    keys |= {(practice_id, about.partition("#")[0]) for practice_id, about in keys}
    keys |= {(one.practice_id, one.about) for one in told}
    over = []
    for row in of_the_source.filter(about__in={about for _, about in keys}):
        if (row.practice_id, row.about) not in keys:
            continue
        said = (row.patient_id, row.practice_id, row.about, row.refused, row.medicine, row.reason)
        if row.ended_at is None and said not in wanted:
            over.append(row.pk)
        elif row.ended_at is None or row.answered_by_id:
            wanted.discard(said)
    if over:
        ImportNote.objects.filter(pk__in=over).update(ended_at=timezone.now())
    copy_rows(
        ImportNote._meta.db_table,
        (
            *("patient_id", "practice_id", "about", "refused", "medicine", "reason"),
            *("source_system", "kind", "answer"),
        ),
        [(*said, source_system, kind, "") for said in sorted(wanted)],
    )


def _wanted(
    told: list[Told], whose: dict[tuple[int, str], int]
) -> set[tuple[int, int, str, bool, str, str]]:
    """What to note of whom; of nobody where the person is not known here."""
    found = {
        (place, whose[one.practice_id, one.about])
        for place, one in enumerate(told)
        if (one.practice_id, one.about) in whose
    }
    said = [
        (place, one.practice_id, system, value)
        for place, one in enumerate(told)
        if (one.practice_id, one.about) not in whose
        for system, value in one.identifiers
    ]
    if said:
        places, practice_ids, systems, values = zip(*said, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                FIND, [list(places), list(practice_ids), as_json(systems), as_json(values)]
            )
            found |= set(cursor.fetchall())
    return {
        (
            patient_id,
            told[place].practice_id,
            told[place].about,
            told[place].refused,
            _text(told[place].medicine),
            _text(told[place].reason),
        )
        for place, patient_id in found
    }


def _text(said: str) -> str:
    return said.replace("\0", "")[:LONGEST]
