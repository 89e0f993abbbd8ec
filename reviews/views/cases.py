"""One case: why, on what facts, on whose authority, what was decided before, and what now."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from reviews import access, conclusions, dossiers, rulebooks
from reviews.access import Action
from reviews.drawing import timeline, timeline_chart
from reviews.errors import BadRecord, DomainError, IllegalMove, NotAllowed, NotFound, Stale
from reviews.forms import toast
from reviews.forms.days import read_day
from reviews.forms.decision import DecisionForm, read_outcomes, read_seen, refused_flag
from reviews.forms.messages import read_draft, read_escalation
from reviews.forms.numbers import whole
from reviews.models import Case, CaseState, Decision, Patient, Reason
from reviews.queries import about, case_cards, case_history, cases, for_the_record, medicines
from reviews.rules.missing import Missing, missing
from reviews.verbs import caseload, decide, work_sessions
from reviews.views import messages as messages_of
from reviews.views import opinions, person, walking
from reviews.views.confirming import confirm_first
from reviews.views.refusals import shows_refusals
from reviews.views.signed_in import SignedIn

PRESSED_UNDO = "Taken back at once, without a further reason"
"""What the history says of somebody who only pressed Undo."""
NAMED = 3
WITHOUT_A_LIST = {
    "n": "There is no next case: this one was opened alone. Open one from a list.",
    "p": "There is none before it in the list.",
}
REFUSED = (BadRecord, IllegalMove, NotAllowed, Stale)
"""What the page of the case itself says, with all that was typed: never a page that has lost it."""


def _onwards(request: SignedIn, case: Case) -> HttpResponse:
    """The next case of the list that is worked through; without one, the queue."""
    session = walking.current(request, request.user)
    return walking.onwards(request.user, case, session)


def _again(request: SignedIn, pk: int) -> HttpResponse:
    return redirect(walking.to_case(pk, walking.current(request, request.user)))


def _confirm_if_urgent(request: SignedIn, case: Case) -> None:
    if case.is_urgent:
        confirm_first(request)


def _page(
    request: SignedIn, refusal: DomainError | None, pk: int, posted: QueryDict | None = None
) -> HttpResponse:
    """The page of a case as it is now, with what was refused; nothing that was chosen is lost.

    `posted` is the decision that was refused.
    """
    if isinstance(refusal, NotAllowed) and "action" in refusal.detail:
        # That is not theirs to do on any case: a page of its own says who may.
        raise refusal
    context = _context(request.user, cases.fetch(request.user, pk), refusal, posted)
    context |= walking.bar(request.user, context["case"], walking.current(request, request.user))
    context["note"] = request.POST.get("note", "")
    context["typed"] = request.POST
    context["form_is_gone"] = refusal is not None and not _has_form(request, context["may"])
    status = 200
    if refusal is not None:
        status = 400 if isinstance(refusal, BadRecord) else 409
    return render(request, "reviews/cases/case.html", context, status=status)


def _has_form(request: SignedIn, may: cases.May) -> bool:
    """Whether the page shows the form that was sent again, with what was typed into it."""
    sent = request.resolver_match and request.resolver_match.url_name
    return {
        "case-decide": may.decide,
        "case-confirm": may.confirm,
        "case-send-back": may.send_back,
        "case-undo": may.undo,
        "case-snooze": may.snooze,
        "case-escalate": may.escalate,
    }.get(sent or "", False)


def _context(
    user: User, case: Case, refusal: DomainError | None, posted: QueryDict | None
) -> dict[str, Any]:
    """Everything the page shows, in a fixed number of queries."""
    today = timezone.localdate()
    concluded = conclusions.newest(case)
    flags = cases.flags_of(case, concluded)
    own = cases.own_urgent(user, case, flags)
    may = cases.may(user, case, concluded, own)
    waits = case.state == CaseState.PROPOSED
    _version, book = rulebooks.holding_at(case.patient.practice_id)
    dossier = dossiers.one(case.patient, as_of=today)
    history = case_history.history(case)
    picture = timeline.picture(dossier, book, case_history.pins(history))
    asks_for_two = waits or (may.decide and any(flag.severity == 1 for flag in flags))
    seconds = cases.second_persons(user, case, flags) if asks_for_two else []
    alone = asks_for_two and not seconds
    cards = case_cards.cards_of(case, flags, own, alone=alone)
    lacking = missing(dossier, book) if case.closed_at is None else []
    return {
        **_banner(person.fetch(user, Action.SEE_PATIENT, case.patient_id), lacking),
        "case": case,
        "is_open": case.closed_at is None,
        "is_mine": case.owner_id == user.pk,
        "waits": waits,
        "may": may,
        "why_not": {**WITHOUT_A_LIST, **cases.why_not(may, case, own)},
        "alone": alone,
        "flag_count": len(flags),
        "cards": cards,
        "about": about.about(
            dossier,
            book,
            practice=case.practice,
            rule_ids=[flag.rule_id for flag in flags],
            line_ids=[pk for flag in flags for pk in flag.prescription_ids],
        ),
        "may_note": access.allowed(user, Action.WRITE_NOTE, case),
        "quiet": cases.quiet_flags(case, flags),
        "own_urgent": bool(own),
        "picture": picture,
        "charts": timeline_chart.charts(picture) if picture else [],
        "medicines": medicines.lines_of(dossier, book, case.practice_id),
        "history": history,
        "concluded": concluded,
        "concluded_items": cases.items_of(concluded) if concluded else [],
        "for_the_record": for_the_record.of(concluded) if concluded and not waits else None,
        "seconds": seconds,
        "form": DecisionForm([card.matter for card in cards], today, posted, refused_flag(refusal)),
        "reasons": Reason.choices,
        "reasons_for": conclusions.REASONS,
        "escalate_to": [(role, role.label) for role in caseload.ESCALATE_TO],
        "latest_snooze": caseload.latest_snooze(case.severity, today),
        "refusal": refusal,
        "refused_flag": refused_flag(refusal),
        **messages_of.of_case(user, case, flags),
        **opinions.on_flags(user, case, flags),
    }


def _banner(patient: Patient, lacking: list[Missing]) -> dict[str, Any]:
    """The banner of a case: in part only where what is missing could change what to do.

    What else was not judged is named all the same.
    """
    banner = person.banner(patient)
    telling = [each for each in lacking if each.tells]
    rest = [each for each in lacking if not each.tells]
    if lacking:
        banner["partly"] = bool(telling or banner["unread"] or patient.unrecognised)
        banner["but_for"] = sorted({rule_id for each in rest for rule_id in each.rules})
    return {**banner, "telling": telling, "not_telling": rest}


def _decision_page(request: SignedIn, refusal: DomainError, pk: int) -> HttpResponse:
    return _page(request, refusal, pk, posted=request.POST)


@require_GET
@login_required
def show(request: SignedIn, pk: int) -> HttpResponse:
    """The page; opened from a list, it leads into a session over that list."""
    if walking.LIST in request.GET:
        case = cases.fetch(request.user, pk)
        session = walking.begin(request.user, case, request.GET[walking.LIST])
        return redirect(walking.to_case(pk, session))
    session = walking.current(request, request.user)
    if session is not None and pk in session.case_ids:
        case = cases.fetch(request.user, pk)
        work_sessions.come_to(session=session, case=case, by=request.user)
    return _page(request, None, pk)


@require_POST
@login_required
@shows_refusals(_decision_page, *REFUSED)
def decision(request: SignedIn, pk: int) -> HttpResponse:
    """Decide on every flag at once, by its matter or apart."""
    case = cases.fetch(request.user, pk)
    _confirm_if_urgent(request, case)
    decided = decide.decide(
        case=case,
        outcomes=read_outcomes(request.POST),
        note=request.POST.get("note", ""),
        by=request.user,
        seen=read_seen(request.POST),
        message=read_draft(request.POST),
    )
    proposed = decided.kind == Decision.Kind.PROPOSED
    done = "Proposed, for a second person:" if proposed else "Decision saved for"
    _tell(request, f"{done} {case.patient}.", decided)
    return _onwards(request, case)


@require_POST
@login_required
@shows_refusals(_page, *REFUSED)
def confirm(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    _confirm_if_urgent(request, case)
    note = request.POST.get("note", "")
    confirmed = decide.confirm(case=case, by=request.user, seen=read_seen(request.POST), note=note)
    _tell(request, f"Confirmed: the decision for {case.patient} holds now.", confirmed)
    return _onwards(request, case)


@require_POST
@login_required
@shows_refusals(_page, *REFUSED)
def send_back(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    reason = request.POST.get("reason", "")
    decide.send_back(case=case, reason=reason, by=request.user, seen=read_seen(request.POST))
    messages.success(request, f"Sent back: {case.patient}.")
    return _onwards(request, case)


def _tell(request: SignedIn, said: str, decided: Decision) -> None:
    """Say what was decided, with the way to take it back."""
    session = walking.current(request, request.user)
    tags = toast.tags([decided], session.pk if session else None)
    messages.success(request, said, extra_tags=tags)


@require_POST
@login_required
def undo_decisions(request: SignedIn) -> HttpResponse:
    """Take back what a message or a list shows as decided; each that cannot be is told."""
    marked = {whole(pk) for pk in request.POST.getlist("decision")} - {None}
    found = Decision.objects.filter(pk__in=marked).select_related("case__patient")
    visible = list(access.scope(found, request.user, Action.DECIDE).order_by("pk"))
    if not visible:
        raise NotFound(access.NO_SUCH_RECORD)
    undone, refusals = decide.undo_all(decisions=visible, reason=PRESSED_UNDO, by=request.user)
    for refusal in refusals:
        messages.warning(request, refusal)
    if undone:
        names = ", ".join(str(case.patient) for case in undone[:NAMED])
        more = f" and {len(undone) - NAMED} more" if len(undone) > NAMED else ""
        messages.success(request, f"Taken back for {names}{more}. It is open again, and yours.")
    if len(visible) == 1:
        return _again(request, visible[0].case_id)
    return redirect("my-work")


@require_POST
@login_required
@shows_refusals(_page, *REFUSED)
def undo(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    reason = request.POST.get("reason", "")
    decide.undo(case=case, reason=reason, by=request.user, seen=read_seen(request.POST))
    messages.success(request, "Taken back. What it covered is open again.")
    return _again(request, pk)


@require_POST
@login_required
@shows_refusals(_page, Stale, IllegalMove)
def claim(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    take_over = request.POST.get("take_over") == "yes"
    caseload.claim(case=case, by=request.user, seen=read_seen(request.POST), take_over=take_over)
    return _again(request, pk)


@require_POST
@login_required
@shows_refusals(_page, Stale, IllegalMove)
def release(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    caseload.release(case=case, by=request.user, seen=read_seen(request.POST))
    messages.success(request, f"Back in the queue: {case.patient}.")
    session = walking.current(request, request.user)
    return redirect(walking.to_case(pk, session) if session else "queue")


@require_POST
@login_required
@shows_refusals(_page, *REFUSED)
def snooze(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    caseload.snooze(
        case=case,
        until=read_day(request.POST.get("until", ""), "until"),
        reason=request.POST.get("reason", ""),
        by=request.user,
        seen=read_seen(request.POST),
    )
    messages.success(request, f"Snoozed: {case.patient}.")
    return _onwards(request, case)


@require_POST
@login_required
@shows_refusals(_page, *REFUSED)
def escalate(request: SignedIn, pk: int) -> HttpResponse:
    case = cases.fetch(request.user, pk)
    to, person_asked = read_escalation(request.POST.get("to", ""), case)
    caseload.escalate(
        case=case,
        to=to,
        person=person_asked,
        reason=request.POST.get("reason", ""),
        by=request.user,
        seen=read_seen(request.POST),
    )
    messages.success(request, f"Escalated: {case.patient}.")
    return _onwards(request, case)


urlpatterns = [
    path("decisions/undo", undo_decisions, name="decisions-undo"),
    path("cases/<int:pk>", show, name="case"),
    path("cases/<int:pk>/decide", decision, name="case-decide"),
    path("cases/<int:pk>/confirm", confirm, name="case-confirm"),
    path("cases/<int:pk>/send-back", send_back, name="case-send-back"),
    path("cases/<int:pk>/undo", undo, name="case-undo"),
    path("cases/<int:pk>/claim", claim, name="case-claim"),
    path("cases/<int:pk>/release", release, name="case-release"),
    path("cases/<int:pk>/snooze", snooze, name="case-snooze"),
    path("cases/<int:pk>/escalate", escalate, name="case-escalate"),
]
