"""Verbs on guarded books: begin one at some practices, widen it, roll it back; and the sweep.

The sweep measures the burden where a guarded book judges, and where it passes the budget by more
than chance the practice goes back to the live book by itself.
"""

from collections.abc import Collection
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from reviews import access, audit, governing, guarding, publishing, shadows
from reviews.access import Action
from reviews.audit import Event
from reviews.budgets import halts_at, share
from reviews.errors import BadRecord, IllegalMove
from reviews.guarding import RUNNING, STOPPED, Budget, Burden
from reviews.models import (
    GuardedBook,
    GuardedNotice,
    GuardedPoint,
    GuardedPractice,
    Practice,
    RuleVersion,
    Shadow,
)

log = structlog.get_logger(__name__)

LONGEST_WORDS = 1000
ON_ONE = "a benzodiazepine or Z-drug"


@transaction.atomic
def begin(
    *,
    version: RuleVersion,
    practices: Collection[Practice],
    budget: Budget,
    agreement: str,
    by: User,
) -> GuardedBook:
    """Have a draft judge at some practices alone, as a second person, within a burden budget.

    Raises what `publishing.hindrance` says, and `BadRecord` by field: also for a practice that has
    more cases already.
    """
    access.require(by, Action.PUBLISH)
    governing.one_at_a_time()
    locked = RuleVersion.objects.select_for_update().get(pk=version.pk)
    running = guarding.running()
    if running is not None and running.version_id == locked.pk:
        raise IllegalMove(f"Rule book {locked.number} runs guarded already. Widen it.")
    if (refusal := publishing.hindrance(locked, by)) is not None:
        raise refusal
    stated = budget.checked()
    guard = GuardedBook.objects.create(
        version=locked,
        against=governing.live(),
        most_cases=stated.most_cases,
        most_urgent=stated.most_urgent,
        budget_source=stated.source,
        agreement=governing.kept_words("agreement", agreement, publishing.LONGEST_AGREEMENT),
        begun_by=by,
    )
    rows, asked = _stage(guard, practices, reason=guard.agreement, by=by)
    _tell(
        by,
        Event.GUARD_BEGUN,
        guard,
        practices=[row.practice.code for row in rows],
        patients=asked,
        most_cases=str(guard.most_cases),
        most_urgent=str(guard.most_urgent),
        source=guard.budget_source,
        agreement=guard.agreement,
        digest=locked.digest,
    )
    return guard


@transaction.atomic
def widen(
    *, guard: GuardedBook, practices: Collection[Practice], reason: str, by: User
) -> list[GuardedPractice]:
    """Begin the next stage at further practices, or again where it stopped itself.

    Raises what `publishing.may_widen` says, and `BadRecord` by field.
    """
    access.require(by, Action.PUBLISH)
    governing.one_at_a_time()
    locked = _locked(guard)
    if (refusal := publishing.may_widen(locked, by)) is not None:
        raise refusal
    why = governing.kept_words("reason", reason, LONGEST_WORDS)
    rows, asked = _stage(locked, practices, reason=why, by=by)
    codes = [row.practice.code for row in rows]
    _tell(by, Event.GUARD_WIDENED, locked, practices=codes, patients=asked, reason=why)
    return rows


@transaction.atomic
def roll_back(*, guard: GuardedBook, reason: str, by: User) -> GuardedBook:
    """Give every practice the live book again; one person may do it, with a reason.

    Raises `BadRecord` without one, `IllegalMove` where it has ended.
    """
    locked = _to_take_back(guard, by)
    why = governing.kept_words("reason", reason, LONGEST_WORDS)
    ended = guarding.end(locked, outcome=GuardedBook.Outcome.BACK, why=why, by=by)
    asked = guarding.screen_again(locked, ended)
    places = Practice.objects.filter(pk__in=ended).order_by("code")
    codes = list(places.values_list("code", flat=True))
    _tell(by, Event.GUARD_ROLLED_BACK, locked, practices=codes, patients=asked, reason=why)
    return locked


