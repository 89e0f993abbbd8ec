"""Find medicines for the picker, and drugs for the formulary page, by ingredient, brand or code."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from functools import reduce
from operator import and_
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from drugs.models import (
    Code,
    CodePart,
    DrugFact,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    NamePart,
    Presentation,
    Profile,
)

TOKEN = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
CODE = re.compile(r"(?=.*\d)[a-z0-9]{3,18}", re.IGNORECASE)
UNKNOWN = "unknown"
ALIKE = 0.75
"""How alike a misspelt word and a name must be, 0 to 1: "zoplicone" and zopiclone are 0.89."""
PER = {"ml": "/ml", "hour": "/hour", "spray": "/spray", "g": "/g"}
FORM_WORDS = {"liquid": "oral liquid", "film": "oral film", "spray": "oral spray"}
# Words that say how a medicine is made up, and not which it is.
FORMS = {"tablet", "capsule", "oral", "liquid", "solution", "patche", "drop", "spray", "injection"}
Ranked = Iterator[tuple[tuple, dict]]
"""(rank, the values of a `Match`): the smallest rank is the best match."""
CodedPart = tuple[int, Decimal | None, str]
"""An ingredient of a code: its id, its mg where the code states them, and per what unit."""
# A combination has the status of its worst part.
STATUS_ORDER = (UNKNOWN, *FormularyStatus.Status.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A medicine to pick. `text` and `codings` are what a prescription would record.

    `strength` and `form` are words, "" where not one figure or not known. `status` is that of the
    profile asked for: formulary, restricted, non-formulary or unknown, with its `reason`.
    """

    label: str
    text: str
    codings: tuple[dict, ...]
    ingredients: tuple[str, ...]
    strength: str = ""
    form: str = ""
    route: str = ""
    status: str = UNKNOWN
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A drug that fits the search of the formulary page.

    `by` is the brand, synonym or code that led to it, "" for its own name.
    """

    key: str
    name: str
    classes: tuple[str, ...]
    band: str
    status: str
    reason: str
    by: str


def search(text: str, limit: int = 20, profile: str | None = None) -> list[Match]:
    """The medicines that fit what was typed, best first; [] for nothing to go by.

    Every word must begin a word of the product, of an ingredient or of its brand, and every number
    a number of the product. A misspelt name finds the nearest. What is marketed under `profile`
    ("UK", "US", "EU") comes first.
    """
    typed = " ".join(text.split())
    words = _words(typed)
    if not any(len(word) > 1 for word in words):
        return []
    drugs = _drugs()
    rows = [*_by_code(typed, drugs)] or [*_fitting(typed, words, drugs, profile)]
    if not rows:
        near = _nearest(words, drugs)
        numbers = [word for word in words if word[0].isdigit()]
        rows = [*_of(set(near), numbers, drugs, profile)]
    best = {}
    for _, row in sorted(rows, key=lambda pair: pair[0]):
        best.setdefault(row["text"].lower(), row)
    chosen = [*best.values()][:limit]
    statuses = _statuses({key for row in chosen for key in row["ingredients"]}, profile)
    atc = _atc({row["ingredients"][0] for row in chosen if len(row["ingredients"]) == 1})
    for row in chosen:
        if not row["codings"] and len(row["ingredients"]) == 1:
            row["codings"] = atc.get(row["ingredients"][0], ())
    return [Match(**row, **_worst(statuses, row["ingredients"])) for row in chosen]


def find_drugs(text: str = "", limit: int = 50, profile: str | None = None) -> list[Found]:
    """The drugs whose name, brand, synonym or code fits; without a text, the benzodiazepines."""
    words = _words(text)
    drugs = _drugs()
    by, alike = {}, {}
    if not words:
        bzra = IngredientClass.objects.live().filter(
            ingredient=OuterRef("pk"), drug_class__key__in=("benzodiazepine", "z-drug")
        )
        pks = set(Ingredient.objects.filter(Exists(bzra)).values_list("pk", flat=True))
    else:
        by = _codes_named(text.strip())
        pks = {pk for pk, drug in drugs.items() if drug.fits(words)}
        by = {pk: drugs[pk].brand(words) for pk in pks} | by
        if not by:
            alike = _nearest(words, drugs)
            by = dict.fromkeys(alike, "")
        pks = set(by)
    chosen = sorted(
        (drugs[pk] for pk in pks if pk in drugs),
        key=lambda drug: (
            bool(words) and not _fits(words[:1], drug.name),
            -alike.get(drug.pk, 0),
            drug.name.lower(),
        ),
    )[:limit]
    pks = [drug.pk for drug in chosen]
    classes = defaultdict(list)
    memberships = IngredientClass.objects.live().filter(ingredient__in=pks)
    for pk, name in memberships.order_by("pk").values_list("ingredient", "drug_class__name"):
        classes[pk].append(name)
    bands = dict(
        DrugFact.objects.live()
        .filter(ingredient__in=pks, kind=DrugFact.Kind.BAND)
        .values_list("ingredient", "value")
    )
    statuses = _statuses({drug.key for drug in chosen}, profile)
    return [
        Found(
            key=drug.key,
            name=drug.name,
            classes=tuple(classes[drug.pk]),
            band=bands.get(drug.pk, ""),
            by=by.get(drug.pk, ""),
            **_worst(statuses, (drug.key,)),
        )
        for drug in chosen
    ]


def names_meant(text: str) -> list[str]:
    """Every name, synonym and brand of the drugs that `text` names, in full or nearly."""
    words = [word for word in _words(text) if len(word) > 2 and not word[0].isdigit()]
    words = [word for word in words if word not in FORMS]
    if not words:
        return []
    drugs = _drugs()
    pks = {pk for pk, drug in drugs.items() if drug.fits(words)} or set(_nearest(words, drugs))
    meant = [drugs[pk] for pk in pks if pk in drugs]
    return sorted({name for drug in meant for name in (drug.name, *drug.synonyms, *drug.brands)})


# -- Words -----------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    """The words and numbers typed, in lower case, without a plural s."""
    tokens = TOKEN.findall(text.lower())
    return [token.removesuffix("s") if len(token) > 4 else token for token in tokens]


def _border(word: str) -> str:
    """What stands before a word or number in a regular expression: the start of one."""
    return r"(?<![\d.])" if word[0].isdigit() else r"(?<![[:alnum:]])"


def _fits(words: list[str], text: str) -> bool:
    lower = text.lower()
    return all(
        re.search(_border(word).replace("[[:alnum:]]", r"[^\W_]") + re.escape(word), lower)
        for word in words
    )


# -- Drugs and their names -------------------------------------------------------------------------


@dataclass(slots=True)
class _Drug:
    """An ingredient with the synonyms and brands that stand for it alone."""

    pk: int
    key: str
    name: str
    synonyms: list[str]
    brands: list[str]

    def fits(self, words: list[str], brands: bool = True) -> bool:
        names = [self.name, *self.synonyms, *(self.brands if brands else ())]
        return _fits(words, " ".join(names))

    def brand(self, words: list[str]) -> str:
        """The synonym or brand through which the words found this drug, "" for its own name."""
        if _fits(words[:1], self.name):
            return ""
        other = [*self.synonyms, *self.brands]
        return next((name for name in other if _fits(words[:1], name)), "")


def _drugs() -> dict[int, _Drug]:
    drugs = {
        pk: _Drug(pk, key, name, [], [])
        for pk, key, name in Ingredient.objects.live().values_list("pk", "key", "name")
    }
    for _, kind, text, pks in _names():
        if len(pks) == 1 and pks[0] in drugs:
            drug = drugs[pks[0]]
            (drug.synonyms if kind == "synonym" else drug.brands).append(text)
    return drugs


def _names() -> list[tuple[int, str, str, list[int]]]:
    """`(id, kind, text, ingredient ids)` of every name in force."""
    names = {}
    parts = NamePart.objects.filter(name__retired_at=None).order_by("name__text", "ingredient__key")
    for pk, kind, text, ingredient in parts.values_list(
        "name", "name__kind", "name__text", "ingredient"
    ):
        names.setdefault(pk, (pk, kind, text, []))[3].append(ingredient)
    return list(names.values())


def _nearest(words: list[str], drugs: dict[int, _Drug]) -> dict[int, float]:
    """The ids of the ingredients whose name or brand is nearest to a misspelt word, with how near.

    By the order of letters, so that two swapped ones ("zoplicone") are a small slip.
    """
    names = defaultdict(set)
    for drug in drugs.values():
        for name in (drug.name, *drug.synonyms, *drug.brands):
            for part in _words(name):
                names[part].add(drug.pk)
    near: dict[int, float] = {}
    for word in words:
        if word[0].isdigit() or len(word) < 4:
            continue
        match = SequenceMatcher(b=word, autojunk=False)
        for name, pks in names.items():
            match.set_seq1(name)
            if match.quick_ratio() >= ALIKE and (alike := match.ratio()) >= ALIKE:
                near |= {pk: max(alike, near.get(pk, 0)) for pk in pks}
    best = max(near.values(), default=0)
    return {pk: alike for pk, alike in near.items() if alike >= best - 0.1}


def _codes_named(typed: str) -> dict[int, str]:
    """`{ingredient id: code}` of a code typed in full."""
    if not CODE.fullmatch(typed):
        return {}
    parts = CodePart.objects.filter(code__retired_at=None, code__code__iexact=typed)
    return dict(parts.values_list("ingredient", "code__code"))


# -- Ranked medicines ------------------------------------------------------------------------------


def _by_code(typed: str, drugs: dict[int, _Drug]) -> Ranked:
    if CODE.fullmatch(typed):
        for code, parts in _with_parts(Code.objects.live().filter(code__iexact=typed)):
            yield (0,), _code_row(code, parts, drugs)


def _fitting(typed: str, words: list[str], drugs: dict[int, _Drug], profile: str | None) -> Ranked:
    """The products, marketed strengths, drugs and combinations in which every word is found."""
    named = {
        word: {pk for pk, drug in drugs.items() if drug.fits([word], brands=False)}
        for word in words
    }
    fits = [
        Q(name__iregex=_border(word) + re.escape(word))
        | Q(Exists(CodePart.objects.filter(code=OuterRef("pk"), ingredient__in=named[word])))
        for word in words
    ]
    if any(len(word) > 1 and not word[0].isdigit() for word in words):
        products = Code.objects.live().filter(reduce(and_, fits), kind=Code.Kind.PRODUCT)
        yield from _products(products, words, drugs, profile)
    yield from _presentations(words, drugs, profile)
    whole = {pk for pk, drug in drugs.items() if drug.fits(words)}
    yield from _ingredients(whole, words, drugs, profile)
    for _, _, text, pks in _names():
        if len(pks) > 1 and _fits(words, text):
            parts = [drugs[pk] for pk in pks if pk in drugs]
            label = f"{text} ({', '.join(drug.name for drug in parts)})"
            yield _rank(1, words, text, parts), _row(text, parts, label=label)
    if not whole:
        yield from _as_typed(typed, words, drugs)


def _of(pks: set[int], numbers: list[str], drugs: dict[int, _Drug], profile: str | None) -> Ranked:
    """The products, marketed strengths and names of some drugs in which every number is found."""
    products = Code.objects.live().filter(
        *[Q(name__iregex=_border(number) + re.escape(number)) for number in numbers],
        Exists(CodePart.objects.filter(code=OuterRef("pk"), ingredient__in=pks)),
        kind=Code.Kind.PRODUCT,
    )
    some = {pk: drugs[pk] for pk in pks if pk in drugs}
    yield from _products(products, numbers, drugs, profile)
    yield from _presentations(numbers, some, profile)
    yield from _ingredients(set(some), numbers, drugs, profile)


def _products(
    codes: QuerySet[Code], words: list[str], drugs: dict[int, _Drug], profile: str | None
) -> Ranked:
    for code, parts in _with_parts(codes):
        # RxNorm names US products; elsewhere they come after what is marketed there.
        kind = (0 if profile == Profile.US else 2) + ("[" in code.name)
        if any(mg is None for _, mg, _ in parts):
            kind += 5  # a code that states no strength is recognised, but a poor thing to record
        yield _rank(kind, words, code.name, parts), _code_row(code, parts, drugs)


def _presentations(words: list[str], drugs: dict[int, _Drug], profile: str | None) -> Ranked:
    """Marketed strengths as products: "zopiclone 7.5 mg tablet"."""
    if profile not in Profile.values:
        return
    letters = [word for word in words if not word[0].isdigit()]
    rows = Presentation.objects.live().filter(profile=profile, ingredient__in=list(drugs))
    if profile == Profile.US:
        coded = CodePart.objects.filter(
            ingredient=OuterRef("ingredient"), code__kind=Code.Kind.PRODUCT, code__retired_at=None
        )
        rows = rows.exclude(Exists(coded))
    for row in rows:
        drug, form = drugs[row.ingredient_id], FORM_WORDS.get(row.form, str(row.form))
        if not any(drug.fits([word]) for word in letters) and letters:
            continue
        for mg in row.strengths_mg:
            strength = _strength(mg, row.per_unit)
            text = f"{drug.name} {strength} {form}"
            if _fits(words, " ".join([text, *drug.synonyms, *drug.brands])):
                made = _row(text, [drug], strength=strength, form=form)
                # Tablets and capsules are what is prescribed nearly always.
                yield _rank(row.form not in ("tablet", "capsule"), words, text, [drug]), made


def _ingredients(
    pks: set[int], words: list[str], drugs: dict[int, _Drug], profile: str | None
) -> Ranked:
    # Where products are coded they stand first; elsewhere the bare name is as good as any.
    kind = 2 if profile == Profile.US else 1
    for pk in pks:
        yield _rank(kind, words, drugs[pk].name, [pk]), _row(drugs[pk].name, [drugs[pk]])


def _as_typed(typed: str, words: list[str], drugs: dict[int, _Drug]) -> Ranked:
    """What was typed, when it spells one ingredient or more in full: "amlodipine 5 mg once"."""
    spelt = []
    for drug in drugs.values():
        own = {*_words(" ".join([drug.name, *drug.synonyms, *drug.brands]))}
        if any(len(word) > 3 and word in own for word in words):
            spelt.append(drug)
    if 0 < len(spelt) <= 4:
        # What was typed always fits itself: it stands after everything else that fits.
        yield (9,), _row(typed, spelt, label=f"{typed} (as typed)")


def _rank(kind: int, words: list[str], text: str, parts: Sequence) -> tuple:
    """Exact numbers first, then names that begin with the first word, then by kind and size."""
    numbers = sorted(float(number) for number in re.findall(r"\d+(?:\.\d+)?", text))
    inexact = sum(word[0].isdigit() and float(word) not in numbers for word in words)
    begins = not words or _fits(words[:1], text.split(" ", maxsplit=1)[0])
    return inexact, not begins, kind, len(parts), numbers, text.lower()


def _row(text: str, drugs: Iterable[_Drug], *, label: str | None = None, **words: str) -> dict:
    return {
        "label": label or text,
        "text": text,
        "codings": (),
        "ingredients": tuple(drug.key for drug in drugs),
        **words,
    }


def _code_row(code: Code, parts: list[CodedPart], drugs: dict[int, _Drug]) -> dict:
    strengths = [_strength(mg, unit) for _, mg, unit in parts if mg is not None]
    return {
        "label": code.name,
        "text": code.name,
        "codings": ({"system": code.system, "code": code.code},),
        "ingredients": tuple(drugs[pk].key for pk, _, _ in parts if pk in drugs),
        "strength": " / ".join(strengths) if len(strengths) == len(parts) else "",
        "form": FORM_WORDS.get(code.form, code.form),
        "route": code.route,
    }


def _strength(mg: Decimal, per_unit: str) -> str:
    return f"{mg.normalize():f} mg{PER.get(per_unit, '')}"


def _with_parts(codes: Iterable[Code]) -> list[tuple[Code, list[CodedPart]]]:
    codes = list(codes)
    parts = defaultdict(list)
    rows = CodePart.objects.filter(code__in=codes).order_by("code", "position")
    for code, *part in rows.values_list("code", "ingredient", "strength_mg", "per_unit"):
        parts[code].append(tuple(part))
    return [(code, parts[code.pk]) for code in codes]


def _atc(keys: set[str]) -> dict[str, tuple[dict, ...]]:
    """The ATC code of each ingredient that has exactly one which says nothing more."""
    codes = defaultdict(list)
    rows = CodePart.objects.filter(
        ingredient__key__in=keys,
        code__retired_at=None,
        code__system=Code.System.ATC,
        code__kind=Code.Kind.INGREDIENT,
        code__substitution=False,
    )
    for key, code in rows.values_list("ingredient__key", "code__code"):
        codes[key].append({"system": "atc", "code": code})
    return {key: tuple(found) for key, found in codes.items() if len(found) == 1}


def _statuses(keys: set[str], profile: str | None) -> dict[str, tuple[str, str]]:
    if profile is None:
        return {}
    rows = FormularyStatus.objects.live().filter(profile=profile, ingredient__key__in=keys)
    return {
        key: (status, reason)
        for key, status, reason in rows.values_list("ingredient__key", "status", "reason")
    }


def _worst(statuses: dict[str, tuple[str, str]], keys: Iterable[str]) -> dict[str, Any]:
    status, reason = max(
        (statuses.get(key, (UNKNOWN, "")) for key in keys),
        key=lambda pair: STATUS_ORDER.index(pair[0]),
        default=(UNKNOWN, ""),
    )
    return {"status": status, "reason": reason}
