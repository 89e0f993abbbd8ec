"""Verbs on letters: draft and publish their texts, and write one to or about a person."""

import hashlib
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify

from reviews import access, audit, letters
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove, NotAllowed, Stale
from reviews.lettering import fields
from reviews.lettering.text import LONGEST, NotALetter, fill, in_words
from reviews.models import Audience, Letter, LetterTemplate, LetterText, Patient
from reviews.queries import letters as said_of

DRAFT, PUBLISHED = LetterText.State.DRAFT, LetterText.State.PUBLISHED
RETIRED = LetterText.State.RETIRED
STANDARD = Path(letters.__file__).parent / "lettering" / "standard.toml"
READ_AGAIN = timedelta(days=365)
"""How long a text may be in use before somebody reads it again; a product choice."""


@transaction.atomic
def bootstrap() -> int:
    """Put the texts that come with the software in use, where there is none of that key yet."""
    added = 0
    with STANDARD.open("rb") as file:
        standard = tomllib.load(file)["letter"]
    for key, each in standard.items():
        template, made = LetterTemplate.objects.get_or_create(key=key)
        if not made:
            continue
        _check(each["body"], each["audience"])
        text = LetterText.objects.create(
            template=template,
            number=1,
            state=PUBLISHED,
            name=each["name"],
            audience=each["audience"],
            body=each["body"].strip(),
            reviewed_on=each["reviewed"],
            next_review_on=each["next_review"],
            published_at=timezone.now(),
        )
        _tell(None, Event.LETTER_TEXT_PUBLISHED, text, digest=digest(text))
        added += 1
    return added


@transaction.atomic
def draft(
    *,
    name: str,
    audience: str,
    body: str,
    by: User,
    template: LetterTemplate | None = None,
    reviewed_on: date | None = None,
) -> LetterText:
    """Keep a text as a draft, of a letter there is or of a new one. `by` answers for it.

    Raises `BadRecord` for an unknown field, a sentence that tells somebody to stop at once, and a
    letter to a patient that does not warn of that.
    """
    access.require(by, Action.EDIT_LETTER_TEXTS)
    name = " ".join(name.split())
    body = body.replace("\r\n", "\n").strip()
    if not name or len(name) > 100:
        raise BadRecord("name", "is needed, in at most 100 letters")
    if audience not in Audience.values:
        raise BadRecord("audience", "choose to whom it goes")
    today = timezone.localdate()
    reviewed_on = reviewed_on or today
    if not today - READ_AGAIN < reviewed_on <= today:
        raise BadRecord("reviewed_on", "is the day on which it was read, within the last year")
    _check(body, audience)
    if template is None:
        template, made = LetterTemplate.objects.get_or_create(key=slugify(name)[:60] or "letter")
        if not made:
            raise BadRecord("name", "there is a letter of that name; open it to change its text")
    texts = LetterText.objects.filter(template=template)
    _lock(texts)
    last = texts.order_by("-number").first()
    if last is not None and (last.name, last.audience, last.body) == (name, audience, body):
        if last.state == DRAFT:
            raise IllegalMove("Nothing has changed since that draft.")
        if last.state == PUBLISHED and last.reviewed_on >= reviewed_on:
            raise IllegalMove(f"Nothing has changed since version {last.number}.")
    text = LetterText.objects.create(
        template=template,
        number=last.number + 1 if last else 1,
        name=name,
        audience=audience,
        body=body,
        owner=by,
        reviewed_on=reviewed_on,
        next_review_on=reviewed_on + READ_AGAIN,
        drafted_by=by,
    )
    _tell(by, Event.LETTER_TEXT_DRAFTED, text)
    return text


@transaction.atomic
def publish(*, text: LetterText, by: User) -> LetterText:
    """Put a draft in use, as a second person. Letters that went out keep the text they had.

    Raises `NotAllowed` for who drafted it, `Stale` where a later one is in use.
    """
    access.require(by, Action.PUBLISH_LETTER_TEXTS)
    locked = _locked(text)
    if locked.state != DRAFT:
        raise IllegalMove(f"Version {locked.number} is not a draft.")
    if locked.drafted_by_id == by.pk:
        raise NotAllowed("You drafted this letter. A second person must agree and publish it.")
    # What was checked when it was saved holds now too, by the checks of today.
    _check(locked.body, locked.audience)
    live = LetterText.objects.filter(template=locked.template, state=PUBLISHED).first()
    if live is not None:
        if live.number > locked.number:
            raise Stale(f"Version {live.number} was published since. Draft again from there.")
        live.state, live.retired_at = RETIRED, timezone.now()
        live.save(update_fields=["state", "retired_at"])
    locked.state, locked.published_by, locked.published_at = PUBLISHED, by, timezone.now()
    locked.save(update_fields=["state", "published_by", "published_at"])
    _tell(by, Event.LETTER_TEXT_PUBLISHED, locked, digest=digest(locked))
    return locked


