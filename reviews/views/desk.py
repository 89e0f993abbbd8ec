"""The auditor's desk: search the trail, one person's day, the seal, proofs and exports."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from reviews import access, sealing
from reviews.access import Action
from reviews.errors import BadRecord, NotFound
from reviews.forms.days import read_day
from reviews.models import Job, Patient, TreeHead
from reviews.queries import trail
from reviews.queries.trail import Asked, Told
from reviews.verbs import seal
from reviews.verbs import trail as verbs
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

SEARCHED_BY = ("q", "patient", "who", "kind", "practice", "from", "to")


@require_GET
@login_required
def desk(request: SignedIn) -> HttpResponse:
    """The newest events, or those that fit what was asked for."""
    access.require(request.user, Action.SEE_AUDIT)
    problem = ""
    try:
        asked = asked_for(request.GET)
    except BadRecord as error:
        asked, problem = Asked(), f"{error.field}: {error.reason}"
    before = request.GET.get("before", "")
    below = int(before) if before.isdecimal() and len(before) < 19 else None
    found = trail.found(
        request.user,
        asked,
        before=below,
        without=trail.BY_ITSELF if asked == Asked() else (),
        limit=trail.PAGE_SIZE + 1,
    )
    rows = trail.told(found[: trail.PAGE_SIZE])
    if asked != Asked():
        verbs.searched(asked=asked, by=request.user)
    patient = _patient(request.user, asked, rows)
    context = {
        **_around(request, asked),
        "emergencies": trail.opened_with_reason(request.user),
        "problem": problem,
        "rows": rows,
        "more": len(found) > trail.PAGE_SIZE,
        "older": rows[-1].event.pk if len(found) > trail.PAGE_SIZE else None,
        "newest": below is None,
        "patient": patient,
        "heading": _heading(rows, asked, patient),
        "forms": verbs.FORMS.items(),
        "most": verbs.MOST,
    }
    if patient is not None:
        shown = Asked(patient=patient.pk, since=asked.since, until=asked.until)
        context["openings"], context["opened"] = trail.openings(request.user, shown)
        context["people"] = len({row.actor for row in context["openings"] if not row.is_machine})
        context["machines"] = len({row.actor for row in context["openings"] if row.is_machine})
    elif asked == Asked():
        context["hasty"] = trail.hasty(request.user)
        context["refused"] = trail.refused_sign_ins(request.user).count()
    return render(request, "reviews/audit/desk.html", context)


def asked_for(given: QueryDict) -> Asked:
    """The question in a query or a form. Raises `BadRecord` for a day that is none."""
    who = given.get("who", "")
    return Asked(
        q=" ".join(given.get("q", "").split())[:100],
        patient=_number(given.get("patient", "")),
        who=who if who == "portal" or _number(who) else "",
        kind=given.get("kind", "") if given.get("kind") in trail.KINDS else "",
        practice=_number(given.get("practice", "")),
        since=read_day(given.get("from", ""), "from"),
        until=read_day(given.get("to", ""), "to"),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _around(request: SignedIn, asked: Asked) -> dict[str, Any]:
    """What every page of the desk shows: the filters and the seal."""
    return {
        "asked": asked,
        "since": _shown(asked.since),
        "until": _shown(asked.until),
        "query": urlencode(
            [(name, request.GET[name]) for name in SEARCHED_BY if request.GET.get(name)]
        ),
        "staff": list(trail.people(request.user)),
        "kinds": [(key, label) for key, (label, _) in trail.KINDS.items()],
        "practices": list(trail.practices(request.user)),
        **_seal(),
    }


def _shown(day: date | None) -> str:
    return f"{day:%-d %b %Y}" if day else ""


def _seal() -> dict[str, Any]:
    """How the log stands: the last verification, the newest head, since when it is sealed."""
    verified = trail.last_verification()
    head = sealing.newest()
    first = TreeHead.objects.order_by("number").first()
    return {
        "verified": verified,
        "wrong": verified.result["wrong"] if verified and verified.result else [],
        "verifying": Job.objects.unfinished().filter(kind=trail.VERIFY).exists(),
        "head": head,
        "root": sealing.root_of(head) if head else "",
        "first_head": first,
        "head_count": head.number if head else 0,
    }


def _patient(user: User, asked: Asked, rows: list[Told]) -> Patient | None:
    """The one patient that was asked about, or that all that was found is about."""
    pk = asked.patient
    if pk is None and asked.q:
        about = {row.event.patient_id for row in rows}
        pk = about.pop() if len(about) == 1 else None
    return trail.patients(user).filter(pk=pk).first() if pk else None


def _heading(rows: list[Told], asked: Asked, patient: Patient | None) -> str:
    """The conclusion: what was decided last, where decisions were asked for; else how many."""
    newest = next((row for row in rows if row.event.verb in trail.DECIDED), None)
    if newest is not None and asked.q and newest.sentences:
        what = newest.sentences[0]
        whose = f", {patient}" if patient else ""
        return f"{newest.event.actor}: {(what[0] + what[1])[:120]}{whose}"
    if asked == Asked():
        return "Who did what, and who saw whom"
    if not rows:
        return "Nothing in the trail fits"
    more = "+" if len(rows) == trail.PAGE_SIZE else ""
    return f"{len(rows)}{more} event{'s' if len(rows) != 1 or more else ''}, newest first"


@require_GET
@login_required
def day(request: SignedIn) -> HttpResponse:
    """What one person did on one day."""
    access.require(request.user, Action.SEE_AUDIT)
    staff = list(trail.people(request.user))
    who = _number(request.GET.get("who", ""))
    problem = ""
    try:
        on = read_day(request.GET.get("day", ""), "day") or timezone.localdate()
    except BadRecord as error:
        on, problem = timezone.localdate(), f"{error.field}: {error.reason}"
    person = next((each for each in staff if each.pk == who), None)
    person = person or trail.who_came(request.user, who)
    if who and person is None:
        raise NotFound("Nobody of that number works where you may see the trail.")
    stretches = []
    if person is not None:
        stretches = trail.day_of(request.user, person, on)
        verbs.searched(asked=Asked(who=str(person.pk), since=on, until=on), by=request.user)
    decided = [stretch for stretch in stretches if stretch.what == "decided"]
    context = {
        "staff": staff,
        "person": person,
        "on": on,
        "day_shown": _shown(on),
        "problem": problem,
        "stretches": stretches,
        "decided": sum(len(stretch.rows) for stretch in decided),
    }
    return render(request, "reviews/audit/day.html", context)


@require_GET
@login_required
def event(request: SignedIn, pk: int) -> HttpResponse:
    """One event, in words and as it was sealed, with the proof that it is in the log."""
    access.require(request.user, Action.SEE_AUDIT)
    found = trail.visible(request.user).filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such event, or you may not see it.")
    [row] = trail.told([found])
    head = sealing.newest()
    proof = sealing.prove(sealing.EVENT, found.pk, head) if head else None
    context = {
        "row": row,
        "proof": proof,
        "head": head,
        "root": sealing.root_of(head) if head else "",
        "holds": proof is not None and sealing.holds(proof),
        "line": sealing.line(head) if head else "",
    }
    return render(request, "reviews/audit/event.html", context)


@require_POST
@login_required
def verify(request: SignedIn) -> HttpResponse:
    """Ask for the whole log to be compared with its rows."""
    asked = seal.ask_to_verify(by=request.user)
    messages.success(
        request,
        "The log is being verified; what was found will stand here."
        if asked
        else "The log is being verified already.",
    )
    return redirect("audit")


def _export_again(request: SignedIn, refusal: BadRecord) -> HttpResponse:
    messages.error(request, f"Not exported. {refusal.message}")
    return redirect(f"{reverse('audit')}?{request.POST.get('query', '')}")


@require_POST
@login_required
@shows_refusals(_export_again, BadRecord)
def export(request: SignedIn) -> HttpResponse:
    """What was asked for as a file, or as a page to print. The export is an event itself."""
    access.require(request.user, Action.SEE_AUDIT)
    asked = asked_for(QueryDict(request.POST.get("query", "")))
    form = request.POST.get("form", "")
    rows = trail.told(trail.found(request.user, asked, limit=verbs.MOST))
    made = verbs.export(
        rows=rows, asked=asked, form=form, reason=request.POST.get("reason", ""), by=request.user
    )
    if form == "print":
        context = {
            "rows": rows,
            "asked": asked.in_words(),
            "reason": request.POST.get("reason", ""),
            "head": sealing.newest(),
        }
        return render(request, "reviews/audit/print.html", context)
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
    name = f"audit-{timezone.localtime():%Y-%m-%d-%H%M}.{form}"
    return HttpResponse(
        made,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


urlpatterns = [
    path("audit", desk, name="audit"),
    path("audit/day", day, name="audit-day"),
    path("audit/events/<int:pk>", event, name="audit-event"),
    path("audit/verify", verify, name="audit-verify"),
    path("audit/export", export, name="audit-export"),
]
