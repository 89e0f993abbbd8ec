"""Replay: what was known and said of a patient on a day, beside what is said of that day now."""

from datetime import date, timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from reviews import access
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.forms.days import read_day
from reviews.queries import replay as replaying
from reviews.records import FIRST_DAY
from reviews.rules.words import sentence_case
from reviews.views import person
from reviews.views.signed_in import SignedIn

DAY = timedelta(days=1)


@require_GET
@login_required
def replay(request: SignedIn, pk: int) -> HttpResponse:
    """One patient on one day, today where none was given."""
    patient = person.fetch_for(request.user, Action.REPLAY, pk)
    if patient.pk != pk:
        return redirect("patient-replay", patient.pk)
    text, today, problem = request.GET.get("day", ""), timezone.localdate(), ""
    day: date = today
    try:
        asked = read_day(text, "day")
        if asked is not None and asked > today:
            raise BadRecord("day", "must not be after today")
        day = asked or today
    except BadRecord as refusal:
        problem = sentence_case(refusal.reason)
    shown = replaying.of(patient, day)
    context = {
        **person.banner(patient),
        "replay": shown,
        "differing": [row for row in shown.rows if row.why],
        "text": text if problem else f"{day:%-d %b %Y}",
        "problem": problem,
        "earlier": _address(pk, day - DAY) if day > FIRST_DAY else "",
        "later": _address(pk, day + DAY) if day < today else "",
        "tab": "replay",
        "may": {
            "replay": True,
            "see_audit": access.allowed(request.user, Action.SEE_AUDIT, patient),
            "mark": access.allowed(request.user, Action.MARK_SENSITIVE, patient),
        },
    }
    status = 422 if problem else 200
    return render(request, "reviews/patients/replay.html", context, status=status)


def _address(pk: int, day: date) -> str:
    return f"{reverse('patient-replay', args=[pk])}?day={day.isoformat()}"


urlpatterns = [path("patients/<int:pk>/replay", replay, name="patient-replay")]
