"""Which doses can be made up from the tablets, capsules and liquids at hand, and how."""

import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from reviews.rules import words

HALF, QUARTER = Decimal("0.5"), Decimal("0.25")
SMALLEST_ML = Decimal("0.5")
"""What an oral syringe measures well. A product choice (local policy/unverified)."""
MOST_ML = 20
"""A liquid is for the last steps: more than this a day is not planned (local policy/unverified)."""
DIVIDED = frozenset({"tablet"})
SOLID = frozenset({"tablet", "capsule", "film"})
LIQUID = "liquid"
FORMS = (*sorted(SOLID, reverse=True), LIQUID)
MOST_SIZES = 20_000
A_STRENGTH_COSTS = 2
"""A further strength must save as many pieces: fewer boxes are easier to follow (local policy)."""
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
CUTS = {
    Decimal(0): (),
    QUARTER: (QUARTER,),
    HALF: (HALF,),
    HALF + QUARTER: (HALF, QUARTER),
}
"""What is left of a number of tablets after the whole ones, as pieces."""
FRACTIONS = {QUARTER: "a quarter", HALF: "half", HALF + QUARTER: "three quarters"}
SIGNS = {Decimal(0): "", QUARTER: "¼", HALF: "½", HALF + QUARTER: "¾"}
PLURALS = {"tablet": "tablets", "capsule": "capsules", "film": "films"}


class Unplannable(ValueError):
    """No plan can be made: `field` is what to change, `reason` says why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field, self.reason = field, reason


class Strength(NamedTuple):
    """A form of the medicine: mg in one tablet, capsule or film, or in one ml.

    `part` is the smallest part of one that can be taken: half or a quarter of a tablet, a whole
    capsule, 0.5 ml.
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
    def divided(self) -> bool:
        """Whether a plan may ask for less than one whole of it."""
        return self.form in DIVIDED and self.part < 1


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
        return f"{self.counted} × {_plain(self.strength.mg)} mg"

    @property
    def counted(self) -> str:
        """ "2½", "¾", "3": how many tablets, capsules or films."""
        return _with_fraction(self.number)

    @property
    def pieces(self) -> tuple[Decimal, ...]:
        """The wholes, halves and quarters that are taken, the largest first; none of a liquid."""
        if self.strength.form == LIQUID:
            return ()
        return (Decimal(1),) * int(self.number) + CUTS[self.number % 1]

    def in_words(self) -> str:
        """ "two and a half 5 mg tablets", as on the patient's copy."""
        form, mg = self.strength.form, _plain(self.strength.mg)
        if form == LIQUID:
            return f"{_plain(self.number)} ml of the {_plain(self.strength.mg * 5)} mg/5 ml liquid"
        whole, rest = int(self.number), self.number % 1
        if not whole:
            return f"{FRACTIONS[rest]} {'a' if rest == HALF else 'of a'} {mg} mg {form}"
        counted = NUMBERS[whole] if whole < len(NUMBERS) else str(whole)
        if rest:
            fraction = "a half" if rest == HALF else FRACTIONS[rest]
            return f"{counted} and {fraction} {mg} mg {PLURALS[form]}"
        return f"{counted} {mg} mg {form if whole == 1 else PLURALS[form]}"


def short(parts: Iterable[Part]) -> str:
    """ "2½ × 5 mg + ½ × 2 mg"; empty for a dose whose parts are not known."""
    return " + ".join(part.short() for part in parts)


def in_words(parts: Iterable[Part]) -> str:
    """ "two and a half 5 mg tablets and half a 2 mg tablet"."""
    return words.listed(part.in_words() for part in parts)


def strength(
    form: str, mg: Decimal | float, *, halves: bool = True, quarters: bool = False
) -> Strength:
    """A strength, of which a tablet may be halved or quartered. Raises `Unplannable`."""
    mg = Decimal(str(mg))
    if form not in FORMS:
        raise Unplannable("strengths", f"must be one of {', '.join(FORMS)}")
    if not 0 < mg <= 1000 or mg != round(mg, 4):
        raise Unplannable("strengths", "must be from 0.0001 to 1000 mg")
    part = Decimal(1)
    if form == LIQUID:
        part = SMALLEST_ML
    elif form in DIVIDED and quarters:
        part = QUARTER
    elif form in DIVIDED and halves:
        part = HALF
    return Strength(form, mg, part)


def read_code(code: str) -> Strength:
    """The strength that `Strength.code` wrote. Raises `Unplannable`."""
    try:
        form, mg, part = code.split(":")
        smallest = Decimal(part)
        found = strength(form, Decimal(mg), halves=smallest != 1, quarters=smallest == QUARTER)
    except (ValueError, ArithmeticError) as error:
        raise Unplannable("strengths", "are not written as form:mg:part") from error
    return found


