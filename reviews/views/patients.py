"""Patients: find one, register one, and everything that is known of one on their page."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods

from reviews import access, rulebooks, waiting
from reviews.access import Action
from reviews.errors import NotAllowed, NotFound
from reviews.forms.numbers import whole
from reviews.forms.patients import ConditionForm, DeathForm, EndConditionForm, RegisterForm
from reviews.models import (
    Case,
    Condition,
    Flag,
    IdentityQuestion,
    ImportNote,
    Patient,
    PatientNote,
    PatientScreening,
    ScreeningRequest,
)
from reviews.queries import checked, exposures, identity, letters, medicines, search, tapers
from reviews.queries.work import counted
from reviews.rules.readings import KINDS
from reviews.rules.registry import BY_ID
from reviews.verbs import deaths, prescribe
from reviews.views import facts, person, reading
from reviews.views.paging import page_of
from reviews.views.refusals import form_page, refusals_at
from reviews.views.signed_in import SignedIn

PAGE_SIZE = 25
MEDICINES_PAGE_SIZE = 50
BEFORE_SHOWN = 8
CASES_SHOWN = 10


@require_GET
@login_required
def patients(request: SignedIn) -> HttpResponse:
    """Everybody I may see, or those who fit what was typed."""
    if not access.allowed(request.user, Action.SEE_PATIENT):
        raise NotAllowed("You may not see patients. A clinician, reviewer or auditor may.")
    given = request.GET
    chosen = {
        "q": " ".join(given.get("q", "").split())[:100],
        "practice": whole(given.get("practice")),
        "checked": "no" if given.get("checked") == "no" else "",
    }
    everybody = Patient.objects.filter(merged_into__isnull=True)
    visible = access.scope(everybody, request.user, Action.SEE_PATIENT)
    found = visible
    if chosen["practice"]:
        found = found.filter(practice=chosen["practice"])
    if chosen["checked"]:
        found = found.filter(_not_checked())
    if chosen["q"]:
        found = search.people(found, chosen["q"], by=request.user)
    else:
        found = found.order_by("practice", "family_name", "given_name", "pk")
    rows = checked.with_waiting(
        access.with_marks(found)
        .annotate(
            unread=Exists(ImportNote.objects.unread_medicines().filter(patient=OuterRef("pk")))
        )
        .select_related("practice", "screening__version", "screening__engine")
        .defer("screening__version__book")
        .prefetch_related("identifiers")
    )
    page = page_of(identity.with_records_waiting(rows), given.get("page", 1), PAGE_SIZE)
    if chosen["q"]:
        reading.searched(request, chosen["q"], page.rows)
    for patient in page.rows:
        patient.numbers = person.identifiers(
            patient, whole=access.allowed(request.user, Action.SEE_NUMBERS, patient)
        )
        patient.is_hidden = access.hides(request.user, patient)
        patient.checked = checked.of(patient, patient)
        screening = getattr(patient, "screening", None)
        patient.partly = (
            patient.unread
            or bool(patient.records_waiting)
            or bool(screening and screening.not_evaluable)
        )
    context = {
        "page": page,
        "count": counted(found),
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "practices": access.practices(request.user, Action.SEE_PATIENT),
        "may_register": access.allowed(request.user, Action.REGISTER),
    }
    return render(request, "reviews/patients/patients.html", context)


@require_GET
@login_required
def patient(request: SignedIn, pk: int) -> HttpResponse:
    """One patient: what matters now first, then what there was."""
    found = _fetch(request, pk)
    if found.pk != pk:
        messages.info(request, f"That record was merged into the one of {found}.")
        return redirect("patient", found.pk)
    context = _frame(request, found, tab="overview")
    rows = context["medicines"]
    before = [row for row in rows if not row.now]
    flags = list(
        Flag.objects.live()
        .filter(patient=found)
        .select_related("version")
        .defer("version__book")
        .order_by("severity", "rule_id", "pk")
    )
    cases = list(
        Case.objects.filter(patient__in=identity.all_ids(found))
        .select_related("owner")
        .prefetch_related("decisions__by", "decisions__items__flag")
        .order_by("-opened_at", "-pk")[: CASES_SHOWN + 1]
    )
    open_case = next((case for case in cases if case.closed_at is None), None)
    context |= {
        "now": [row for row in rows if row.now],
        "before": before[:BEFORE_SHOWN],
        "open_case": open_case,
        "open_flags": [flag for flag in flags if flag.settled_at is None and flag.severity < 4],
        "covered_flags": [flag for flag in flags if flag.settled_at or flag.severity == 4],
        "closed_cases": [case for case in cases if case is not open_case][:CASES_SHOWN],
        "unjudged": _unjudged(found),
        "conditions": _conditions(found),
        "patient_notes": list(PatientNote.objects.filter(patient=found).newest_first()),
        **facts.sections(found, request.user),
        "tapers": tapers.of_patient(found, timezone.localdate()),
        "letters": list(letters.of_patient(found)[:CASES_SHOWN]),
        "may_taper": access.allowed(request.user, Action.TAPER, found),
        "questions": _questions(found),
        "merges": found.merges.filter(undone_at__isnull=True).select_related("gone"),
        "headline": _headline(found, context["checked"], open_case, len(context["unread"])),
    }
    return render(request, "reviews/patients/patient.html", context)


@require_GET
@login_required
def all_medicines(request: SignedIn, pk: int) -> HttpResponse:
    """Every order with its earlier versions."""
    found = _fetch(request, pk)
    context = _frame(request, found, tab="medicines")
    context["page"] = page_of(context["medicines"], request.GET.get("page", 1), MEDICINES_PAGE_SIZE)
    return render(request, "reviews/patients/medicines.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def register(request: SignedIn) -> HttpResponse:
    """Register a person at a practice where I may."""
    practices = access.practices(request.user, Action.REGISTER)
    if not practices:
        raise NotAllowed("You may not register patients. A clinician or a reviewer may.")
    form = RegisterForm(practices, request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            registered = prescribe.register(
                practice=form.cleaned_data["practice"], record=form.record(), by=request.user
            )
            messages.success(request, f"{registered} is registered and will be checked now.")
            return redirect("patient", registered.pk)
    return form_page(request, "reviews/patients/register.html", form, {})


@require_http_methods(["GET", "POST"])
@login_required
def condition(request: SignedIn, pk: int) -> HttpResponse:
    """Record a problem of a patient."""
    found = _fetch(request, pk)
    access.require(request.user, Action.RECORD_FACT, found)
    form = ConditionForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            made = prescribe.record_condition(patient=found, record=form.record(), by=request.user)
            messages.success(request, f"Recorded: {made}. The patient is being checked again.")
            return redirect("patient", found.pk)
    return form_page(request, "reviews/patients/condition.html", form, person.banner(found))


@require_http_methods(["GET", "POST"])
@login_required
def end_condition(request: SignedIn, pk: int, condition_pk: int) -> HttpResponse:
    """End a problem on a day, or say that it was entered in error."""
    found = _fetch(request, pk)
    access.require(request.user, Action.RECORD_FACT, found)
    held = Condition.objects.filter(patient=found, pk=condition_pk).first()
    if held is None:
        raise NotFound("There is no such condition.")
    form = EndConditionForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            prescribe.record_condition(
                patient=found, record=form.record(held), by=request.user, supersedes=held
            )
            messages.success(request, f"{held}: {form.said()}. The patient is being checked again.")
            return redirect("patient", found.pk)
    context = {**person.banner(found), "condition": held}
    return form_page(request, "reviews/patients/end_condition.html", form, context)


@require_http_methods(["GET", "POST"])
@login_required
def death(request: SignedIn, pk: int) -> HttpResponse:
    """Say whether a person has died, also against what a source says."""
    found = _fetch(request, pk)
    access.require(request.user, Action.CHECK_DATA, found)
    form = DeathForm(request.POST or None)
    with refusals_at(form):
        if form.is_valid():
            given = form.cleaned_data
            deaths.say(
                patient=found,
                deceased=given["deceased"] == "yes",
                deceased_on=given["deceased_on"],
                reason=given["reason"],
                by=request.user,
            )
            messages.success(request, "Kept. The patient is being checked again.")
            return redirect("patient", found.pk)
    return form_page(request, "reviews/patients/death.html", form, person.banner(found))


def _not_checked() -> Q:
    """Patients whose last screening failed, who wait for one, or who were never screened."""
    waiting = ScreeningRequest.objects.filter(priority=ScreeningRequest.Priority.CHANGE)
    failed = PatientScreening.objects.exclude(problem="")
    screened = PatientScreening.objects.filter(patient=OuterRef("pk"), screened_at__isnull=False)
    never = Patient.objects.filter(~Exists(screened))
    # As a union each is found by its index; as alternatives everybody would be asked all three.
    return Q(pk__in=waiting.values("patient").union(failed.values("patient"), never.values("pk")))


@require_GET
@login_required
def checked_now(request: SignedIn, pk: int) -> HttpResponse:
    """Whether somebody is checked by now: what a page that said otherwise asks until it is.

    `page` is the page that asks. Nothing of the person is shown, so nothing is told of it.
    """
    rows = Patient.objects.select_related("screening__version", "screening__engine")
    rows = checked.with_waiting(rows.defer("screening__version__book"))
    found = access.fetch(rows, request.user, Action.SEE_PATIENT, pk=identity.current_id(pk))
    page = request.GET.get("page", "")
    if not url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        page = reverse("patient", args=[found.pk])
    context = {"patient": found, "checked": checked.of(found, found), "asked_from": page}
    return render(request, "reviews/patients/_checked_now.html", context)


def _fetch(request: SignedIn, pk: int) -> Patient:
    return person.fetch(request.user, Action.SEE_PATIENT, pk)


def _frame(request: SignedIn, patient: Patient, *, tab: str) -> dict[str, Any]:
    """What stands on every tab of a patient: banner, tabs, what I may do, the medicines."""
    _version, book = rulebooks.holding_at(patient.practice_id)
    rows, dossier = medicines.of(patient, book=book, as_of=timezone.localdate())
    episodes, unknown_length = exposures.of(dossier, book) if tab == "overview" else ([], [])
    may = {
        name: access.allowed(request.user, action, patient)
        for name, action in (
            ("log", Action.LOG),
            ("amend", Action.AMEND),
            ("withdraw", Action.WITHDRAW),
            ("record", Action.RECORD_FACT),
            ("see_audit", Action.SEE_AUDIT),
            ("replay", Action.REPLAY),
            ("see_case", Action.SEE_QUEUE),
            ("identify", Action.IDENTIFY),
            ("mark", Action.MARK_SENSITIVE),
            ("answer", Action.CHECK_DATA),
            ("note", Action.WRITE_NOTE),
        )
    }
    return {
        **person.banner(patient),
        "tab": tab,
        "medicines": rows,
        "episodes": episodes,
        "unknown_length": unknown_length,
        "not_recognised": sum(
            not row.recognised and not row.no_sedative for row in rows if row.now
        ),
        "may": may,
    }


def _unjudged(patient: Patient) -> list[tuple[list[dict[str, Any]], str, list[tuple[str, str]]]]:
    """What the last screening could not judge, one row a reason: (rules, reason, kinds).

    `kinds` are the readings that all these rules use: what can be recorded to let them judge.
    """
    screening = getattr(patient, "screening", None)
    reasons = {}
    for missing in screening.not_evaluable if screening else []:
        reasons.setdefault(missing["reason"], []).append(missing["rule_id"])
    return [
        (
            [{"id": rule_id, "known": rule_id in BY_ID} for rule_id in sorted(set(rule_ids))],
            reason,
            [(kind, known.label) for kind, known in KINDS.items() if {*rule_ids} <= {*known.rules}],
        )
        for reason, rule_ids in reasons.items()
    ]


def _questions(patient: Patient) -> list[IdentityQuestion]:
    """The open questions whether records are of this person, with the medicines that wait."""
    found = list(waiting.about(patient)) if patient.records_waiting else []
    for question in found:
        question.medicines = identity.medicines(question)
    return found


def _conditions(patient: Patient) -> list[Condition]:
    """Live conditions, going on first; those entered in error are history, not shown."""
    rows = Condition.objects.live().filter(patient=patient).exclude(status="entered-in-error")
    found = list(rows.order_by("ended_on", "-onset_on", "pk"))
    for row in found:
        row.going_on = row.ended_on is None and row.status == "active"
    return sorted(found, key=lambda row: not row.going_on)


def _headline(patient: Patient, state: checked.Checked, open_case: Case | None, unread: int) -> str:
    """The conclusion of the page, which is its heading."""
    exposure = patient.screening.exposure if hasattr(patient, "screening") else None
    if state.at is None:
        return "Not checked yet: what follows has not been screened"
    if open_case:
        return open_case.headline
    if state.state == checked.NOT_CHECKED:
        return "Not checked since the last change"
    if patient.records_waiting:
        return "Checked in part: a record waits that may be of this person"
    if any(note.is_of_a_death for note in patient.notes):
        return "Checked in part: a source contradicts what is known of a death"
    if unread:
        were = "medicine was" if unread == 1 else "medicines were"
        return f"Checked in part: {unread} {were} not read"
    if patient.screening.not_evaluable:
        return "Nothing to review, but not everything could be judged"
    if exposure and exposure["known"] and _runs(exposure):
        drugs = " and ".join(exposure["drugs"])
        return f"Checked, nothing to review: {drugs}, day {exposure['days']}"
    return "Checked, nothing to review"


def _runs(exposure: dict[str, Any]) -> bool:
    return bool(exposure["end_on"]) and exposure["end_on"] >= timezone.localdate().isoformat()


urlpatterns = [
    path("patients", patients, name="patients"),
    path("patients/register", register, name="patient-register"),
    path("patients/<int:pk>", patient, name="patient"),
    path("patients/<int:pk>/checked", checked_now, name="patient-checked"),
    path("patients/<int:pk>/medicines", all_medicines, name="patient-medicines"),
    path("patients/<int:pk>/death", death, name="patient-death"),
    path("patients/<int:pk>/conditions", condition, name="patient-condition"),
    path(
        "patients/<int:pk>/conditions/<int:condition_pk>/end",
        end_condition,
        name="patient-condition-end",
    ),
]