@transaction.atomic
def to_shadow(
    *, guard: GuardedBook, practice: Practice, days: int, reason: str, by: User
) -> Shadow:
    """Have the book judge silently at a practice where it ran guarded; one person may do it.

    The live book judges there again, if it did not already. Where the book then runs nowhere, it is
    rolled back. Raises `BadRecord` by field, `IllegalMove` where it never ran, or was taken back
    already, and what `shadows.begin` says.
    """
    locked = _to_take_back(guard, by)
    why = governing.kept_words("reason", reason, LONGEST_WORDS)
    row = locked.practices.select_for_update().filter(practice=practice).order_by("-pk").first()
    if row is None or row.outcome not in (RUNNING, STOPPED):
        raise IllegalMove(f"Rule book {locked.version.number} does not judge at {practice}.")
    asked = 0
    if row.outcome == RUNNING:
        row.outcome, row.ended_by = GuardedPractice.Outcome.BACK, by
        row.ended_at, row.why = timezone.now(), why
        row.save(update_fields=["outcome", "ended_by", "ended_at", "why"])
        asked = guarding.screen_again(locked, [practice.pk])
    shadow = shadows.begin(locked.version, practice, days=days, by=by)
    audit.record(
        by,
        Event.GUARD_TO_SHADOW,
        subject=locked.version,
        practice_id=practice.pk,
        number=locked.version.number,
        practice=practice.code,
        until=shadow.last_day.isoformat(),
        patients=asked,
        reason=why,
    )
    if not locked.practices.filter(outcome=RUNNING).exists():
        guarding.end(locked, outcome=GuardedBook.Outcome.BACK, why=why, by=by)
        _tell(by, Event.GUARD_ROLLED_BACK, locked, practices=[], patients=0, reason=why)
    return shadow


def tell_of_stops() -> int:
    """Mail those who answer for a guarded book, once each, that it stopped itself at a practice.

    As mail is not confidential, it does not say where. Each is marked in the transaction in which
    their mail goes: while no mail server answers nobody is marked, and the next call tries again.
    Returns how many mails went.
    """
    stopped = GuardedPractice.objects.filter(
        outcome=STOPPED, guard__outcome=GuardedBook.Outcome.RUNNING
    )
    rows = stopped.select_related("guard__version", "guard__against").order_by("pk")
    sent = 0
    for row in rows.defer("guard__version__book", "guard__against__book"):
        told = set(row.notices.values_list("user_id", flat=True))
        for user in guarding.answer_for(row):
            if user.pk in told:
                continue
            try:
                sent += _tell_of_stop(row, user)
            except SMTPRecipientsRefused:
                log.warning("stop_not_told", user=user.pk)
            except (OSError, SMTPException) as error:
                log.warning("stops_not_told", error=type(error).__name__, sent=sent)
                return sent
    return sent


@transaction.atomic
def _tell_of_stop(row: GuardedPractice, user: User) -> int:
    # Two workers at once would each send one; the second leaves it to the first.
    locked = GuardedPractice.objects.select_for_update(no_key=True, skip_locked=True)
    if not locked.filter(pk=row.pk).exists() or row.notices.filter(user=user).exists():
        return 0
    GuardedNotice.objects.create(guarded=row, user=user)
    audit.record(None, Event.GUARD_TOLD, subject=user, number=row.guard.version.number)
    given = {"guard": row.guard, "portal": settings.PORTAL_URL}
    text = render_to_string("reviews/rulebooks/stopped.txt", given)
    EmailMessage("A guarded rule book stopped itself", text, to=[user.email]).send()
    return 1


def sweep() -> int:
    """Measure every practice where a guarded book judges; returns how many were judged.

    Each in a transaction of its own: whoever dies in between leaves the others as they were, and
    the next sweep goes on. What could not be measured is kept as such.
    """
    rows = GuardedPractice.objects.filter(outcome=RUNNING).order_by("pk")
    judged = 0
    for pk in list(rows.values_list("pk", flat=True)):
        try:
            judged += _look(pk)
        except Exception as error:  # one practice must not leave the others unguarded
            log.exception("not_measured", guarded_practice=pk)
            problem = f"The server could not measure it: {type(error).__name__}"
            _keep_problem(pk, problem)
    return judged


