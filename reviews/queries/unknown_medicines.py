"""The medicines that no rule can read, by their text, and what was said of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from drugs.search import PER, Near, nearly
from reviews import products, rulebooks
from reviews.models import (
    Medicine,
    MedicineMeaning,
    NoSedative,
    Prescription,
    Status,
)
from reviews.rules import dossier, words
from reviews.rules.book import RuleBook
from reviews.rules.meanings import objection
from reviews.rules.recognise import FOR_THE_NIGHT, compared

FORMS = {
    "tablet": "tablets",
    "capsule": "capsules",
    "patch": "patches",
    "injection": "injection",
    "liquid": "oral liquid",
    "suppository": "suppositories",
}
"""Forms of medicines, as several are called."""
TAKEN = [status for status in Status.values if status not in dossier.NEVER_TAKEN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A text nobody knows: how many people have it, and how many live prescriptions name it.

    `near` are drugs whose names are nearly in it; `part` those that are. `may_be_one` says why it
    may be a sedative; such a text cannot be said to be none. `proposals` are the medicines it may
    well be, with the strength and form that it says; `medicines` the ids of what is so written.
    """

    text: str
    shown: str
    people: int
    prescriptions: int
    near: tuple[str, ...]
    part: tuple[str, ...]
    may_be_one: str
    online: bool
    medicines: tuple[int, ...]
    proposals: tuple[str, ...] = ()


def with_near(rows: list[Unknown]) -> list[Unknown]:
    """The same with the drugs that each unknown text is spelt nearly like, and so may be."""
    near = nearly(row.shown for row in rows if not row.part)
    _version, book = rulebooks.live()
    return [_with_near(row, near.get(row.shown, []), book) for row in rows]


def _with_near(row: Unknown, near: list[Near], book: RuleBook) -> Unknown:
    recognition = book.recognise_text(row.shown)
    proposed = []
    for each in near:
        medicine = with_strength(each.drug, row.shown, book)
        if not objection(recognition, book.recognise_text(medicine), online=row.online):
            proposed.append(medicine)
    called = tuple(each.called for each in near)
    return replace(row, near=called, proposals=tuple(proposed))


def with_strength(name: str, text: str, book: RuleBook) -> str:
    """A medicine with the strength and form that a text says of it: "diazepam 2 mg tablets".

    What is several drugs, unknown, or says its own strength stays as it is.
    """
    named = book.recognise_text(name)
    if named.unmapped or len(named.parts) != 1 or named.parts[0].strength_mg is not None:
        return name
    read = book.recognise_text(f"{name} {text}")
    part = next((each for each in read.parts if each.drug == named.parts[0].drug), None)
    if part is None or part.strength_mg is None:
        return name
    strength = f"{name} {words.amount(part.strength_mg)} mg"
    for told in (
        f"{strength}{PER.get(part.per_unit, '')} {FORMS.get(read.form or '', '')}",
        strength,
    ):
        if book.recognise_text(told.strip()).parts in ((part,), (replace(part, per_unit=""),)):
            return told.strip()
    return name


def unknown(practice_ids: Iterable[int] | None) -> list[Unknown]:
    """Texts of live prescriptions that no rule can read, most people first; None: everywhere.

    Without the drugs that are `near`, which take long to look for. What was said to be no sedative,
    or a medicine, everywhere or in all these practices, is left out.
    """
    orders = Prescription.objects.live().filter(status__in=TAKEN)
    ids = None if practice_ids is None else [*practice_ids]
    if ids is not None:
        orders = orders.filter(practice__in=ids)
    texts = _settled(NoSedative.objects.all(), ids) | _settled(MedicineMeaning.objects.all(), ids)
    rows = orders.values("medicine").annotate(
        people=Count("patient", distinct=True),
        times=Count("pk"),
        online=Count("pk", filter=Q(acquired="online")),
    )
    found = {row["medicine"]: row for row in rows}
    _version, book = rulebooks.live()
    by_text: dict[str, Unknown] = {}
    for medicine in Medicine.objects.filter(pk__in=found):
        recognition = book.recognise(products.as_read(medicine))
        key = compared(medicine.text)
        if not recognition.unmapped or key in texts:
            continue
        row, before = found[medicine.pk], by_text.get(key)
        by_text[key] = Unknown(
            text=key,
            shown=medicine.text or "A medicine without a name",
            # The same person may have two medicines of one text, rarely: an upper bound.
            people=row["people"] + (before.people if before else 0),
            prescriptions=row["times"] + (before.prescriptions if before else 0),
            near=(),
            part=tuple(each.drug.name for each in recognition.ingredients),
            may_be_one=_why(recognition.suspected, bool(row["online"]))
            or (before.may_be_one if before else ""),
            online=bool(row["online"]) or (before is not None and before.online),
            medicines=(medicine.pk, *(before.medicines if before else ())),
        )
    return sorted(by_text.values(), key=lambda each: (-each.people, each.text))


