"""One case: why, on what facts, on whose authority, what was decided before, and what now."""

from datetime import timedelta
from itertools import groupby

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from reviews import access, conclusions, dossiers, rulebooks, settling
from reviews.access import Action
from reviews.conclusions import FlagOutcome
from reviews.drawing import labels, timeline, timeline_chart
from reviews.errors import BadRecord, Stale
from reviews.forms.days import read_day
from reviews.forms.prescribing import NOT_GIVEN
from reviews.models import (
    Case,
    CaseMove,
    CaseState,
    Decision,
    DecisionItem,
    Flag,
    Outcome,
    Prescription,
    Reason,
    Role,
)
from reviews.moves import MOVES, Move
from reviews.queries import medicines, outcomes, work
from reviews.rules import words
from reviews.rules.finding import INTERRUPT
from reviews.rules.registry import BY_ID, JUDGE_DATA, RULES, THEMES
from reviews.verbs import caseload, decide
from reviews.views import person
from reviews.views.refusals import shows_refusals

PROPOSED = Decision.Kind.PROPOSED
OUTCOMES = [(outcome, outcome.label) for outcome in Outcome]
ASKS_FOR_A_REASON = {rule.id for rule in RULES if rule.shown.interrupts}
FIELDS = ("outcome", "reason", "until", "exemption", "evidence")
# From this many flags on, those that are not urgent can be answered together. An urgent flag is
# always answered by itself.
REST_FROM = 3
CASE_RELATED = ("patient", "practice", "owner")


@require_GET
@login_required
def case(request, pk):
    found = _fetch(request, pk)
    return render(request, "reviews/cases/case.html", context(request, found))


def _again(request, refusal, pk, chosen=None):
    """The page with what was refused, as the case is now; nothing that was chosen is lost."""
    shown = context(request, _fetch(request, pk), chosen, refusal)
    status = 409 if isinstance(refusal, Stale) else 400
    return render(request, "reviews/cases/case.html", shown, status=status)


def _decision_again(request, refusal, pk):
    return _again(request, refusal, pk, _chosen(request.POST))


@require_POST
@login_required
@shows_refusals(_decision_again, BadRecord, Stale)
def decision(request, pk):
    """Decide on every flag at once; what was chosen is shown again when something is refused."""
    found = _fetch(request, pk)
    given = [
        FlagOutcome(
            flag_id,
            pick["outcome"],
            pick["reason"],
            read_day(pick["until"], f"flag-{flag_id}"),
            pick["exemption"],
            pick["evidence"],
        )
        for flag_id, pick in _chosen(request.POST).items()
    ]
    decided = decide.decide(
        case=found,
        outcomes=given,
        note=request.POST.get("note", ""),
        by=request.user,
        seen=_seen(request),
    )
    said = "Proposed, for a second person:" if decided.kind == PROPOSED else "Decision saved for"
    messages.success(request, f"{said} {found.patient}.")
    return _next(request, found)


@require_POST
@login_required
@shows_refusals(_again, Stale)
def confirm(request, pk):
    found = _fetch(request, pk)
    note = request.POST.get("note", "")
    decide.confirm(case=found, by=request.user, seen=_seen(request), note=note)
    messages.success(request, f"Confirmed: the decision for {found.patient} holds now.")
    return _next(request, found)


@require_POST
@login_required
@shows_refusals(_again, BadRecord, Stale)
def send_back(request, pk):
    found = _fetch(request, pk)
    reason = request.POST.get("reason", "")
    decide.send_back(case=found, reason=reason, by=request.user, seen=_seen(request))
    messages.success(request, f"Sent back: {found.patient}.")
    return _next(request, found)


@require_POST
@login_required
@shows_refusals(_again, BadRecord, Stale)
def undo(request, pk):
    found = _fetch(request, pk)
    reason = request.POST.get("reason", "")
    decide.undo(case=found, reason=reason, by=request.user, seen=_seen(request))
    messages.success(request, "Taken back. What it covered is open again.")
    return redirect("case", pk)


@require_POST
@login_required
def claim(request, pk):
    found = _fetch(request, pk)
    take_over = request.POST.get("take_over") == "yes"
    caseload.claim(case=found, by=request.user, seen=_seen(request), take_over=take_over)
    return redirect("case", pk)


