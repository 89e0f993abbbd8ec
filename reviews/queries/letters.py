"""What letters say: the fields of a person, the texts there are, and what was checked of one."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet

from reviews import access, rulebooks
from reviews.access import Action
from reviews.errors import NotFound
from reviews.identifiers import label, read_aloud
from reviews.lettering import stopping
from reviews.lettering.fields import FIELDS, PATIENT, REPLY_DAYS
from reviews.lettering.text import fields_of, fill, in_words, needed
from reviews.models import (
    Case,
    Decision,
    Flag,
    Letter,
    LetterText,
    Patient,
    named,
)
from reviews.queries import in_use, medicines
from reviews.queries.identity import all_ids
from reviews.rules import words
from reviews.tapering import sheet

HIGHEST_GRADE = 8
"""Years of school that a letter to a patient may ask for; a product choice."""
_SAMPLE = {name: field.sample for name, field in FIELDS.items()}


def in_words_of(day: date) -> str:
    """ "16 December 2026"."""
    return f"{day.day} {day:%B %Y}"


def values(patient: Patient, *, by: User, today: date) -> dict[str, str]:
    """Every field as it is known of a person, empty where it is not."""
    _version, book = rulebooks.holding_at(patient.practice_id)
    rows, dossier = medicines.of(patient, book=book, as_of=today)
    taken = in_use.of(dossier, book)
    who = in_use.prescribers([taken.prescriber]).get(taken.prescriber, (None, ""))
    numbers = [n for n in patient.identifiers.all() if n.use != "old"]
    practice = patient.practice
    name = " ".join(filter(None, [patient.given_name, patient.family_name]))
    return {
        "patient_name": name,
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "birth_date": in_words_of(patient.birth_date) if patient.birth_date else "",
        "patient_number": " ".join(
            f"{label(number.system)} {read_aloud(number.system, number.value)}"
            for number in numbers[:1]
        ),
        "medicine": words.listed(taken.drugs),
        "dose": taken.dose,
        "duration": taken.duration if taken.drugs else "",
        "opioid": words.listed(taken.opioids),
        "medicines": "\n".join(
            dict.fromkeys(row.prescription.medicine.text for row in rows if row.now)
        ),
        "findings": "\n".join(_findings(patient)),
        "plan": _plan(patient),
        "practice_name": practice.name,
        "practice_address": practice.address,
        "practice_phone": practice.telephone,
        "contact_name": named(by),
        "prescriber_name": who[1],
        "date": in_words_of(today),
        "reply_by": in_words_of(today + timedelta(days=REPLY_DAYS)),
    }


def _findings(patient: Patient) -> list[str]:
    """The titles of what is open, the worst first, each once."""
    flags = Flag.objects.open().filter(patient=patient, severity__lte=3)
    titles = flags.order_by("severity", "rule_id", "pk").values_list("title", flat=True)
    return list(dict.fromkeys(titles))


def _plan(patient: Patient) -> str:
    """What the newest decision that stands says: "Reduce or taper, agreed with the patient"."""
    decision = (
        Decision.objects.standing()
        .filter(patient__in=all_ids(patient))
        .select_related("answers")
        .order_by("-pk")
        .first()
    )
    if decision is None:
        return ""
    items = (decision.answers or decision).items.order_by("pk")
    said = dict.fromkeys(
        f"{item.get_outcome_display()}: {item.get_reason_display().lower()},"
        f" until {in_words_of(item.until)}"
        for item in items
    )
    return "\n".join(said)


# -- Texts ---------------------------------------------------------------------------------------


def in_use_texts() -> QuerySet[LetterText]:
    """The published text of each template, by audience and name."""
    return (
        LetterText.objects.filter(state=LetterText.State.PUBLISHED)
        .select_related("template", "owner", "published_by")
        .order_by("audience", "name", "pk")
    )


def text_in_use(pk: int) -> LetterText:
    """A published text. Raises `NotFound`."""
    found = in_use_texts().filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such letter in use.")
    return found


def of_template(key: str) -> list[LetterText]:
    """Every text of a template, the newest first. Raises `NotFound`."""
    found = list(
        LetterText.objects.filter(template__key=key)
        .select_related("template", "owner", "drafted_by", "published_by")
        .order_by("-number")
    )
    if not found:
        raise NotFound("There is no such letter.")
    return found


class Checked(NamedTuple):
    """What was looked at in a text: fields, what it says of stopping, how hard it is to read.

    `grade` is in years of school; `is_readable` None where nobody has to be able to read it who is
    no clinician.
    """

    used: list[str]
    needed: list[str]
    advise: list[str]
    warnings: int
    grade: Decimal
    is_readable: bool | None


def checked(body: str, audience: str) -> Checked:
    """Look at a text. Raises `lettering.text.NotALetter` for one that is none."""
    used = fields_of(body)
    said = stopping.looked_at(body)
    words_alone = in_words(fill(body, _SAMPLE))
    grade = (
        sheet.reading_grade(words_alone) if any(c.isalpha() for c in words_alone) else Decimal(0)
    )
    return Checked(
        used=used,
        needed=needed(body),
        advise=said.advise,
        warnings=said.warnings,
        grade=grade,
        is_readable=grade <= HIGHEST_GRADE if audience == PATIENT else None,
    )


def lacking(body: str, known: Mapping[str, str]) -> list[str]:
    """The fields without which this person gets no letter, and that are not known of them."""
    return [name for name in needed(body) if not known.get(name)]


# -- Letters that went out -------------------------------------------------------------------------


def of_patient(patient: Patient) -> QuerySet[Letter]:
    """The letters about somebody, also from records that went into theirs, the newest first."""
    return (
        Letter.objects.filter(patient__in=all_ids(patient))
        .select_related("text", "written_by")
        .defer("pdf", "blocks")
        .order_by("-pk")
    )


def fetch(user: User, pk: int) -> Letter:
    """One letter as it went out, with its pages. Raises `NotFound`."""
    rows = Letter.objects.select_related("practice", "patient", "text__template", "written_by")
    return access.fetch(rows, user, Action.SEE_PATIENT, pk=pk)


def preview_people(user: User) -> list[Patient]:
    """Some people to try a letter with: those of open cases, the worst first."""
    visible = access.scope(Case.objects.open(), user, Action.SEE_PATIENT)
    found = visible.ranked().select_related("patient")[:12]
    return [case.patient for case in found]
