"""The verbs on what an unknown text is: say which medicine of the formulary, take that back."""

from math import isclose

from django.contrib.auth.models import User
from django.db import transaction

from reviews import products, rulebooks, said_of_texts
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import MedicineMeaning, NoSedative, Practice, Prescription
from reviews.rules import words
from reviews.rules.book import RuleBook
from reviews.rules.drug import Recognition
from reviews.rules.meanings import ONLINE, objection
from reviews.rules.recognise import compared
from reviews.said_of_texts import in_force, screen_again, takers


@transaction.atomic
def say(
    *, text: str, medicine: str, practice: Practice | None, by: User, reason: str = ""
) -> MedicineMeaning:
    """Say which medicine a text is, in a practice or (None) in every one; it sticks.

    Whoever takes it there is screened again. Said twice it is said once. Raises `BadRecord` for a
    text that the formulary knows; for a medicine that it does not know, that lacks what the text
    itself names, or is of another strength; and for a harmless one where the text hints at a
    sedative, or something of this text was bought online.
    """
    said_of_texts.require(by, Action.IDENTIFY_MEDICINES, practice)
    key, medicine = compared(text), " ".join(medicine.split())
    if not key:
        raise BadRecord("text", "name the medicine")
    if not medicine:
        raise BadRecord("medicine", "say which medicine it is")
    orders = takers(key, practice)
    _refuse_what_it_cannot_be(text, medicine, orders)
    _refuse_what_is_no_sedative(key, practice)
    live = MedicineMeaning.objects.filter(practice=practice, text=key, taken_back_at=None)
    held = live.select_related("medicine").first()
    if held is not None and compared(held.medicine.text) != compared(medicine):
        raise BadRecord("text", f"it was said to be {held.medicine.text}: take that back first")
    if held is not None:
        return held
    said = MedicineMeaning.objects.create(
        practice=practice,
        text=key,
        shown=" ".join(text.split()),
        medicine=products.one(medicine, ()),
        reason=reason,
        said_by=by,
    )
    screen_again(said, orders, by=by, event=Event.MEANING_SAID, medicine=medicine)
    return said


@transaction.atomic
def take_back(*, said: MedicineMeaning, by: User) -> MedicineMeaning:
    """Take back which medicine a text is: it is asked about again. Raises `IllegalMove`."""
    said_of_texts.require(by, Action.IDENTIFY_MEDICINES, said.practice)
    held = said_of_texts.take_back(said, by)
    orders = takers(held.text, held.practice)
    medicine = held.medicine.text
    screen_again(held, orders, by=by, event=Event.MEANING_TAKEN_BACK, medicine=medicine)
    return held


def _refuse_what_it_cannot_be(text: str, medicine: str, orders: list[Prescription]) -> None:
    _version, book = rulebooks.live()
    recognition, meant = book.recognise_text(text), book.recognise_text(medicine)
    if not recognition.unmapped:
        raise BadRecord("text", "the formulary knows this medicine")
    online = any(order.acquired == ONLINE for order in orders)
    reason = objection(recognition, meant, online=online) or _other_strength(text, meant, book)
    if reason:
        raise BadRecord("medicine", reason)


def _other_strength(text: str, meant: Recognition, book: RuleBook) -> str:
    """Why a medicine cannot be meant by a text that says another strength; "" where it can."""
    if len(meant.parts) != 1:
        return ""
    ((part, drug, _mask),) = meant.ingredients
    read = book.recognise_text(f"{drug.name} {text}")
    written = next((each for each in read.parts if each.drug == part.drug), None)
    if written is None or written.strength_mg is None or part.strength_mg is None:
        return ""
    if "" not in (written.per_unit, part.per_unit) and written.per_unit != part.per_unit:
        return ""
    if isclose(written.strength_mg, part.strength_mg, rel_tol=1e-6):
        return ""
    return (
        f"the text says {words.amount(written.strength_mg)} mg, and the medicine has "
        f"{words.amount(part.strength_mg)} mg"
    )


def _refuse_what_is_no_sedative(key: str, practice: Practice | None) -> None:
    if in_force(NoSedative, key, practice).exists():
        raise BadRecord("text", "it was said to be no sedative: take that back first")
