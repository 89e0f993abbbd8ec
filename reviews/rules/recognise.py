"""From a medicine as recorded to its ingredients: by code first, then by the words of its text."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, NamedTuple

from reviews.rules.dossier import Line
from reviews.rules.drug import (
    BIT,
    BZRA_CLASSES,
    SUBSTITUTION,
    Entry,
    Ingredient,
    Part,
    Product,
    Recognition,
)
from reviews.rules.forms import COUNTED, shape_of
from reviews.rules.spelling import (
    SHORTEST,
    ends_like_a_sedative,
    folded,
    names_a_class,
    without_salt,
)
from reviews.rules.strengths import MASS, PIECE, Named, kind_of, strengths_in

if TYPE_CHECKING:
    from reviews.rules.book import RuleBook

# Product codes are exact, ingredient codes and ATC less so; a verified SNOMED substance is last.
CODE_ORDER = {"rxnorm": 0, "dmd": 0, "ndc": 0, "atc": 1, "snomed": 2}

# Words of Latin letters and of katakana, in which Japanese names are written.
WORD = re.compile(r"[a-z]+|[ァ-ヺー]+|\d+(?:\.\d+)?")
# Signs that are written for the decimal point: "0·5 mg" in older British print.
POINT = re.compile(r"(?<=\d)[·•∙⋅٫](?=\d)")
VOICED = "\u3099\u309a"
"""The marks that make another letter of a kana: no accents."""
FRACTIONS = str.maketrans({"½": ".5", "¼": ".25", "¾": ".75", "µ": "u", "μ": "u", "’": "'"})
VOLUME = re.compile(r"\d\s*ml\b")
# The forms whose strengths are marketed by the millilitre or the spray, and not by the piece.
MEASURED = {"liquid": "ml", "injection": "ml", "nasal": "spray", "spray": "spray"}
# A product for the night of a known name holds something for sleep besides what the name tells.
FOR_THE_NIGHT = frozenset(["pm", "night", "nighttime", "nite", "noche", "nuit", "nacht", "notte"])
# What stands before "night" where it says when a medicine is taken.
WHEN = frozenset(
    [
        *("at", "each", "every", "in", "the", "per", "by", "last", "one", "a"),
        *("zur", "jede", "jeder", "fur", "die", "la", "por", "una", "chaque"),
    ]
)
MADE_FOR_THE_NIGHT = frozenset(
    {*BZRA_CLASSES, "other-hypnotic", "sedating-antihistamine", "older-sedative", "opioid"}
)
ADDED = re.compile(r"(.*[a-z].*?)(?:\b(?:with|plus|and|mit|und|avec|et|con|y)|[+&])\s*")
NAME = re.compile(r"[a-z]{4,}")
COMPOUNDED = frozenset([*BZRA_CLASSES, "opioid", "gabapentinoid"])
"""The classes whose names are also found at the beginning of a longer word."""
SHORTEST_COMPOUND = 10
MADE_UP_AS = frozenset(
    ["oral", "solution", "suspension", "mixture", "liquid", "powder", "medicine"]
)
# "Ibuprofen compositum" holds more than ibuprofen, and does not tell what ("comp." are tablets).
COMPOUNDED_WITH = re.compile(r" (?:composit\w+|compuest\w+|compose|compost[oa])\b")
# Longer than 18 figures is no code of SNOMED CT or dm+d; what begins with 0 is another text.
WHOLE = re.compile(r"[1-9][0-9]{0,17}")
NOTHING = Product(name="", parts=())
"""A product in which nothing is what a rule asks for."""
SEPARATOR = re.compile(r"\s[/+]\s")
INGREDIENT_LIKE = re.compile(rf"[a-z]{{4,}}.*\d\s*(?:{MASS})\b")


def plain(text: str) -> str:
    """Lower case without accents, so that "Diazépam" and "diazepam" are the same words."""
    if not text.isascii():
        text = POINT.sub(".", text)
    decomposed = unicodedata.normalize("NFKD", text.translate(FRACTIONS))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c) or c in VOICED)
    return unicodedata.normalize("NFC", bare).casefold()


def compared(text: str) -> str:
    """The text of a medicine as two of them are compared: plain, with single spaces."""
    return " ".join(plain(text).split())


class Index:
    """The ways into a book's drugs: codes, and names by their first word, longest first."""

    def __init__(self, book):
        self.drugs = book.drugs
        self.atc = book.atc
        self.codes = dict(book.products)
        self.without_a_rule = book.without_a_rule
        for drug in book.drugs.values():
            for system, values in (("rxnorm", drug.rxcui), ("snomed", drug.snomed)):
                for value in values:
                    ingredient = Product(name=drug.name, parts=(Part(drug.key),))
                    self.codes.setdefault(f"{system}:{value}", ingredient)
            for code in drug.atc:
                if code not in self.atc:
                    self.codes.setdefault(f"atc:{code}", Product(name="", parts=(Part(drug.key),)))
        self.names: dict[str, list[tuple[tuple[str, ...], Entry]]] = {}
        entries = {plain(drug.name): Entry(drugs=(drug.key,)) for drug in book.drugs.values()}
        entries |= {plain(name): entry for name, entry in book.names.items()}
        for name, entry in entries.items():
            words = tuple(WORD.findall(name))
            if words:
                self.names.setdefault(words[0], []).append((words, entry))
        self.spelled = _spelled(book)
        self.compounded = {
            spelling: entry
            for spelling, entry in self.spelled.items()
            if book.drugs[entry.drugs[0]].classes & COMPOUNDED
        }
        self.held = _strengths_held(book)
        for found in self.names.values():
            found.sort(key=lambda item: (-len(item[0]), item[0]))

    def recognise(self, text: str, codings) -> Recognition:
        """Codes, best kind first; then names. What a code leaves open the text may fill in."""
        text = plain(text)
        form, route = shape_of(text)
        named = self._by_name(text, form)
        substitution: bool | None = None
        coded: tuple[Product, str, bool] | None = None
        told = [named.parts]
        for system, code in sorted(codings, key=lambda c: CODE_ORDER.get(c[0], 3)):
            product, incomplete, says = self._by_code(system, code)
            if product is None:
                continue
            # An ATC code tells pain relief from substitution even where a product code is better.
            if substitution is None or says is not None:
                substitution = says if says is not None else substitution
            if coded is None:
                coded = product, f"{system}:{code}", incomplete
            told.append(product.parts)
        if coded is not None:
            product, matched, incomplete = coded
            if not named.parts:
                # The text names no drug that is known, but may say the strength of the one coded.
                drugs = tuple(part.drug for part in product.parts)
                read = self._read(text, form, [_Found(Entry(drugs=drugs), 0, 0)])
                named = read._replace(suspected=named.suspected)
            parts, complete = _fill(product.parts, named.parts, incomplete)
            form, route = product.form or form, product.route or route
            otherwise = self._told_otherwise(parts, told)
            if not parts:
                # Nothing in it is what a rule asks for; the text may say its name, or another one,
                # and another code may stand for one that a rule asks for.
                parts = self._asked_for(told) or named.parts
                complete = complete and not named.suspected
            complete = complete and not product.incomplete and not otherwise
            matched_by = "code"
        elif named.parts:
            parts, matched = named.parts, named.matched
            complete = named.complete and not named.suspected
            otherwise = ()
            matched_by = "name"
        else:
            return Recognition(form=form, route=route, suspected=named.suspected)
        keys = {part.drug for part in parts}
        if substitution is None:
            # Buprenorphine with naloxone is made for substitution alone.
            substitution = named.substitution or {"buprenorphine", "naloxone"} <= keys
        classes = set().union(*(self.drugs[key].classes for key in keys))
        if substitution and "opioid" in classes:
            classes = classes - {"opioid"} | {SUBSTITUTION}
        return Recognition(
            parts=parts,
            ingredients=tuple(self._ingredient(part, classes) for part in parts),
            form=form,
            route=route,
            matched_by=matched_by,
            matched=matched,
            classes=frozenset(classes),
            mask=sum(BIT[name] for name in classes),
            complete=complete,
            unmapped=not complete,
            doubts=named.doubts if any(part.strength_mg is None for part in parts) else (),
            suspected="" if complete else named.suspected,
            otherwise=otherwise,
        )

    def _asked_for(self, told: list[tuple[Part, ...]]) -> tuple[Part, ...]:
        """The first of what text and codes tell in which some drug is one that a rule asks for."""
        for parts in told:
            if any(self.drugs[part.drug].classes for part in parts):
                return parts
        return ()

    def _told_otherwise(
        self, parts: tuple[Part, ...], told: list[tuple[Part, ...]]
    ) -> tuple[str, ...]:
        """The drugs that the text or another code tells, where it shares none with the medicine,
        and some rule asks for one of them all."""
        held = {part.drug for part in parts}
        apart = [others for others in told if others and not held & {part.drug for part in others}]
        keys = dict.fromkeys(part.drug for others in apart for part in others)
        if not any(self.drugs[key].classes for key in (*held, *keys)):
            return ()
        return tuple(self.drugs[key].name for key in keys)

    def _ingredient(self, part: Part, of_the_medicine) -> Ingredient:
        drug = self.drugs[part.drug]
        mask = sum(BIT[name] for name in drug.classes)
        if SUBSTITUTION in of_the_medicine and "opioid" in drug.classes:
            mask = _substituted(mask)
        return Ingredient(part, drug, mask)

    def _by_code(self, system, code) -> tuple[Product | None, bool, bool | None]:
        """The product, whether more ingredients are to be found in the text, and what the code
        says about substitution (None: nothing)."""
        product = self.codes.get(f"{system}:{code}")
        if product is not None and system != "atc":
            return product, False, product.substitution or None
        if system == "atc":
            for length in range(len(code), 0, -1):
                entry = self.atc.get(code[:length])
                if entry is not None:
                    parts = tuple(Part(key) for key in entry.drugs)
                    return Product(name="", parts=parts), entry.incomplete, entry.substitution
                if length == len(code) and product is not None:
                    return product, False, False
        elif self._is_without_a_rule(system, code):
            return NOTHING, False, None
        return None, False, None

    def _is_without_a_rule(self, system: str, code: str) -> bool:
        """Whether a code stands for a product in which nothing is what a rule asks for."""
        codes = self.without_a_rule.get(system)
        if codes is None or not WHOLE.fullmatch(code):
            return False
        number = int(code)
        at = bisect_left(codes, number)
        return at < len(codes) and codes[at] == number

    def _by_name(self, text: str, form: str | None) -> "_Named":
        words = [_Word(m.group(), m.start(), m.end()) for m in WORD.finditer(text)]
        found: list[_Found] = []
        at = 0
        while at < len(words):
            entry, length = self._longest(words, at)
            if entry is None:
                at += 1
                continue
            found.append(_Found(entry, words[at].start, words[at + length - 1].end))
            at += length
        return self._read(text, form, found)._replace(suspected=self._suspected(words, found))

    def _suspected(self, words: list["_Word"], found: list["_Found"]) -> str:
        """The word that hints at a sedative which no name tells; "" without one."""
        known = {word.start for word in words for each in found if each.holds(word)}
        unknown = [word for word in words if word.start not in known]
        if word := ends_like_a_sedative([word.text for word in unknown]):
            return word
        if not found and (word := next((w.text for w in words if names_a_class(w.text)), "")):
            return word
        drugs = {drug for each in found for drug in each.entry.drugs}
        if any(self.drugs[drug].classes & MADE_FOR_THE_NIGHT for drug in drugs):
            return ""
        return self._for_the_night(unknown) if found else ""

    def _for_the_night(self, words: list["_Word"]) -> str:
        """The word of a name, before any number, that says for the night; "" for "at night"."""
        name = takewhile(lambda word: not word.text[0].isdigit(), words)
        for before, word in pairwise([_Word("", 0, 0), *name]):
            if word.text in FOR_THE_NIGHT and before.text not in WHEN:
                return word.text
        return ""

    def _longest(self, words: list["_Word"], at: int) -> tuple[Entry | None, int]:
        """The longest name that begins with the word at `at`, and how many words it takes."""
        for name, entry in self.names.get(words[at].text, ()):
            if tuple(word.text for word in words[at : at + len(name)]) == name:
                return entry, len(name)
        entry = self._as_spelled_elsewhere(words[at].text)
        return entry, int(entry is not None)

    def _as_spelled_elsewhere(self, word: str) -> Entry | None:
        """The drug of which a word is the name in another language, or a German compound.

        A compound begins with the whole name of a drug that a rule looks for: "Fentanylpflaster",
        "Tramadolor".
        """
        entry = self.spelled.get(folded(word)) or self.spelled.get(folded(without_salt(word)))
        if entry is not None or len(word) < SHORTEST_COMPOUND:
            return entry
        spelling = folded(word)
        beginnings = (spelling[:length] for length in range(len(spelling) - 1, SHORTEST, -1))
        return next((self.compounded[b] for b in beginnings if b in self.compounded), None)

    def _read(self, text: str, form: str | None, found: Sequence["_Found"]) -> "_Named":
        """The parts that the names found stand for, each with the strength written for it."""
        strengths = strengths_in(
            text,
            [Named(each.entry.drugs, each.start, each.end) for each in found],
            self.held,
        )
        counted = COUNTED.get(form or "", "")
        parts, doubts = [], list(strengths.doubts)
        for drug in dict.fromkeys(drug for each in found for drug in each.entry.drugs):
            strength = strengths.of.get(drug)
            if strength is None:
                parts.append(Part(drug, None, counted))
            elif strength.per == "hour" and form not in (None, "patch"):
                # "Tablets of 10 mg/12 h" hold 10 mg; only a patch is named by what it gives off.
                parts.append(Part(drug, None, counted))
            elif form == "liquid" and not strength.per and VOLUME.search(text):
                # "2 mg (5 ml)" may be in 5 ml, or in each of them.
                parts.append(Part(drug, None, counted))
                doubts.append(f"{strength.mg:g} mg")
            else:
                parts.append(Part(drug, strength.mg, strength.per or counted))
        return _Named(
            parts=tuple(parts),
            matched=", ".join(dict.fromkeys(text[each.start : each.end] for each in found)),
            substitution=any(each.entry.substitution for each in found),
            complete=_every_segment_known(text, found)
            and not _added_to_something_unknown(text, found)
            and not any(each.entry.incomplete for each in found)
            and not any(COMPOUNDED_WITH.match(text, each.end) for each in found),
            doubts=tuple(dict.fromkeys(doubts)),
            suspected="",
        )


