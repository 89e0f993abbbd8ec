"""Records that are marked as sensitive: say why one is opened; mark one, or take that back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from reviews import access
from reviews.access import Action
from reviews.errors import NotFound
from reviews.forms.break_glass import MarkForm, ReasonForm, RemoveMarkForm
from reviews.models import Patient, SensitiveMark
from reviews.queries import identity
from reviews.verbs import break_glass, sensitive
from reviews.views import person
from reviews.views.break_glass import OPENED
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn


@require_http_methods(["GET", "POST"])
@login_required
def give_reason(request: SignedIn, pk: int) -> HttpResponse:
    """Whose record it is, that it is marked, and nothing else; then why it is opened."""
    everybody = access.scope(
        access.with_marks(Patient.objects.select_related("practice")),
        request.user,
        Action.SEE_PATIENT,
    )
    found = everybody.filter(pk=identity.current_id(pk)).first()
    if found is None:
        raise NotFound(access.NO_SUCH_RECORD)
    following = _following(request, found)
    if not access.hides(request.user, found):
        return redirect(following)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    with refusals_at(form):
        if form.is_valid():
            opened = break_glass.open_sensitive(
                patient=found, reason=form.cleaned_data["reason"], by=request.user
            )
            request.session[OPENED] = [*request.session.get(OPENED, []), opened.pk]
            return redirect(following)
    context = {"patient": found, "next": following}
    return form_page(request, "reviews/break_glass/reason.html", form, context)


def _following(request: SignedIn, patient: Patient) -> str:
    """Where they were going, if that is a page of the portal; else the record."""
    wanted = (request.POST if request.method == "POST" else request.GET).get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if wanted and inside else reverse("patient", args=[patient.pk])


@require_http_methods(["GET", "POST"])
@login_required
def mark(request: SignedIn, pk: int) -> HttpResponse:
    """Mark a record, or take its mark back."""
    found = person.fetch_for(request.user, Action.MARK_SENSITIVE, pk)
    held = SensitiveMark.objects.live().filter(patient=found).select_related("set_by").first()
    form = (RemoveMarkForm if held else MarkForm)(
        request.POST if request.method == "POST" else None
    )
    with refusals_at(form):
        if form.is_valid():
            if held:
                sensitive.remove(patient=found, by=request.user, **form.cleaned_data)
                messages.success(request, "The record opens without a reason again.")
            else:
                sensitive.mark(patient=found, by=request.user, **form.cleaned_data)
                messages.success(request, "Marked. Whoever opens the record says why.")
            return redirect("patients")
    context = {**person.banner(found), "held": held}
    return form_page(request, "reviews/break_glass/mark.html", form, context)


urlpatterns = [
    path("patients/<int:pk>/reason", give_reason, name="patient-reason"),
    path("patients/<int:pk>/sensitive", mark, name="patient-sensitive"),
]
