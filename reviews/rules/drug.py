"""A drug and what is known about it: classes, facts, products, recognition."""

from dataclasses import dataclass, field
from typing import NamedTuple

CLASSES = {
    "benzodiazepine": "Benzodiazepines",
    "z-drug": "Z-drugs",
    "opioid": "Opioids (4.1)",
    "gabapentinoid": "Gabapentinoids (4.2)",
    "older-sedative": "Barbiturates and older sedatives (4.3)",
    "oxybate": "Oxybate (4.4)",
    "anaesthetic": "Anaesthetic and sedative agents (4.4)",
    "other-hypnotic": "Other hypnotics and sedatives (4.5)",
    "sedating-antihistamine": "Sedating antihistamines and anticholinergics (4.6)",
    "antipsychotic": "Antipsychotics (4.7)",
    "sedating-antidepressant": "Sedating antidepressants (4.8)",
    "antidepressant": "Other antidepressants (4.8)",
    "muscle-relaxant": "Muscle relaxants (4.9)",
    "antiseizure": "Antiseizure medicines (4.10)",
    "cyp3a4-strong": "Strong CYP3A4 inhibitors (4.11)",
    "cyp3a4-moderate": "Moderate and weak CYP3A4 inhibitors (4.12)",
    "cyp2c19": "CYP2C19 inhibitors (4.13)",
    "inducer": "Enzyme inducers (4.14)",
    "ugt-inhibitor": "UGT inhibitors (4.10, 4.15)",
    "substance": "Alcohol and substances (4.16)",
    "other-pair": "Other pairs (4.17)",
    "reversal": "Overdose reversal (naloxone, flumazenil)",
    "alcohol-dependence": "Medicines for alcohol dependence",
}
SUBSTITUTION = "opioid-substitution"
"""Given by recognition in place of "opioid", never by the formulary: it depends on the code."""

SAID = "said"
"""How a medicine was recognised that nobody knows, where somebody said which one it is."""

BIT = {name: 1 << i for i, name in enumerate([*CLASSES, SUBSTITUTION])}
BENZODIAZEPINE = BIT["benzodiazepine"]
Z_DRUG = BIT["z-drug"]
OPIOID = BIT["opioid"]
BZRA = BENZODIAZEPINE | Z_DRUG
BZRA_CLASSES = frozenset({"benzodiazepine", "z-drug"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """An ingredient and what is known about it."""

    key: str
    name: str
    classes: frozenset[str] = frozenset()
    atc: tuple[str, ...] = ()
    rxcui: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()
    band: str | None = None
    metabolism: str | None = None
    severities: dict[str, int] = field(default_factory=dict)
    max_mg_per_day: dict[str, dict[str, float]] = field(default_factory=dict)
    elder_max_mg_per_day: dict[str, float] = field(default_factory=dict)
    equivalents: dict[str, tuple[float, float]] = field(default_factory=dict)
    strengths: dict[str, dict[str, tuple[float, ...]]] = field(default_factory=dict)
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One ingredient of a medicine: mg in each unit ("tablet", "ml", "hour"), None = not known."""

    drug: str
    strength_mg: float | None = None
    per_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A coded product: its ingredients, form and route. `incomplete`: it holds more, unknown."""

    name: str
    parts: tuple[Part, ...]
    form: str | None = None
    route: str | None = None
    substitution: bool = False
    incomplete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What an ATC code or a name stands for."""

    drugs: tuple[str, ...]
    substitution: bool = False
    incomplete: bool = False


class Ingredient(NamedTuple):
    """A part of a medicine with its drug, and the drug's classes as bits.

    In a medicine for opioid substitution the bit of SUBSTITUTION stands in place of "opioid".
    """

    part: Part
    drug: Drug
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What a medicine was taken to be.

    `parts` are named in the order found; none means that nobody knows the medicine, or, where it
    was matched by a code, that nothing in it is what a rule asks for. `ingredients`
    are the same with their drugs; two recognitions are equal whatever is known about the drugs.
    `matched_by` is "code", "name", SAID or None, `matched` the code or the words that did it, or
    the medicine that it was said to be. `classes` are the classes of all ingredients, with "opioid"
    replaced by SUBSTITUTION where the code says so; `mask` is the same as bits. `complete` is False
    for a combination of which a part is not known; `unmapped` is True for one, and for a medicine
    nobody knows. `doubts` are strengths as written that may mean more than one amount, or none.
    `suspected` is the word of an incomplete or unknown medicine that hints at a sedative: it ends
    like one, or names a product for the night. `otherwise` are names of drugs that the text or
    another code tells and that the code taken does not hold: then it is unmapped as well.
    """

    parts: tuple[Part, ...] = ()
    ingredients: tuple[Ingredient, ...] = field(default=(), compare=False)
    form: str | None = None
    route: str | None = None
    matched_by: str | None = None
    matched: str = ""
    classes: frozenset[str] = frozenset()
    mask: int = 0
    complete: bool = True
    unmapped: bool = True
    doubts: tuple[str, ...] = ()
    suspected: str = ""
    otherwise: tuple[str, ...] = ()