class _Word(NamedTuple):
    """A word or number of a text, from `start` up to `end`."""

    text: str
    start: int
    end: int


class _Found(NamedTuple):
    """A name found in a text, from `start` up to `end`."""

    entry: Entry
    start: int
    end: int

    def holds(self, word: _Word) -> bool:
        """Whether a word is part of the name."""
        return self.start <= word.start < self.end


class _Named(NamedTuple):
    """What the names in a text come to."""

    parts: tuple[Part, ...]
    matched: str
    substitution: bool
    complete: bool
    doubts: tuple[str, ...]
    suspected: str


def _spelled(book: "RuleBook") -> dict[str, Entry]:
    """The drugs by the common spelling of their names, where no two share it."""
    by_spelling = defaultdict(set)
    for drug in book.drugs.values():
        name = plain(drug.name)
        if name.isalpha() and (spelling := folded(name)):
            by_spelling[spelling].add(drug.key)
    return {
        spelling: Entry(drugs=tuple(keys))
        for spelling, keys in by_spelling.items()
        if len(keys) == 1
    }


def _strengths_held(book: "RuleBook") -> dict[str, dict[str, frozenset[float]]]:
    """The strengths in mg that are known of each drug, by its products and what is marketed."""
    held: dict[str, dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for drug in book.drugs.values():
        for forms in drug.strengths.values():
            for form, strengths in forms.items():
                held[drug.key][MEASURED.get(form, PIECE)].update(strengths)
    for product in book.products.values():
        for part in product.parts:
            if part.strength_mg is not None:
                held[part.drug][kind_of(part.per_unit)].add(part.strength_mg)
    return {
        key: {kind: frozenset(strengths) for kind, strengths in kinds.items()}
        for key, kinds in held.items()
    }


def _fill(parts, by_name, incomplete):
    """Take strengths, and for an open combination code the other ingredients, from the text."""
    named = {part.drug: part for part in by_name}
    filled = tuple(
        named[part.drug] if part.strength_mg is None and part.drug in named else part
        for part in parts
    )
    if not incomplete:
        return filled, True
    known = {part.drug for part in parts}
    more = tuple(part for part in by_name if part.drug not in known)
    return filled + more, bool(more)


def _every_segment_known(text, found):
    """False when a combination written with " / " or " + " has a part no name matched."""
    at = 0
    pieces = SEPARATOR.split(text)
    if len(pieces) < 2:
        return True
    for piece in pieces:
        end = at + len(piece)
        if INGREDIENT_LIKE.search(piece) and not any(at <= each.start < end for each in found):
            return False
        at = end + 3
    return True


def _added_to_something_unknown(text: str, found: Sequence[_Found]) -> bool:
    """True where the first name found is only what is added to a product: "Zork with vitamin C"."""
    before = ADDED.fullmatch(text[: found[0].start]) if found else None
    if before is None:
        return False
    words = set(NAME.findall(before[1])) - MADE_UP_AS
    return any(shape_of(word).form is None for word in words)


def as_prescribed(line: Line, recognition: Recognition) -> Recognition:
    """What a medicine was taken to be, in the light of what this line prescribes it for.

    An opioid for opioid dependence, or from a substitution service, is substitution whatever its
    code says.
    """
    if recognition.mask & BIT["opioid"] and (
        line.indication == "opioid_dependence" or line.setting == "substitution"
    ):
        return replace(
            recognition,
            classes=recognition.classes - {"opioid"} | {SUBSTITUTION},
            mask=_substituted(recognition.mask),
            ingredients=tuple(
                each._replace(mask=_substituted(each.mask)) for each in recognition.ingredients
            ),
        )
    return recognition


def _substituted(mask: int) -> int:
    """Classes with SUBSTITUTION in place of "opioid", where that is among them."""
    return mask & ~BIT["opioid"] | BIT[SUBSTITUTION] if mask & BIT["opioid"] else mask
