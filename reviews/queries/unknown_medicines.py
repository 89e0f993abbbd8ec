"""The medicines that no rule can read, by their text, and what was said of them."""

from collections import defaultdict
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
from reviews.rules.spelling import names_a_class

FORMS = {
    "tablet": "tablets",
    "capsule": "capsules",
    "patch": "patches",
    "injection": "injection",
    "liquid": "oral liquid",
    "suppository": "suppositories",
}
"""Forms of medicines, as several are called."""
PROPOSED = 0.88
"""How alike a text and a name must be, 0 to 1, for the drug to be offered as the answer.

One letter lost of eight is 0.93, two swapped in "zoplicone" 0.89; by chance long words reach 0.85.
"""
TAKEN = [status for status in Status.values if status not in dossier.NEVER_TAKEN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A text nobody knows: how many people have it, and how many live prescriptions name it.

    `near` are drugs whose names are nearly in it; `part` those that are. `may_be_one` says why it
    may be a sedative; such a text cannot be said to be none. `proposals` are the medicines it may
    well be, with the strength and form that it says; `asked` pairs of (medicine id, practice id).
    """

    text: str
    shown: str
    people: int
    prescriptions: int
    near: tuple[str, ...]
    part: tuple[str, ...]
    may_be_one: str
    online: bool
    asked: frozenset[tuple[int, int]]
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
        if each.alike < PROPOSED:
            continue
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
    or a medicine, is left out in the practices where that holds.
    """
    orders = Prescription.objects.live().filter(status__in=TAKEN)
    if practice_ids is not None:
        orders = orders.filter(practice__in=[*practice_ids])
    answered = _answered()
    rows = orders.values("medicine", "practice").annotate(
        people=Count("patient", distinct=True),
        times=Count("pk"),
        online=Count("pk", filter=Q(acquired="online")),
    )
    found: dict[int, list[dict]] = defaultdict(list)
    for row in rows:
        found[row["medicine"]].append(row)
    _version, book = rulebooks.live()
    by_text: dict[str, Unknown] = {}
    for medicine in Medicine.objects.filter(pk__in=found):
        recognition = book.recognise(products.as_read(medicine))
        key = compared(medicine.text)
        # Whoever speaks for all practices is asked about every one, and answered by no single one.
        asked = [
            row
            for row in found[medicine.pk]
            if (None, key) not in answered
            and (practice_ids is None or (row["practice"], key) not in answered)
        ]
        if not recognition.unmapped or recognition.otherwise or not asked:
            # What code and words say differently is put right in the record, by no answer here.
            continue
        before = by_text.get(key)
        online = any(row["online"] for row in asked)
        by_text[key] = Unknown(
            text=key,
            shown=medicine.text or "A medicine without a name",
            # The same person may have two medicines of one text, rarely: an upper bound.
            people=sum(row["people"] for row in asked) + (before.people if before else 0),
            prescriptions=sum(row["times"] for row in asked)
            + (before.prescriptions if before else 0),
            near=(),
            part=tuple(each.drug.name for each in recognition.ingredients),
            may_be_one=_why(recognition.suspected, online) or (before.may_be_one if before else ""),
            online=online or (before is not None and before.online),
            asked=frozenset((medicine.pk, row["practice"]) for row in asked)
            | (before.asked if before else frozenset()),
        )
    return sorted(by_text.values(), key=lambda each: (-each.people, each.text))


def _why(suspected: str, online: bool) -> str:
    if suspected in FOR_THE_NIGHT:
        return f"“{suspected}”: made for the night"
    if names_a_class(suspected):
        return f"“{suspected}” names a class of medicines that sedate"
    if suspected:
        return f"“{suspected}” ends like a benzodiazepine or Z-drug"
    return "bought online" if online else ""


def _answered() -> set[tuple[int | None, str]]:
    """`(practice id, text)` of every answer in force; None where it holds in all."""
    return {
        pair
        for kind in (NoSedative, MedicineMeaning)
        for pair in kind.objects.filter(taken_back_at=None).values_list("practice", "text")
    }


def people(rows: Iterable[Unknown]) -> int:
    """How many people have one of these medicines, where it is asked about."""
    asked = {pair for row in rows for pair in row.asked}
    medicines = {medicine for medicine, _practice in asked}
    orders = Prescription.objects.live().filter(status__in=TAKEN, medicine__in=medicines)
    held = orders.values_list("medicine", "practice", "patient").distinct()
    return len({patient for medicine, practice, patient in held if (medicine, practice) in asked})


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
