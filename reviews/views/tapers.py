"""Tapers: plan one, see how far it has come beside what was prescribed, move it, print it."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews import access, dossiers, rulebooks
from reviews.access import Action
from reviews.drawing import taper_chart
from reviews.errors import BadRecord, NotFound
from reviews.forms.patients import refuse
from reviews.forms.tapers import MoveForm, PlanForm
from reviews.models import Taper, TaperMove, TaperStatus, TaperVersion
from reviews.queries import medicines
from reviews.rules.drug import BZRA_CLASSES
from reviews.tapering import checking, comparing, crossing, doses
from reviews.tapering.doses import FORMS, Unplannable
from reviews.tapering.planning import Plan
from reviews.verbs import taper
from reviews.views import person

# Whom a person calls. Local policy: the number of the country of the profile.
EMERGENCY = {"UK": "999", "US": "911", "EU": "112"}
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
NEEDS_REASON = {TaperMove.CONTACT, TaperMove.HOLD, TaperMove.STEP_BACK, TaperMove.PAUSE}
NEEDS_REASON |= {TaperMove.GIVE_UP, TaperMove.CANCEL}


@dataclass(frozen=True, slots=True)
class Row:
    """A step as a table shows it."""

    number: int
    step: object
    until: object
    less_percent: Decimal | None
    made: str
    said: str
    contacts: tuple
    now: bool
    compared: comparing.ComparedStep | None

    @property
    def last(self):
        return not self.step.mg


@require_http_methods(["GET", "POST"])
@login_required
def plan(request, pk):
    """What is asked for, and at once the schedule it makes and what the rules say of it."""
    patient = person.fetch(request.user, Action.SEE_PATIENT, pk)
    access.require(request.user, Action.TAPER, patient)
    given = request.POST if request.method == "POST" else request.GET
    context = _planner(request, patient, given)
    status = 200
    if request.method == "POST":
        if context["drafted"] is not None:
            try:
                saved = _save(request, patient, context)
            except BadRecord as error:
                context["refusal"] = error
            else:
                messages.success(
                    request, f"Saved: {saved.taper}, version {saved.version}. It is checked now."
                )
                return redirect("taper", saved.taper_id)
        status = 422
    context |= person.banner(patient)
    name = "_planned_parts" if request.htmx else "plan"
    return render(request, f"reviews/tapers/{name}.html", context, status=status)


def _planner(request, patient, given):
    _, book = rulebooks.live()
    today = timezone.localdate()
    dossier = dossiers.one(patient, as_of=today)
    profile = dossier.profile

    def marketed(drug):
        held = book.drugs[drug].strengths.get(profile, {})
        return [(form, Decimal(str(mg))) for form in FORMS if form in held for mg in held[form]]

    in_force = {
        version.taper.drug: version
        for version in _versions().filter(taper__patient=patient, taper__ended_at__isnull=True)
    }
    uses = [_planned_use(use, in_force.get(use.drug), today) for use in _uses(dossier, book)]
    taken = {use.drug for use in uses}
    names = {
        key: drug.name
        for key, drug in book.drugs.items()
        if drug.classes & BZRA_CLASSES and (drug.strengths or key in taken)
    }
    form = PlanForm(given, uses=uses, names=names, marketed=marketed)
    held = in_force.get(form.target)
    drafted, equals = None, []
    if form.is_valid():
        try:
            asked, cross = None, None
            if form.crosses and form.cleaned_data["from_mg"]:
                old = book.drugs[form.cleaned_data["drug"]]
                mg = Decimal(str(form.cleaned_data["from_mg"]))
                equals = crossing.equivalents(book, profile, old, mg)
            asked, cross = form.request(), form.cross_over(marketed)
            drafted = taper.draft(
                patient=patient,
                request=asked,
                cross=cross,
                by=request.user,
                taper=held.taper if held else None,
            )
        except Unplannable as error:
            refuse(form, BadRecord(error.field, error.reason))
        except BadRecord as error:
            refuse(form, error)
    context = {
        "form": form,
        "held": held,
        "names": names,
        "target": names.get(form.target, form.target),
        "others": [names[use.drug] for use in uses if use.drug != form.data["drug"]],
        "use": next((use for use in uses if use.drug == form.data["drug"]), None),
        "exposure": getattr(getattr(patient, "screening", None), "exposure", None),
        "equals": equals,
        "drafted": drafted,
        "asked": (asked, cross) if drafted else None,
        "reason": given.get("reason", ""),
        "refusal": None,
        "today": today,
    }
    if drafted is not None:
        context |= {
            "chart": taper_chart.drawing(drafted.plan, [], today),
            "rows": _rows(drafted.plan, drafted.contacts, today),
            "weeks": round(drafted.plan.days / 7),
            "met": sum(check.result == checking.MET for check in drafted.checks),
            "look": sum(check.needs_reason for check in drafted.checks),
            "carried": [(name, value) for name in form.fields for value in form.data.getlist(name)],
        }
    return context


def _save(request, patient, context):
    (asked, cross), held = context["asked"], context["held"]
    given = {"request": asked, "cross": cross, "by": request.user, "reason": context["reason"]}
    if held is None:
        return taper.plan(patient=patient, **given)
    seen = request.POST.get("seen", "")
    return taper.revise(taper=held.taper, seen=int(seen) if seen.isdecimal() else 0, **given)


def _uses(dossier, book):
    return comparing.current_use(dossier, book)


def _planned_use(use, version, today):
    """During a taper the dose now is the one that was planned for today."""
    mg = version.plan.mg_on(today) if version is not None else None
    return use if mg is None else use._replace(mg=mg)


@require_GET
@login_required
def show(request, pk):
    """How far a taper has come, what was prescribed meanwhile, and what can be done."""
    return _show(request, _version(request, pk))


def _show(request, version, form=None, refusal=None, status=200):
    patient = person.fetch(request.user, Action.SEE_PATIENT, version.taper.patient_id)
    _, book = rulebooks.live()
    today = timezone.localdate()
    dossier = dossiers.one(patient, as_of=today)
    planned = version.plan
    since = planned.steps[0].on - timedelta(days=taper_chart.BEFORE_DAYS)
    supplied = comparing.prescribed(dossier, book, planned.drug, since)
    begun = version.status not in (TaperStatus.PLANNED, TaperStatus.CANCELLED)
    compared = comparing.compare(planned, supplied, today) if begun else []
    may = access.allowed(request.user, Action.TAPER, patient)
    context = {
        **person.banner(patient),
        "taper": version.taper,
        "version": version,
        "name": book.drugs[planned.drug].name if planned.drug in book.drugs else planned.drug,
        "plan": planned,
        "chart": taper_chart.drawing(planned, supplied, today) if len(planned.steps) > 1 else None,
        "rows": _rows(planned, version.contact_days, today, compared),
        "begun": begun,
        "now": planned.step_on(today),
        "next_step": next((step for step in planned.steps if step.on > today), None),
        "next_contact": next((day for day in version.contact_days if day > today), None),
        "checks": checking.check(planned, dossier, book, taper_id=version.taper_id)
        if version.in_force and planned.drug in book.drugs and len(planned.steps) > 1
        else (),
        "results": sorted({row.result for row in compared if row.result in ATTENTION}),
        "moves": _moves(version, today) if may else [],
        "may_plan": may and (version.status, TaperMove.REVISE) in taper.MOVES,
        "history": TaperVersion.objects.history(version).select_related("recorded_by").reverse(),
        "form": form,
        "refusal": refusal,
        "today": today,
    }
    return render(request, "reviews/tapers/taper.html", context, status=status)


ATTENTION = (comparing.FASTER, comparing.SLOWER, comparing.NOT_SUPPLIED, comparing.UNCLEAR)


def _moves(version, today):
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


@require_POST
@login_required
def move(request, pk, code):
    """One move of a taper; a refused one is shown again with what was typed."""
    version = _version(request, pk)
    if code not in OFFERED:
        raise NotFound("There is no such move.")
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise BadRecord("", "Something in the form cannot be read: go back and look at it again.")
    data = form.cleaned_data
    given = {"taper": version.taper, "by": request.user, "seen": data["seen"]}
    given["reason"] = data["reason"]
    if code == TaperMove.HOLD:
        given["days"] = data["days"] or 0
    elif code == TaperMove.RESUME:
        given["first_on"] = data["first_on"]
    elif code == TaperMove.PAUSE:
        given["maintenance_agreed"] = data["maintenance_agreed"]
    try:
        done = getattr(taper, code)(**given)
    except BadRecord as error:
        return _show(request, version, form=form, refusal=(code, error), status=422)
    messages.success(request, f"{done.get_move_display()}: {done.taper}. It is checked again now.")
    return redirect("taper", pk)


@require_GET
@login_required
def sheet(request, pk):
    """The patient's copy, in plain words, for paper."""
    version = _version(request, pk)
    if not version.in_force:
        # Nobody is to follow a plan that is over.
        return redirect("taper", pk)
    patient = person.fetch(request.user, Action.SEE_PATIENT, version.taper.patient_id)
    _, book = rulebooks.live()
    today = timezone.localdate()
    rows, _dossier = medicines.of(patient, book=book, as_of=today)
    opioids = {
        name
        for row in rows
        if row.now
        for name, part in zip(row.drugs, row.recognition.parts, strict=True)
        if "opioid" in book.drugs[part.drug].classes
    }
    planned = version.plan
    context = {
        **person.banner(patient),
        "version": version,
        "name": book.drugs[planned.drug].name if planned.drug in book.drugs else planned.drug,
        "rows": [
            row for row in _rows(planned, (), today) if row.until is None or row.until >= today
        ],
        "stages": [
            (stage, doses.in_words(stage.old_parts), doses.in_words(stage.new_parts))
            for stage in version.stages
        ],
        "old_name": _name_of(book, version.cross_over.get("drug")),
        "next_contact": next((day for day in version.contact_days if day >= today), None),
        "opioids": sorted(opioids),
        "emergency": EMERGENCY[patient.practice.profile],
        "today": today,
    }
    return render(request, "reviews/tapers/sheet.html", context)


