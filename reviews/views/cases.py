"""One case: why, on what facts, on whose authority, what was decided before, and what now."""

from itertools import groupby

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from reviews import access, decide, dossiers, rulebooks, timeline
from reviews.access import Action
from reviews.decide import ESCALATE_TO, FlagOutcome
from reviews.errors import BadRecord, Stale
from reviews.forms.days import read_day
from reviews.models import (
    AuditEvent,
    Case,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Outcome,
    Reason,
    Role,
)
from reviews.rules.registry import BY_ID, THEMES
from reviews.views import person

OUTCOMES = [(outcome, outcome.label) for outcome in Outcome]
FIELDS = ("outcome", "reason", "until")
# From this many flags on, those that are not urgent can be answered together. An urgent flag is
# always answered by itself.
REST_FROM = 3
CASE_RELATED = ("patient", "practice", "owner")


@require_GET
@login_required
def case(request, pk):
    found = _fetch(request, pk)
    return render(request, "reviews/cases/case.html", context(request, found))


@require_POST
@login_required
def decision(request, pk):
    """Decide on every flag at once; what was chosen is shown again when something is refused."""
    found = _fetch(request, pk)
    chosen = _chosen(request.POST)
    try:
        outcomes = [
            FlagOutcome(flag_id, pick["outcome"], pick["reason"], read_day(pick["until"], "until"))
            for flag_id, pick in chosen.items()
        ]
        decide.decide(
            case=found,
            outcomes=outcomes,
            note=request.POST.get("note", "").strip(),
            by=request.user,
            seen=_seen(request),
        )
    except (BadRecord, Stale) as refusal:
        again = context(request, _fetch(request, pk), chosen, refusal)
        return render(request, "reviews/cases/case.html", again, status=refusal_status(refusal))
    following = _following(request.user, found)
    messages.success(request, f"Decision saved for {found.patient}.")
    return redirect("case", following.pk) if following else redirect("queue")


@require_POST
@login_required
def claim(request, pk):
    found = _fetch(request, pk)
    take_over = request.POST.get("take_over") == "yes"
    decide.claim(case=found, by=request.user, seen=_seen(request), take_over=take_over)
    return redirect("case", pk)


@require_POST
@login_required
def release(request, pk):
    decide.release(case=_fetch(request, pk), by=request.user, seen=_seen(request))
    messages.success(request, "The case is back in the queue.")
    return redirect("queue")


@require_POST
@login_required
def snooze(request, pk):
    found = _fetch(request, pk)
    try:
        decide.snooze(
            case=found,
            until=read_day(request.POST.get("until", ""), "until"),
            reason=request.POST.get("reason", ""),
            by=request.user,
            seen=_seen(request),
        )
    except (BadRecord, Stale) as refusal:
        again = context(request, _fetch(request, pk), refusal=refusal)
        return render(request, "reviews/cases/case.html", again, status=refusal_status(refusal))
    messages.success(request, f"Snoozed: {found.patient}.")
    return redirect("queue")


@require_POST
@login_required
def escalate(request, pk):
    found = _fetch(request, pk)
    try:
        decide.escalate(
            case=found,
            to=request.POST.get("to", ""),
            reason=request.POST.get("reason", ""),
            by=request.user,
            seen=_seen(request),
        )
    except (BadRecord, Stale) as refusal:
        again = context(request, _fetch(request, pk), refusal=refusal)
        return render(request, "reviews/cases/case.html", again, status=refusal_status(refusal))
    messages.success(request, f"Escalated: {found.patient}.")
    return redirect("queue")


def refusal_status(refusal):
    return 409 if isinstance(refusal, Stale) else 400


def _fetch(request, pk):
    rows = Case.objects.select_related(*CASE_RELATED)
    return access.fetch(rows, request.user, Action.SEE_QUEUE, pk=pk)


