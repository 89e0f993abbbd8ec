"""The verbs on medicines nobody knows: say of a text that it names no sedative, take that back."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reviews import access, audit, requests, rulebooks
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import BadRecord, IllegalMove
from reviews.models import Medicine, NoSedative, Practice, Prescription
from reviews.rules.recognise import compared


@transaction.atomic
def say(*, text: str, practice: Practice | None, by: User, reason: str = "") -> NoSedative:
    """Say that a text names no sedative, in a practice or (None) in every one; it sticks.

    Whoever takes it there is screened again. Said twice it is said once. Raises `BadRecord` for a
    text that the formulary knows, that hints at a sedative, or under which something was bought
    online: these stay unknown sedatives.
    """
    _require(by, practice)
    key = compared(text)
    if not key:
        raise BadRecord("text", "name the medicine")
    takers = _takers(key, practice)
    _refuse_what_may_be_one(text, takers)
    held = NoSedative.objects.filter(practice=practice, text=key, taken_back_at=None).first()
    if held is not None:
        return held
    said = NoSedative.objects.create(
        practice=practice, text=key, shown=" ".join(text.split()), reason=reason, said_by=by
    )
    _screen_again(said, takers, by, Event.NO_SEDATIVE_SAID)
    return said


@transaction.atomic
def take_back(*, said: NoSedative, by: User) -> NoSedative:
    """Take back that a text names no sedative: it is asked about again. Raises `IllegalMove`."""
    _require(by, said.practice)
    held = NoSedative.objects.select_for_update().get(pk=said.pk)
    if held.taken_back_at is not None:
        raise IllegalMove("This was taken back already.")
    held.taken_back_at, held.taken_back_by = timezone.now(), by
    held.save(update_fields=["taken_back_at", "taken_back_by"])
    _screen_again(held, _takers(held.text, held.practice), by, Event.NO_SEDATIVE_TAKEN_BACK)
    return held


def _require(by: User, practice: Practice | None) -> None:
    # What holds in every practice is for whoever keeps the formulary of all.
    if practice is None:
        access.require(by, Action.EDIT_FORMULARY)
    else:
        access.require(by, Action.JUDGE_MEDICINES, practice)


def _takers(key: str, practice: Practice | None) -> list[Prescription]:
    """The live orders of medicines that are compared as this text."""
    texts = Medicine.objects.values_list("pk", "text")
    alike = [pk for pk, text in texts.iterator() if compared(text) == key]
    orders = Prescription.objects.live().filter(medicine__in=alike)
    if practice is not None:
        orders = orders.filter(practice=practice)
    return [*orders.only("patient_id", "acquired")]


def _refuse_what_may_be_one(text: str, takers: list[Prescription]) -> None:
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
    if any(order.acquired == "online" for order in takers):
        raise BadRecord("text", "it was bought online: it stays an unknown sedative")


def _screen_again(said: NoSedative, takers: list[Prescription], by: User, event: Event) -> None:
    patients = sorted({order.patient_id for order in takers})
    audit.record(
        by,
        event,
        practice_id=said.practice_id,
        subject=said,
        text=said.text,
        patients=len(patients),
    )
    requests.enqueue(patients, reason=event.verb)