def section(patient, user):
    """What the patient page shows of tapers: the one in force first."""
    found = list(
        Taper.objects.filter(patient=patient)
        .prefetch_related(
            Prefetch(
                "versions",
                queryset=TaperVersion.objects.live(),
                to_attr="live",
            )
        )
        .order_by("ended_at", "-opened_at")
    )
    today = timezone.localdate()
    tapers = []
    for each in found:
        (version,) = each.live
        version.taper = each
        planned: Plan = version.plan
        tapers.append(
            {
                "version": version,
                "plan": planned,
                "now": planned.step_on(today),
                "next_step": next((step for step in planned.steps if step.on > today), None),
                "next_contact": next((day for day in version.contact_days if day > today), None),
            }
        )
    return {"tapers": tapers, "may_taper": access.allowed(user, Action.TAPER, patient)}


def part_of(patient, dossier, book, line_id):
    """The step of a taper in force that a prescription belongs to, and how it compares; or None."""
    for version in _versions().filter(taper__patient=patient, taper__ended_at__isnull=True):
        planned = version.plan
        for row in comparing.prescribed(dossier, book, planned.drug, planned.steps[0].on):
            if line_id in row.line_ids:
                step = planned.step_on(row.start)
                return {
                    "version": version,
                    "name": _name_of(book, planned.drug),
                    "step": step,
                    "mg": row.mg,
                    "result": comparing.against_step(step, row.mg),
                }
    return None


