"""Which doses can be made up from the tablets, capsules and liquids at hand, and how."""

import math
from decimal import Decimal
from typing import NamedTuple

from reviews.rules import words

HALF = Decimal("0.5")
SMALLEST_ML = Decimal("0.5")
"""What an oral syringe measures well. A product choice (local policy/unverified)."""
MOST_ML = 20
"""A liquid is for the last steps: more than this a day is not planned (local policy/unverified)."""
DIVIDED = frozenset({"tablet"})
SOLID = frozenset({"tablet", "capsule", "film"})
LIQUID = "liquid"
FORMS = (*sorted(SOLID, reverse=True), LIQUID)
MOST_SIZES = 20_000
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLURALS = {"tablet": "tablets", "capsule": "capsules", "film": "films"}


class Unplannable(ValueError):
    """No plan can be made: `field` is what to change, `reason` says why."""

    def __init__(self, field, reason):
        super().__init__(f"{field} {reason}")
        self.field, self.reason = field, reason


class Strength(NamedTuple):
    """A form of the medicine: mg in one tablet, capsule or film, or in one ml.

    `part` is the smallest part of one that can be taken: half a tablet, a whole capsule, 0.5 ml.
    """

    form: str
    mg: Decimal
    part: Decimal

    @property
    def code(self) -> str:
        """As a form or an address carries it: "tablet:5:0.5"."""
        return f"{self.form}:{_plain(self.mg)}:{_plain(self.part)}"

    @property
    def name(self) -> str:
        """ "5 mg tablets", "2 mg/5 ml liquid"."""
        if self.form == LIQUID:
            return f"{_plain(self.mg * 5)} mg/5 ml liquid"
        return f"{_plain(self.mg)} mg {PLURALS[self.form]}"

    @property
    def halved(self) -> bool:
        return self.form in DIVIDED and self.part == HALF


class Part(NamedTuple):
    """So many of one strength: tablets, capsules or films, or ml."""

    strength: Strength
    number: Decimal

    @property
    def mg(self) -> Decimal:
        return self.strength.mg * self.number

    def short(self) -> str:
        """ "2½ × 5 mg", "4 ml of 2 mg/5 ml"."""
        if self.strength.form == LIQUID:
            return f"{_plain(self.number)} ml of {_plain(self.strength.mg * 5)} mg/5 ml"
        return f"{_with_half(self.number)} × {_plain(self.strength.mg)} mg"

    def said(self) -> str:
        """ "two and a half 5 mg tablets", as on the patient's copy."""
        form, mg = self.strength.form, _plain(self.strength.mg)
        if form == LIQUID:
            return f"{_plain(self.number)} ml of the {_plain(self.strength.mg * 5)} mg/5 ml liquid"
        whole, half = int(self.number), self.number % 1
        if not whole:
            return f"half a {mg} mg {form}"
        counted = NUMBERS[whole] if whole < len(NUMBERS) else str(whole)
        if half:
            return f"{counted} and a half {mg} mg {PLURALS[form]}"
        return f"{counted} {mg} mg {form if whole == 1 else PLURALS[form]}"


def short(parts) -> str:
    """ "2½ × 5 mg + ½ × 2 mg"; empty for a dose whose parts are not known."""
    return " + ".join(part.short() for part in parts)


def said(parts) -> str:
    """ "two and a half 5 mg tablets and half a 2 mg tablet"."""
    return words.listed(part.said() for part in parts)


def strength(form, mg, *, halves=True) -> Strength:
    """A strength with the smallest part its form allows. Raises `Unplannable`."""
    mg = Decimal(str(mg))
    if form not in FORMS:
        raise Unplannable("strengths", f"must be one of {', '.join(FORMS)}")
    if not 0 < mg <= 1000 or mg != round(mg, 4):
        raise Unplannable("strengths", "must be from 0.0001 to 1000 mg")
    part = Decimal(1)
    if form == LIQUID:
        part = SMALLEST_ML
    elif form in DIVIDED and halves:
        part = HALF
    return Strength(form, mg, part)


def read_code(code: str) -> Strength:
    """The strength that `Strength.code` wrote. Raises `Unplannable`."""
    try:
        form, mg, part = code.split(":")
        found = strength(form, Decimal(mg), halves=Decimal(part) != 1)
    except (ValueError, ArithmeticError) as error:
        raise Unplannable("strengths", "are not written as form:mg:part") from error
    return found


def makeable(strengths, up_to: Decimal) -> dict[Decimal, tuple[Part, ...]]:
    """Every dose up to so many mg that can be made, with its parts; nothing (0) is one of them.

    A dose is made of tablets, capsules and films alone, or of one liquid alone, never of both. Of
    several ways the one with the fewest pieces counts, then the one with the fewest halves. Raises
    `Unplannable` for strengths too fine for the dose.
    """
    found = _solids([each for each in strengths if each.form in SOLID], up_to)
    for liquid in sorted(each for each in strengths if each.form == LIQUID):
        step = liquid.mg * liquid.part
        for n in range(1, int(min(up_to / step, MOST_ML / liquid.part)) + 1):
            found.setdefault(step * n, (Part(liquid, liquid.part * n),))
    return dict(sorted(found.items()))


def _solids(strengths, up_to):
    """By size in the largest unit that measures all pieces: the classic problem of making change.

    A half counts as a piece, so that the whole of half the strength is preferred to it.
    """
    found: dict[Decimal, tuple[Part, ...]] = {Decimal(0): ()}
    pieces = [
        (int(each.mg * part * 100_000), each, part)
        for each in strengths
        for part in {each.part, Decimal(1)}
    ]
    if not pieces:
        return found
    unit = math.gcd(*(of for of, _, _ in pieces))
    most = int(up_to * 100_000) // unit
    if most > MOST_SIZES:
        raise Unplannable("strengths", "are too fine for this dose: leave the smallest out")
    best = [None] * (most + 1)
    best[0] = ((0, 0), None)
    for size in range(1, most + 1):
        for of, each, part in pieces:
            before = size - of // unit
            if before < 0 or best[before] is None:
                continue
            count, halves = best[before][0]
            cost = (count + 1, halves + (part != 1))
            if best[size] is None or cost < best[size][0]:
                best[size] = (cost, (of // unit, each, part))
    for size in range(1, most + 1):
        if best[size] is not None:
            counts: dict[Strength, Decimal] = {}
            at = size
            while at:
                step, each, part = best[at][1]
                counts[each] = counts.get(each, Decimal(0)) + part
                at -= step
            parts = tuple(Part(*item) for item in sorted(counts.items(), key=_largest_first))
            found[sum((part.mg for part in parts), Decimal(0))] = parts
    return found


def _largest_first(item):
    return -item[0].mg, item[0].form


def _with_half(count):
    whole = int(count)
    return f"{whole or ''}½" if count % 1 else str(whole)


def _plain(value) -> str:
    return words.amount(float(value))
