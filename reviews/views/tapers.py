"""Tapers: plan one, see how far it has come beside what was prescribed, move it, print it."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, dossiers, profiles, rulebooks
from reviews.access import Action
from reviews.drawing import taper_chart
from reviews.errors import BadRecord, NotFound
from reviews.forms.numbers import whole
from reviews.forms.tapers import MoveForm, PlanForm
from reviews.models import Patient, TaperMove, TaperStatus, TaperVersion
from reviews.queries import medicines, tapers
from reviews.rules.drug import BZRA_CLASSES
from reviews.tapering import checking, comparing, planning
from reviews.tapering import sheet as sheets
from reviews.verbs import taper
from reviews.views import person
from reviews.views.refusals import refusals_at, shows_refusals
from reviews.views.signed_in import SignedIn

# Taken as well as a benzodiazepine or Z-drug, these make people drowsy and slow breathing.
SEDATING = BZRA_CLASSES | {"opioid", "gabapentinoid"}
OFFERED = {
    TaperMove.START: ("Start", "It is agreed with the person and begins."),
    TaperMove.CONTACT: ("Record contact", "Somebody asked how it goes."),
    TaperMove.HOLD: ("Hold this dose", "Every later step moves by as many days."),
    TaperMove.STEP_BACK: ("Step back", "The dose before this one, and on from there. No failure."),
    TaperMove.PAUSE: ("Pause", "This dose until somebody resumes the taper."),
    TaperMove.RESUME: ("Resume", "On from this dose at the pace of before."),
    TaperMove.COMPLETE: ("Complete", "The person is down to nothing."),
    TaperMove.GIVE_UP: ("Give up", "The taper does not go on. The dose is not to end suddenly."),
    TaperMove.CANCEL: ("Cancel the plan", "It never began."),
}
NEEDS_REASON = {TaperMove.CONTACT, TaperMove.PAUSE, TaperMove.GIVE_UP, TaperMove.CANCEL}
NEXT_STEPS = 5
"""The step of today and the next four."""


@require_http_methods(["GET", "POST"])
@login_required
def plan(request: SignedIn, pk: int) -> HttpResponse:
    """Show the schedule that is asked for, at once with what the rules say of it; or save it."""
    patient = person.fetch(request.user, Action.SEE_PATIENT, pk)
    access.require(request.user, Action.TAPER, patient)
    planner = _planner(request, patient)
    if request.method == "POST" and planner["drafted"] is not None:
        return _save(request, patient=patient, planner=planner)
    return _plan_page(request, None, patient=patient, planner=planner)


def _plan_page(
    request: SignedIn, refusal: BadRecord | None, *, patient: Patient, planner: dict[str, Any]
) -> HttpResponse:
    context = {**planner, **person.banner(patient), "refusal": refusal}
    name = "_planned_parts" if request.htmx else "plan"
    status = 422 if request.method == "POST" else 200
    return render(request, f"reviews/tapers/{name}.html", context, status=status)


def _planner(request: SignedIn, patient: Patient) -> dict[str, Any]:
    """The form, what the person takes now, and the plan that the form asks for, if it can be."""
    given = request.POST if request.method == "POST" else request.GET
    today = timezone.localdate()
    basis = tapers.basis(patient, today)
    form = PlanForm(
        given,
        uses=basis.uses,
        names=basis.names,
        marketed=basis.marketed,
        halved=basis.halved,
        proposed=basis.proportion.pace,
    )
    revised = basis.in_force.get(form.target)
    asked = cross = drafted = since = None
    equals, ways, proportion = [], [], basis.proportion
    with refusals_at(form):
        if form.is_valid():
            since = form.in_use_since()
            proportion = tapers.in_proportion(basis, since)
            if form.has_dose:
                equals = basis.in_diazepam(form.cleaned_data["drug"], form.starting_mg())
            asked, cross = form.request(), form.cross_over(basis.marketed)
            if cross is None:
                ways = [
                    way._asdict()
                    | {"rows": tapers.step_rows(way.plan, (), today) if way.plan else []}
                    for way in tapers.ways_down(basis, asked, proportion, equals)
                ]
            drafted = taper.draft(
                patient=patient,
                request=asked,
                cross=cross,
                by=request.user,
                taper=revised.taper if revised else None,
                since=since,
            )
    drug = form.data["drug"]
    context = {
        "form": form,
        "revised": revised,
        "names": basis.names,
        "target": basis.names.get(form.target, form.target),
        "others": [basis.names[use.drug] for use in basis.uses if use.drug != drug],
        "use": next((use for use in basis.uses if use.drug == drug), None),
        "exposure": getattr(getattr(patient, "screening", None), "exposure", None),
        "proportion": proportion,
        "scored": basis.scored(form.target),
        "ways": ways,
        "equals": equals if form.crosses else [],
        "drafted": drafted,
        "asked": asked,
        "cross": cross,
        "since": since,
        "reason": given.get("reason", ""),
        "today": today,
    }
    if drafted is not None:
        rows = tapers.step_rows(
            drafted.plan, drafted.contacts, today, every_days=drafted.request.every_days
        )
        context |= {
            "chart": taper_chart.drawing(drafted.plan, [], today),
            "rows": rows,
            "first_rows": rows[:NEXT_STEPS],
            "in_all": tapers.in_all(drafted.plan),
            "weeks": round(drafted.plan.days / 7),
            "met": sum(check.result == checking.MET for check in drafted.checks),
            "look": sum(check.needs_reason for check in drafted.checks),
            "carried": [(name, value) for name in form.fields for value in form.data.getlist(name)],
        }
    return context


@shows_refusals(_plan_page, BadRecord)
def _save(request: SignedIn, *, patient: Patient, planner: dict[str, Any]) -> HttpResponse:
    """Save the plan that was drafted, as a new taper or as the next version of one in force."""
    revised = planner["revised"]
    given = {
        "request": planner["asked"],
        "cross": planner["cross"],
        "by": request.user,
        "reason": planner["reason"],
        "since": planner["since"],
    }
    if revised is None:
        saved = taper.plan(patient=patient, **given)
    else:
        seen = whole(request.POST.get("seen")) or 0
        saved = taper.revise(taper=revised.taper, seen=seen, **given)
    messages.success(request, f"Saved: {saved.taper}, version {saved.version}. It is checked now.")
    return redirect("taper", saved.taper_id)


@require_GET
@login_required
def show(request: SignedIn, pk: int) -> HttpResponse:
    """How far a taper has come, what was prescribed meanwhile, and what can be done."""
    return _show(request, tapers.fetch(request.user, pk))


def _show(
    request: SignedIn,
    version: TaperVersion,
    form: MoveForm | None = None,
    refused_move: str = "",
    refusal: BadRecord | None = None,
) -> HttpResponse:
    patient = person.fetch(request.user, Action.SEE_PATIENT, version.taper.patient_id)
    _, book = rulebooks.holding_at(patient.practice_id)
    today = timezone.localdate()
    dossier = dossiers.one(patient, as_of=today)
    standing = tapers.standing(version, today)
    planned = standing.plan
    since = planned.steps[0].on - timedelta(days=taper_chart.BEFORE_DAYS)
    supplied = comparing.prescribed(dossier, book, planned.drug, since)
    begun = version.status not in (TaperStatus.PLANNED, TaperStatus.CANCELLED)
    compared = comparing.compare(planned, supplied, today) if begun else []
    may = access.allowed(request.user, Action.TAPER, patient)
    has_steps = len(planned.steps) > 1
    rows = tapers.step_rows(
        planned, version.contact_days, today, compared, every_days=version.every_days
    )
    context = {
        **person.banner(patient),
        **standing._asdict(),
        "taper": version.taper,
        "name": tapers.name_of(book, planned.drug),
        "chart": taper_chart.drawing(planned, supplied, today) if has_steps else None,
        "rows": rows,
        "next_rows": [row for row in rows if row.now or row.step.on > today][:NEXT_STEPS],
        "in_all": tapers.in_all(planned),
        "as_planned": sum(row.result == comparing.AS_PLANNED for row in compared),
        "steps_so_far": sum(row.days > 0 for row in compared),
        "back_to": planning.higher_before(planned, today),
        "begun": begun,
        "checks": checking.check(
            planned,
            dossier,
            book,
            pace_chosen=(version.percent, version.every_days),
            taper_id=version.taper_id,
        )
        if version.in_force and planned.drug in book.drugs and has_steps
        else (),
        "results": sorted({row.result for row in compared if row.result in ATTENTION}),
        "moves": _moves(version, today) if may else [],
        "quick": _quick(version, today) if may else [],
        "may_plan": may and (version.status, TaperMove.REVISE) in taper.MOVES,
        "history": TaperVersion.objects.history(version).select_related("recorded_by").reverse(),
        "form": form,
        "refused_move": refused_move,
        "refusal": refusal,
        "today": today,
    }
    return render(request, "reviews/tapers/taper.html", context, status=422 if refusal else 200)


ATTENTION = (comparing.FASTER, comparing.SLOWER, comparing.NOT_SUPPLIED, comparing.UNCLEAR)


def _moves(version: TaperVersion, today: date) -> list[dict[str, Any]]:
    """What can be done now, in the order in which it is offered."""
    return [
        {
            "code": move,
            "label": label,
            "hint": hint,
            "needs_reason": move in NEEDS_REASON,
            "days": version.every_days if move == TaperMove.HOLD else None,
            "first_on": today + timedelta(days=1) if move == TaperMove.RESUME else None,
            "agreed": move == TaperMove.PAUSE,
        }
        for move, (label, hint) in OFFERED.items()
        if (version.status, move) in taper.MOVES
        and (move not in taper.AFTER_CHANGE or version.plan.step_on(today) is not None)
        and (move != TaperMove.COMPLETE or not version.plan.mg_on(today + timedelta(days=28)))
    ]


def _quick(version: TaperVersion, today: date) -> list[dict[str, str]]:
    """What takes one press on a taper that has begun: hold, step back, resume."""
    back = planning.higher_before(version.plan, today)
    weeks, days = divmod(version.every_days, 7)
    some = f"{version.every_days} days" if days else f"{weeks} week{'s' * (weeks > 1)}"
    says = {
        TaperMove.HOLD: f"Hold for {some}",
        TaperMove.STEP_BACK: f"Step back to {back.mg.normalize():f} mg" if back else "",
        TaperMove.RESUME: "Resume from tomorrow",
    }
    offered = {item["code"] for item in _moves(version, today)}
    return [{"code": code, "says": said} for code, said in says.items() if said and code in offered]


@require_POST
@login_required
def move(request: SignedIn, pk: int, code: str) -> HttpResponse:
    """One move of a taper; a refused one is shown again with what was typed."""
    version = tapers.fetch(request.user, pk)
    if code not in OFFERED:
        raise NotFound("There is no such move.")
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise BadRecord("", "Something in the form cannot be read: go back and look at it again.")
    return _move(request, version=version, code=code, form=form)


def _move_again(
    request: SignedIn, refusal: BadRecord, *, version: TaperVersion, code: str, form: MoveForm
) -> HttpResponse:
    return _show(request, version, form=form, refused_move=code, refusal=refusal)


@shows_refusals(_move_again, BadRecord)
def _move(request: SignedIn, *, version: TaperVersion, code: str, form: MoveForm) -> HttpResponse:
    data = form.cleaned_data
    given = {"taper": version.taper, "by": request.user, "seen": data["seen"]}
    given["reason"] = data["reason"]
    if code == TaperMove.HOLD:
        given["days"] = version.every_days if data["days"] is None else data["days"]
    elif code == TaperMove.RESUME:
        given["first_on"] = data["first_on"] or timezone.localdate() + timedelta(days=1)
    elif code == TaperMove.PAUSE:
        given["maintenance_agreed"] = data["maintenance_agreed"]
    moved = getattr(taper, code)(**given)
    messages.success(
        request, f"{moved.get_move_display()}: {moved.taper}. It is being checked again."
    )
    return redirect("taper", version.taper_id)


@require_GET
@login_required
def sheet(request: SignedIn, pk: int) -> HttpResponse:
    """The patient's sheet, in plain words, for paper: the next steps, or the whole plan."""
    version = tapers.fetch(request.user, pk)
    if not version.in_force:
        # Nobody is to follow a plan that is over.
        return redirect("taper", pk)
    code = request.GET.get("language", sheets.DEFAULT)
    if code not in sheets.LANGUAGES:
        raise NotFound("There are no words in that language.")
    patient = person.fetch(request.user, Action.SEE_PATIENT, version.taper.patient_id)
    _, book = rulebooks.holding_at(patient.practice_id)
    today = timezone.localdate()
    rows, _dossier = medicines.of(patient, book=book, as_of=today)
    others = {
        name
        for row in rows
        if row.now
        for name, part in zip(row.drugs, row.recognition.parts, strict=True)
        if part.drug != version.taper.drug and book.drugs[part.drug].classes & SEDATING
    }
    planned, wording = version.plan, sheets.wording(code)
    # Whom a person calls: local policy, by the profile.
    profile = profiles.of(patient.practice)
    whole = "whole" in request.GET
    context = {
        **person.banner(patient),
        "version": version,
        "wording": wording,
        "say": tapers.said(
            wording,
            patient=patient,
            version=version,
            book=book,
            others=sorted(others),
            emergency=profile.emergency,
            other_times=profile.out_of_hours,
            today=today,
        ),
        "languages": [sheets.wording(each) for each in sheets.LANGUAGES],
        "grade": sheets.reading_grade(" ".join(sheets.sentences(wording)))
        if code == sheets.DEFAULT
        else None,
        "highest_grade": sheets.HIGHEST_GRADE,
        "whole": whole,
        "sheet": sheets.sheet(planned, wording, today, most=None if whole else sheets.STEPS),
        "stages": [
            (
                wording.day(stage.on),
                wording.listed(map(wording.amount, stage.old_parts)) if stage.old_parts else "",
                wording.listed(map(wording.amount, stage.new_parts)),
            )
            for stage in version.stages
        ],
        "today": today,
    }
    return render(request, "reviews/tapers/sheet.html", context)


urlpatterns = [
    path("patients/<int:pk>/taper", plan, name="taper-plan"),
    path("tapers/<int:pk>", show, name="taper"),
    path("tapers/<int:pk>/sheet", sheet, name="taper-sheet"),
    path("tapers/<int:pk>/<slug:code>", move, name="taper-move"),
]