def _rows(planned, contacts, today, compared=()):
    rows = []
    for n, step in enumerate(planned.steps):
        before = planned.steps[n - 1] if n else None
        following = planned.steps[n + 1] if n + 1 < len(planned.steps) else None
        until = following.on - timedelta(days=1) if following else None
        less = None
        if before is not None and step.mg:
            less = 100 * (before.mg - step.mg) / before.mg
        rows.append(
            Row(
                number=n,
                step=step,
                until=until,
                less_percent=less,
                made=doses.short(step.parts),
                said=doses.in_words(step.parts),
                contacts=tuple(
                    day
                    for day in contacts
                    if step.on <= day and (following is None or day < following.on)
                ),
                now=step.on <= today and (until is None or today <= until),
                compared=compared[n] if compared else None,
            )
        )
    return rows


def _name_of(book, drug):
    return book.drugs[drug].name if drug in book.drugs else drug or ""


def _versions():
    return TaperVersion.objects.live().select_related(
        "taper__patient", "taper__practice", "recorded_by"
    )


def _version(request, pk):
    """The live version of a taper that I may see. Raises `NotFound`."""
    access.fetch(Taper.objects.all(), request.user, Action.SEE_PATIENT, pk=pk)
    return _versions().get(taper_id=pk)


urlpatterns = [
    path("patients/<int:pk>/taper", plan, name="taper-plan"),
    path("tapers/<int:pk>", show, name="taper"),
    path("tapers/<int:pk>/sheet", sheet, name="taper-sheet"),
    path("tapers/<int:pk>/<slug:code>", move, name="taper-move"),
]