def _why(suspected: str, online: bool) -> str:
    if suspected in FOR_THE_NIGHT:
        return f"“{suspected}”: made for the night"
    if suspected:
        return f"“{suspected}” ends like a benzodiazepine or Z-drug"
    return "bought online" if online else ""


def _settled(rows: QuerySet, ids: list[int] | None) -> set[str]:
    """The texts that have an answer everywhere, or in all these practices."""
    live = rows.filter(taken_back_at=None)
    texts = set(live.filter(practice=None).values_list("text", flat=True))
    if ids is None:
        return texts
    here = live.filter(practice__in=ids).values("text").annotate(of=Count("practice"))
    return texts | {row["text"] for row in here if row["of"] == len(ids)}


def people(rows: Iterable[Unknown], practice_ids: Iterable[int] | None) -> int:
    """How many people have one of these medicines, in some practices or (None) anywhere."""
    medicines = [pk for row in rows for pk in row.medicines]
    orders = Prescription.objects.live().filter(status__in=TAKEN, medicine__in=medicines)
    if practice_ids is not None:
        orders = orders.filter(practice__in=[*practice_ids])
    return orders.values("patient").distinct().count()


def no_sedatives(practice_ids: Iterable[int] | None) -> QuerySet[NoSedative]:
    """What was ever said to be no sedative in these practices, or in all; None: anywhere."""
    return _of(NoSedative.objects.select_related("practice", "said_by"), practice_ids)


def meanings(practice_ids: Iterable[int] | None) -> QuerySet[MedicineMeaning]:
    """What texts were ever said to be in these practices, or in all; None: anywhere."""
    rows = MedicineMeaning.objects.select_related("practice", "said_by", "medicine")
    return _of(rows, practice_ids)


def _of(rows: QuerySet, practice_ids: Iterable[int] | None) -> QuerySet:
    if practice_ids is None:
        return rows
    return rows.filter(Q(practice__in=[*practice_ids]) | Q(practice=None))


def meant_in(practice_id: int) -> dict[str, MedicineMeaning]:
    """Who said what a text is, by the text, where that holds in a practice."""
    live = meanings([practice_id]).filter(taken_back_at=None)
    # What a practice says itself comes last, and counts.
    return {row.text: row for row in sorted(live, key=lambda row: row.practice_id is not None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A word that was not taken back, and what was said: no sedative, or which medicine.

    `drugs` are those of the medicine; `unlooked`: no rule looks at any of them, so the word makes
    the text as harmless as "no sedative". `idle`: the formulary knows the text by itself now.
    """

    row: NoSedative | MedicineMeaning
    medicine: str
    drugs: tuple[str, ...]
    unlooked: bool
    idle: bool


def said(practice_ids: Iterable[int] | None) -> list[Said]:
    """What was said in these practices, or in all, and not taken back, newest first."""
    _version, book = rulebooks.live()
    rows: list[NoSedative | MedicineMeaning] = [
        *no_sedatives(practice_ids).filter(taken_back_at=None),
        *meanings(practice_ids).filter(taken_back_at=None),
    ]
    return [_said(row, book) for row in sorted(rows, key=lambda row: row.said_at, reverse=True)]


def _said(row: NoSedative | MedicineMeaning, book: RuleBook) -> Said:
    idle = not book.recognise_text(row.shown).unmapped
    if isinstance(row, NoSedative):
        return Said(row=row, medicine="", drugs=(), unlooked=True, idle=idle)
    meant = book.recognise(products.as_read(row.medicine))
    return Said(
        row=row,
        medicine=row.medicine.text,
        drugs=tuple(drug.name for _, drug, _ in meant.ingredients),
        unlooked=not meant.mask,
        idle=idle,
    )


def drug_names() -> list[str]:
    """The names of all drugs of the live book, by which somebody says what a text is."""
    _version, book = rulebooks.live()
    return sorted(drug.name for drug in book.drugs.values())
