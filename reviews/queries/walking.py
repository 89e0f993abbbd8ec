"""A work session as somebody sees it: where they are in the list, what they did, what is left."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.utils import timezone

from reviews import access, conclusions
from reviews.access import Action
from reviews.errors import NotFound
from reviews.models import (
    Case,
    CaseMove,
    CaseState,
    Decision,
    Message,
    Move,
    WorkSession,
    WorkVisit,
    named,
)

CONCLUDED = (Decision.Kind.DECIDED, Decision.Kind.PROPOSED, Decision.Kind.CONFIRMED)
SET_ASIDE = (Move.SNOOZE, Move.ESCALATE, Move.SEND_BACK)


class Stands(StrEnum):
    """What became of a case of the list, as far as one person is concerned."""

    OPEN = "open"
    DECIDED = "decided"
    PROPOSED = "proposed"
    ASIDE = "aside"
    TAKEN = "taken"
    CLEARED = "cleared"


LEFT = (Stands.OPEN, Stands.ASIDE)
SKIPPED = (Stands.TAKEN, Stands.CLEARED)
"""Where nobody is led: what a colleague took, and what the portal closed."""


@dataclass(kw_only=True)
class Stop:
    """A case of the list. `said` is by whom and how it was taken or put aside.

    Where its page is shown, `did` holds what I decided, as `[(outcome, matters)]`.
    """

    pk: int
    stands: Stands
    said: str = ""
    at: datetime | None = None
    decision: Decision | None = None
    opened_at: datetime | None = None
    case: Case | None = None
    did: list[tuple[str, str]] = field(default_factory=list)
    may_undo: bool = False


@dataclass(frozen=True, kw_only=True)
class Walk:
    """All stops of a session in the order of its list, for one person."""

    session: WorkSession
    stops: list[Stop] = field(default_factory=list)

    def of(self, *kinds: Stands) -> list[Stop]:
        return [stop for stop in self.stops if stop.stands in kinds]

    @property
    def counts(self) -> dict[str, int]:
        """How many stand how; `done` is what is not open any more."""
        found = {kind.value: len(self.of(kind)) for kind in Stands}
        return {**found, "all": len(self.stops), "done": len(self.stops) - found["open"]}

    def number(self, case: Case) -> int | None:
        """The place of a case in the list, from 1; None where it is not in it."""
        return next((n for n, stop in enumerate(self.stops, 1) if stop.pk == case.pk), None)

    def next(self, case: Case) -> int | None:
        """The id of the first open case after this one, None at the end of the list."""
        after = self.stops[self.number(case) or 0 :]
        return next((stop.pk for stop in after if stop.stands == Stands.OPEN), None)

    def previous(self, case: Case) -> int | None:
        """The id of the last case before this one that nobody else took."""
        before = self.stops[: (self.number(case) or 1) - 1]
        return next((stop.pk for stop in reversed(before) if stop.stands not in SKIPPED), None)

    @property
    def first_left(self) -> int | None:
        return next((stop.pk for stop in self.of(Stands.OPEN)), None)


def fetch(user: User, pk: int) -> WorkSession:
    """The session, if `user` may see a case of it. Raises `NotFound`."""
    here = access.practice_ids(user, Action.SEE_QUEUE)
    rows = WorkSession.objects.select_related("user").filter(practice_ids__overlap=here)
    session = rows.filter(pk=pk).first()
    if session is None:
        raise NotFound("There is no such session, or you may not see it.")
    return session


def going_on(user: User, query: str, case: Case) -> WorkSession | None:
    """My session over the same list that I began today, have not left, and that holds the case."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = WorkSession.objects.filter(
        user=user,
        query=query,
        ended_at__isnull=True,
        started_at__gte=today,
        case_ids__contains=[case.pk],
    )
    return mine.order_by("-pk").first()


def walk(session: WorkSession, user: User) -> Walk:
    """What became of each case that `user` may see, in five queries."""
    ids = session.case_ids
    visible = access.scope(Case.objects.filter(pk__in=ids), user, Action.SEE_QUEUE)
    cases = {
        case.pk: case
        for case in visible.select_related("owner", "proposed_by").only(
            *("state", "closed_at", "owner", "proposed_by", "snoozed_until", "escalated_to"),
            *(f"{who}__{name}" for who in ("owner", "proposed_by") for name in _NAMES),
        )
    }
    concluded = _last(
        Decision.objects.filter(case__in=cases, decided_at__gte=session.started_at)
        .select_related("by", "answer__by", "answer__answer")
        .order_by("pk")
        .filter(kind__in=CONCLUDED)
    )
    moves = _last(
        CaseMove.objects.filter(case__in=cases, move__in=SET_ASIDE, at__gte=session.started_at)
        .select_related("by")
        .order_by("pk")
    )
    visits = dict(WorkVisit.objects.filter(session=session, user=user).values_list("case_id", "at"))
    stops = []
    for pk in ids:
        if pk in cases:
            stop = _stop(cases[pk], user, concluded.get(pk), moves.get(pk))
            stop.opened_at = visits.get(pk)
            stops.append(stop)
    return Walk(session=session, stops=stops)