def _following(user, found):
    """The worst case that nobody works on, other than this one."""
    return (
        access.scope(Case.objects.open(), user, Action.DECIDE)
        .exclude(state=CaseState.SNOOZED)
        .exclude(pk=found.pk)
        .filter(owner__isnull=True)
        .ranked()
        .first()
    )


def _seen(request):
    seen = request.POST.get("seen", "")
    if not seen.isdigit():
        raise BadRecord("seen", "is missing: open the case again")
    return int(seen)


def _chosen(post):
    """`{flag id: what was chosen}` from the fields outcome-N, reason-N and until-N.

    A flag left empty takes the fields of "rest" if the form offers that for it: see REST_FROM.
    """
    ids = [name.partition("-")[2] for name in post if name.startswith("outcome-")]
    chosen = {int(pk): _pick(post, pk) for pk in ids if pk.isdigit()}
    for pk in post.getlist("rest"):
        if pk.isdigit() and not chosen.get(int(pk), {}).get("outcome"):
            chosen[int(pk)] = _pick(post, "rest")
    return chosen


def _pick(post, suffix):
    return {name: post.get(f"{name}-{suffix}", "").strip() for name in FIELDS}


def context(request, found, chosen=None, refusal=None):
    """Everything the page shows, in a fixed number of queries."""
    user = request.user
    is_open = found.closed_at is None
    flags = list(
        Flag.objects.filter(case=found)
        .filter(**({"ended_at__isnull": True, "settled_at__isnull": True} if is_open else {}))
        .select_related("version")
        .order_by("severity", "rule_id", "pk")
    )
    _version, book = rulebooks.live()
    as_of = timezone.localdate()
    dossier = dossiers.one(found.patient, as_of=as_of)
    earlier = _earlier(found)
    may_decide = is_open and access.allowed(user, Action.DECIDE, found)
    own = {flag.pk for flag in decide.own_urgent_flags(flags, user)} if may_decide else set()
    chosen = chosen or {}
    cards = [_card(flag, earlier, chosen.get(flag.pk), own, refusal) for flag in flags]
    follows = [card["flag"].pk for card in cards if card["flag"].severity > 1]
    return {
        **person.banner(person.fetch(user, Action.SEE_PATIENT, found.patient_id)),
        "case": found,
        "is_open": is_open,
        "themes": _themes(cards),
        "cards": cards,
        "quiet": _quiet(found, flags),
        "picture": timeline.picture(dossier, book),
        "medicines": _medicines(dossier, book),
        "history": _history(found),
        "outcomes": OUTCOMES,
        "reasons": [(reason, reason.label) for reason in Reason],
        "reasons_for": decide.REASONS,
        "escalate_to": [(role, Role(role).label) for role in ESCALATE_TO],
        "latest_snooze": decide.latest_snooze(found.severity, as_of),
        "own_urgent": bool(own),
        "following": _following(user, found),
        "may_decide": may_decide and not own,
        "may_move": may_decide and found.owner_id in (None, user.pk),
        "may_claim": may_decide and found.state != CaseState.CLAIMED,
        "may_take_over": may_decide and found.owner_id not in (None, user.pk),
        "may_release": may_decide and found.owner_id == user.pk,
        "may_prescribe": access.allowed(user, Action.LOG, found),
        "is_mine": found.owner_id == user.pk,
        "rest": follows if len(follows) >= REST_FROM else [],
        "rest_pick": _pick(request.POST, "rest"),
        "note": request.POST.get("note", ""),
        "refusal": refusal,
    }


def _card(flag, earlier, pick, own, refusal):
    rule = BY_ID.get(flag.rule_id)
    book = rulebooks.book(flag.version_id)
    # A reviewer who is tired takes what is pre-set: an urgent flag starts empty, and so do all
    # reasons, which have to be thought about.
    pick = pick or dict.fromkeys(FIELDS, "")
    return {
        "flag": flag,
        "theme": rule.theme if rule else "Other",
        "rule_title": rule.title if rule else flag.rule_id,
        "citations": book.citations.get(flag.rule_id, []),
        "earlier": earlier.get((flag.rule_id, flag.key), []),
        "pick": pick,
        "latest": decide.latest_until(flag.severity, timezone.localdate()),
        "own": flag.pk in own,
        "refused": getattr(refusal, "field", None) == f"flag-{flag.pk}",
        "unjudged": flag.rule_id.startswith("DQ-"),
    }