def look_first() -> bool:
    """Sweep where a stage was screened and never looked at, or was to be; whether it did.

    Called after each screening and by the clock: a stage is judged as soon as it can be, and a book
    that cannot be read stops as soon as somebody was to be judged by it.
    """
    row = GuardedPractice.objects.filter(outcome=RUNNING).select_related("guard").first()
    if row is None:
        return False
    if not guarding.first_look_due() and guarding.is_readable(row.guard.version_id):
        return False
    sweep()
    return True


@transaction.atomic
def _look(pk: int) -> bool:
    """Judge one practice once, and stop it where it passes its budget; whether it was judged."""
    governing.one_at_a_time()
    row = (
        GuardedPractice.objects.select_for_update(of=["self"])
        .select_related("practice", "guard__version", "guard__against")
        .defer("guard__version__book", "guard__against__book")
        .get(pk=pk)
    )
    if row.outcome != RUNNING:
        return False
    if why := _unfit(row):
        _halt(row, why, guarding.burden(row.practice_id))
        return False
    measured = guarding.burden(row.practice_id)
    point = _point(row, measured)
    point.save()
    if point.look and (why := _passed(row, point)):
        _halt(row, why, measured)
    return bool(point.look)


def _unfit(row: GuardedPractice) -> str:
    """Why the book stops at a practice whatever its burden is; "" where nothing is wrong."""
    number, live = row.guard.version.number, row.guard.against.number
    if not guarding.is_readable(row.guard.version_id):
        return f"Rule book {number} could not be read."
    if fewer := guarding.judges_fewer(row.guard, row.practice_id):
        people = "1 person" if fewer == 1 else f"{fewer} people"
        return f"Rule book {number} could not judge {people} whom rule book {live} can."
    return ""


def _point(row: GuardedPractice, measured: Burden) -> GuardedPoint:
    """What is kept of one look: judged, or why not."""
    day = _day_of(row)
    point = GuardedPoint(guarded=row, day=day, look=0, **measured._asdict())
    if measured.waiting:
        point.problem = f"{measured.waiting} people are still to be screened"
    elif not measured.in_use:
        point.problem = f"Nobody here is on {ON_ONE}"
    if point.problem:
        return point
    point.look = row.points.filter(day=day, look__gt=0).count() + 1
    chance = share(practices=row.of_stage, day=day, look=point.look)
    given: dict[str, Any] = {"people": measured.people, "in_use": measured.in_use, "chance": chance}
    point.halts_at_cases = halts_at(per_100=float(row.guard.most_cases), **given)
    point.halts_at_urgent = halts_at(per_100=float(row.guard.most_urgent), **given)
    return point


def _passed(row: GuardedPractice, point: GuardedPoint) -> str:
    """Why a look stops a practice; "" where it does not."""
    guard = row.guard
    said = [
        f"{count} {name} of {point.in_use} people on {ON_ONE}: {100 * count / point.in_use:.1f} per"
        f" 100, where the budget is at most {budget:f}. By chance alone, at the budget, {fewest} or"
        " more would be too rare to wait for."
        for name, count, budget, fewest in (
            ("open cases", point.cases, guard.most_cases, point.halts_at_cases),
            ("urgent cases", point.urgent, guard.most_urgent, point.halts_at_urgent),
        )
        if fewest is not None and count >= fewest
    ]
    return " ".join(said)


def _halt(row: GuardedPractice, why: str, measured: Burden) -> None:
    """Give the practice the live book again; the book runs on where it stays within its budget."""
    row.outcome, row.ended_at, row.why = STOPPED, timezone.now(), why[:LONGEST_WORDS]
    row.save(update_fields=["outcome", "ended_at", "why"])
    asked = guarding.screen_again(row.guard, [row.practice_id])
    audit.record(
        None,
        Event.GUARD_HALTED,
        subject=row.guard.version,
        practice_id=row.practice_id,
        number=row.guard.version.number,
        practice=row.practice.code,
        back_to=row.guard.against.number,
        cases=measured.cases,
        urgent=measured.urgent,
        in_use=measured.in_use,
        patients=asked,
        why=row.why,
    )


