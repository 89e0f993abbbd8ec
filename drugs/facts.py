"""The formulary as the sections of a rule book: plain data, the same for the same facts."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from drugs import editions
from drugs.models import (
    Code,
    CodePart,
    DrugFact,
    Equivalent,
    Ingredient,
    IngredientClass,
    Limit,
    Name,
    NamePart,
    Presentation,
    Sourced,
)

ELDER = "elder"
_Row = TypeVar("_Row", bound=Sourced)


def formulary() -> dict[str, dict]:
    """`{"drugs", "products", "atc", "names"}` of every row in force, amounts as floats in mg.

    Where a release of a national list is in force, products and ATC codes of it stand among them,
    and "without_a_rule" holds the codes of products that no rule asks for.

    `unverified` of a drug names its facts that still await sign-off, by their place in the book.
    A severity is given only where it replaces the default of its class.
    """
    drugs = _drugs()
    codes = _codes()
    released = editions.sections()
    without = released["without_a_rule"]
    return {
        "drugs": drugs,
        "products": released["products"]
        | {
            f"{code.system}:{code.code}": _product(code, parts)
            for code, parts in codes
            if code.kind == Code.Kind.PRODUCT
        },
        "atc": released["atc"]
        | {
            code.code: _entry([part.key for part in parts], code)
            for code, parts in codes
            if code.system == Code.System.ATC
            and (code.kind != Code.Kind.INGREDIENT or code.substitution)
        },
        "names": _names(),
        **({"without_a_rule": without} if without else {}),
    }


def _drugs() -> dict[str, dict]:
    drugs = {}
    for ingredient in Ingredient.objects.live().order_by("key"):
        drugs[ingredient.pk] = {
            "name": ingredient.name,
            "classes": [],
            "atc": [],
            "rxcui": [],
            "snomed": [],
            "band": None,
            "metabolism": None,
            "severities": {},
            "max_mg_per_day": defaultdict(dict),
            "elder_max_mg_per_day": {},
            "equivalents": {},
            "strengths": defaultdict(dict),
            "unverified": [],
            "key": ingredient.key,
        }

    def rows(model: type[_Row], *order: str) -> Iterator[tuple[_Row, dict]]:
        """The live rows of a model that belong to a live ingredient, with its entry."""
        for row in model.objects.live().order_by("ingredient__key", *order):
            if row.ingredient_id in drugs:
                yield row, drugs[row.ingredient_id]

    memberships = IngredientClass.objects.live().select_related("drug_class")
    for row in memberships.filter(drug_class__retired_at=None).order_by("drug_class__key"):
        if (drug := drugs.get(row.ingredient_id)) is None:
            continue
        key = row.drug_class.key
        drug["classes"].append(key)
        if row.severity is not None and row.severity != row.drug_class.severity:
            drug["severities"][key] = row.severity
        _note_unverified(drug, row, f"classes.{key}")
    facts = DrugFact.Kind.BAND, DrugFact.Kind.METABOLISM
    for row, drug in rows(DrugFact, "kind"):
        if row.kind in facts:
            drug[row.kind] = row.value
            _note_unverified(drug, row, row.kind)
    for row, drug in rows(Limit, "profile", "context"):
        if row.context == ELDER:
            drug["elder_max_mg_per_day"][row.profile] = float(row.mg_per_day)
            _note_unverified(drug, row, f"elder_max_mg_per_day.{row.profile}")
        else:
            drug["max_mg_per_day"][row.profile][row.context] = float(row.mg_per_day)
            _note_unverified(drug, row, f"max_mg_per_day.{row.profile}.{row.context}")
    for row, drug in rows(Equivalent, "table"):
        low = float(row.mg)
        drug["equivalents"][row.table] = [low, low if row.mg_high is None else float(row.mg_high)]
        _note_unverified(drug, row, f"equivalents.{row.table}")
    for row, drug in rows(Presentation, "profile", "form"):
        drug["strengths"][row.profile][row.form] = [float(mg) for mg in row.strengths_mg]
        _note_unverified(drug, row, f"strengths.{row.profile}.{row.form}")
    for code, parts in _codes(kind=Code.Kind.INGREDIENT):
        drug = drugs[parts[0].ingredient_id]
        system = "rxcui" if code.system == Code.System.RXNORM else code.system
        # A code that means substitution treatment stands in the `atc` section, with that mark.
        if system in ("atc", "rxcui", "snomed") and not code.substitution:
            drug[system].append(code.code)
            _note_unverified(drug, code, f"{system}.{code.code}")
    return {drug.pop("key"): _plain(drug) for drug in drugs.values()}


def _note_unverified(drug: dict, row: Sourced, place: str) -> None:
    """List a fact that still awaits sign-off by its place in the book."""
    if not row.verified:
        drug["unverified"].append(place)


def _plain(drug: dict) -> dict:
    """The drug with plain dicts, as JSON has them."""
    for name in ("max_mg_per_day", "strengths"):
        drug[name] = dict(drug[name])
    return drug


def _codes(**only: str) -> list[tuple[Code, list[CodePart]]]:
    """Live codes with their parts, whose ingredients are all in force, in a fixed order."""
    parts = defaultdict(list)
    for part in CodePart.objects.select_related("ingredient").order_by("code", "position"):
        part.key = part.ingredient.key
        parts[part.code_id].append(part)
    codes = Code.objects.live().filter(**only).order_by("system", "code")
    return [
        (code, parts[code.pk])
        for code in codes
        if all(part.ingredient.retired_at is None for part in parts[code.pk])
    ]


def _product(code: Code, parts: list[CodePart]) -> dict:
    product = {
        "name": code.name,
        "parts": [
            [
                part.key,
                None if part.strength_mg is None else float(part.strength_mg),
                part.per_unit,
            ]
            for part in parts
        ],
        "form": code.form or None,
        "route": code.route or None,
    }
    return product | ({"substitution": True} if code.substitution else {})


def _entry(keys: list[str], row: Code | Name) -> dict:
    """The drugs for which a code or a name stands, with its marks."""
    entry: dict[str, object] = {"drugs": keys}
    if row.substitution:
        entry["substitution"] = True
    if getattr(row, "incomplete", False):
        entry["incomplete"] = True
    return entry


def _names() -> dict[str, dict]:
    names, retired = defaultdict(list), set()
    marks = {}
    parts = NamePart.objects.filter(name__retired_at=None).select_related("name", "ingredient")
    for part in parts.order_by("name__text", "ingredient__key"):
        text = part.name.text.lower()
        names[text].append(part.ingredient.key)
        marks[text] = part.name
        if part.ingredient.retired_at is not None:
            retired.add(text)
    return {text: _entry(keys, marks[text]) for text, keys in names.items() if text not in retired}
