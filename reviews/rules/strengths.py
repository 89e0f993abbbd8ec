"""Strengths from the text of a medicine: what is written, and to which of its ingredients.

A separator before three digits is one of thousands to some and a decimal to others. Which it is,
the strengths held for the drug decide, and where none are held the language of the other words.
What remains open is not known, and is said: never the smaller or the larger guess.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from math import isclose
from typing import NamedTuple

MASS_IN_MG = {
    "mg": 1.0,
    "mgs": 1.0,
    "milligram": 1.0,
    "milligrams": 1.0,
    "milligramm": 1.0,
    "milligramme": 1.0,
    "milligrammes": 1.0,
    "miligramo": 1.0,
    "miligramos": 1.0,
    "milligrammo": 1.0,
    "milligrammi": 1.0,
    "mcg": 0.001,
    "mcgs": 0.001,
    "ug": 0.001,
    "microgram": 0.001,
    "micrograms": 0.001,
    "microg": 0.001,
    "mikrogramm": 0.001,
    "microgramme": 0.001,
    "microgrammes": 0.001,
    "microgramo": 0.001,
    "microgramos": 0.001,
    "microgrammo": 0.001,
    "microgrammi": 0.001,
    "nanogram": 1e-6,
    "nanograms": 1e-6,
    "g": 1000.0,
    "gram": 1000.0,
    "grams": 1000.0,
    "gramm": 1000.0,
    "gramme": 1000.0,
    "grammes": 1000.0,
    "gramo": 1000.0,
    "gramos": 1000.0,
    "grammo": 1000.0,
    "grammi": 1000.0,
}
_PER = {
    "ml": "ml mls millilitre millilitres milliliter milliliters mililitro mililitros millilitro "
    "millilitri",
    "hour": "hour hours hr hrs h std stunde stunden heure heures hora horas ora ore",
    "spray": "actuat actuation actuations dose doses spray sprays spruhstoss hub pulverisation "
    "pulverizacion spruzzo",
    "drop": "drop drops tropfen goutte gouttes gota gotas goccia gocce",
    "g": "g",
    "tablet": "tablet tablets tab tablette tabletten comprime comprimes comprimido comprimidos "
    "compressa compresse",
    "capsule": "capsule capsules cap kapsel kapseln gelule gelules capsula capsulas",
    "patch": "patch patches pflaster parche parches cerotto cerotti",
    "suppository": "suppository suppositories zapfchen suppositoire suppositoires supositorio "
    "supositorios supposta supposte",
}
PER = {word: unit for unit, words in _PER.items() for word in words.split()}
_PIECES = ("tablet", "capsule", "patch", "suppository")
"""What a strength is that of one of; of several at once it never is ("5 mg/28 tablets")."""


def _any(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


MASS = _any(MASS_IN_MG)
MOST_MG = 1e6
"""More than a kilogram is the strength of nothing."""
# Taken whole or not at all, so that no part of a number is ever read for it. "7. 5" is one badly
# written number, or two.
_NUMBER = r"(?>\d+ ?\. \d+|(?:\d{1,3}(?: \d{3})+(?!\d)|[.,]?\d+)(?:[.,']\d+)*)"
_NO_PARTING = r"[^\w\s/\\+*=&|:;(){}\[\]–—-]"
_MEASURED = _any(word for word, unit in PER.items() if unit not in (*_PIECES, "g"))
# A bare number is an amount only beside another ("10-25 mg", "30/500"), and never one of ml.
_AMOUNT = rf"(?:{_NUMBER}\s*(?:{MASS})\b|{_NUMBER}(?![\s-]*(?:(?:{_MEASURED}|iu|ie)\b|%)))"
_JOIN = r"\s*(?:/|\+|-|–|—|&|,\s|;|\b(?:to|and|or|bis|und|oder|a|et|ou|y|o|e|ed)\b)\s*"
_OF = (
    r"(?:\s*(?:[/:]|\b(?:per|in|pro|par|por|je|en|nei?|dans|auf|cada|ogni)\b"
    r"(?: (?:each|every)\b)?)\s*"
    rf"(?P<per>{_NUMBER})?\s*(?P<of>{_any(PER)})\b)"
)
_WRITTEN = re.compile(
    # After a digit and a sign that is none of those that part two numbers, it is part of a number.
    rf"(?<![\d.,'])(?<!\d{_NO_PARTING})"
    rf"(?P<amounts>{_AMOUNT}(?:(?:{_JOIN}|\s+(?={_NUMBER}\s*(?:{MASS})\b)){_AMOUNT})*)"
    rf"\.?(?:{_OF})?"
)
_ONE = re.compile(rf"({_NUMBER})\s*({MASS})?\b")
_PER_CENT = re.compile(
    rf"(?<![\d.,'])({_NUMBER})\s*(?:%|(?:per ?cent|pour ?cent|prozent|por ciento|per cento)\b)"
)
_BARE_TAIL = re.compile(rf"{_NUMBER}\s*(?:{MASS})\b((?:{_JOIN}{_NUMBER})+)")
_RANGE = re.compile(r"-|–|—|\b(?:to|or|bis|oder|a|ou|o)\b")
# A dose for each kilogram of a person is no strength.
_OF_A_BODY = re.compile(r"\s*(?:/|per\s|pro\s|par\s|por\s)\s*(?:kg|m2)\b")
_PIECE = re.compile(rf"\s*(?:{_any(w for w, unit in PER.items() if unit in _PIECES)})\b")
_ENGLISH = re.compile(
    r"\b(?:tablets?|tabs?|caplets?|capsules|micrograms?|patch(?:es)?|injection|syrup|drops?"
    r"|oral (?:solution|suspension|tablet|capsule)|release|coated)\b"
)
_CONTINENTAL = re.compile(
    r"\b(?:\w*tabletten?|\w*tabl|\w*kapseln?|\w*tropfen|\w*pflaster|losung|comprim\w*|gelules?"
    r"|capsulas?|compress[ae]|solution (?:buvable|injectable)|sirop|jarabe|sciroppo|gocce|gotas"
    r"|gouttes|ampullen?|ampollas?|fiale?|filmtbl|stuck|st)\b"
)


Held = Mapping[str, Mapping[str, frozenset[float]]]
"""The strengths in mg known of each drug, by what they are strengths of: "ml", "hour", "piece"."""
PIECE = "piece"
_NONE: Mapping[str, frozenset[float]] = {}


def kind_of(per: str) -> str:
    """What a strength is one of: a tablet's and a capsule's are of one piece."""
    return per if per in ("ml", "hour", "spray", "g", "drop") else PIECE


class Strength(NamedTuple):
    """The mg of an ingredient in each `per` ("" = in one piece); None: not known."""

    mg: float | None
    per: str


class Strengths(NamedTuple):
    """What was read: the strength of each ingredient that has one, and what stayed doubtful."""

    of: dict[str, Strength]
    doubts: tuple[str, ...]


class Named(NamedTuple):
    """A name found in the text, and the ingredients it stands for."""

    drugs: tuple[str, ...]
    start: int
    end: int


class _Reading(NamedTuple):
    """One amount as written: what it may be in mg, and what English and other words make of it."""

    mg: tuple[float, ...]
    english: float | None = None
    continental: float | None = None


class Amounts(NamedTuple):
    """Amounts written together: "5 mg", "30mg/500mg", "10-25 mg", "2 mg/5 ml".

    `then_counted`: what follows the first amount are bare numbers that count something, unless they
    are the strengths of as many drugs ("5 mg, 28 tablets").
    """

    text: str
    start: int
    end: int
    amounts: tuple[_Reading, ...]
    per: str
    with_unit: bool
    then_counted: bool = False


def strengths_in(text: str, names: Sequence[Named], held: Held) -> Strengths:
    """The strength of each ingredient named in a text of lower case without accents.

    A strength follows its name, or stands before each ("5 mg diazepam"); amounts written together
    belong to as many names before them.
    """
    written = [
        each
        for each in amounts_in(text)
        if not any(name.start <= each.start < name.end for name in names)
    ]
    language = _language(text)
    found: dict[str, Strength] = {}
    doubts: list[str] = []
    for run, nearest, each in _pairs(names, written):
        read, sure = _of_drugs(run, nearest, each, held, language)
        for drug, mg in read.items():
            found.setdefault(drug, Strength(mg, each.per))
        if not sure:
            doubts.append(each.text)
    if len(found) == len({drug for name in names for drug in name.drugs}):
        doubts = []
    return Strengths(found, tuple(dict.fromkeys(doubts)))


def _language(text: str) -> str:
    """ "english" or "continental" where the words of the text are clearly one of the two."""
    english, continental = _ENGLISH.search(text), _CONTINENTAL.search(text)
    if bool(english) == bool(continental):
        return ""
    return "english" if english else "continental"


# -- What is written -------------------------------------------------------------------------------


def amounts_in(text: str) -> list[Amounts]:
    """Every strength written in a text of lower case without accents, in order."""
    found = (_written(text, match) for match in _WRITTEN.finditer(text))
    written = [each for each in found if each is not None]
    # A gram in 100 ml, as it is said of solutions.
    written += [
        Amounts(
            text=match.group(),
            start=match.start(),
            end=match.end(),
            amounts=(_times(_number(match[1]), 10.0),),
            per="ml",
            with_unit=True,
        )
        for match in _PER_CENT.finditer(text)
    ]
    return sorted(written, key=lambda each: each.start)


def _written(text: str, match: re.Match) -> Amounts | None:
    told = _ONE.findall(match["amounts"])
    units = [unit for _, unit in told]
    if not any(units) and (len(told) < 2 or match["of"]):
        return None
    last = next((unit for unit in reversed(units) if unit), "mg")
    per, divisor = "", 1.0
    if match["of"]:
        per, divisor = PER[match["of"]], 1.0
        if match["per"]:
            divisors = _number(match["per"]).mg
            divisor = divisors[0] if len(divisors) == 1 else 0.0
        if per in _PIECES and divisor != 1:
            per, divisor = "", 1.0
    glued = match.start() > 0 and text[match.start() - 1].isalpha()
    amounts = []
    for n, (digits, unit) in enumerate(told):
        reading = _number(digits, glued=glued and n == 0)
        factor = MASS_IN_MG[unit or last] / divisor if divisor else 0.0
        if _OF_A_BODY.match(text, match.end()):
            reading = _Reading(())
        amounts.append(_times(reading, factor))
    return Amounts(
        text=match.group().strip(" .,;"),
        start=match.start(),
        end=match.end(),
        amounts=tuple(amounts),
        per=per,
        with_unit=any(units),
        then_counted=_then_counted(match, text),
    )


def _then_counted(match: re.Match, text: str) -> bool:
    """Whether bare numbers follow one amount with a unit, and are no end of a range."""
    tail = _BARE_TAIL.fullmatch(match["amounts"])
    return bool(tail) and (not _RANGE.search(tail[1]) or bool(_PIECE.match(text, match.end())))


def _times(reading: _Reading, factor: float) -> _Reading:
    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return _Reading(
        tuple(value * factor for value in reading.mg if 0 < value * factor <= MOST_MG),
        scaled(reading.english),
        scaled(reading.continental),
    )


def _number(digits: str, *, glued: bool = False) -> _Reading:
    """What a written number may be; nothing for one that is none of a known way of writing."""
    if " " in digits:
        whole, last = digits.replace(" ", ""), digits.rsplit(" ", 1)[1]
        if not whole.isdigit():
            return _Reading(())
        if glued:
            return _Reading((float(last),))  # "D3 800 mg"
        # "1 000" is a thousand; "2 500" may as well be a number and another one.
        return _Reading((float(whole),) if int(last) == 0 else (float(last), float(whole)))
    digits = digits.replace("'", "") if re.fullmatch(r"\d{1,3}(?:'\d{3})+.*", digits) else digits
    marks = [mark for mark in digits if not mark.isdigit()]
    if not marks:
        return _Reading((float(digits),))
    head, *groups = re.split(r"[.,']", digits)
    if "'" in marks:
        return _Reading(())
    if not head:
        if len(groups) > 1:
            return _Reading(())
        fraction = float(f"0.{groups[0]}")
        # After a letter the point may be the end of a word: "valium.5 mg".
        return _Reading((fraction, float(groups[0])) if glued else (fraction,))
    if len(marks) == 1:
        decimal, thousands = float(f"{head}.{groups[0]}"), float(head + groups[0])
        if len(groups[0]) != 3 or len(head) > 3 or head.startswith("0"):
            return _Reading((decimal,))
        if marks[0] == ",":
            return _Reading((decimal, thousands), english=thousands, continental=decimal)
        # A full stop before three digits in German may be either: machines write it for a decimal.
        return _Reading((decimal, thousands), english=decimal)
    grouped = groups if len(set(marks)) == 1 else groups[:-1]
    if len(head) > 3 or any(len(group) != 3 for group in grouped):
        return _Reading(())
    if len(set(marks)) == 1:
        return _Reading((float(head + "".join(groups)),))
    if marks[-1] in marks[:-1]:
        return _Reading(())
    return _Reading((float(f"{head}{''.join(grouped)}.{groups[-1]}"),))


# -- Whose strength it is --------------------------------------------------------------------------


def _pairs(
    names: Sequence[Named], written: Sequence[Amounts]
) -> list[tuple[tuple[Named, ...], Named, Amounts]]:
    """Each strength with the run of names it stands for, before it or after it, and the nearest."""
    if not names or not written:
        return []
    first, last = names[0].start, names[-1].end
    before = any(each.with_unit and each.end <= first for each in written)
    after = any(each.with_unit and each.start >= last for each in written)
    reverse = before and not after
    events: list[Named | Amounts] = sorted([*names, *written], key=lambda each: each.start)
    pairs, run, taken = [], [], False
    for event in reversed(events) if reverse else events:
        if isinstance(event, Named):
            run = [event] if taken else [*run, event]
            taken = False
        elif run and not taken:
            of_one = {drug for name in run for drug in name.drugs}
            if not event.with_unit and len(event.amounts) != len(of_one):
                continue
            pairs.append((tuple(reversed(run) if reverse else run), run[-1], event))
            taken = True
    return pairs


def _of_drugs(
    names: tuple[Named, ...],
    nearest: Named,
    written: Amounts,
    held: Held,
    language: str,
) -> tuple[dict[str, float], bool]:
    """The mg of each drug of a run of names, and whether nothing stayed doubtful."""
    drugs = tuple(dict.fromkeys(drug for name in names for drug in name.drugs))
    of_kind = {drug: held.get(drug, _NONE).get(kind_of(written.per), frozenset()) for drug in drugs}
    amounts = written.amounts
    if len(drugs) == len(amounts) > 1:
        orders: Iterable[tuple[str, ...]] = (
            (drugs,) if len(names) == len(drugs) else permutations(drugs)
        )
        return _ordered(orders, written, of_kind, language)
    if len(amounts) > 1 and (len(drugs) > 1 or not written.then_counted):
        # More amounts than drugs: a range, a list, or a part that no name matched.
        return {}, False
    # One strength beside several names is that of the nearest.
    if len(nearest.drugs) != 1:
        return {}, True
    (drug,) = nearest.drugs
    mg = _settled(written.amounts[0], of_kind[drug], language)
    return ({}, False) if mg is None else ({drug: mg}, True)


def _ordered(
    orders: Iterable[tuple[str, ...]],
    written: Amounts,
    held: Mapping[str, frozenset[float]],
    language: str,
) -> tuple[dict[str, float], bool]:
    """As many amounts as drugs: the one order that what is held of the drugs allows.

    A name that stands for several drugs says no order ("Targinact 10/5"): one in which a drug gets
    an amount far from all that is held of it is out, and of several the one whose amounts are all
    held is taken. Bare numbers are strengths only where one of them is held.
    """
    possible: dict[tuple, dict[str, float]] = {}
    orders = list(orders)
    for order in orders:
        read = {}
        for drug, amount in zip(order, written.amounts, strict=True):
            mg = _settled(amount, held[drug], language)
            if mg is not None and (len(orders) == 1 or _is_near(mg, held[drug])):
                read[drug] = mg
        if len(read) == len(order) or len(orders) == 1:
            possible[tuple(sorted(read.items()))] = read
    known = [
        read
        for read in possible.values()
        if all(_is_held(mg, held[drug]) for drug, mg in read.items() if held[drug])
    ]
    left = [*possible.values()] if len(possible) == 1 else known
    if len(left) != 1 or (len(orders) > 1 and not any(held.values())):
        return {}, False
    (read,) = left
    if not written.with_unit and not any(_is_held(mg, held[drug]) for drug, mg in read.items()):
        return {}, True
    return read, len(read) == len(written.amounts)


def _is_near(mg: float, held: frozenset[float]) -> bool:
    """Whether an amount is no more than four times away from all that is held; else anything is."""
    return not held or min(held) / 4 <= mg <= max(held) * 4


def _is_held(mg: float, held: Iterable[float]) -> bool:
    return any(isclose(mg, known, rel_tol=1e-6) for known in held)


def _settled(reading: _Reading, held: frozenset[float], language: str) -> float | None:
    """The one mg that an amount comes to, or None: nothing fits, or more than one does."""
    if len(reading.mg) < 2:
        return next(iter(reading.mg), None)
    plausible = [mg for mg in reading.mg if _is_held(mg, held)]
    if not plausible and held:
        plausible = [mg for mg in reading.mg if _is_near(mg, held)]
    if len(plausible) == 1:
        return plausible[0]
    if plausible or held:
        return None
    if language == "english":
        return reading.english
    return reading.continental if language == "continental" else None
