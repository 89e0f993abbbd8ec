"""Guarded books: which one runs, what burden is measured where it judges, and how it ends."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, Self

import structlog
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from reviews import access, dossiers, governing, requests, rulebooks, walls
from reviews.access import Action
from reviews.errors import BadRecord
from reviews.models import (
    Flag,
    GuardedBook,
    GuardedPractice,
    PatientScreening,
    Practice,
    Prescription,
    RuleVersion,
    ScreeningRequest,
)
from reviews.reaching import affected_patients
from reviews.rules.dossier import Dossier
from reviews.rules.screen import screen

log = structlog.get_logger(__name__)

REASON = "guarded"
"""Why those are screened again whom a guarded book reaches, on the way in and on the way back."""
HOURS_UNMEASURED = 3
"""A practice without a look for so long is guarded by nobody: several sweeps were missed."""
LONGEST_SOURCE = 300
RUNNING = GuardedPractice.Outcome.RUNNING
STOPPED = GuardedPractice.Outcome.STOPPED


class Budget(NamedTuple):
    """How many open cases, and urgent ones, a book may come to before a practice stops it.

    Both are per 100 people on a benzodiazepine or Z-drug, above 0 and at most 100, with at most one
    decimal. `source` is who says so: no guideline gives a budget.
    """

    most_cases: Decimal | None
    most_urgent: Decimal | None
    source: str

    def checked(self) -> Self:
        """The same, as it is kept. Raises `BadRecord` by the name of its field on the pages."""
        cases = _per_100("most_cases", self.most_cases)
        urgent = _per_100("most_urgent", self.most_urgent)
        source = governing.kept_words("budget_source", self.source, LONGEST_SOURCE)
        return self._replace(most_cases=cases, most_urgent=urgent, source=source)


def _per_100(field: str, given: Decimal | None) -> Decimal:
    if given is None or not given.is_finite() or not 0 < given <= 100:
        raise BadRecord(field, "must be a number above 0 and at most 100")
    rounded = given.quantize(Decimal("0.1"))
    if rounded != given or not rounded:
        raise BadRecord(field, "must have at most one decimal")
    return rounded


class Burden(NamedTuple):
    """The open cases of a practice, and of how many people.

    `people` are all of the practice, `in_use` those on a benzodiazepine or Z-drug today. `waiting`
    are still to be screened since the stage began or ended, `failed` could not be.
    """

    people: int
    in_use: int
    cases: int
    urgent: int
    waiting: int
    failed: int

    def per_100(self, count: int) -> float:
        """So many cases as a rate per 100 people in use, of whom there must be some."""
        return 100 * count / self.in_use


IN_USE = """
    NOT p.deceased AND p.deceased_on IS NULL AND s.exposure <> 'null'
    AND coalesce(s.exposure ->> 'start_on', '') <= %(today)s
    AND coalesce(s.exposure ->> 'end_on', %(today)s) >= %(today)s
"""
"""Whether patient `p`, screened as `s`, is on a benzodiazepine or Z-drug `today` (an ISO day)."""
BURDEN = f"""
    SELECT count(*), count(*) FILTER (WHERE {IN_USE}),
        (SELECT count(*) FROM reviews_case
            WHERE practice_id = %(practice)s AND closed_at IS NULL),
        (SELECT count(*) FROM reviews_case
            WHERE practice_id = %(practice)s AND closed_at IS NULL AND severity = 1),
        count(*) FILTER (WHERE EXISTS (SELECT FROM reviews_screeningrequest r
            WHERE r.patient_id = p.id AND r.reason = %(reason)s)),
        count(*) FILTER (WHERE s.problem <> '')
    FROM reviews_patient p LEFT JOIN reviews_patientscreening s ON s.patient_id = p.id
    WHERE p.practice_id = %(practice)s AND p.merged_into_id IS NULL
