"""A word on an unknown text: who may give it, what it changes, and that it is taken back once.

Used by verbs, inside their transaction. Whoever takes a medicine of the text is judged anew.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from reviews import access, audit, requests, walls
from reviews.access import Action
from reviews.audit import Event
from reviews.errors import IllegalMove
from reviews.models import Medicine, MedicineMeaning, NoSedative, Practice, Prescription
from reviews.rules.recognise import compared

Word = TypeVar("Word", NoSedative, MedicineMeaning)


def require(by: User, action: Action, practice: Practice | None) -> None:
    """Ask whether `by` may say such a word. Raises `NotAllowed`."""
    # What holds in every practice is for whoever keeps the formulary of all.
    if practice is None:
        access.require(by, Action.EDIT_FORMULARY)
    else:
        access.require(by, action, practice)


def in_force(kind: type[Word], key: str, practice: Practice | None) -> QuerySet[Word]:
    """The words on a text that hold in a practice, its own and those for all."""
    rows = kind.objects.filter(text=key, taken_back_at=None)
    return rows.filter(Q(practice=practice) | Q(practice=None))


def take_back(said: Word, by: User) -> Word:
    """The word, taken back now. Raises `IllegalMove` where it was before."""
    held = type(said).objects.select_for_update().get(pk=said.pk)
    if held.taken_back_at is not None:
        raise IllegalMove("This was taken back already.")
    held.taken_back_at, held.taken_back_by = timezone.now(), by
    held.save(update_fields=["taken_back_at", "taken_back_by"])
    return held


def takers(key: str, practice: Practice | None) -> list[Prescription]:
    """The live orders, in a practice or anywhere, of medicines that are compared as this text.

    Anywhere is also where the person who asks does not work.
    """
    texts = Medicine.objects.values_list("pk", "text")
    alike = [pk for pk, text in texts.iterator() if compared(text) == key]
    orders = Prescription.objects.live().filter(medicine__in=alike).select_related("medicine")
    orders = orders.only("patient_id", "acquired", "medicine")
    if practice is not None:
        return [*orders.filter(practice=practice)]
    with walls.seeing(walls.EVERYTHING):
        return [*orders]


def screen_again(
    said: Word,
    orders: Iterable[Prescription],
    *,
    by: User,
    event: Event,
    **detail: Any,
) -> None:
    """Write a word, or that it is taken back, into the trail, and ask for those it concerns.

    `detail` is that of the event, besides the text and how many people it concerns.
    """
    patients = sorted({order.patient_id for order in orders})
    audit.record(
        by,
        event,
        practice_id=said.practice_id,
        subject=said,
        text=said.text,
        patients=len(patients),
        **detail,
    )
    with walls.seeing(walls.EVERYTHING if said.practice_id is None else walls.sight()):
        requests.enqueue(patients, reason=event.verb)
