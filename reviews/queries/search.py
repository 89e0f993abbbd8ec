"""Find people by part of a name or number, or by what they are prescribed.

What was typed is looked for as it is. Only where nothing has it, a slip of the keyboard is allowed
for: a letter too many, too few, wrong or in the wrong place. Names are compared without accents,
apostrophes, hyphens and spaces (`likeness.folded`). All of it is found by trigram indexes.

Whoever is shown the last four signs of numbers finds by these or by the whole number. By part of a
number, or with a slip, the whole of it would follow sign by sign.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth.models import User
from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Right

from drugs.search import names_meant, names_nearly_meant
from reviews import access, likeness
from reviews.access import Action
from reviews.models import WITHDRAWN, Identifier, Medicine, Patient, Prescription, Status, compact

SHORTEST = 3
"""Letters. Fewer make no trigram, and would find half of everybody."""


def people(patients: QuerySet[Patient], text: str, *, by: User) -> QuerySet[Patient]:
    """Those of `patients` whose names and numbers hold every word of `text`, or else are like it.

    The likeliest first. A word with a digit is part of a number, spaces and hyphens aside.
    """
    exact = named(patients, text, by=by)
    return exact if exact.exists() else alike(patients, text, by=by)


def anybody(patients: QuerySet[Patient], text: str, *, by: User) -> QuerySet[Patient]:
    """Those who are called so or are prescribed it; or else, those with a name like it."""
    # One list of ids. Asked for as two, either of which may hold, PostgreSQL expects half of
    # everybody and looks each of them up.
    called = named(patients, text, by=by).order_by().values("pk")
    taking = prescriptions(medicines_named(text)).values("patient")
    found = patients.filter(pk__in=called.union(taking))
    if found.exists():
        return found
    taking_like_it = prescribed(patients, medicines_nearly_named(text))
    return taking_like_it if taking_like_it.exists() else alike(patients, text, by=by)


def named(patients: QuerySet[Patient], text: str, *, by: User) -> QuerySet[Patient]:
    """Those of `patients` whose names and numbers hold every word of `text`."""
    return _matching(patients, text, by, _holds, _has)


def alike(patients: QuerySet[Patient], text: str, *, by: User) -> QuerySet[Patient]:
    """Those of `patients` whose names and numbers are like the words of `text`."""
    return _matching(patients, text, by, _is_like, _has_nearly)


def prescribed(patients: QuerySet[Patient], medicines: list[int]) -> QuerySet[Patient]:
    """Those of `patients` who have a prescription of one of these medicines."""
    return patients.filter(Exists(prescriptions(medicines).filter(patient=OuterRef("pk"))))


def prescriptions(medicines: list[int]) -> QuerySet[Prescription]:
    """The prescriptions in force of these medicines."""
    over = (*WITHDRAWN, Status.DRAFT)
    return Prescription.objects.live().filter(medicine__in=medicines).exclude(status__in=over)


def medicines_meant(text: str) -> list[int]:
    """Ids of the products that have what was typed, or else of those that are named like it."""
    return medicines_named(text) or medicines_nearly_named(text)


def medicines_named(text: str) -> list[int]:
    """Ids of the products that name what was typed, or that a name of the same drug means."""
    typed = " ".join(text.split())
    return _with_a_name([typed, *names_meant(typed)]) if len(typed) >= SHORTEST else []


def medicines_nearly_named(text: str) -> list[int]:
    """Ids of the products of the drugs whose names are like what was typed."""
    typed = " ".join(text.split())
    if len(typed) < SHORTEST:
        return []
    names = names_nearly_meant(typed)
    ids = _with_a_name(names) if names else []
    if not ids and not re.search(r"\d", typed):
        # A product that the formulary does not know, misspelt.
        like = Medicine.objects.filter(text__trigram_word_similar=typed)
        ids = list(like.values_list("pk", flat=True))
    return ids


def _with_a_name(names: list[str]) -> list[int]:
    """Ids of the products in whose text one of these names begins a word."""
    said = "|".join(map(re.escape, names))
    found = Medicine.objects.filter(text__iregex=rf"\m({said})")
    return list(found.values_list("pk", flat=True))


def _matching(
    patients: QuerySet[Patient],
    text: str,
    by: User,
    name_fits: Callable[[str, str], Q],
    number_fits: Callable[[str, Q | None], Q],
) -> QuerySet[Patient]:
    words = [word for word in re.split(r"[\s,]+", text) if word]
    number = "".join(word for word in words if re.search(r"\d", word))
    names = [word for word in words if not re.search(r"\d", word)]
    names = [word for word in map(likeness.folded, names) if word]
    if not names and not number:
        return patients.none()
    fits = Q()
    for word in names:
        fits &= name_fits("family_folded", word) | name_fits("given_folded", word)
    if number:
        fits &= Q(pk__in=_numbered(number, by, number_fits))
    if number and names:
        # "LQ 0000012": the letters can belong to the number.
        fits |= Q(pk__in=_numbered("".join(words), by, number_fits))
    patients = patients.filter(fits, merged_into__isnull=True)
    if not names:
        return patients.order_by("family_name", "given_name", "pk")
    closeness = Greatest(
        TrigramSimilarity("family_folded", names[0]), TrigramSimilarity("given_folded", names[0])
    )
    return patients.annotate(likeness=closeness).order_by(
        "-likeness", "family_name", "given_name", "pk"
    )


_LAST_FOUR = compact(Right("value", 4))
# Of a shorter number a mask shows fewer signs than four.
_IS_LONG = Q(bare__regex="^.{8}")


def _numbered(number: str, by: User, fits: Callable[[str, Q | None], Q]) -> Any:
    """The patients with such a number, whatever spaces and hyphens systems print in it."""
    bare = re.sub(r"[^0-9a-z]", "", number.lower())
    full = access.practice_ids(by, Action.SEE_NUMBERS)
    in_full = None if {*full} == {*access.roles_of(by)} else Q(practice__in=full)
    found = Identifier.objects.annotate(bare=compact("value"), last_four=_LAST_FOUR)
    return found.filter(fits(bare, in_full)).values("patient")


def _has(number: str, in_full: Q | None) -> Q:
    """`in_full` is where whole numbers are shown; None: wherever somebody is found."""
    fits = Q(bare__contains=number)
    if in_full is not None:
        fits &= in_full | Q(bare=number) | Q(_IS_LONG, last_four=number)
    return fits


def _has_nearly(number: str, in_full: Q | None) -> Q:
    # Numbers are all alike to trigrams, which only find where to look: one slip, and no more.
    fits = Q(bare__trigram_similar=number, bare__regex="|".join(_slips(number)))
    return fits if in_full is None else in_full & fits


def _slips(word: str) -> Iterator[str]:
    """What may have been meant: a sign swapped with the next, wrong, too many or left out."""
    for n in range(len(word)):
        before, after = word[:n], word[n + 1 :]
        yield from (before + "." + after, before + "." + word[n:], before + after)
        yield before + after[:1] + word[n] + after[1:]


def _holds(field: str, word: str) -> Q:
    return Q(**{f"{field}__contains": word})


def _is_like(field: str, word: str) -> Q:
    like = Q(**{f"{field}__trigram_similar": word}) | _holds(field, word)
    if len(word) > SHORTEST:
        # Two letters swapped spoil most trigrams of a short name.
        swaps = [
            re.escape(word[:n] + word[n + 1] + word[n] + word[n + 2 :])
            for n in range(len(word) - 1)
        ]
        like |= Q(**{f"{field}__regex": "|".join(swaps)})
    return like