@require_POST
@login_required
def release(request, pk):
    caseload.release(case=_fetch(request, pk), by=request.user, seen=_seen(request))
    messages.success(request, "The case is back in the queue.")
    return redirect("queue")


@require_POST
@login_required
@shows_refusals(_again, BadRecord, Stale)
def snooze(request, pk):
    found = _fetch(request, pk)
    caseload.snooze(
        case=found,
        until=read_day(request.POST.get("until", ""), "until"),
        reason=request.POST.get("reason", ""),
        by=request.user,
        seen=_seen(request),
    )
    messages.success(request, f"Snoozed: {found.patient}.")
    return redirect("queue")


@require_POST
@login_required
@shows_refusals(_again, BadRecord, Stale)
def escalate(request, pk):
    found = _fetch(request, pk)
    caseload.escalate(
        case=found,
        to=request.POST.get("to", ""),
        reason=request.POST.get("reason", ""),
        by=request.user,
        seen=_seen(request),
    )
    messages.success(request, f"Escalated: {found.patient}.")
    return redirect("queue")


def _next(request, found):
    following = _following(request.user, found)
    return redirect("case", following.pk) if following else redirect("queue")


def _fetch(request, pk):
    rows = Case.objects.select_related(*CASE_RELATED)
    return access.fetch(rows, request.user, Action.SEE_QUEUE, pk=pk)


