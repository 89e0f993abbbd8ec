"""The products of a release, put together from the pieces that its rows gave, in sets by key."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from drugs.models import Edition, EditionIngredient, EditionPiece, EditionProduct
from drugs.releases.pieces import (
    BRANDED,
    COMPONENT,
    FORM,
    GROUP,
    INGREDIENT,
    LINK,
    NOT_SAID,
    PART,
    PRODUCT,
    ROUTE,
    UNREAD,
    WORD,
)
from reviews.rules.forms import COUNTED, shape_of
from reviews.rules.recognise import plain
from reviews.rules.strengths import MASS_IN_MG, MOST_MG, PER

STEPS = (INGREDIENT, PRODUCT, BRANDED, GROUP)
"""In this order: what is sold has the parts of what is prescribed, and a group those of both."""
NAME_LENGTH = 300
# "diazepam 5 MG/ML": the strength of a component of RxNorm.
STRENGTH = re.compile(r"(\d[\d.]*) ([A-Za-z]+)(?:/([A-Za-z]+))?$")
MG_LEAST = 0.000001
"""Less than this is not told apart from nothing."""
BETWEEN = " / "
"""Between the components in the name of a clinical drug of RxNorm."""
RXNORM_PER = {"ML": "ml", "HR": "hour", "ACTUAT": "spray"}


class Composed(NamedTuple):
    """What a step made: how many products, the last key it did, and what was missing for some."""

    made: int
    last: str
    missing: list[tuple[str, str]]


def compose(edition: Edition, step: str, after: str, most: int) -> Composed:
    """Put together the next products of a step, behind the key `after`; no key when none is left.

    Done again after a kill it makes nothing twice.
    """
    keys = list(
        edition.pieces.filter(kind=step, key__gt=after)
        .order_by("key")
        .values_list("key", flat=True)
        .distinct()[:most]
    )
    if not keys:
        return Composed(0, "", [])
    named = {piece.key: piece for piece in edition.pieces.filter(kind=step, key__in=keys)}
    if step == INGREDIENT:
        EditionIngredient.objects.bulk_create(
            [
                EditionIngredient(edition=edition, code=key, name=piece.said["name"][:NAME_LENGTH])
                for key, piece in named.items()
            ],
            ignore_conflicts=True,
        )
        return Composed(0, keys[-1], [])
    rows, missing = _MAKE[edition.system, step](edition, named)
    EditionProduct.objects.bulk_create(rows, ignore_conflicts=True)
    return Composed(len(rows), keys[-1], missing)


Made = tuple[list[EditionProduct], list[tuple[str, str]]]


def _product(
    edition: Edition, piece: EditionPiece, parts: list[list[Any]], form: str, route: str
) -> EditionProduct:
    merged: dict[str, list[Any]] = {}
    for part in parts:
        known = merged.setdefault(part[0], part)
        if known is not part:
            # The same substance twice (two layers, two salts): how much of it is not one figure.
            merged[part[0]] = [part[0], None, ""]
    return EditionProduct(
        edition=edition,
        code=piece.key,
        name=piece.said["name"][:NAME_LENGTH],
        form=form,
        route=route,
        parts=list(merged.values()),
        ingredients=list(merged),
    )


def _said_of(edition: Edition, kind: str, keys: Iterable[str]) -> dict[str, list[EditionPiece]]:
    found = defaultdict(list)
    for piece in edition.pieces.filter(kind=kind, key__in=list(keys)).order_by("pk"):
        found[piece.key].append(piece)
    return found


# -- dm+d and ATC ------------------------------------------------------------------------------


def _prescribed(edition: Edition, named: dict[str, EditionPiece]) -> Made:
    """Products with their parts, forms and routes: VMPs, and whole codes of ATC."""
    parts, forms = _said_of(edition, PART, named), _said_of(edition, FORM, named)
    routes = _said_of(edition, ROUTE, named)
    words = dict(edition.pieces.filter(kind=WORD).values_list("key", "said__text"))
    rows = []
    for key, piece in named.items():
        shape = shape_of(plain(" ".join(words.get(each.other, "") for each in forms[key])))
        route = shape.route or ""
        if not route and len(routes[key]) == 1:
            route = shape_of(plain(words.get(routes[key][0].other, ""))).route or ""
        form = shape.form or ""
        found = [[each.other, *_strength(each.said, words, form)] for each in parts[key]]
        rows.append(_product(edition, piece, found, form, route))
    return rows, []


def _strength(said: dict[str, str], words: dict[str, str], form: str) -> tuple[float | None, str]:
    """`(mg, per unit)` of a part; None where it is no mass, or a mass in what is not counted."""
    nothing = None, ""
    if not said.get("value"):
        return None, COUNTED.get(form, "")
    mg = _mass(said["value"], words.get(said["unit"], ""))
    if mg is None:
        return nothing
    if "in" not in said:
        return mg, COUNTED.get(form, "")
    per = PER.get(plain(words.get(said["in_unit"], "")))
    amount = Decimal(said["in"])
    each = mg / float(amount) if float(amount) > 0 else 0.0
    if not MG_LEAST <= each <= MOST_MG:
        # "1e-400 ml" is written as a number, and is none that anybody can divide by.
        return nothing
    if per is None or per not in ("ml", "hour", "spray", "g", "drop"):
        # "5 mg in 1 tablet" is a strength of one; of anything else nobody counts.
        return (mg, COUNTED[form]) if amount == 1 and form in COUNTED else nothing
    return round(each, 6), per


def _mass(value: str, unit: str) -> float | None:
    factor = MASS_IN_MG.get(plain(unit))
    try:
        mg = None if factor is None else float(Decimal(value)) * factor
    except InvalidOperation:
        return None
    return round(mg, 6) if mg is not None and 0 < mg <= MOST_MG else None


def _sold(edition: Edition, named: dict[str, EditionPiece]) -> Made:
    """Products as they are sold: each with the parts of the product that it is a brand of."""
    bases = {
        row.code: row
        for row in edition.products.filter(code__in={piece.other for piece in named.values()})
    }
    rows, missing = [], []
    for key, piece in named.items():
        base = bases.get(piece.other)
        if base is None:
            missing.append((key, f"its product {piece.other} is not in the release"))
            continue
        rows.append(_product(edition, piece, base.parts, base.form, base.route))
    return rows, missing


def _groups(edition: Edition, named: dict[str, EditionPiece]) -> Made:
    """Moieties, each with what all its products hold; without a part where they differ.

    Nor where the row of one is broken: what it holds more, nobody knows.
    """
    of = defaultdict(list)
    rows = edition.pieces.filter(kind=PRODUCT, other__in=named).values_list("other", "key")
    for group, product in rows:
        of[group].append(product)
    held = dict(
        edition.products.filter(code__in=[key for keys in of.values() for key in keys]).values_list(
            "code", "ingredients"
        )
    )
    broken = set(
        edition.pieces.filter(kind=LINK, key__in=[*named, NOT_SAID]).values_list("key", flat=True)
    )
    made = []
    for key, piece in named.items():
        is_whole = key not in broken and NOT_SAID not in broken
        sets = {frozenset(held[product]) for product in of[key] if product in held}
        same = sorted(next(iter(sets))) if is_whole and len(sets) == 1 else []
        made.append(_product(edition, piece, [[each, None, ""] for each in same], "", ""))
    return made, []


# -- RxNorm ------------------------------------------------------------------------------------


def _clinical(edition: Edition, named: dict[str, EditionPiece]) -> Made:
    """Clinical drugs of RxNorm, by their components; a form is read from the name."""
    links = _said_of(edition, LINK, named)
    parts = _of_components(edition, {each.other for own in links.values() for each in own})
    rows = []
    for key, piece in named.items():
        form, route = shape_of(plain(piece.said["name"]))
        of = {each.other for each in links[key] if each.said["how"] == "consists_of"}
        found = [
            part
            for each in sorted(of)
            # A component whose row is broken is an ingredient that nobody knows.
            for part in parts.get(each, [[each, None, ""]])
        ]
        if 0 < len(of) < piece.said["name"].count(BETWEEN) + 1:
            # A row that says of another component that it is one was lost.
            found.append([UNREAD, None, ""])
        per = COUNTED.get(form or "", "")
        found = [[code, mg, unit or per] for code, mg, unit in found]
        rows.append(_product(edition, piece, found, form or "", route or ""))
    return rows, []


def _of_components(edition: Edition, keys: Iterable[str]) -> dict[str, list[list[Any]]]:
    """The part that each component stands for; its own code where it names no ingredient."""
    found = _said_of(edition, COMPONENT, keys)
    links = _said_of(edition, LINK, found)
    parts = {}
    for key, [piece, *_] in found.items():
        strength = STRENGTH.search(piece.said["name"])
        mg, per = None, ""
        if strength and (not strength[3] or strength[3].upper() in RXNORM_PER):
            mg = _mass(strength[1], strength[2])
            per = RXNORM_PER.get((strength[3] or "").upper(), "")
        own = [each.other for each in links[key] if each.said["how"] == "has_ingredient"]
        # Also a code of which the release has no substance: it is one that nobody knows.
        codes = list(dict.fromkeys(own)) or [key]
        parts[key] = [[code, mg if len(codes) == 1 else None, per] for code in codes]
    return parts


def _branded(edition: Edition, named: dict[str, EditionPiece]) -> Made:
    """Branded drugs of RxNorm, each with the parts of the clinical drug it is the tradename of."""
    links = _said_of(edition, LINK, named)
    wanted = {each.other for own in links.values() for each in own}
    bases = {row.code: row for row in edition.products.filter(code__in=wanted)}
    rows, missing = [], []
    for key, piece in named.items():
        of = [
            each.other
            for each in links[key]
            if each.said["how"] == "tradename_of" and each.other in bases
        ]
        if not of:
            missing.append((key, "no clinical drug of the release is what it is the tradename of"))
            continue
        base = bases[of[0]]
        rows.append(_product(edition, piece, base.parts, base.form, base.route))
    return rows, missing


_MAKE = {
    ("dmd", PRODUCT): _prescribed,
    ("dmd", BRANDED): _sold,
    ("dmd", GROUP): _groups,
    ("rxnorm", PRODUCT): _clinical,
    ("rxnorm", BRANDED): _branded,
    ("atc", PRODUCT): _prescribed,
}


def steps(edition: Edition) -> Sequence[str]:
    """The steps in which the products of a system are made."""
    return [step for step in STEPS if step == INGREDIENT or (edition.system, step) in _MAKE]