_NAMES = ("username", "first_name", "last_name")


def _last(rows: Iterable[Any]) -> dict[int, Any]:
    return {row.case_id: row for row in rows}


def _stop(case: Case, user: User, concluded: Decision | None, aside: CaseMove | None) -> Stop:
    """`concluded` and `aside` are the last of each that happened during the session."""
    mine = concluded is not None and concluded.by_id == user.pk
    if concluded is not None and mine and concluded.state in ("stands", "waits"):
        proposed = concluded.kind == Decision.Kind.PROPOSED
        return Stop(
            pk=case.pk,
            stands=Stands.PROPOSED if proposed else Stands.DECIDED,
            decision=concluded,
            at=concluded.decided_at,
        )
    if case.closed_at is not None:
        if concluded is None:
            return Stop(pk=case.pk, stands=Stands.CLEARED, at=case.closed_at)
        return _taken(case, concluded.by, "decided", concluded.decided_at)
    if case.owner_id not in (None, user.pk):
        return _taken(case, case.owner, "claimed", None)
    if case.state == CaseState.PROPOSED and not conclusions.needs_second(case, user):
        return Stop(pk=case.pk, stands=Stands.PROPOSED)
    if case.state in (CaseState.SNOOZED, CaseState.ESCALATED) and aside is not None:
        if aside.by_id != user.pk:
            return _taken(case, aside.by, case.get_state_display().lower(), aside.at)
        reason = f": “{aside.reason}”" if aside.reason else ""
        if case.state == CaseState.SNOOZED:
            said = f"Snoozed until {case.snoozed_until:%-d %b %Y}{reason}"
        else:
            said = f"Escalated to a {case.get_escalated_to_display().lower()}{reason}"
        return Stop(pk=case.pk, stands=Stands.ASIDE, said=said, at=aside.at)
    return Stop(pk=case.pk, stands=Stands.OPEN)


def _taken(case: Case, by: User | None, how: str, at: datetime | None) -> Stop:
    return Stop(pk=case.pk, stands=Stands.TAKEN, said=f"{named(by)}, {how}", at=at)


class Asked(NamedTuple):
    """What was asked of somebody about a case, and what they answered, if they did."""

    message: Message
    answer: Message | None


def asked(walked: Walk, user: User) -> list[Asked]:
    """What `user` asked of others about cases of the list since it was begun, in two queries."""
    sent = Message.objects.filter(
        case__in=[stop.pk for stop in walked.stops],
        by=user,
        answer="",
        due_at__isnull=False,
        sent_at__gte=walked.session.started_at,
    )
    rows = list(sent.select_related("case__patient", "to").order_by("pk"))
    replies = Message.objects.filter(answers__in=rows).exclude(answer="").order_by("pk")
    answers = {reply.answers_id: reply for reply in replies.select_related("by")}
    return [Asked(message, answers.get(message.pk)) for message in rows]


@dataclass(frozen=True, kw_only=True)
class Times:
    """From when to when somebody worked on a session, and the median for a case they decided."""

    since: datetime
    until: datetime
    each: timedelta | None

    @property
    def minutes(self) -> int:
        return max(1, round((self.until - self.since).total_seconds() / 60))

    @property
    def each_in_words(self) -> str:
        """ "1½ minutes", to the half."""
        if self.each is None:
            return ""
        halves = max(1, round(self.each.total_seconds() / 30))
        whole, half = divmod(halves, 2)
        amount = f"{whole or ''}{'½' * half}"
        return f"{amount} minute{'s' if halves > 2 else ''}"


def times(walked: Walk) -> Times:
    """How long it took whoever walked: from the first case they came to until the last they did."""
    moments = [
        moment
        for stop in walked.stops
        for moment in (stop.opened_at, stop.at if stop.opened_at else None)
        if moment
    ]
    took = [
        (stop.at - stop.opened_at).total_seconds()
        for stop in walked.of(Stands.DECIDED, Stands.PROPOSED)
        if stop.at and stop.opened_at and stop.at > stop.opened_at
    ]
    started = walked.session.started_at
    return Times(
        since=min(moments, default=started),
        until=max(moments, default=started),
        each=timedelta(seconds=median(took)) if took else None,
    )