def _following(user, found):
    """The worst of my cases; then of those nobody works on and somebody else need not confirm."""
    return work.claimed(user).exclude(pk=found.pk).ranked().first() or (
        access.scope(Case.objects.open(), user, Action.DECIDE)
        .exclude(state=CaseState.SNOOZED)
        .exclude(state=CaseState.PROPOSED, proposed_by=user)
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
    """`{flag id: what was chosen}` from the fields outcome-N, reason-N and so on.

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
    concluded = decide.newest(found)
    flags = _flags(found, concluded)
    _version, book = rulebooks.live()
    as_of = timezone.localdate()
    dossier = dossiers.one(found.patient, as_of=as_of)
    earlier, tallies = _earlier(found), outcomes.by_rule()
    may = access.allowed(user, Action.DECIDE, found)
    may_decide = is_open and may
    own = {flag.pk for flag in conclusions.own_urgent_flags(flags, user)} if may_decide else set()
    cards = [_card(flag, earlier, tallies, own, refusal) for flag in flags]
    _give_reasons(cards)
    rest, rest_pick = _prefill(cards, chosen, request.POST, as_of)
    history = _history(found)
    picture = timeline.picture(dossier, book, _pins(history))
    waits = found.state == CaseState.PROPOSED
    return {
        **person.banner(person.fetch(user, Action.SEE_PATIENT, found.patient_id)),
        "case": found,
        "is_open": is_open,
        "themes": _themes(cards),
        "cards": cards,
        "quiet": _quiet(found, flags),
        "picture": picture,
        "charts": timeline_chart.charts(picture) if picture else [],
        "medicines": _medicines(dossier, book),
        "history": history,
        "outcomes": [choice for choice in OUTCOMES if choice[0] != Outcome.EXEMPT],
        "reasons": [(reason, reason.label) for reason in Reason],
        "reasons_for": conclusions.REASONS,
        "escalate_to": [(role, Role(role).label) for role in caseload.ESCALATE_TO],
        "latest_snooze": caseload.latest_snooze(found.severity, as_of),
        "own_urgent": bool(own),
        "following": _following(user, found),
        "concluded": concluded,
        "concluded_items": _items(concluded),
        "waits": waits,
        "seconds": _seconds(found) if waits else [],
        "may_confirm": may_decide and decide.needs_second(found, user) and not own,
        "may_undo": bool(concluded) and may and (waits or decide.may_undo(concluded)),
        "may_decide": may_decide and not waits and not own,
        "may_move": may_decide and not waits and found.owner_id in (None, user.pk),
        "may_claim": may_decide and (found.state, Move.CLAIM) in MOVES,
        "may_take_over": may_decide and found.owner_id not in (None, user.pk),
        "may_release": may_decide and found.owner_id == user.pk,
        "may_prescribe": access.allowed(user, Action.LOG, found),
        "may_taper": access.allowed(user, Action.TAPER, found),
        "is_mine": found.owner_id == user.pk,
        "rest": rest,
        "rest_pick": rest_pick,
        "note": request.POST.get("note", ""),
        "refusal": refusal,
        "refused_flag": _refused_flag(refusal),
    }


def _refused_flag(refusal):
    """The id of the flag whose answer was refused, else empty."""
    name, _, pk = (getattr(refusal, "field", "") or "").partition("-")
    return int(pk) if name == "flag" else ""


def _flags(found, concluded):
    """The open flags of an open case; of a closed one, those that were decided on or that went."""
    flags = Flag.objects.filter(case=found)
    if found.closed_at is None:
        flags = flags.open()
    elif concluded:
        source = concluded.answers or concluded
        flags = Flag.objects.filter(decisions__decision=source)
    else:
        flags = flags.exclude(end_reason=Flag.EndReason.SUPERSEDED)
    # The whole rule book is read once per process, not once per flag.
    flags = flags.select_related("version", "engine").defer("version__book")
    return list(flags.order_by("severity", "rule_id", "pk"))


def _items(concluded):
    if concluded is None:
        return []
    source = concluded.answers or concluded
    return source.items.select_related("flag").order_by("flag__severity", "flag__rule_id", "pk")


def _seconds(found):
    """The names of those who may confirm what a colleague proposed."""
    colleagues = work.reviewers([found.practice_id]).exclude(pk=found.proposed_by_id)
    return [colleague.get_full_name() or colleague.get_username() for colleague in colleagues]


def _card(flag, earlier, tallies, own, refusal):
    rule = BY_ID.get(flag.rule_id)
    book = rulebooks.book(flag.version_id)
    latest = (
        settling.latest_until(flag.severity, timezone.localdate()) if flag.severity < 4 else None
    )
    exemptions = conclusions.exemptions_for(flag.rule_id, flag.severity)
    left_out = set() if exemptions else {Outcome.EXEMPT}
    if flag.severity == 1:
        left_out.add(Outcome.REVIEW)
    return {
        "flag": flag,
        "theme": rule.theme if rule else "Other",
        "rule_title": rule.title if rule else flag.rule_id,
        "citations": book.citations.get(flag.rule_id, []),
        "earlier": earlier.get((flag.rule_id, flag.key), []),
        "tally": tallies.get(flag.rule_id),
        "outcomes": [choice for choice in OUTCOMES if choice[0] not in left_out],
        "exemptions": exemptions,
        "urgent": flag.severity == 1,
        "latest": latest,
        "own": flag.pk in own,
        "refused": _refused_flag(refusal) == flag.pk,
        "unjudged": flag.rule_id in JUDGE_DATA,
    }


def _give_reasons(cards):
    """Give each card the reasons that stay with its prescriptions, where its rule asks for one."""
    asked = [
        card
        for card in cards
        if card["flag"].mode == INTERRUPT or card["flag"].rule_id in ASKS_FOR_A_REASON
    ]
    ids = {pk for card in asked for pk in card["flag"].prescription_ids}
    rows = Prescription.objects.filter(pk__in=ids).exclude(reason="")
    given = {row.pk: row for row in rows.select_related("medicine", "recorded_by")}
    for card in asked:
        held = [given[pk] for pk in card["flag"].prescription_ids if pk in given]
        card["reasons"] = [
            {"prescription": row, "none": row.reason == NOT_GIVEN, "text": row.reason}
            for row in held
        ]


def _prefill(cards, chosen, post, as_of):
    """Put into each card what its fields start with; returns those of the common answer.

    That is `(ids of the flags it is for, its fields)`, both empty where it is not offered. What
    was chosen before a refusal goes before what is pre-set.
    """
    presets = {card["flag"].pk: _start(card["flag"], as_of) for card in cards}
    common = [card for card in cards if presets[card["flag"].pk]["outcome"] == Outcome.REVIEW]
    together = common if len(common) >= REST_FROM else []
    for card in cards:
        pk = card["flag"].pk
        card["together"] = card in together
        card["preset"] = chosen is None and not card["together"] and not card["urgent"]
        if chosen is not None:
            card["pick"] = _pick(post, pk)
        else:
            card["pick"] = EMPTY if card["together"] else presets[pk]
    if not together:
        return [], EMPTY
    worst = min((card["flag"] for card in together), key=lambda flag: flag.severity)
    return (
        [card["flag"].pk for card in together],
        _pick(post, "rest") if chosen is not None else presets[worst.pk],
    )


EMPTY = dict.fromkeys(FIELDS, "")


def _start(flag, as_of):
    outcome, reason, day = conclusions.preset(flag, as_of) if flag.severity < 4 else ("", "", None)
    until = f"{day:%-d %b %Y}" if day else ""
    return {**EMPTY, "outcome": outcome, "reason": reason, "until": until}


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
    """`{(rule, key): [what was decided before on the same matter, and still stands]}`."""
    items = (
        DecisionItem.objects.filter(
            decision__in=Decision.objects.standing().filter(patient=found.patient_id)
        )
        .select_related("decision__by", "flag")
        .order_by("-decision__decided_at")
    )
    earlier = {}
    for item in items:
        earlier.setdefault((item.flag.rule_id, item.flag.key), []).append(item)
    return earlier


def _history(found):
    """Decisions on the patient and the moves of this case, newest first.

    What has items is numbered; what answers a decision names its number.
    """
    rows = list(
        Decision.objects.filter(patient=found.patient_id)
        .select_related("by", "answer__answer", "answers")
        .prefetch_related("items__flag")
        .order_by("-pk")[:HISTORY]
    )
    numbers, count = {}, 0
    for row in reversed(rows):
        count += row.answers_id is None
        numbers[row.pk] = numbers.get(row.answers_id) if row.answers_id else count
    decisions = [{"at": row.decided_at, "decision": row, "number": numbers[row.pk]} for row in rows]
    moves = [
        {"at": move.at, "move": move}
        for move in CaseMove.objects.filter(case__patient=found.patient_id, move__in=TOLD_MOVES)
        .select_related("by")
        .order_by("-pk")[:HISTORY]
    ]
    return sorted([*decisions, *moves], key=lambda row: row["at"], reverse=True)


HISTORY = 50
# Decisions stand in the history themselves, with what was decided.
TOLD_MOVES = (
    *(Move.OPEN, Move.CLAIM, Move.TAKE_OVER, Move.RELEASE, Move.HAND_OVER),
    *(Move.SNOOZE, Move.ESCALATE, Move.WAKE, Move.CLEAR),
)


def _pins(history):
    """The decisions that hold or wait, for the time line."""
    pins = []
    for row in history:
        decision = row.get("decision")
        if decision is None or not decision.is_in_force:
            continue
        outcomes = dict.fromkeys(item.get_outcome_display() for item in decision.items.all())
        on = timezone.localdate(decision.decided_at)
        label = f"Decision {row['number']}, {on:%-d %b %Y}: {words.listed(outcomes).lower()}"
        pins.append(timeline.Pin(on.toordinal(), row["number"], label, f"decision-{decision.pk}"))
    return pins


def _medicines(dossier, book):
    """The same facts as the time line, as rows, the newest first; what is long over apart."""
    rows = {"now": [], "before": []}
    recent = dossier.as_of - timedelta(days=RECENT_DAYS)
    for line in sorted(
        dossier.lines,
        key=lambda line: line.start_on or line.written_on or dossier.as_of,
        reverse=True,
    ):
        recognition = book.recognise(line.medicine)
        end = medicines.last_day(line, recognition, book, dossier.profile)
        begun = line.start_on or line.written_on
        over = end is not None and end < recent and begun is not None
        rows["before" if over and len(rows["now"]) >= FEW else "now"].append(
            {
                "line": line,
                "dose": labels.dose(line),
                "drugs": [book.drugs[part.drug].name for part in recognition.parts],
                "matched_by": recognition.matched_by,
                "end": end,
            }
        )
    return rows


# The table shows what ended in the last half year at once, and a few lines in any case.
RECENT_DAYS, FEW = 183, 8


urlpatterns = [
    path("cases/<int:pk>", case, name="case"),
    path("cases/<int:pk>/decide", decision, name="case-decide"),
    path("cases/<int:pk>/confirm", confirm, name="case-confirm"),
    path("cases/<int:pk>/send-back", send_back, name="case-send-back"),
    path("cases/<int:pk>/undo", undo, name="case-undo"),
    path("cases/<int:pk>/claim", claim, name="case-claim"),
    path("cases/<int:pk>/release", release, name="case-release"),
    path("cases/<int:pk>/snooze", snooze, name="case-snooze"),
    path("cases/<int:pk>/escalate", escalate, name="case-escalate"),
]
