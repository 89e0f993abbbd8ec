"""The audit trail of a patient: who did what and when, newest first."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from reviews.access import Action
from reviews.forms.numbers import whole
from reviews.models import AuditEvent, Condition, Prescription
from reviews.queries.trail import details, said
from reviews.queries.work import counted
from reviews.views import person
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 50


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


urlpatterns = [path("patients/<int:pk>/audit", trail, name="patient-audit")]