"""


def burden(practice_id: int) -> Burden:
    """What stands at a practice now; counts alone, so whoever asks sees those of any practice."""
    today = timezone.localdate().isoformat()
    with walls.seeing(walls.EVERYTHING), connection.cursor() as cursor:
        cursor.execute(BURDEN, {"practice": practice_id, "today": today, "reason": REASON})
        [row] = cursor.fetchall()
    return Burden(*row)


def running() -> GuardedBook | None:
    """The guarded book that runs, if one does."""
    rows = GuardedBook.objects.select_related("version", "against", "begun_by")
    rows = rows.defer("version__book", "against__book")
    return rows.filter(outcome=GuardedBook.Outcome.RUNNING).first()


def is_readable(version_id: int) -> bool:
    """Whether a guarded book can judge anybody: one that cannot be read stops at once."""
    try:
        rulebooks.book(version_id)
    except Exception:  # whatever is wrong with it, the live book can be read
        log.exception("guarded_book_not_read", version=version_id)
        return False
    return True


MOST_TRIED = 50
"""Of so many people who could not be judged each look tries again why; design."""


def judges_fewer(guard: GuardedBook, practice_id: int) -> int:
    """How many people of a practice the live book can judge and this one cannot.

    Of those who could not be checked the first `MOST_TRIED` are tried. Whose record neither book
    can read says nothing against it.
    """
    with walls.seeing(walls.EVERYTHING):
        not_checked = PatientScreening.objects.exclude(problem="").filter(
            patient__practice=practice_id
        )
        # First whom a book could judge lately: those whom none can must not hide the others.
        order = F("screened_at").desc(nulls_last=True), "patient_id"
        ids = not_checked.order_by(*order).values_list("patient_id", flat=True)
        tried = list(dossiers.read(list(ids[:MOST_TRIED]), as_of=timezone.localdate()))
    return sum(
        _can_judge(guard.against_id, make) and not _can_judge(guard.version_id, make)
        for _, _, make in tried
    )


def _can_judge(version_id: int, make: Callable[[], Dossier]) -> bool:
    try:
        screen(make(), rulebooks.book(version_id))
    except Exception:  # which it is stands on the person's page
        return False
    return True


def waiting() -> dict[int, int]:
    """By practice, how many people are still to be screened since a stage began or ended there."""
    with walls.seeing(walls.EVERYTHING):
        asked = ScreeningRequest.objects.filter(reason=REASON).order_by()
        counts = asked.values_list("patient__practice").annotate(
            people=Count("patient", distinct=True)
        )
        return dict(counts)


def runs_at(practice: Practice, version: RuleVersion) -> bool:
    """Whether a version judges at a practice, guarded."""
    rows = GuardedPractice.objects.filter(outcome=RUNNING, guard__version=version)
    return rows.filter(practice=practice).exists()


TOLD_DAYS = 3
"""So long reviewers read that a guarded book judges at their practice no longer; design."""


def ran_at(practice_ids: Collection[int], now: datetime) -> list[GuardedPractice]:
    """The newest guarded stage of each of these practices, where its reviewers need to know of it.

    They do while it runs, and after it stopped itself or was taken back until somebody has answered
    and some days have gone, or another book is live.
    """
    rows = GuardedPractice.objects.filter(practice__in=practice_ids)
    newest = rows.order_by("practice", "-begun_at", "-pk").distinct("practice")
    told = newest.select_related("practice", "guard__version", "guard__against")
    found = list(told.defer("guard__version__book", "guard__against__book"))
    lately = now - timedelta(days=TOLD_DAYS)
    return [row for row in found if _is_news(row, lately)]


def _is_news(row: GuardedPractice, lately: datetime) -> bool:
    if row.outcome == GuardedPractice.Outcome.LIVE:
        return False
    if row.guard.outcome == GuardedBook.Outcome.RUNNING and row.outcome in (RUNNING, STOPPED):
        return True
    is_live = row.guard.against.state == RuleVersion.State.PUBLISHED
    return is_live and row.ended_at is not None and row.ended_at > lately


def not_answered(guard: GuardedBook) -> list[GuardedPractice]:
    """Where it stopped itself and did not begin again."""
    newest: dict[int, GuardedPractice] = {}
    for row in guard.practices.select_related("practice").order_by("pk"):
        newest[row.practice_id] = row
    return [row for row in newest.values() if row.outcome == STOPPED]


def answer_for(row: GuardedPractice) -> list[User]:
    """Who is told by mail that a book stopped itself at a practice.

    Whoever let it judge, drafted it or edited it, and still drafts rule books; where none of them
    can be told, everybody who publishes.
    """
    guard = row.guard
    ids = {guard.begun_by_id, row.begun_by_id, guard.version.drafted_by_id}
    own = _with_mail(User.objects.filter(pk__in=ids | set(guard.version.editor_ids)), Action.DRAFT)
    return own or _with_mail(User.objects.all(), Action.PUBLISH)


def _with_mail(users: QuerySet[User], action: Action) -> list[User]:
    at_work = users.filter(is_active=True, memberships__role__in=access.GRANTS[action].roles)
    found = at_work.exclude(email="").distinct().order_by("pk")
    return [user for user in found if access.allowed(user, action)]


def not_looked_at(guard: GuardedBook) -> list[GuardedPractice]:
    """Where it runs and no sweep has judged it yet."""
    rows = guard.practices.select_related("practice").filter(outcome=RUNNING)
    return list(rows.exclude(points__look__gt=0).order_by("practice__name"))


FIRST_LOOK = """
    SELECT EXISTS (
        SELECT FROM reviews_guardedpractice g
        WHERE g.outcome = 'running'
          AND NOT EXISTS (SELECT FROM reviews_guardedpoint t WHERE t.guarded_id = g.id AND t.day > 0
              AND (t.look > 0 OR t.at > now() - make_interval(mins => %(minutes)s)))
          AND NOT EXISTS (SELECT FROM reviews_screeningrequest r
              JOIN reviews_patient p ON p.id = r.patient_id
              WHERE p.practice_id = g.practice_id AND r.reason = %(reason)s)
    )
