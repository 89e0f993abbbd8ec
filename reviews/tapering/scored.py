"""Which tablets may be halved, on the word of a label: a fact of one product, not of a strength.

Other makers' tablets of the same strength differ, so a plan names the product to ask for. What no
label here says is not known, and nothing is halved for that reason alone: whoever plans says so
once the pharmacy has looked.
"""

from decimal import Decimal
from typing import NamedTuple

from reviews.rules.sources import NEXT_REVIEW, NEXT_REVIEW_UNVERIFIED, REVIEWED, Citation

WHOLE, HALVES = 1, 2


class Scored(NamedTuple):
    """Into how many equal parts a tablet may be divided, by the label of the product named."""

    drug: str
    profile: str
    mg: Decimal
    parts: int
    source: Citation


def _label(product: str, issuer: str, year: int | None, said: str, note: str = "") -> Citation:
    """The summary of product characteristics of a product, section 3; a note: not verified."""
    return Citation(
        f"Summary of product characteristics: {product}",
        issuer,
        year,
        f"section 3: {said}",
        REVIEWED,
        NEXT_REVIEW_UNVERIFIED if note else NEXT_REVIEW,
        verified=not note,
        note=note,
    )


EQUAL = "scored, can be divided into equal halves"
LINE = "unverified: a line is described, equal halves are not"
ALTERED = "unverified: seen in an altered copy"
TABLETS = (
    Scored(
        "clonazepam",
        "UK",
        Decimal("0.5"),
        HALVES,
        _label("Clonazepam 0.5 mg tablets", "Rivopharm UK", 2024, EQUAL),
    ),
    Scored(
        "lorazepam",
        "UK",
        Decimal("0.5"),
        WHOLE,
        _label("Lorazepam 0.5 mg tablets", "Advanz Pharma", 2024, "no score line is described"),
    ),
    Scored(
        "lorazepam",
        "UK",
        Decimal(1),
        HALVES,
        _label("Lorazepam 1 mg tablets", "Morningside Healthcare", None, EQUAL),
    ),
    Scored(
        "zopiclone",
        "EU",
        Decimal("7.5"),
        HALVES,
        _label("Zimoclone 7.5 mg tablets", "Gerard Laboratories", 2015, EQUAL),
    ),
    Scored(
        "diazepam",
        "UK",
        Decimal(5),
        WHOLE,
        _label("Diazepam 5 mg tablets", "Berk", None, "breakline on the reverse", LINE),
    ),
    Scored(
        "diazepam",
        "UK",
        Decimal(10),
        WHOLE,
        _label("Tensium 10 mg tablets", "Chelonia Healthcare", None, "a score line", LINE),
    ),
    Scored(
        "zopiclone",
        "UK",
        Decimal("3.75"),
        WHOLE,
        _label("Zopiclone 3.75 mg tablets", "not named", None, "plain on one side", ALTERED),
    ),
    Scored(
        "zopiclone",
        "UK",
        Decimal("7.5"),
        WHOLE,
        _label("Zopiclone 7.5 mg tablets", "not named", None, "break line", ALTERED),
    ),
)


def found(drug: str, profile: str, mg: Decimal) -> Scored | None:
    """What a label says of a tablet of a drug under a profile; None where none was seen."""
    return next(
        (each for each in TABLETS if (each.drug, each.profile, each.mg) == (drug, profile, mg)),
        None,
    )


def may_be_halved(drug: str, profile: str, mg: Decimal) -> bool:
    """Whether the label of a product says that it can be divided into equal halves."""
    known = found(drug, profile, mg)
    return known is not None and known.parts == HALVES and known.source.verified
