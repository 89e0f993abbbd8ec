"""Notes on a person, written and struck from the page of the person or of their case."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_POST

from reviews import access
from reviews.access import Action
from reviews.forms.numbers import whole
from reviews.models import Case, Patient, PatientNote
from reviews.queries import identity
from reviews.verbs import patient_notes
from reviews.views.signed_in import SignedIn


@require_POST
@login_required
def write(request: SignedIn, pk: int) -> HttpResponse:
    """Note something on a person."""
    patient = _patient(request, pk)
    patient_notes.write(patient=patient, text=request.POST.get("text", ""), by=request.user)
    messages.success(request, f"Noted on {patient}.")
    return _back(request, patient)


@require_POST
@login_required
def strike(request: SignedIn, pk: int, note_pk: int) -> HttpResponse:
    """Strike a note that is wrong, or of another person."""
    patient = _patient(request, pk)
    notes = PatientNote.objects.filter(patient=patient)
    note = access.fetch(notes, request.user, Action.SEE_PATIENT, pk=note_pk)
    patient_notes.strike(note=note, reason=request.POST.get("reason", ""), by=request.user)
    messages.success(request, "Struck. It stays to be read, with the reason.")
    return _back(request, patient)


def _patient(request: SignedIn, pk: int) -> Patient:
    return access.fetch(
        Patient.objects.all(), request.user, Action.SEE_PATIENT, pk=identity.current_id(pk)
    )


def _back(request: SignedIn, patient: Patient) -> HttpResponse:
    """To the case where it was written, or to the person."""
    case = Case.objects.filter(patient=patient, pk=whole(request.POST.get("case"))).first()
    return redirect("case", case.pk) if case else redirect("patient", patient.pk)


urlpatterns = [
    path("patients/<int:pk>/notes", write, name="patient-note-write"),
    path("patients/<int:pk>/notes/<int:note_pk>/strike", strike, name="patient-note-strike"),
]