@transaction.atomic
def _keep_problem(pk: int, problem: str) -> None:
    row = GuardedPractice.objects.get(pk=pk)
    GuardedPoint.objects.create(guarded=row, day=_day_of(row), look=0, problem=problem[:300])


def _day_of(row: GuardedPractice) -> int:
    """Which day of its stage today is, from 1 on, also where a clock was set back."""
    return max(1, (timezone.localdate() - timezone.localdate(row.begun_at)).days + 1)


def _stage(
    guard: GuardedBook, practices: Collection[Practice], *, reason: str, by: User
) -> tuple[list[GuardedPractice], int]:
    """Begin the next stage; returns its rows, and how many are asked for to be screened again."""
    chosen = sorted(set(practices), key=lambda practice: practice.pk)
    if not chosen:
        raise BadRecord("practices", "choose at least one practice")
    publishing.require_sound(guard.version)
    held = set(guard.practices.filter(outcome=RUNNING).values_list("practice_id", flat=True))
    stage = guard.practices.order_by("-stage").values_list("stage", flat=True).first() or 0
    others = Practice.objects.exclude(pk__in={each.pk for each in chosen})
    if not stage and len(chosen) > 1 and not others.exists():
        raise BadRecord("practices", "begin at some of them: the others show what it changed")
    rows = []
    for practice in chosen:
        if practice.pk in held:
            raise BadRecord("practices", f"{practice} is judged by it already")
        measured = _before(guard, practice)
        row = GuardedPractice.objects.create(
            guard=guard,
            practice=practice,
            stage=stage + 1,
            of_stage=len(chosen),
            reason=reason[:LONGEST_WORDS],
            begun_by=by,
        )
        GuardedPoint.objects.create(guarded=row, day=0, look=0, **measured._asdict())
        rows.append(row)
    # What it says there is seen from now on, so there is nothing left to compare.
    silent = Shadow.objects.running(timezone.localdate()).filter(version=guard.version)
    for shadow in silent.filter(practice__in=chosen).select_related("version", "practice"):
        shadows.end(shadow, by)
    return rows, guarding.screen_again(guard, [each.pk for each in chosen])


def _before(guard: GuardedBook, practice: Practice) -> Burden:
    """The burden by the live book. Raises `BadRecord` where the budget could tell nothing."""
    measured = guarding.burden(practice.pk)
    if measured.waiting:
        raise BadRecord(
            "practices", f"{measured.waiting} people of {practice} are still to be screened again"
        )
    if not measured.in_use:
        raise BadRecord("practices", f"nobody at {practice} is on {ON_ONE}, so nothing can be told")
    for field, name, count, budget in (
        ("most_cases", "open cases", measured.cases, guard.most_cases),
        ("most_urgent", "urgent cases", measured.urgent, guard.most_urgent),
    ):
        if measured.per_100(count) > budget:
            raise BadRecord(
                field,
                f"is {budget:f}, and {practice} has {measured.per_100(count):.1f} {name} per 100 by"
                f" rule book {guard.against.number} already",
            )
    return measured


def _locked(guard: GuardedBook) -> GuardedBook:
    rows = GuardedBook.objects.select_for_update(of=["self"])
    return rows.select_related("version", "against").get(pk=guard.pk)


def _to_take_back(guard: GuardedBook, by: User) -> GuardedBook:
    """The guarded book, locked, for one who drafts. Raises `IllegalMove` where it has ended."""
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    locked = _locked(guard)
    if locked.outcome != GuardedBook.Outcome.RUNNING:
        raise IllegalMove(f"Rule book {locked.version.number} is guarded no longer.")
    return locked


def _tell(by: User, event: Event, guard: GuardedBook, **more: Any) -> None:
    audit.record(by, event, subject=guard.version, number=guard.version.number, **more)
