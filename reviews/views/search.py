"""One search for everything: people by name or number, people by medicine, and the formulary."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from drugs.search import find_drugs
from reviews import access
from reviews.access import Action
from reviews.models import Case, Patient
from reviews.queries import search
from reviews.queries.work import counted
from reviews.views import person, reading
from reviews.views.paging import page_of
from reviews.views.signed_in import SignedIn

PEOPLE, PRESCRIBED, DRUGS = 10, 15, 8


@require_GET
@login_required
def everywhere(request: SignedIn) -> HttpResponse:
    """What fits, in groups; a group that I may not see is not looked for."""
    access.require(request.user, Action.SEE_FORMULARY)
    typed = " ".join(request.GET.get("q", "").split())[:100]
    sees_patients = access.allowed(request.user, Action.SEE_PATIENT)
    context = {"q": typed, "sees_patients": sees_patients}
    if len(typed) > 1:
        context["drugs"] = find_drugs(typed, limit=DRUGS)
        if sees_patients:
            context |= _people(request, typed)
    return render(request, "reviews/search.html", context)


def _people(request: SignedIn, typed: str) -> dict[str, Any]:
    everybody = Patient.objects.filter(merged_into__isnull=True)
    visible = access.scope(everybody, request.user, Action.SEE_PATIENT)
    medicines = search.medicines_meant(typed)
    # That somebody takes it is clinical: a marked record is found by its name.
    takers = access.unhidden(search.prescribed(visible, medicines), request.user)
    page = page_of(
        _with_case(takers.order_by("family_name", "given_name", "pk")),
        request.GET.get("page", 1),
        PRESCRIBED,
    )
    called = search.named(visible, typed, by=request.user)
    like = not medicines and not called.exists()
    if like:
        called = search.alike(visible, typed, by=request.user)
    people = list(_with_case(called)[:PEOPLE])
    reading.searched(request, typed, [*people, *page.rows])
    _say_of(people, request.user)
    _say_of(page.rows, request.user)
    taken = {}
    for prescription in (
        search.prescriptions(medicines)
        .filter(patient__in=[patient.pk for patient in page.rows])
        .select_related("medicine")
        .order_by("start_on", "pk")
    ):
        taken[prescription.patient_id] = prescription
    for patient in page.rows:
        patient.taken = taken.get(patient.pk)
    return {
        "people": people,
        "people_count": counted(called),
        "like": like,
        "marked": bool(medicines) and access.with_marks(visible).filter(is_marked=True).exists(),
        "takers": page,
        "takers_count": counted(takers),
        "practices": access.practices(request.user, Action.SEE_PATIENT),
    }


def _with_case(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    open_cases = Prefetch("cases", queryset=Case.objects.open(), to_attr="open_cases")
    return (
        access.with_marks(patients)
        .select_related("practice")
        .prefetch_related("identifiers", open_cases)
    )


def _say_of(patients: list[Patient], user: User) -> None:
    for patient in patients:
        patient.is_hidden = access.hides(user, patient)
        patient.numbers = person.identifiers(
            patient, whole=access.allowed(user, Action.SEE_NUMBERS, patient)
        )[:1]
        patient.case = next(iter(patient.open_cases), None)


urlpatterns = [path("search", everywhere, name="search")]
