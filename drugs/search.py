"""Find medicines for the picker, and drugs for the formulary page, by ingredient, brand or code."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from functools import reduce
from itertools import permutations, product
from math import isclose
from operator import and_
from typing import Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

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
from reviews.rules.recognise import plain
from reviews.rules.strengths import Amounts, amounts_in

TOKEN = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
SEVERAL = re.compile(r"\d+(?:[.,]\d+)?(?: ?/ ?\d+(?:[.,]\d+)?)+")
"""The strengths of a combination by themselves: "30/500"."""
CODE = re.compile(r"(?=.*\d)[a-z0-9]{3,18}", re.IGNORECASE)
UNKNOWN = "unknown"
AS_TYPED = " (as typed)"
ALIKE = 0.75
"""How alike a misspelt word and a name must be, 0 to 1: "zoplicone" and zopiclone are 0.89."""
PER = {"ml": "/ml", "hour": "/hour", "spray": "/spray", "g": "/g"}
FORM_WORDS = {"liquid": "oral liquid", "film": "oral film", "spray": "oral spray"}
# Words that say how a medicine is made up, and not which it is.
FORMS = {"tablet", "capsule", "oral", "liquid", "solution", "patche", "drop", "spray", "injection"}
UNITS = {"microgram", "milligram", "nanogram", "gram", "unit", "hour", "dose"}
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
    profile asked for: formulary, restricted, non-formulary or unknown, with its `reason`. `exact`:
    what was typed says this medicine in full, or fits nothing else.
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
    exact: bool = False


class _Typed(NamedTuple):
    """What was typed: its words and bare numbers, the strengths with a unit, and the whole."""

    text: str
    words: list[str]
    strengths: tuple[Amounts, ...]

    @property
    def is_code(self) -> bool:
        return bool(CODE.fullmatch(self.text)) and len(self.text) > 4

    @property
    def says_something(self) -> bool:
        return bool(
            any(len(word) > 1 for word in self.letters)
            or self.strengths
            or self.is_code
            or self.is_several
        )

    @property
    def is_several(self) -> bool:
        return bool(SEVERAL.fullmatch(self.text))

    @property
    def letters(self) -> list[str]:
        return [word for word in self.words if not word[0].isdigit()]

    @property
    def numbers(self) -> list[str]:
        return [word for word in self.words if word[0].isdigit()]


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


def search(
    text: str, limit: int = 20, profile: str | None = None, follows: tuple[str, ...] = ()
) -> list[Match]:
    """The medicines that fit what was typed, best first; [] for nothing to go by.

    Every word must begin a word of the product, of an ingredient or of its brand, every bare number
    a number of the product, and every amount ("500 microgram", "2 mg/5 ml") be a strength of it. A
    misspelt name finds the nearest. What is marketed under `profile` ("UK", "US", "EU", or one that
    `follows` them, the nearest first) comes first, and no combination before the ingredient that
    was typed.
    """
    lineage = _lineage(profile, follows)
    typed = _typed(text)
    if not typed.says_something:
        return []
    drugs = _drugs()
    rows = [*_by_code(typed.text, drugs)] or [*_fitting(typed, drugs, lineage)]
    near = not rows
    if near:
        rows = [
            ((-alike, *rank), row)
            for pk, alike in _nearest(typed.letters, drugs).items()
            for rank, row in _of({pk}, typed, drugs, lineage)
        ]
    best = {}
    for _, row in sorted(rows, key=lambda pair: pair[0]):
        best.setdefault(row["text"].lower(), row)
    chosen = [*best.values()][:limit]
    statuses = _statuses({key for row in chosen for key in row["ingredients"]}, lineage)
    atc = _atc({row["ingredients"][0] for row in chosen if len(row["ingredients"]) == 1})
    for row in chosen:
        if not row["codings"] and len(row["ingredients"]) == 1:
            row["codings"] = atc.get(row["ingredients"][0], ())
        said = _says_in_full(typed, row["label"]) or (len(best) == 1 and _is_all_in(typed, row))
        row["exact"] = said and not near and not row["label"].endswith(AS_TYPED)
    return [Match(**row, **_worst(statuses, row["ingredients"])) for row in chosen]


def statuses_set(profile: str | None, follows: tuple[str, ...] = ()) -> bool:
    """Whether anybody has said of any medicine that it is, or is in part, on the formulary."""
    said = (FormularyStatus.Status.FORMULARY, FormularyStatus.Status.RESTRICTED)
    lineage = _lineage(profile, follows)
    return FormularyStatus.objects.live().filter(profile__in=lineage, status__in=said).exists()


def _lineage(profile: str | None, follows: tuple[str, ...]) -> tuple[str, ...]:
    return (profile, *follows) if profile else ()


def _typed(text: str) -> _Typed:
    text = " ".join(text.split())
    simple, strengths, rest, at = plain(text), [], "", 0
    for amounts in amounts_in(simple):
        if amounts.with_unit:
            strengths.append(amounts)
            rest += simple[at : amounts.start] + " "
            at = amounts.end
    rest = re.sub(r"(?<!\d)\.(?=\d)", "0.", (rest + simple[at:]).replace(",", "."))
    return _Typed(text, _words(rest), tuple(strengths))


def _says_in_full(typed: _Typed, label: str) -> bool:
    """Whether words, numbers and strengths typed are those of a label; a form may be begun."""
    other = _typed(label)
    strengths, others = (
        [(amount.mg, each.per) for each in said.strengths for amount in each.amounts]
        for said in (typed, other)
    )
    if strengths != others or len(typed.words) != len(other.words):
        return False
    pairs = zip(sorted(typed.words), sorted(other.words), strict=True)
    return all(full == word or (full in FORMS and full.startswith(word)) for word, full in pairs)


def _is_all_in(typed: _Typed, row: dict) -> bool:
    """Whether no number that was typed is lost in a medicine: "fentanyl 25" is not fentanyl."""
    if typed.is_code:
        return True
    numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", row["label"])}
    if any(float(number) not in numbers for number in typed.numbers):
        return False
    return not typed.strengths or bool(numbers)


def find_drugs(
    text: str = "", limit: int = 50, profile: str | None = None, follows: tuple[str, ...] = ()
) -> list[Found]:
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
    statuses = _statuses({drug.key for drug in chosen}, _lineage(profile, follows))
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
    """Every name, synonym and brand of the drugs that `text` names."""
    words = _of_drugs(text)
    pks = set.intersection(*map(_named, words)) if words else set()
    own = Ingredient.objects.live().filter(pk__in=pks).values_list("name", flat=True)
    others = _alone(NamePart.objects.filter(ingredient__in=pks))
    return sorted({*own, *others.values_list("name__text", flat=True)}) if pks else []


def names_nearly_meant(text: str) -> list[str]:
    """Every name, synonym and brand of the drugs nearest to `text`; [] where it names one."""
    words, drugs = _of_drugs(text), _drugs()
    if any(drug.fits(words) for drug in drugs.values()):
        return []
    near = [drugs[pk] for pk in _nearest(words, drugs)]
    return sorted({name for drug in near for name in (drug.name, *drug.synonyms, *drug.brands)})


def _of_drugs(text: str) -> list[str]:
    """The words of a text that can be of the name of a drug."""
    words = [word for word in _words(text) if len(word) > 2 and not word[0].isdigit()]
    return [word for word in words if word not in FORMS]


def _named(word: str) -> set[int]:
    """The ids of the ingredients of which a name of their own begins a word so."""
    # Asked of the database: to read all the names of all drugs takes longer than the search.
    begins = _border(word) + re.escape(word)
    own = Ingredient.objects.live().filter(name__iregex=begins)
    others = _alone(NamePart.objects.filter(name__text__iregex=begins))
    return {*own.values_list("pk", flat=True), *others.values_list("ingredient", flat=True)}


def _alone(parts: QuerySet[NamePart]) -> QuerySet[NamePart]:
    """Those of names in force that stand for one ingredient alone."""
    with_it = NamePart.objects.filter(name=OuterRef("name")).exclude(pk=OuterRef("pk"))
    return parts.filter(~Exists(with_it), name__retired_at=None)


class Near(NamedTuple):
    """A drug that a text is spelt nearly like: its name, and in `called` the brand that is near.

    A drug found by a brand stands with it: "EllaOne (ulipristal)". `alike` says how near, 0 to 1.
    """

    drug: str
    called: str
    alike: float


def nearly(texts: Iterable[str]) -> dict[str, list[Near]]:
    """For each text the drugs whose name or brand is nearly a word of it, nearest first.

    A slip seldom changes the first letter, so that "Relaxonel" is not nearly "EllaOne".
    """
    drugs = _drugs()
    names = _by_word(drugs)
    found = {}
    for text in texts:
        words = [word for word in _words(text) if word not in FORMS and word not in UNITS]
        first = {word[0] for word in words}
        begun_alike = {name: pks for name, pks in names.items() if name[0] in first}
        alike = sorted(_alike(words, begun_alike).items(), key=lambda pair: -pair[1])
        found[text] = [
            Near(drugs[pk].name, drugs[pk].called(words), near) for pk, near in alike[:3]
        ]
    return found


# -- Words -----------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    """The words and numbers typed, in lower case, without a plural s."""
    tokens = TOKEN.findall(text.lower())
    return [token.removesuffix("s") if len(token) > 4 else token for token in tokens]


def _letters(words: list[str]) -> list[str]:
    """The words that are no number and long enough to be nearly another."""
    return [word for word in words if len(word) >= 4 and not word[0].isdigit()]


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

    def called(self, words: list[str]) -> str:
        """The name, after the synonym or brand that is nearest to one of these words."""

        def near(name: str) -> float:
            pairs = product(_letters(_words(name)), _letters(words))
            return max((SequenceMatcher(None, *pair).ratio() for pair in pairs), default=0)

        nearest = max((self.name, *self.synonyms, *self.brands), key=near)
        return self.name if nearest == self.name else f"{nearest} ({self.name})"


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
    return _alike(words, _by_word(drugs))


def _by_word(drugs: dict[int, _Drug]) -> dict[str, set[int]]:
    """The ids of the ingredients by each word of their names and brands."""
    names = defaultdict(set)
    for drug in drugs.values():
        for name in (drug.name, *drug.synonyms, *drug.brands):
            for part in _words(name):
                names[part].add(drug.pk)
    return names


def _alike(words: list[str], names: dict[str, set[int]]) -> dict[int, float]:
    near: dict[int, float] = {}
    for word in _letters(words):
        match = SequenceMatcher(b=word, autojunk=False)
        for name, pks in names.items():
            match.set_seq1(name)
            if match.real_quick_ratio() < ALIKE or match.quick_ratio() < ALIKE:
                continue
            if (alike := match.ratio()) >= ALIKE:
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


def _fitting(typed: _Typed, drugs: dict[int, _Drug], lineage: tuple[str, ...]) -> Ranked:
    """The products, marketed strengths, drugs and combinations in which every word is found."""
    words = typed.words
    named = {
        word: {pk for pk, drug in drugs.items() if drug.fits([word], brands=False)}
        for word in words
    }
    fits = [
        Q(name__iregex=_border(word) + re.escape(word))
        | Q(Exists(CodePart.objects.filter(code=OuterRef("pk"), ingredient__in=named[word])))
        for word in words
    ]
    meant = {pk for pk, drug in drugs.items() if typed.letters and drug.fits(typed.letters)}
    if typed.is_several:
        yield from _of_strengths(typed, drugs)
        return
    if typed.letters:
        products = Code.objects.live().filter(reduce(and_, fits), kind=Code.Kind.PRODUCT)
        yield from _products(products, typed, drugs, lineage)
    yield from _presentations(typed, drugs, lineage)
    yield from _ingredients(meant, typed, drugs, lineage)
    yield from _combinations(typed, drugs, after=bool(meant))
    if not meant:
        yield from _as_typed(typed, drugs)


def _of_strengths(typed: _Typed, drugs: dict[int, _Drug]) -> Ranked:
    """The compound names whose ingredients have the strengths typed by themselves: "30/500"."""
    held = defaultdict(set)
    amounts = CodePart.objects.exclude(strength_mg=None).filter(code__retired_at=None)
    for pk, mg in amounts.values_list("ingredient", "strength_mg"):
        held[pk].add(float(mg))
    for row in Presentation.objects.live():
        held[row.ingredient_id] |= {float(mg) for mg in row.strengths_mg}
    wanted = [float(number) for number in typed.numbers]
    for _, kind, text, pks in _names():
        parts = [drugs[pk] for pk in pks if pk in drugs]
        if kind != "compound" or len(parts) != len(wanted):
            continue
        if any(
            all(mg in held[part.pk] for mg, part in zip(order, parts, strict=True))
            for order in permutations(wanted)
        ):
            told = f"{text} {'/'.join(typed.numbers)}"
            label = f"{told} ({', '.join(part.name for part in parts)})"
            yield _rank(0, typed, told, parts), _row(told, parts, label=label)


def _combinations(typed: _Typed, drugs: dict[int, _Drug], *, after: bool) -> Ranked:
    """Brands and compound names of several ingredients, with the strengths typed for them.

    A compound name is also found by an ingredient with as many strengths: "codeine 30/500".
    Without them it stands `after` the single drug that was typed.
    """
    amounts = typed.numbers or [each.text for each in typed.strengths if len(each.amounts) > 1]
    for _, kind, text, pks in _names():
        parts = [drugs[pk] for pk in pks if pk in drugs]
        if len(parts) < 2 or not typed.letters:
            continue
        as_many = len(amounts) == len(parts) or amounts != typed.numbers
        by_part = kind == "compound" and as_many and any(d.fits(typed.letters) for d in parts)
        if not by_part and not _fits(typed.letters if as_many else typed.words, text):
            continue
        if typed.strengths and not (amounts and as_many):
            continue
        told = f"{text} {'/'.join(amounts)}" if amounts and as_many else text
        label = f"{told} ({', '.join(drug.name for drug in parts)})"
        several = bool(amounts) and as_many
        combined = not several and (after or bool(amounts))
        rank = _rank(kind != "compound", typed, told, parts, combined=combined)
        yield rank, _row(told, parts, label=label)


def _of(pks: set[int], typed: _Typed, drugs: dict[int, _Drug], lineage: tuple[str, ...]) -> Ranked:
    """The products, marketed strengths and names of some drugs in which every number is found."""
    products = Code.objects.live().filter(
        *[Q(name__iregex=_border(number) + re.escape(number)) for number in typed.numbers],
        Exists(CodePart.objects.filter(code=OuterRef("pk"), ingredient__in=pks)),
        kind=Code.Kind.PRODUCT,
    )
    some = {pk: drugs[pk] for pk in pks if pk in drugs}
    typed = typed._replace(words=typed.numbers)
    yield from _products(products, typed, drugs, lineage)
    yield from _presentations(typed, some, lineage)
    yield from _ingredients(set(some), typed, drugs, lineage)


def _products(
    codes: QuerySet[Code], typed: _Typed, drugs: dict[int, _Drug], lineage: tuple[str, ...]
) -> Ranked:
    for code, parts in _with_parts(codes):
        if not _holds(typed.strengths, [(mg, per) for _, mg, per in parts]):
            continue
        # RxNorm names US products; elsewhere they come after what is marketed there.
        kind = (0 if lineage[-1:] == (Profile.US,) else 4) + ("[" in code.name)
        if any(mg is None for _, mg, _ in parts):
            kind += 5  # a code that states no strength is recognised, but a poor thing to record
        combined = len(parts) > 1 and not _names_all(typed, [drugs[pk] for pk, _, _ in parts])
        rank = _rank(kind, typed, code.name, parts, combined=combined)
        yield rank, _code_row(code, parts, drugs)


def _names_all(typed: _Typed, parts: list[_Drug]) -> bool:
    """Whether each part of a combination was named by some word that was typed."""
    return all(any(drug.fits([word]) for word in typed.letters) for drug in parts)


def _holds(strengths: Iterable[Amounts], parts: Iterable[tuple[Decimal | None, str]]) -> bool:
    """Whether every amount typed is a strength of one of the parts, per the unit that was typed."""
    held = [(float(mg), per) for mg, per in parts if mg is not None]
    return all(
        any(
            any(isclose(mg, known, rel_tol=1e-6) for mg in amount.mg)
            and (not each.per or each.per == per)
            for known, per in held
        )
        for each in strengths
        for amount in each.amounts
    )


class _Presented(NamedTuple):
    """A strength of a form of a drug: its mg in each `per_unit`."""

    drug: int
    form: str
    mg: Decimal
    per_unit: str


def _presented(drugs: dict[int, _Drug], lineage: tuple[str, ...]) -> set[_Presented]:
    """The strengths and forms of some drugs under a profile, each form as the nearest says it.

    Outside the US, whose products are coded, a drug without any there has those that are held of
    it elsewhere: generic products, which carry no code of another country.
    """
    rows = [
        (row.profile, _Presented(row.ingredient_id, str(row.form), mg, row.per_unit))
        for row in Presentation.objects.live().filter(ingredient__in=list(drugs))
        for mg in row.strengths_mg
    ]
    said = {(of, each.drug, each.form) for of, each in rows if of in lineage}
    own = {
        each
        for of, each in rows
        if of in lineage
        and not any(
            (nearer, each.drug, each.form) in said for nearer in lineage[: lineage.index(of)]
        )
    }
    if lineage[-1:] == (Profile.US,):
        coded = CodePart.objects.filter(code__kind=Code.Kind.PRODUCT, code__retired_at=None)
        have = set(coded.filter(ingredient__in=list(drugs)).values_list("ingredient", flat=True))
        return {presented for presented in own if presented.drug not in have}
    have = {presented.drug for presented in own}
    elsewhere = {presented for _, presented in rows}
    single = (
        CodePart.objects.filter(
            code__kind=Code.Kind.PRODUCT, code__retired_at=None, ingredient__in=list(drugs)
        )
        .exclude(strength_mg=None)
        .exclude(code__form__in=("", "topical"))
        .annotate(parts=Count("code__parts"))
        .filter(parts=1)
        .values_list("ingredient", "code__form", "strength_mg", "per_unit")
    )
    elsewhere |= {_Presented(pk, form, mg.normalize(), per) for pk, form, mg, per in single}
    return own | {presented for presented in elsewhere if presented.drug not in have}


def _presentations(typed: _Typed, drugs: dict[int, _Drug], lineage: tuple[str, ...]) -> Ranked:
    """Strengths as generic products: "zopiclone 7.5 mg tablet"."""
    if not lineage or lineage[-1] not in Profile.values:
        return
    letters = typed.letters
    some = {
        pk: drug
        for pk, drug in drugs.items()
        if not letters or any(drug.fits([word]) for word in letters)
    }
    for presented in _presented(some, lineage):
        if not _holds(typed.strengths, [(presented.mg, presented.per_unit)]):
            continue
        drug, form = drugs[presented.drug], FORM_WORDS.get(presented.form, presented.form)
        strength = _strength(presented.mg, presented.per_unit)
        text = f"{drug.name} {strength} {form}"
        # Patches and small doses are called by micrograms: "fentanyl 25".
        small = f" {(presented.mg * 1000).normalize():f} microgram" if presented.mg < 1 else ""
        if _fits(typed.words, " ".join([text + small, *drug.synonyms, *drug.brands])):
            made = _row(text, [drug], strength=strength, form=form)
            # Tablets and capsules are what is prescribed nearly always.
            plain_form = presented.form in ("tablet", "capsule")
            yield _rank(not plain_form, typed, text + small, [drug]), made


def _ingredients(
    pks: set[int], typed: _Typed, drugs: dict[int, _Drug], lineage: tuple[str, ...]
) -> Ranked:
    # Where products are coded they stand first; elsewhere the bare name is as good as any. With a
    # strength typed it stands after what has that strength, and before every combination.
    kind = 2 if lineage[-1:] == (Profile.US,) else 1
    if typed.numbers or typed.strengths:
        kind = 8
    for pk in pks:
        letters = typed._replace(words=typed.letters)
        # Two bare numbers are those of a combination.
        combined = len(typed.numbers) > 1
        rank = _rank(kind, letters, drugs[pk].name, [pk], combined=combined)
        yield rank, _row(drugs[pk].name, [drugs[pk]])


def _as_typed(typed: _Typed, drugs: dict[int, _Drug]) -> Ranked:
    """What was typed, when it spells one ingredient or more in full: "amlodipine 5 mg once"."""
    spelt = []
    for drug in drugs.values():
        own = {*_words(" ".join([drug.name, *drug.synonyms, *drug.brands]))}
        if any(len(word) > 3 and word in own and word not in FORMS for word in typed.words):
            spelt.append(drug)
    if 0 < len(spelt) <= 4:
        # What was typed always fits itself: it stands after everything else that fits.
        yield (9,), _row(typed.text, spelt, label=f"{typed.text}{AS_TYPED}")


def _rank(
    kind: int, typed: _Typed, text: str, parts: Sequence, *, combined: bool | None = None
) -> tuple:
    """Exact numbers first, combinations last, then names that begin with the first word, then by
    kind and size."""
    numbers = sorted(float(number) for number in re.findall(r"\d+(?:\.\d+)?", text))
    inexact = sum(float(number) not in numbers for number in typed.numbers)
    begins = not typed.letters or _fits(typed.letters[:1], text.split(" ", maxsplit=1)[0])
    if combined is None:
        combined = len(parts) > 1
    return combined, inexact, not begins, kind, len(parts), numbers, text.lower()


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


def _statuses(keys: set[str], lineage: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    rows = FormularyStatus.objects.live().filter(profile__in=lineage, ingredient__key__in=keys)
    said = {
        (of, key): (status, reason)
        for of, key, status, reason in rows.values_list(
            "profile", "ingredient__key", "status", "reason"
        )
    }
    # What is nearer counts.
    return {key: said[of, key] for of in reversed(lineage) for key in keys if (of, key) in said}


def _worst(statuses: dict[str, tuple[str, str]], keys: Iterable[str]) -> dict[str, Any]:
    status, reason = max(
        (statuses.get(key, (UNKNOWN, "")) for key in keys),
        key=lambda pair: STATUS_ORDER.index(pair[0]),
        default=(UNKNOWN, ""),
    )
    return {"status": status, "reason": reason}
