"""Whom the difference between two rule books can reach: by where they are judged, by medicines."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from django.db.models import Q, QuerySet

from reviews import groups, rulebooks
from reviews.models import (
    Medicine,
    MedicineMeaning,
    Patient,
    Practice,
    Prescription,
    RuleVersion,
)
from reviews.rules.book import RuleBook
from reviews.rules.changing import judged_by
from reviews.rules.dossier import Medicine as WrittenMedicine
from reviews.rules.recognise import compared


class Reach(NamedTuple):
    """Practices that judge otherwise, and medicines that are recognised or described otherwise."""

    practice_ids: list[int]
    medicine_ids: list[int]

    def orders(self) -> QuerySet[Prescription]:
        """The live prescriptions of the patients whose findings can differ."""
        return Prescription.objects.live().filter(
            Q(practice__in=self.practice_ids) | Q(medicine__in=self.medicine_ids)
        )


def reach(old: RuleVersion, new: RuleVersion) -> Reach:
    """What of the record two books can judge otherwise.

    Thresholds reach anybody with a prescription, of the profiles and practices for which they
    changed; drug facts only those who have such a medicine.
    """
    return Reach(_judged_otherwise(old, new), _medicines_touched(old, new))


def affected_patients(
    old: RuleVersion | None,
    new: RuleVersion,
    practices: Collection[int] | None = None,
) -> list[int]:
    """Ids of the patients whose findings the new book could change; without an old one, of all.

    Of these `practices` alone, if any are given.
    """
    if old is None:
        return list(Patient.objects.order_by("pk").values_list("pk", flat=True))
    orders = reach(old, new).orders()
    if practices is not None:
        orders = orders.filter(patient__practice__in=practices)
    return list(orders.order_by("patient_id").values_list("patient_id", flat=True).distinct())


def _judged_otherwise(old: RuleVersion, new: RuleVersion) -> list[int]:
    """Ids of the practices for whose patients the new book has other thresholds or gradings."""
    rows = Practice.objects.values_list("pk", "profile", "code")
    grouped = groups.grouped()
    places = [(pk, (profile, code, grouped.get(code, ""))) for pk, profile, code in rows]
    return [
        pk for pk, place in places if judged_by(old.book, *place) != judged_by(new.book, *place)
    ]


def _medicines_touched(old: RuleVersion, new: RuleVersion) -> list[int]:
    """Ids of the medicines that the new book recognises otherwise, or says other facts of."""
    changed = rulebooks.changes(old.book, new.book)
    if not any(changed[section] for section in rulebooks.FORMULARY_SECTIONS):
        return []
    drugs = set(changed["drugs"])
    before, after = rulebooks.book(old.pk), rulebooks.book(new.pk)
    meant = _meant()
    return [
        pk
        for pk, written in _written_medicines()
        if any(
            _touched(before, each, drugs)
            or _touched(after, each, drugs)
            or before.recognise(each) != after.recognise(each)
            for each in (written, *meant.get(compared(written.text), ()))
        )
    ]


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
