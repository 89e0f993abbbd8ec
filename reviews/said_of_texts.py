"""What a word on an unknown text changes: whoever takes a medicine of this text is judged anew."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from reviews import audit, requests, walls
from reviews.audit import Event
from reviews.models import Medicine, MedicineMeaning, NoSedative, Practice, Prescription
from reviews.rules.recognise import compared


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
    said: NoSedative | MedicineMeaning,
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
