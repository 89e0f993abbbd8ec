"""Who saw what: every page about a patient, and every search, becomes an event of the trail.

No view has to think of it: `person.fetch`, by which each page about a patient finds them, notes on
the user whose page it is, and this middleware writes it down before the answer goes out. A search
says for itself whom it showed.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from reviews import access
from reviews.access import Action
from reviews.models import Patient
from reviews.verbs import read
from reviews.views import person
from reviews.views.signed_in import SignedIn

SHOWN = {
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Answers that show the page: as asked, or again with what was refused."""


class ReadingMiddleware:
    """Writes down what an answer shows of patients, before it goes out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code in SHOWN and (match := request.resolver_match):
            name = match.url_name or ""
            for patient in opened(request):
                case = match.kwargs["pk"] if name.partition("-")[0] == "case" else None
                read.opened(patient=patient, page=name, case=case, by=_user(request))
                opening = access.opened_by(_user(request)).get(patient.pk)
                if opening and opening.is_emergency:
                    # What is over does not stay on a screen that nobody touches.
                    over = reverse("break-glass")
                    response["Refresh"] = f"{opening.seconds_left}; url={over}"
            if search := getattr(request, "_searched", None):
                typed, shown = search
                read.searched(typed=typed, shown=shown, by=_user(request))
        return response


def _user(request: HttpRequest) -> User:
    return request.user  # pyright: ignore[reportReturnType] - nobody else has opened anything


def opened(request: HttpRequest) -> list[Patient]:
    """The patients that the answer to a request is about, each once."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    return list({patient.pk: patient for patient in getattr(user, person.OPENED, ())}.values())


def searched(request: HttpRequest, typed: str, shown: Iterable[Patient]) -> None:
    """Note what was looked for and whom the answer shows."""
    request._searched = (typed, [patient.pk for patient in shown])


@require_POST
@login_required
def printed(request: SignedIn, pk: int) -> HttpResponse:
    """A browser begins to print a page about a patient: it says so by itself."""
    patient = person.fetch(request.user, Action.SEE_PATIENT, pk)
    read.printed(patient=patient, page=request.POST.get("page", "")[:200], by=request.user)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


urlpatterns = [path("patients/<int:pk>/printed", printed, name="patient-printed")]
