"""Verbs on the rule book: draft it from the formulary and the rules, publish it, discard it.

Screening reads only the published book. A draft is frozen when it is made, and a second person
publishes it; then the patients it can affect are screened again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from drugs.facts import formulary
from reviews import access, audit, engines, requests, rulebooks, sealing, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import IllegalMove, NotAllowed, Stale
from reviews.models import Medicine, MedicineMeaning, Patient, Prescription, RuleVersion
from reviews.rules.book import RuleBook
from reviews.rules.catalogue import default_citations_section, default_rules_section
from reviews.rules.dossier import Medicine as WrittenMedicine
from reviews.rules.recognise import compared

DRAFT, PUBLISHED = RuleVersion.State.DRAFT, RuleVersion.State.PUBLISHED
RETIRED = RuleVersion.State.RETIRED


@transaction.atomic
def bootstrap() -> RuleVersion | None:
    """Publish the book that comes with the software, if none was ever published."""
    if RuleVersion.objects.exists():
        return None
    version = _freeze(note="The book that comes with the portal.", by=None)
    version.state, version.published_at = PUBLISHED, timezone.now()
    version.engine = engines.current()
    version.save(update_fields=["state", "published_at", "engine"])
    audit.record(
        None,
        Event.RULES_PUBLISHED,
        subject=version,
        number=version.number,
        content=sealing.book_content(version),
    )
    return version


@transaction.atomic
def draft(*, note: str, by: User) -> RuleVersion:
    """Freeze formulary and rules as they are now. `IllegalMove` when nothing has changed."""
    access.require(by, Action.DRAFT)
    version = _freeze(note=note, by=by)
    live = RuleVersion.objects.filter(state=PUBLISHED).first()
    if live is not None and live.digest == version.digest:
        raise IllegalMove(f"Nothing has changed since rule book {live.number}.")
    audit.record(by, Event.RULES_DRAFTED, subject=version, number=version.number)
    return version


@transaction.atomic
def publish(*, version: RuleVersion, by: User) -> RuleVersion:
    """Make a draft the live book, as a second person, and rescreen those it can affect.

    Raises `NotAllowed` for the person who drafted it, `Stale` when a later book is live.
    """
    access.require(by, Action.PUBLISH)
    locked = RuleVersion.objects.select_for_update().get(pk=version.pk)
    if locked.state != DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    if locked.drafted_by_id == by.pk:
        raise NotAllowed("You drafted this rule book. A second person must agree and publish it.")
    live = RuleVersion.objects.select_for_update().filter(state=PUBLISHED).first()
    if live is not None:
        if live.number > locked.number:
            raise Stale(f"Rule book {live.number} was published since. Draft again from there.")
        live.state, live.retired_at = RETIRED, timezone.now()
        live.save(update_fields=["state", "retired_at"])
    locked.state, locked.published_by, locked.published_at = PUBLISHED, by, timezone.now()
    locked.engine = engines.current()
    locked.save(update_fields=["state", "published_by", "published_at", "engine"])
    # A book is for every practice, also for those where the person who publishes does not work.
    with walls.seeing(walls.EVERYTHING):
        affected = affected_patients(live, locked)
        requests.enqueue(affected, reason="published", priority=requests.BULK)
    audit.record(
        by,
        Event.RULES_PUBLISHED,
        subject=locked,
        number=locked.number,
        patients=len(affected),
        content=sealing.book_content(locked),
    )
    return locked


@transaction.atomic
def discard(*, version: RuleVersion, by: User) -> RuleVersion:
    """Put a draft away unpublished; its number is not used again."""
    access.require(by, Action.DRAFT)
    locked = RuleVersion.objects.select_for_update().get(pk=version.pk)
    if locked.state != DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    locked.state, locked.retired_at = RETIRED, timezone.now()
    locked.save(update_fields=["state", "retired_at"])
    audit.record(by, Event.RULES_DISCARDED, subject=locked, number=locked.number)
    return locked


def pending_changes() -> dict[str, Any]:
    """What a draft made now would change against the live book; empty lists when nothing."""
    live = RuleVersion.objects.filter(state=PUBLISHED).first()
    return rulebooks.changes(live.book if live else {}, _content())


def affected_patients(old: RuleVersion | None, new: RuleVersion) -> list[int]:
    """Ids of the patients whose findings the new book could change.

    Thresholds reach anybody with a prescription; drug facts only those who have such a medicine.
    """
    if old is None:
        return list(Patient.objects.order_by("pk").values_list("pk", flat=True))
    changed = rulebooks.changes(old.book, new.book)
    treated = Prescription.objects.live().order_by("patient_id")
    if changed["rules"]:
        return list(treated.values_list("patient_id", flat=True).distinct())
    drugs = set(changed["drugs"])
    before, after = rulebooks.book(old.pk), rulebooks.book(new.pk)
    meant = _meant()
    medicines = [
        pk
        for pk, written in _written_medicines()
        if any(
            _touched(before, each, drugs)
            or _touched(after, each, drugs)
            or before.recognise(each) != after.recognise(each)
            for each in (written, *meant.get(compared(written.text), ()))
        )
    ]
    treated = treated.filter(medicine__in=medicines)
    return list(treated.values_list("patient_id", flat=True).distinct())


def _written_medicines(
    pks: Iterable[int] | None = None,
) -> Iterator[tuple[int, WrittenMedicine]]:
    rows = Medicine.objects.all() if pks is None else Medicine.objects.filter(pk__in=[*pks])
    for pk, key, text, codings in rows.values_list("pk", "key", "text", "codings"):
        pairs = tuple((coding["system"], coding["code"]) for coding in codings)
        yield pk, WrittenMedicine(key=key, text=text, codings=pairs)


def _meant() -> dict[str, list[WrittenMedicine]]:
    """By its text as it is compared, the medicines that somebody said it is, in any practice."""
    meant: dict[str, list[WrittenMedicine]] = {}
    said = MedicineMeaning.objects.filter(taken_back_at=None).values_list("text", "medicine")
    written = dict(_written_medicines(pk for _, pk in said))
    for text, pk in said:
        meant.setdefault(text, []).append(written[pk])
    return meant


def _touched(book: RuleBook, written: WrittenMedicine, drugs: set[str]) -> bool:
    return any(part.drug in drugs for part in book.recognise(written).parts)


def _content() -> dict[str, dict]:
    return {
        **formulary(),
        "rules": default_rules_section(),
        "citations": default_citations_section(),
    }


def _freeze(*, note: str, by: User | None) -> RuleVersion:
    content = _content()
    canonical = msgspec.json.encode(content, order="deterministic")
    # Only one draft at a time takes the next number.
    RuleVersion.objects.select_for_update().order_by("-number").first()
    number = (RuleVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    book = {"number": number, **content}
    RuleBook.from_json(book)  # a book that cannot be read is refused here, not by screening
    return RuleVersion.objects.create(
        number=number,
        book=book,
        digest=hashlib.sha256(canonical).hexdigest(),
        note=note,
        drafted_by=by,
    )
