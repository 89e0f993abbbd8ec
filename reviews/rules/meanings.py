"""What somebody said of a text that nobody knows: that it is no sedative, or which medicine it is.

Neither counts for a text that the formulary knows by itself.
"""

from collections.abc import Mapping
from dataclasses import replace

from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Line, Medicine
from reviews.rules.drug import SAID, Recognition
from reviews.rules.recognise import MADE_FOR_THE_NIGHT, compared

Meanings = Mapping[str, Medicine]
"""By its text as it is compared, the medicine that somebody said it is."""

ONLINE = "online"


def recognised(line: Line, meanings: Meanings, book: RuleBook) -> Recognition:
    """Which drugs the medicine of a line holds, by its codes and text, else as somebody said."""
    recognition = book.recognise(line.medicine)
    if recognition.unmapped and meanings:
        return as_said(line, recognition, meanings, book)
    return recognition


def drugs_of(dossier: Dossier, book: RuleBook) -> dict[int, frozenset[str]]:
    """The keys of the drugs that each line holds, by the id of the line."""
    return {
        line.id: frozenset(part.drug for part in recognised(line, dossier.meanings, book).parts)
        for line in dossier.lines
    }


def as_said(
    line: Line, recognition: Recognition, meanings: Meanings, book: RuleBook
) -> Recognition:
    """What somebody said a medicine is that nobody knows; else its own recognition, unchanged.

    `matched` of the answer is the medicine that was named.
    """
    medicine = meanings.get(compared(line.medicine.text))
    if medicine is None:
        return recognition
    meant = book.recognise(medicine)
    if objection(recognition, meant, online=line.acquired == ONLINE):
        return recognition
    return replace(meant, matched_by=SAID, matched=medicine.text)


def objection(recognition: Recognition, meant: Recognition, *, online: bool) -> str:
    """Why a text that was recognised so cannot be what it is said to be; "" where it can.

    `online`: it was bought there. A text that may be a sedative is not made harmless by a word.
    """
    if not recognition.unmapped:
        return "the formulary knows this medicine"
    if meant.unmapped:
        return "the formulary does not know what it is said to be"
    held = {part.drug for part in meant.parts}
    lost = [drug.name for part, drug, _ in recognition.ingredients if part.drug not in held]
    if lost:
        return f"it names {words.listed(lost)}, which is not in what it is said to be"
    sedating = any(drug.classes & MADE_FOR_THE_NIGHT for _, drug, _ in meant.ingredients)
    if recognition.suspected and not sedating:
        return f"“{recognition.suspected}” hints at a sedative, and what it is said to be is none"
    if online and not sedating:
        return "it was bought online, and what it is said to be is no sedative"
    return ""


def said_to_be_no_sedative(line: Line, recognition: Recognition, dossier: Dossier) -> bool:
    """Whether nobody knows the medicine, and somebody said that it is no sedative.

    No word counts for a text that hints at a sedative, for what was bought online, or where a code
    and the words differ.
    """
    if not dossier.no_sedatives or not recognition.unmapped or recognition.otherwise:
        return False
    if recognition.suspected or line.acquired == ONLINE:
        return False
    return compared(line.medicine.text) in dossier.no_sedatives


def in_words(said: Recognition) -> str:
    """What a text was said to be: "diazepam 10 mg tablets", or "Valium 5 mg (diazepam)"."""
    drugs = [drug.name for _, drug, _ in said.ingredients]
    if all(name.casefold() in said.matched.casefold() for name in drugs):
        return said.matched
    return f"{said.matched} ({words.listed(drugs)})"
