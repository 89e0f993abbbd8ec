"""A supply in words: "56 tablets", "2 packs of 28", "2 x 28 Tabletten", "1 flacon de 100 ml".

What counts packs of an unknown size ("2 Packung"), or nothing that is named ("56"), is no amount.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from reviews.rules.recognise import plain

# In English, French, German, Spanish and Italian, in lower case without accents.
_UNITS = {
    "mg": "mg mgs milligram milligrams milligramm milligramme milligrammes miligramo miligramos "
    "milligrammo milligrammi",
    "microgram": "microgram micrograms mcg ug mikrogramm microgramme microgrammes microgramo "
    "microgramos microgrammo microgrammi",
    "g": "g gram grams gramm gramme grammes gramo gramos grammo grammi",
    "ml": "ml mls cc millilitre millilitres milliliter milliliters mililitro mililitros "
    "millilitro millilitri",
    "tablet": "tablet tablets tab tabs tbl tabl caplet caplets tablette tabletten filmtablette "
    "filmtabletten retardtablette retardtabletten schmelztablette schmelztabletten kautablette "
    "kautabletten brausetablette brausetabletten dragee dragees comprime comprimes cp cpr "
    "comprimido comprimidos compressa compresse",
    "capsule": "capsule capsules cap caps kapsel kapseln hartkapsel hartkapseln weichkapsel "
    "weichkapseln retardkapsel retardkapseln gelule gelules capsula capsulas",
    "patch": "patch patches patchs pflaster parche parches cerotto cerotti",
    "drop": "drop drops gtt tropfen goutte gouttes gota gotas goccia gocce",
    "spray": "spray sprays actuation actuations spruhstoss spruhstosse hub hube pulverisation "
    "pulverisations pulverizacion pulverizaciones spruzzo spruzzi",
    "suppository": "suppository suppositories supp zapfchen suppositorium suppositorien "
    "suppositoire suppositoires supositorio supositorios supposta supposte",
    "unit": "unit units each ea piece pieces stuck stk st unite unites unidad unidades unita "
    "pezzo pezzi ampoule ampoules amp amps ampulle ampullen ampolla ampollas fiala fiale vial "
    "vials",
}
UNITS = {word: unit for unit, words in _UNITS.items() for word in words.split()}
"""Our unit of each word for one."""
PIECES = frozenset({"tablet", "capsule", "patch", "suppository", "unit"})
_PACK_OF = (
    "pack packet box carton bottle blister strip packung schachtel flasche boite paquet flacon "
    "plaquette etui caja envase frasco scatola confezione flacone"
)
_PACKS = (
    f"{_PACK_OF} packs packets pkt pkts boxes cartons bottles blisters strips packungen pck pkg op "
    "pckg schachteln flaschen boites bte btes paquets flacons plaquettes etuis cajas envases "
    "frascos scatole confezioni flaconi"
)
_COUNTED = {
    1: "a one un une ein eine una uno",
    2: "two deux zwei dos due",
    3: "three trois drei tres tre",
    4: "four quatre vier cuatro quattro",
    5: "five cinq funf cinco cinque",
    6: "six sechs seis sei",
}
_NUMBERS = {word: number for number, words in _COUNTED.items() for word in words.split()}


def _any(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True))


# A separator before three digits is one of thousands to some and a decimal to others: not read.
_NUMBER = r"\d+(?:[.,]\d{1,2})?"
_COUNT = rf"(?P<count>\d+|{_any(' '.join(_NUMBERS))})"
_EACH = rf"(?P<each>{_NUMBER})(?:[ -]?(?P<unit>{_any(' '.join(UNITS))})\.?)?"
_PACK = rf"(?:original ?)?(?:{_any(_PACKS)})\.?"
_OF = r"(?:of|de|a|zu|mit(?: je)?|with|con|da|di|je|x)"
_ALL_OF_IT = re.compile(
    r"(?:n[123] )?"
    rf"(?P<all>{_NUMBER}) ?(?P<unit>{_any(' '.join(UNITS))})\.?"
    rf"(?: (?:in|en|dans) (?:\d+|{_any(' '.join(_NUMBERS))}) {_PACK}"
    rf"| \((?:\d+|{_any(' '.join(_NUMBERS))}) {_PACK}\)| n[123])?"
)
_SO_MANY_OF = (
    re.compile(rf"{_COUNT} ?x ?{_EACH}(?: {_PACK})?"),
    re.compile(rf"{_COUNT} ?(?:x ?)?{_PACK} ?{_OF} ?{_EACH}(?: each)?"),
    re.compile(rf"(?P<count>)(?:{_any(_PACK_OF)}) ?{_OF} ?{_EACH}"),
    re.compile(rf"(?P<count>1|one|un|une|ein|eine|una) ?{_PACK} ?\({_EACH}\)"),
    re.compile(rf"{_COUNT} ?(?:x ?)?{_PACK} ?\({_EACH} (?:each|je|chacune?)\)"),
    re.compile(rf"{_COUNT} ?(?:x ?)?{_PACK} ?\((?:a|je|de|of) {_EACH}\)"),
    re.compile(
        rf"(?P<count>)(?P<each>{_NUMBER})[ -]?(?P<unit>{_any(' '.join(UNITS))})"
        rf" (?:{_any(_PACK_OF)})"
    ),
)
_PACKS_ALONE = re.compile(rf"{_COUNT} ?(?:x ?)?{_PACK}")
# "28 (twenty-eight) tablets", "[28] tablets".
_SAID_AGAIN = re.compile(r"^\[?(\d+)\]?(?: ?\([a-z -]+\))?(?= )")
_WITH_SUM = re.compile(r"(?P<all>.+?) ?\((?P<parts>.+)\)")


# "Tablet(s)", and "Tablet - unit of product usage" as SNOMED CT displays it.
_USAGE = re.compile(r"\(s\)| ?- unit of product usage")


class Told(NamedTuple):
    """An amount and its unit; "unit" where something is counted that is not named."""

    number: float
    unit: str


def unit_of(word: str) -> str | None:
    """Our unit of a word for one, in five languages; None when it is not one."""
    return UNITS.get(_USAGE.sub("", plain(word)).strip(" ."))


def _tidy(text: str) -> str:
    said = " ".join(plain(text).replace("×", "x").replace("*", "x").replace("(s)", "").split())
    return _SAID_AGAIN.sub(r"\1", said)


@lru_cache(maxsize=10_000)
def read(text: str) -> Told | None:
    """The amount that a supply in words comes to; None where the words leave it open."""
    said = _tidy(text)
    if found := _ALL_OF_IT.fullmatch(said):
        return _told(_number(found["all"]), found["unit"])
    for pattern in _SO_MANY_OF:
        if found := pattern.fullmatch(said):
            many = _count(found["count"])
            return _told(many * _number(found["each"]), found["unit"] or "unit")
    if found := _WITH_SUM.fullmatch(said):
        # "56 tablets (2 x 28)": two ways to say one amount, or neither is taken.
        whole, parts = read(found["all"]), read(found["parts"])
        if whole and parts and whole.number == parts.number:
            return parts if whole.unit == "unit" else whole
    return None


def says_otherwise(text: str, number: float, unit: str) -> bool:
    """Do the words tell of another amount than a number with its unit, or count packs by it?"""
    told = read(text)
    if told is None:
        found = _PACKS_ALONE.fullmatch(_tidy(text))
        return bool(found) and _count(found["count"]) == number
    counts = {told.unit, unit} <= PIECES
    return (counts or told.unit == unit) and told.number != number


def _count(said: str) -> int:
    return _NUMBERS.get(said) or int(said or 1)


def _told(number: float, unit: str) -> Told | None:
    return Told(number, UNITS[unit]) if number > 0 else None


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))