def makeable(strengths: Iterable[Strength], up_to: Decimal) -> dict[Decimal, tuple[Part, ...]]:
    """Every dose up to so many mg that can be made, with its parts; nothing (0) is one of them.

    A dose is made of tablets, capsules and films alone, or of one liquid alone, never of both. Of
    several ways the one with the fewest pieces counts, where a further strength counts as
    `A_STRENGTH_COSTS` of them; then the one with the fewest halves. Raises `Unplannable` for
    strengths too fine for the dose.
    """
    strengths = tuple(strengths)
    found = dict(_solids(tuple(each for each in strengths if each.form in SOLID), up_to))
    for liquid in sorted(each for each in strengths if each.form == LIQUID):
        step = liquid.mg * liquid.part
        for n in range(1, int(min(up_to / step, MOST_ML / liquid.part)) + 1):
            found.setdefault(step * n, (Part(liquid, liquid.part * n),))
    return dict(sorted(found.items()))


class _Piece(NamedTuple):
    """A whole or half tablet, capsule or film; `size` is its mg, counted in the common unit."""

    size: int
    strength: Strength
    number: Decimal


class _Making(NamedTuple):
    """How a size is made with the fewest pieces: how many, how many of them halves, the last one.

    The size without this last piece is made in its own best way. Nothing is made of no piece.
    """

    pieces: int
    halves: int
    last: _Piece | None


@lru_cache(maxsize=64)
def _solids(strengths: tuple[Strength, ...], up_to: Decimal) -> Mapping[Decimal, tuple[Part, ...]]:
    """Every dose that solid pieces make, with its parts: the classic problem of making change.

    A half counts as a piece, so that the whole of half the strength is preferred to it.
    """
    found: dict[Decimal, tuple[Part, ...]] = {Decimal(0): ()}
    scaled = [
        (int(each.mg * number * 100_000), each, number)
        for each in strengths
        for number in {each.part, *((HALF,) if each.part == QUARTER else ()), Decimal(1)}
    ]
    if not scaled:
        return found
    unit = math.gcd(*(size for size, _, _ in scaled))
    largest = int(up_to * 100_000) // unit
    if largest > MOST_SIZES:
        raise Unplannable("strengths", "are too fine for this dose: leave the smallest out")
    pieces = [_Piece(size // unit, each, number) for size, each, number in scaled]
    costs: dict[Decimal, tuple[int, int]] = {Decimal(0): (0, 0)}
    for group in _groups(strengths):
        best = _fewest_pieces([each for each in pieces if each.strength in group], largest)
        for size in sorted(best.keys() - {0}):
            made = best[size]
            cost = made.pieces + A_STRENGTH_COSTS * (len(group) - 1), made.halves
            mg = Decimal(size * unit) / 100_000
            if mg not in costs or cost < costs[mg]:
                costs[mg], found[mg] = cost, _parts(best, size)
    return found


def _groups(strengths: tuple[Strength, ...]) -> Iterator[tuple[Strength, ...]]:
    """Each strength by itself, each two of them, and all: the sets that a dose is made up from."""
    for number in sorted({1, 2, len(strengths)}):
        yield from combinations(strengths, number)


def _fewest_pieces(pieces: list[_Piece], largest: int) -> dict[int, _Making]:
    """Every size up to the largest that the pieces make, with its best making."""
    best = {0: _Making(0, 0, None)}
    for size in range(1, largest + 1):
        for piece in pieces:
            rest = best.get(size - piece.size)
            if rest is None:
                continue
            made = _Making(rest.pieces + 1, rest.halves + (piece.number != 1), piece)
            known = best.get(size)
            if known is None or made[:2] < known[:2]:
                best[size] = made
    return best


def _parts(best: dict[int, _Making], size: int) -> tuple[Part, ...]:
    """What a size is made of, the largest strength first: its last piece, and so on to nothing."""
    numbers: dict[Strength, Decimal] = {}
    piece = best[size].last
    while piece is not None:
        numbers[piece.strength] = numbers.get(piece.strength, Decimal(0)) + piece.number
        size -= piece.size
        piece = best[size].last
    return tuple(Part(*item) for item in sorted(numbers.items(), key=_largest_first))


def _largest_first(item: tuple[Strength, Decimal]) -> tuple[Decimal, str]:
    return -item[0].mg, item[0].form


def _with_fraction(count: Decimal) -> str:
    """ "2½", "½", "¾", "3"."""
    return f"{int(count) or ''}{SIGNS[count % 1]}"


def _plain(value: Decimal) -> str:
    return words.amount(float(value))
