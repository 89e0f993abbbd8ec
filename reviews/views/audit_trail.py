"""The audit trail of a patient: who did what and when, newest first."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from reviews.access import Action
from reviews.audit import EVENTS
from reviews.forms.numbers import whole
from reviews.models import AuditEvent, CaseState, Condition, Prescription, Role, Status
from reviews.queries.work import counted
from reviews.views import person
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 50
LABELS = {
    "expires_on": "until",
}
# An order is known by the beginning of its id: versions of one order share it.
WORDED = {"severity": "S{}".format, "order": lambda value: str(value)[:8]}
WORDS = {**dict(CaseState.choices), **dict(Status.choices), **dict(Role.choices)}


@require_GET
@login_required
def trail(request: SignedIn, pk: int) -> HttpResponse:
    """A page of the trail; `before` is the id below which it goes on."""
    patient = person.fetch(request.user, Action.SEE_AUDIT, pk)
    events = AuditEvent.objects.filter(patient_id=patient.pk)
    count = counted(events)
    verbs = sorted(events.order_by().values_list("verb", flat=True).distinct())
    verb = request.GET.get("verb", "")
    if verb in verbs:
        events = events.filter(verb=verb)
    before = whole(request.GET.get("before"))
    if before is not None:
        events = events.filter(pk__lt=before)
    found = list(events.order_by("-pk")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {
        **person.banner(patient),
        "tab": "audit",
        "may": {"see_audit": True},
        "count": count,
        "events": _rows(shown),
        "verb": verb if verb in verbs else "",
        "verbs": [(name, said(name)) for name in verbs],
        "older": shown[-1].pk if len(found) > PAGE_SIZE else None,
        "newest": not before,
    }
    return render(request, "reviews/audit/trail.html", context)


def said(verb: str) -> str:
    """An event in the words of the table; one that an older edition wrote stands as written."""
    event = EVENTS.get(verb)
    return event.words if event else verb.replace(".", ": ").replace("_", " ")


def _rows(events: list[AuditEvent]) -> list[dict[str, Any]]:
    """Events with what they tell of by name, in two queries however many there are."""
    names = {}
    for model, rows in (
        ("prescription", Prescription.objects.values_list("pk", "medicine__text")),
        ("condition", Condition.objects.values_list("pk", "text")),
    ):
        told_of = [event.subject.split() for event in events]
        pks = [int(subject[1]) for subject in told_of if subject and subject[0] == model]
        names |= {f"{model} {pk}": name for pk, name in rows.filter(pk__in=pks)}
    return [
        {
            "event": event,
            "said": said(event.verb),
            "about": names.get(event.subject, ""),
            "details": details(event),
        }
        for event in events
    ]


def details(event: AuditEvent) -> list[tuple[str, str]]:
    """The details of an event as `(label, value)` in words."""
    detail: dict[str, Any] = event.detail
    return [
        (LABELS.get(name, name.replace("_", " ")), WORDED.get(name, in_words)(value))
        for name, value in detail.items()
        if value not in (None, "", [], {})
    ]


def in_words(value: Any) -> str:
    """A detail as text: lists and pairs are spelt out, states get their names."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {in_words(held)}" for name, held in value.items()
        )
    if isinstance(value, list):
        return "; ".join(in_words(item) for item in value)
    if value is None:
        return "nothing"
    return WORDS.get(str(value), str(value))


urlpatterns = [path("patients/<int:pk>/audit", trail, name="patient-audit")]