def _themes(cards):
    """Cards bundled by theme, the theme with the worst flag first."""
    order = {theme: n for n, theme in enumerate(THEMES)}
    worst = {}
    for card in cards:
        theme = card["theme"]
        worst[theme] = min(worst.get(theme, 9), card["flag"].severity)
    ranked = sorted(cards, key=lambda card: (worst[card["theme"]], order.get(card["theme"], 99)))
    for number, card in enumerate(ranked, 1):
        card["number"] = number
    return [(theme, list(group)) for theme, group in groupby(ranked, key=lambda c: c["theme"])]


def _quiet(found, shown):
    """Live flags that need no decision now: settled until a day, or for information."""
    ids = [flag.pk for flag in shown]
    return list(
        Flag.objects.live()
        .filter(patient=found.patient_id)
        .exclude(pk__in=ids)
        .order_by("severity")
    )


def _earlier(found):
    """`{(rule, key): [what was decided before on the same matter]}`."""
    items = (
        DecisionItem.objects.filter(decision__patient=found.patient_id)
        .select_related("decision__by", "flag")
        .order_by("-decision__decided_at")
    )
    earlier = {}
    for item in items:
        earlier.setdefault((item.flag.rule_id, item.flag.key), []).append(item)
    return earlier


def _history(found):
    """Decisions on the patient and the moves of this case, newest first."""
    decisions = [
        {"at": row.decided_at, "decision": row, "items": list(row.items.all())}
        for row in Decision.objects.filter(patient=found.patient_id)
        .select_related("by")
        .prefetch_related("items__flag")
        .order_by("-decided_at")[:50]
    ]
    for number, row in enumerate(reversed(decisions), 1):
        row["number"] = number
    verbs = [f"case.{verb}" for verb in SAID]
    moves = [
        {
            "at": event.at,
            "text": f"{SAID[event.verb.partition('.')[2]]} {event.actor}",
            "event": event,
        }
        for event in AuditEvent.objects.filter(
            patient_id=found.patient_id, verb__in=verbs
        ).order_by("-pk")[:50]
    ]
    return sorted([*decisions, *moves], key=lambda row: row["at"], reverse=True)


SAID = {
    "opened": "Case opened by",
    "claim": "Claimed by",
    "take_over": "Taken over by",
    "release": "Released by",
    "snooze": "Snoozed by",
    "escalate": "Escalated by",
    "woken": "Back in the queue:",
    "cleared": "Case cleared, nothing left to decide, by",
}


def _medicines(dossier, book):
    """The same facts as the time line, as rows, the newest first."""
    rows = []
    for line in sorted(
        dossier.lines,
        key=lambda line: line.start_on or line.written_on or dossier.as_of,
        reverse=True,
    ):
        recognition = book.recognise(line.medicine)
        rows.append(
            {
                "line": line,
                "dose": timeline.dose_in_words(line),
                "drugs": [book.drugs[part.drug].name for part in recognition.parts],
                "matched_by": recognition.matched_by,
                "end": timeline.last_day(line, recognition, book, dossier.profile),
            }
        )
    return rows


urlpatterns = [
    path("cases/<int:pk>", case, name="case"),
    path("cases/<int:pk>/decide", decision, name="case-decide"),
    path("cases/<int:pk>/claim", claim, name="case-claim"),
    path("cases/<int:pk>/release", release, name="case-release"),
    path("cases/<int:pk>/snooze", snooze, name="case-snooze"),
    path("cases/<int:pk>/escalate", escalate, name="case-escalate"),
]
