"""The medicines that no rule can read, by their text, and what was said of them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from drugs.search import nearly
from reviews import rulebooks
from reviews.models import Medicine, NoSedative, Prescription, Status
from reviews.rules import dossier
from reviews.rules.recognise import FOR_THE_NIGHT, compared

TAKEN = [status for status in Status.values if status not in dossier.NEVER_TAKEN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A text nobody knows: how many people have it, and how many live prescriptions name it.

    `near` are drugs whose names are nearly in it; `part` those that are. `may_be_one` says why it
    may be a sedative; such a text cannot be said to be none.
    """

    text: str
    shown: str
    people: int
    prescriptions: int
    near: tuple[str, ...]
    part: tuple[str, ...]
    may_be_one: str


def with_near(rows: list[Unknown]) -> list[Unknown]:
    """The same with the drugs that each unknown text is spelt nearly like."""
    near = nearly(row.shown for row in rows if not row.part)
    return [replace(row, near=tuple(near.get(row.shown, ()))) for row in rows]


def unknown(practice_ids: Iterable[int] | None) -> list[Unknown]:
    """Texts of live prescriptions that no rule can read, most people first; None: everywhere.

    Without the drugs that are `near`, which take long to look for. What was said to be no sedative,
    everywhere or in all these practices, is left out.
    """
    orders = Prescription.objects.live().filter(status__in=TAKEN)
    said = NoSedative.objects.filter(taken_back_at=None)
    settled = Q(practice=None)
    if practice_ids is not None:
        ids = [*practice_ids]
        orders = orders.filter(practice__in=ids)
        said_here = said.filter(practice__in=ids).values("text").annotate(of=Count("practice"))
        here = {row["text"] for row in said_here if row["of"] == len(ids)}
    else:
        here = set()
    texts = here | set(said.filter(settled).values_list("text", flat=True))
    rows = orders.values("medicine").annotate(
        people=Count("patient", distinct=True),
        times=Count("pk"),
        online=Count("pk", filter=Q(acquired="online")),
    )
    found = {row["medicine"]: row for row in rows}
    _version, book = rulebooks.live()
    by_text: dict[str, Unknown] = {}
    for medicine in Medicine.objects.filter(pk__in=found):
        codings = tuple((each["system"], each["code"]) for each in medicine.codings)
        recognition = book.recognise(dossier.Medicine(medicine.key, medicine.text, codings))
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
        )
    return sorted(by_text.values(), key=lambda each: (-each.people, each.text))


def _why(suspected: str, online: bool) -> str:
    if suspected in FOR_THE_NIGHT:
        return f"“{suspected}”: made for the night"
    if suspected:
        return f"“{suspected}” ends like a benzodiazepine or Z-drug"
    return "bought online" if online else ""


def of(practice_ids: Iterable[int] | None) -> QuerySet[NoSedative]:
    """What was ever said to be no sedative in these practices, or in all; None: anywhere."""
    rows = NoSedative.objects.select_related("practice", "said_by")
    if practice_ids is None:
        return rows
    return rows.filter(Q(practice__in=[*practice_ids]) | Q(practice=None))


def said(practice_ids: Iterable[int] | None) -> QuerySet[NoSedative]:
    """What of it was not taken back, newest first."""
    return of(practice_ids).filter(taken_back_at=None).order_by("-said_at", "-pk")