"""
# So long nothing is tried again where a look told nothing.
AGAIN_MINUTES = 10


def first_look_due() -> bool:
    """Whether a stage was screened and not looked at yet."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST_LOOK, {"reason": REASON, "minutes": AGAIN_MINUTES})
        [(due,)] = cursor.fetchall()
    return due


def unmeasured(now: datetime) -> list[GuardedPractice]:
    """Where a guarded book runs and no sweep has judged it for hours."""
    rows = GuardedPractice.objects.filter(outcome=RUNNING).select_related("practice", "guard")
    looked = Max("points__at", filter=Q(points__look__gt=0))
    since = now - timedelta(hours=HOURS_UNMEASURED)
    return list(rows.annotate(since=Coalesce(looked, "begun_at")).filter(since__lt=since))


def screen_again(guard: GuardedBook, practice_ids: Collection[int]) -> int:
    """Ask for those of these practices whom the two books can judge otherwise; returns how many.

    Also for whoever has a flag that the guarded book raised, whatever they take now; for everybody
    treated there where the book cannot be read, since nobody knows whom it can reach.
    """
    with walls.seeing(walls.EVERYTHING):
        if is_readable(guard.version_id):
            asked = set(affected_patients(guard.against, guard.version, practice_ids))
        else:
            treated = Prescription.objects.live().filter(patient__practice__in=practice_ids)
            asked = set(treated.values_list("patient_id", flat=True).distinct())
        raised = Flag.objects.live().filter(
            version=guard.version_id, patient__practice__in=practice_ids
        )
        asked |= set(raised.values_list("patient_id", flat=True))
        requests.enqueue(sorted(asked), reason=REASON, priority=requests.BULK)
    return len(asked)


def end(guard: GuardedBook, *, outcome: GuardedBook.Outcome, why: str, by: User) -> list[int]:
    """End it everywhere in the caller's transaction; returns the ids of where it still ran."""
    now = timezone.now()
    rows = GuardedPractice.objects.select_for_update().filter(guard=guard, outcome=RUNNING)
    ended = sorted(rows.values_list("practice_id", flat=True))
    rows.update(outcome=outcome.value, ended_by=by, ended_at=now, why=why[:1000])
    guard.outcome, guard.ended_by, guard.ended_at, guard.why = outcome, by, now, why[:1000]
    guard.save(update_fields=["outcome", "ended_by", "ended_at", "why"])
    return ended
