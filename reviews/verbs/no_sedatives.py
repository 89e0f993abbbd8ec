"""The verbs on medicines nobody knows: say of a text that it names no sedative, take that back."""

from django.contrib.auth.models import User
from django.db import transaction

from reviews import rulebooks, said_of_texts
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord
from reviews.models import MedicineMeaning, NoSedative, Practice, Prescription
from reviews.rules.recognise import compared
from reviews.said_of_texts import in_force, screen_again, takers


@transaction.atomic
def say(*, text: str, practice: Practice | None, by: User, reason: str = "") -> NoSedative:
    """Say that a text names no sedative, in a practice or (None) in every one; it sticks.

    Whoever takes it there is screened again. Said twice it is said once. Raises `BadRecord` for a
    text that the formulary knows, that hints at a sedative, or under which something was bought
    online: these stay unknown sedatives. So is a text of which somebody said which medicine it is.
    """
    said_of_texts.require(by, Action.JUDGE_MEDICINES, practice)
    key = compared(text)
    if not key:
        raise BadRecord("text", "name the medicine")
    orders = takers(key, practice)
    _refuse_what_may_be_one(text, orders)
    _refuse_what_is_named(key, practice)
    held = NoSedative.objects.filter(practice=practice, text=key, taken_back_at=None).first()
    if held is not None:
        return held
    said = NoSedative.objects.create(
        practice=practice, text=key, shown=" ".join(text.split()), reason=reason, said_by=by
    )
    screen_again(said, orders, by=by, event=Event.NO_SEDATIVE_SAID)
    return said


@transaction.atomic
def take_back(*, said: NoSedative, by: User) -> NoSedative:
    """Take back that a text names no sedative: it is asked about again. Raises `IllegalMove`."""
    said_of_texts.require(by, Action.JUDGE_MEDICINES, said.practice)
    held = said_of_texts.take_back(said, by)
    orders = takers(held.text, held.practice)
    screen_again(held, orders, by=by, event=Event.NO_SEDATIVE_TAKEN_BACK)
    return held


def _refuse_what_is_named(key: str, practice: Practice | None) -> None:
    named = in_force(MedicineMeaning, key, practice).select_related("medicine").first()
    if named is not None:
        raise BadRecord("text", f"it was said to be {named.medicine.text}: take that back first")


def _refuse_what_may_be_one(text: str, orders: list[Prescription]) -> None:
    _version, book = rulebooks.live()
    recognition = book.recognise_text(text)
    if recognition.suspected:
        raise BadRecord(
            "text",
            f"“{recognition.suspected}” hints at a sedative: it stays an unknown one until it is "
            "identified",
        )
    if not recognition.unmapped:
        raise BadRecord("text", "the formulary knows this medicine")
    if any(order.acquired == "online" for order in orders):
        raise BadRecord("text", "it was bought online: it stays an unknown sedative")