@transaction.atomic
def put_away(*, text: LetterText, by: User) -> LetterText:
    """Discard a draft, or take a letter out of use; its number is not used again."""
    access.require(by, Action.EDIT_LETTER_TEXTS)
    locked = _locked(text)
    if locked.state == RETIRED:
        raise IllegalMove(f"Version {locked.number} is put away already.")
    was_draft = locked.state == DRAFT
    locked.state, locked.retired_at = RETIRED, timezone.now()
    locked.save(update_fields=["state", "retired_at"])
    event = Event.LETTER_TEXT_DISCARDED if was_draft else Event.LETTER_TEXT_RETIRED
    _tell(by, event, locked)
    return locked


@transaction.atomic
def write(
    *, patient: Patient, text: LetterText, addressee: str = "", by: User, seen: int | None = None
) -> Letter:
    """Write one letter to or about a person, and keep it as it goes out.

    `seen` is the version of the text that its writer has read. Raises `BadRecord` where something
    that the letter needs is not known, `IllegalMove` for somebody who has died, `Stale` for a text
    that is not in use any more.
    """
    access.require(by, Action.WRITE_LETTER, patient)
    locked = Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
    if locked.merged_into_id is not None:
        raise Stale("This record was merged into another one meanwhile. Look at that one.")
    current = LetterText.objects.select_related("template").get(pk=text.pk)
    if current.state != PUBLISHED or (seen is not None and seen != current.number):
        raise Stale("Another text of this letter is in use now. Look at it first.")
    if locked.has_died and current.audience == Audience.PATIENT:
        raise IllegalMove(f"{patient} has died. No letter goes to them.")
    known = said_of.values(patient, by=by, today=timezone.localdate())
    if missing := said_of.lacking(current.body, known):
        raise BadRecord("", f"Not written: not known are {in_words_of(missing)}")
    addressee = addressee.strip() or default_addressee(current, patient, known)
    if not addressee or len(addressee) > 500:
        raise BadRecord("addressee", "say to whom it goes, in at most 500 letters")
    return letters.keep(
        patient=patient,
        text=current,
        blocks=fill(current.body, known),
        addressee=addressee,
        by=by,
    )


def default_addressee(text: LetterText, patient: Patient, known: dict[str, str]) -> str:
    """To whom a letter goes as far as the record knows; empty where somebody must say it."""
    practice = patient.practice
    if text.audience == Audience.PATIENT:
        return known["patient_name"]
    if text.audience == Audience.PRESCRIBER and known["prescriber_name"]:
        return "\n".join(filter(None, [known["prescriber_name"], practice.name, practice.address]))
    return ""


def in_words_of(missing: list[str]) -> str:
    """ "medicine (the benzodiazepine or Z-drug in use)", for each field that is not known."""
    return "; ".join(f"{name} ({fields.FIELDS[name].says})" for name in missing)


def digest(text: LetterText) -> str:
    """SHA-256 of what a text says, and to whom."""
    said = f"{text.template.key}\0{text.number}\0{text.name}\0{text.audience}\0{text.body}"
    return hashlib.sha256(said.encode()).hexdigest()


def _check(body: str, audience: str) -> None:
    if not body or len(body) > LONGEST:
        raise BadRecord("body", f"is needed, in at most {LONGEST} letters")
    try:
        looked = said_of.checked(body, audience)
        blank = not in_words(fill(body, {})).strip()
    except NotALetter as error:
        raise BadRecord("body", str(error)) from error
    if blank:
        raise BadRecord("body", "says nothing but fields")
    if looked.advise:
        raise BadRecord(
            "body",
            f"“{looked.advise[0]}” tells somebody to stop. Say that they must not do so by "
            "themselves, or how it is done slowly",
        )
    takes = {name for name in looked.used if fields.FIELDS[name].clinical}
    if audience == fields.PATIENT and takes and not looked.warnings:
        raise BadRecord(
            "body",
            "names a medicine to a patient and does not ask them not to stop it by themselves",
        )


def _lock(texts: QuerySet[LetterText]) -> None:
    """Hold a letter, so that one thing at a time becomes of its texts.

    Its first text stands for it: its own row nobody may change, nor therefore lock.
    """
    texts.filter(number=1).select_for_update(no_key=True).first()


def _locked(text: LetterText) -> LetterText:
    _lock(LetterText.objects.filter(template=text.template_id))
    return LetterText.objects.select_related("template").get(pk=text.pk)


def _tell(by: User | None, event: Event, text: LetterText, **detail: Any) -> None:
    audit.record(by, event, subject=text, letter=text.template.key, number=text.number, **detail)
