"""What a word on an unknown text changes: whoever takes a medicine of this text is judged anew."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User

from reviews import audit, requests
from reviews.audit import Event
from reviews.models import Medicine, MedicineMeaning, NoSedative, Practice, Prescription
from reviews.rules.recognise import compared


def takers(key: str, practice: Practice | None) -> list[Prescription]:
    """The live orders, in a practice or anywhere, of medicines that are compared as this text."""
    texts = Medicine.objects.values_list("pk", "text")
    alike = [pk for pk, text in texts.iterator() if compared(text) == key]
    orders = Prescription.objects.live().filter(medicine__in=alike).select_related("medicine")
    if practice is not None:
        orders = orders.filter(practice=practice)
    return [*orders.only("patient_id", "acquired", "medicine")]


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
    requests.enqueue(patients, reason=event.verb)
