"""One drug as the formulary page shows it: facts, limits, interactions, and who says so."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q

from drugs.models import (
    Code,
    DrugClass,
    DrugFact,
    Equivalent,
    FormularyStatus,
    Ingredient,
    IngredientClass,
    Limit,
    Name,
    Pair,
    Presentation,
    Sourced,
)

BZRA = ("benzodiazepine", "z-drug")
# Judged by pair or by another list, not as a class with every benzodiazepine or Z-drug.
NOT_BY_CLASS = (*BZRA, "antidepressant", "antiseizure", "cyp3a4-strong", "cyp3a4-moderate")
NOT_BY_CLASS += ("cyp2c19", "ugt-inhibitor", "other-pair", "reversal", "alcohol-dependence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One line of the interactions table. `row` is the sourced row behind it.

    `severity` is None where it depends on the pair or on the patient. `key` leads to the drug on
    the other side, "" for a class of `members` drugs.
    """

    severity: int | None
    other: str
    key: str
    members: int
    what: str
    rules: tuple[str, ...]
    row: Sourced


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything held on one drug. Every row carries its own source, dates and verified mark."""

    ingredient: Ingredient
    classes: list[IngredientClass]
    facts: list[DrugFact]
    limits: list[Limit]
    equivalents: list[Equivalent]
    presentations: list[Presentation]
    names: list[Name]
    codes: list[Code]
    products: int
    statuses: list[FormularyStatus]
    interactions: list[Interaction]

    @property
    def rows(self) -> list[Sourced]:
        """Every sourced row of this drug's own."""
        groups = (self.classes, self.facts, self.limits, self.equivalents, self.presentations)
        own = [row for group in (*groups, self.names, self.codes, self.statuses) for row in group]
        return [self.ingredient, *own]

    @property
    def unverified(self) -> list[Sourced]:
        """The rows that still await sign-off."""
        return [row for row in self.rows if not row.verified]

    @property
    def next_review(self) -> date:
        """The day the first of the rows is due to be read again."""
        return min(row.next_review for row in self.rows)

    @property
    def sources(self) -> list[tuple[str, str, date, date]]:
        """The distinct citations of the rows, `[(source, locator, reviewed, next_review)]`."""
        cited = {(row.source, row.locator, row.reviewed, row.next_review) for row in self.rows}
        return sorted(cited)


def detail(key: str) -> Detail:
    """The drug of that key. Raises `Ingredient.DoesNotExist` when there is none in force."""
    ingredient = Ingredient.objects.live().get(key=key)
    classes = list(
        ingredient.classes.live().select_related("drug_class").order_by("drug_class__key")
    )
    codes = Code.objects.live().filter(parts__ingredient=ingredient)
    return Detail(
        ingredient=ingredient,
        classes=classes,
        facts=list(ingredient.facts.live().order_by("kind", "profile")),
        limits=list(ingredient.limits.live().order_by("profile", "context")),
        equivalents=list(ingredient.equivalents.live().order_by("table")),
        presentations=list(ingredient.presentations.live().order_by("profile", "form")),
        names=list(Name.objects.live().filter(parts__ingredient=ingredient).order_by("text")),
        codes=list(codes.exclude(kind=Code.Kind.PRODUCT).order_by("system", "code")),
        products=codes.filter(kind=Code.Kind.PRODUCT).count(),
        statuses=list(ingredient.statuses.live().order_by("profile")),
        interactions=_interactions(ingredient, classes),
    )


def _interactions(ingredient: Ingredient, classes: list[IngredientClass]) -> list[Interaction]:
    """The drug's lines of the interactions table, the most urgent first.

    A benzodiazepine or Z-drug is shown beside the classes of other medicines, any other drug
    beside the benzodiazepines and Z-drugs.
    """
    keys = {row.drug_class.key for row in classes}
    found = [*_pairs(ingredient, classes)]
    if keys & set(BZRA):
        found += _classes_against_bzra(found)
    else:
        found += _own_classes(classes)
    return sorted(found, key=lambda line: (line.severity or 5, line.other.lower()))


def _pairs(ingredient: Ingredient, classes: list[IngredientClass]) -> Iterator[Interaction]:
    mine = Q(ingredient=ingredient) | Q(
        drug_class__in=[row.drug_class_id for row in classes], drug_class__retired_at=None
    )
    theirs = Q(with_ingredient=ingredient) | Q(
        with_class__in=[row.drug_class_id for row in classes]
    )
    rows = Pair.objects.live().select_related(
        "ingredient", "drug_class", "with_ingredient", "with_class"
    )
    members = _members()
    for row in rows.filter(mine):
        yield _pair_line(row, row.other, members)
    for row in rows.filter(theirs).exclude(mine):
        yield _pair_line(row, row.subject, members)


def _pair_line(row: Pair, other: Ingredient | DrugClass, members: dict[int, int]) -> Interaction:
    single = isinstance(other, Ingredient)
    return Interaction(
        severity=row.severity,
        other=other.name,
        key=other.key if single else "",
        members=1 if single else members[other.pk],
        what=row.note,
        rules=(row.rule,) if row.rule else (),
        row=row,
    )


def _classes_against_bzra(pairs: list[Interaction]) -> list[Interaction]:
    """The classes that concern every benzodiazepine and Z-drug."""
    members = _members()
    moderate = [line for line in pairs if "CYP-01" in line.rules]
    keep = Q(~Q(key__in=NOT_BY_CLASS))
    if moderate:  # the moderate inhibitors concern the drugs of the strong ones
        keep |= Q(key="cyp3a4-moderate")
    return [
        Interaction(
            severity=row.severity,
            other=row.name,
            key="",
            members=members[row.pk],
            what=row.note,
            rules=tuple(row.rules),
            row=row,
        )
        for row in DrugClass.objects.live().filter(keep)
    ]


def _own_classes(classes: list[IngredientClass]) -> Iterator[Interaction]:
    """A line for each class of the drug that interacts with every benzodiazepine and Z-drug."""
    for row in classes:
        severity = row.severity or row.drug_class.severity
        by_class = row.drug_class.key not in NOT_BY_CLASS
        if by_class and row.level == IngredientClass.Level.CLASS and severity:
            yield Interaction(
                severity=severity,
                other="Benzodiazepines and Z-drugs",
                key="",
                members=0,
                what=row.condition or row.drug_class.note,
                rules=tuple(row.drug_class.rules),
                row=row,
            )


def _members() -> dict[int, int]:
    counts = defaultdict(int)
    rows = IngredientClass.objects.live().values("drug_class").annotate(count=Count("pk"))
    counts.update(rows.values_list("drug_class", "count"))
    return counts
