"""The screening verb: claim patients that changed, screen them, keep the difference.

The patient is the unit of work and of mutual exclusion, because rules look at the whole person.
"""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec
import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from reviews import (
    audit,
    dossiers,
    engines,
    guarding,
    live_flags,
    requests,
    rulebooks,
    service_levels,
    shadows,
    what_ifs,
)
from reviews.audit import Event
from reviews.bulk import as_array, as_json, binary_cursor, copy_rows, next_ids, uncollected
from reviews.live_flags import LiveFlag, is_for_a_reviewer
from reviews.models import CaseState, Flag, ScreeningRequest
from reviews.moves import MOVES, Move
from reviews.rulebooks import Holding
from reviews.rules import weight
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Medicine
from reviews.rules.finding import Finding, Screening, Severity
from reviews.rules.screen import concerns, screen
from reviews.shadows import Running, Would

log = structlog.get_logger(__name__)

BATCH = 1_000
RETRY_SECONDS = (5, 30, 120, 600, requests.LONGEST_WAIT_SECONDS)
CLEARED, SUPERSEDED = Flag.EndReason.CLEARED, Flag.EndReason.SUPERSEDED


def drain(*, limit: int = BATCH, as_of: date | None = None, seconds: float = math.inf) -> int:
    """Screen patients until no request is due or the time is up; returns how many were screened.

    A backlog of more than a batch wakes another worker, and one left over is rung for again.
    """
    started, total = time.monotonic(), 0
    while done := batch(limit=limit, as_of=as_of):
        if done == limit and total == 0:
            requests.ring()
        total += done
        if time.monotonic() - started > seconds:
            requests.ring()
            break
    return total


@uncollected()
@transaction.atomic
def batch(*, limit: int = BATCH, as_of: date | None = None) -> int:
    """Claim and screen up to `limit` patients in one transaction; returns how many were claimed.

    Requests go first: a change that commits after this point leaves a request of its own, and
    one that committed before it is in the dossiers read below. Raises `OtherEngine` in a process
    that does not run the portal's engine: its requests wait for one that does.
    """
    as_of = as_of or timezone.localdate()
    engine_id = engines.hold()
    judged_by = _claim(limit)
    patient_ids = sorted(judged_by)
    if not patient_ids:
        return 0
    taken, read_at, seen_through = _take_requests(patient_ids)
    holding = _readable(rulebooks.holding())
    silent = shadows.running(as_of)
    results, problems = _screen_all(patient_ids, as_of, holding, silent)
    shadow_ids = tuple(each.pk for each in silent.values())
    run = Run(engine_id, as_of, read_at, seen_through, judged_by, shadow_ids)
    try:
        with transaction.atomic():
            _keep(results, run)
    except DatabaseError:
        log.exception("batch_not_kept", patients=len(results))
        problems |= _keep_one_by_one(results, run)
    if problems:
        _put_back(problems, taken)
    return len(patient_ids)


@transaction.atomic
def mark_overdue() -> int:
    """Put the cases whose time has come among the overdue of the queue; returns how many.

    Only their place changes, so nobody's page is out of date by it. One that is being changed now
    is left for the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE)
        return cursor.rowcount


OVERDUE = """
    UPDATE reviews_case SET overdue = true FROM (
        SELECT id FROM reviews_case
        WHERE closed_at IS NULL AND due_at < now() AND NOT overdue FOR UPDATE SKIP LOCKED
    ) late WHERE reviews_case.id = late.id
"""


@transaction.atomic
def sweep(*, as_of: date | None = None) -> int:
    """Ask for everybody whose answer can have changed with time alone; returns how many.

    Also the safety net: whoever holds a change newer than the last screening and no request,
    whoever was judged as of a day that is still to come, because a clock was ahead, and whoever was
    judged by another book after the one that holds there began to: a worker that was at it knew of
    the old one only, and whoever published did not see them treated yet.
    """
    as_of = as_of or timezone.localdate()
    given: dict[str, Any] = {"as_of": as_of, "priority": requests.BULK}
    with connection.cursor() as cursor:
        cursor.execute(SWEEP, given)
        asked = cursor.rowcount
    audit.record(None, Event.SCREENING_SWEPT, patients=asked, as_of=as_of.isoformat())
    if asked:
        transaction.on_commit(requests.ring)
    return asked


SWEEP = """
    INSERT INTO reviews_screeningrequest
        (patient_id, reason, requested_at, attempts, priority)
    SELECT patient_id, 'sweep', now(), 0, %(priority)s FROM (
        SELECT patient_id FROM reviews_patientscreening
            WHERE valid_until <= %(as_of)s OR problem <> ''
        UNION
        SELECT patient_id FROM reviews_flag
            WHERE ended_at IS NULL AND settled_until < %(as_of)s
        UNION
        SELECT patient_id FROM reviews_case
            WHERE closed_at IS NULL AND snoozed_until <= %(as_of)s
        UNION
        SELECT p.patient_id FROM reviews_prescription p
            LEFT JOIN reviews_patientscreening s USING (patient_id)
            WHERE p.superseded_at IS NULL
              AND (s.seen_through IS NULL OR s.seen_through < p.id OR s.as_of > %(as_of)s)
        UNION
        SELECT s.patient_id FROM reviews_patientscreening s
            JOIN reviews_patient p ON p.id = s.patient_id
            JOIN (
                SELECT practice.id, coalesce(book.version_id, live.id) AS version_id,
                    coalesce(guarded.begun_at, greatest(live.published_at, (
                        SELECT max(ended_at) FROM reviews_guardedpractice gone
                        WHERE gone.practice_id = practice.id
                    ))) AS since
                FROM reviews_practice practice
                    JOIN reviews_ruleversion live ON live.state = 'published'
                    LEFT JOIN reviews_guardedpractice guarded
                        ON guarded.practice_id = practice.id AND guarded.outcome = 'running'
                    LEFT JOIN reviews_guardedbook book ON book.id = guarded.guard_id
            ) holds ON holds.id = p.practice_id
            WHERE s.version_id <> holds.version_id AND s.screened_at >= holds.since
    ) due
    WHERE NOT EXISTS (
        SELECT 1 FROM reviews_screeningrequest r WHERE r.patient_id = due.patient_id
    )
"""

# DISTINCT over the index streams, so a backlog of 100,000 costs a batch no more than 500 do.
CLAIM = """
    SELECT p.id, s.version_id FROM (
        SELECT DISTINCT patient_id FROM reviews_screeningrequest
        WHERE priority = %s AND (not_before IS NULL OR not_before <= statement_timestamp()
            OR not_before > statement_timestamp() + make_interval(secs => %s)) ORDER BY patient_id
    ) due JOIN reviews_patient p ON p.id = due.patient_id
    LEFT JOIN reviews_patientscreening s ON s.patient_id = p.id
    LIMIT %s FOR NO KEY UPDATE OF p SKIP LOCKED
"""


def _claim(limit: int) -> dict[int, int | None]:
    """Lock up to `limit` patients that nobody else screens now, those with fresh changes first.

    Returns by which book each was judged last, None for whoever never was.
    """
    claimed: dict[int, int | None] = {}
    with connection.cursor() as cursor:
        for priority in (requests.CHANGE, requests.BULK):
            if len(claimed) < limit:
                longest = requests.LONGEST_WAIT_SECONDS
                cursor.execute(CLAIM, [priority, longest, limit - len(claimed)])
                claimed.update(cursor.fetchall())
    return claimed


class Run(NamedTuple):
    """By which engine, for which day, when it was read, and up to which id of a prescription.

    `judged_by` is the book by which each patient was judged last, None for whoever never was.
    `shadow_ids` are the shadows that judge beside it.
    """

    engine_id: int
    as_of: date
    read_at: datetime
    seen_through: int
    judged_by: Mapping[int, int | None]
    shadow_ids: tuple[int, ...] = ()


class Pending(NamedTuple):
    """All requests for one patient, as one: most attempts, earliest asked, most urgent."""

    attempts: int
    requested_at: datetime
    priority: int


class Place(NamedTuple):
    """Whom a flag or a case is about, and where: the first columns of both."""

    patient_id: int
    practice_id: int


class Screened(NamedTuple):
    """The answer about a patient of a practice, by which book, and their age in completed years.

    `would` is what a shadow of the practice says otherwise; None without one.
    """

    practice_id: int
    version_id: int
    result: Screening
    age: int | None
    would: Would | None = None


Results: TypeAlias = dict[int, Screened]
"""`{patient id: what screening said}`."""


def _take_requests(patient_ids: list[int]) -> tuple[dict[int, Pending], datetime, int]:
    """Remove the pending requests.

    Returns them by patient, when the record is read, and the newest id of a prescription then.
    """
    taken: dict[int, Pending] = {}
    with binary_cursor() as cursor:
        cursor.execute(
            "DELETE FROM reviews_screeningrequest WHERE patient_id = ANY(%s::bigint[])"
            " RETURNING patient_id, attempts, requested_at, priority",
            [as_array(patient_ids)],
        )
        for pk, attempts, requested_at, priority in cursor.fetchall():
            seen = taken.get(pk, Pending(0, requested_at, priority))
            taken[pk] = Pending(
                max(seen.attempts, attempts),
                min(seen.requested_at, requested_at),
                min(seen.priority, priority),
            )
        cursor.execute("SELECT clock_timestamp(), last_value FROM reviews_prescription_id_seq")
        read_at, seen_through = cursor.fetchone()
    return taken, read_at, seen_through


def _screen_all(
    patient_ids: list[int], as_of: date, holding: Holding, silent: dict[int, Running]
) -> tuple[Results, dict[int, str]]:
    """`(results, {patient id: why not})`."""
    results: Results = {}
    problems: dict[int, str] = {}
    live = rulebooks.book(holding.live_id)
    others = [each.book for each in silent.values() if each.book is not None]
    guarded = [rulebooks.book(version_id) for version_id in set(holding.guarded.values())]
    concerning = partial(_concerns_any, live, [*others, *guarded])
    for pk, practice_id, make in dossiers.read(patient_ids, as_of=as_of, concerning=concerning):
        try:
            dossier = make()
            age = weight.age(dossier.birth_date, as_of)
            result = screen(dossier, holding.at(practice_id))
            would = _would(dossier, practice_id, result, silent)
            version_id = holding.version_at(practice_id)
            results[pk] = Screened(practice_id, version_id, result, age, would)
        except Exception as error:  # one broken record must not leave the others unscreened
            log.exception("not_screened", patient=pk)
            problems[pk] = f"{type(error).__name__}: {error}"[:500]
    return results, problems


def _readable(holding: Holding) -> Holding:
    """Without the guarded books that cannot be read: the live one judges at once where they held.

    Whoever called for the screening looks at guarded books next, and stops those.
    """
    read = {pk for pk in set(holding.guarded.values()) if guarding.is_readable(pk)}
    held = {place: pk for place, pk in holding.guarded.items() if pk in read}
    return holding._replace(guarded=held)


def _concerns_any(book: RuleBook, others: list[RuleBook], medicine: Medicine) -> bool:
    return concerns(book, medicine) or any(concerns(each, medicine) for each in others)


def _would(
    dossier: Dossier, practice_id: int, result: Screening, silent: dict[int, Running]
) -> Would | None:
    """What the shadow of the practice says otherwise; None where there is none, or it fails."""
    shadow = silent.get(practice_id)
    if shadow is None or shadow.book is None:
        return None
    try:
        said = screen(dossier, shadow.book)
    except Exception:  # a draft must not leave anybody unscreened
        log.exception("shadow_failed", patient=dossier.patient_id, shadow=shadow.pk)
        return None
    compared = what_ifs.compare(result.findings, said.findings, {}, dossier.as_of)
    return Would(shadow.pk, practice_id, compared.changes)


def _keep_one_by_one(results: Results, run: Run) -> dict[int, str]:
    problems = {}
    for pk, result in results.items():
        try:
            with transaction.atomic():
                _keep({pk: result}, run)
        except DatabaseError as error:
            log.exception("not_kept", patient=pk)
            problems[pk] = f"{type(error).__name__}: {error}"[:500]
    return problems


def _put_back(problems: dict[int, str], taken: dict[int, Pending]) -> None:
    """Ask again later, and show the patient as NOT CHECKED until it succeeds."""
    again = []
    for pk in problems:
        asked = taken[pk]
        wait = RETRY_SECONDS[min(asked.attempts, len(RETRY_SECONDS) - 1)]
        again.append(
            ScreeningRequest(
                patient_id=pk,
                reason="retry",
                requested_at=asked.requested_at,
                not_before=Now() + timedelta(seconds=wait),
                attempts=asked.attempts + 1,
                priority=asked.priority,
            )
        )
    ScreeningRequest.objects.bulk_create(again)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_patientscreening (patient_id, not_evaluable, problem)"
            " SELECT unnest(%s::bigint[]), '[]', unnest(%s::text[])"
            " ON CONFLICT (patient_id) DO UPDATE SET problem = excluded.problem",
            [list(problems), list(problems.values())],
        )


def _keep(results: Results, run: Run) -> None:
    """Write the difference between what is found now and what is live."""
    ids = list(results)
    live: dict[int, dict[tuple[str, str], LiveFlag]] = {}
    for flag in live_flags.of(ids):
        live.setdefault(flag.patient_id, {})[flag.rule_id, flag.key] = flag
    cases = _open_cases(ids)
    before = {
        (flag.patient_id, flag.rule_id, flag.key): flag
        for flag in live_flags.that_stood_before(ids)
    }
    difference = Difference(run, before)
    for pk, screened in results.items():
        held, case = live.get(pk, {}), cases.get(pk)
        if screened.result.findings or held or case:
            place = Place(pk, screened.practice_id)
            open_flags, fresh = difference.compare(place, screened, held)
            difference.rank(place, case, open_flags, fresh, screened)
    difference.write()
    would = {pk: screened.would for pk, screened in results.items() if screened.would}
    if run.shadow_ids:
        shadows.keep(would, ids, run.shadow_ids, run.as_of)
    _mark_screened(results, run)
    done = [
        audit.entry(None, Event.SCREENING_DONE, patients=patients, version=version_id)
        for version_id, patients in _by_version(results).items()
    ]
    audit.record_all([*difference.events, *done])


def _by_version(results: Results) -> dict[int, int]:
    """How many patients each book judged."""
    return dict(Counter(screened.version_id for screened in results.values()))


# A batch holds thousands of flags, cases and events. These are rows of their tables, because a
# model's instance costs five times as much to make, and twenty times as much to save.


class NewFlag(NamedTuple):
    """A flag to be written; the fields are columns."""

    patient_id: int
    practice_id: int
    rule_id: str
    key: str
    severity: int
    leads: bool
    mode: str
    title: str
    sentence: str
    facts: str
    clears: str
    unknown: str
    prescription_ids: str
    digest: str
    version_id: int
    engine_id: int
    as_of: date
    supersedes_id: int | None = None
    settled_at: datetime | None = None
    settled_until: date | None = None
    case_id: int | None = None
    end_reason: str = ""
    new_since_id: int | None = None


class OpenCase(NamedTuple):
    """A patient's open case, as it is or will be; the fields are columns, `id` is 0 while new."""

    id: int
    patient_id: int
    practice_id: int
    state: str
    severity: int
    leads: bool
    headline: str
    rule_ids: list[str]
    flag_count: int
    due_at: datetime
    overdue: bool
    weight: int
    weighed: dict[str, Any]
    snoozed_until: date | None = None
    closed_at: datetime | None = None
    lock: int = 1

    def is_like(self, other: "OpenCase") -> bool:
        """Whether a reviewer would see the same case: its place in the queue aside."""
        return self._replace(overdue=False, weight=0, weighed={}) == other._replace(
            overdue=False, weight=0, weighed={}
        )

    def wakes(self, day: date) -> bool:
        """Whether the day has come until which it was snoozed."""
        return self.snoozed_until is not None and self.snoozed_until <= day


def _open_cases(patient_ids: Iterable[int]) -> dict[int, OpenCase]:
    """`{patient id: the open case}`. Nobody else changes one while we hold the patient's lock."""
    with binary_cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(OpenCase._fields)} FROM reviews_case"
            " WHERE closed_at IS NULL AND patient_id = ANY(%s::bigint[])",
            [as_array(patient_ids)],
        )
        cases = [OpenCase(*row) for row in cursor.fetchall()]
    return {case.patient_id: case for case in cases}


class Difference:
    """What one batch changes: collected patient by patient, written in bulk."""

    def __init__(self, run: Run, stood_before: dict[tuple[int, str, str], LiveFlag]) -> None:
        self.stood_before = stood_before
        self.judged_by = run.judged_by
        self.engine_id = run.engine_id
        self.as_of = run.as_of
        self.now = timezone.now()
        # Why, and by which book, by the id of the flag.
        self.ended: dict[int, tuple[Flag.EndReason, int]] = {}
        self.flags: list[NewFlag] = []
        self.opened: list[OpenCase] = []
        self.changed: list[OpenCase] = []
        self.reweighed: list[OpenCase] = []
        self.case_ids: dict[int, int] = {}  # of the open case, by patient
        self.moves: list[tuple[int, str, str, str]] = []
        self.events: list[audit.Entry] = []

    def compare(
        self, place: Place, screened: Screened, live: dict[tuple[str, str], LiveFlag]
    ) -> tuple[list[LiveFlag | NewFlag], bool]:
        """Compare a patient's findings with the live flags, by rule and key.

        Returns the open flags, worst first, and whether any of them is news to a reviewer.
        """
        open_flags: list[LiveFlag | NewFlag] = []
        fresh = False
        left = dict(live)
        for finding in screened.result.findings:
            old = left.pop((finding.rule_id, finding.key), None)
            content = _digest(finding)
            if old and old.digest == content and not old.has_run_out(self.as_of):
                flag = old
            else:
                flag = self._flag(place, finding, content, screened.version_id)
                if old:
                    self.ended[old.pk] = SUPERSEDED, screened.version_id
                    flag = flag._replace(supersedes_id=old.pk)
                stood = self.stood_before.get((place.patient_id, finding.rule_id, finding.key))
                for earlier in (old, stood):
                    if earlier and earlier.covers(finding.severity, self.as_of):
                        flag = flag._replace(
                            settled_at=earlier.settled_at, settled_until=earlier.settled_until
                        )
                flag = flag._replace(new_since_id=self._new_since(flag, old))
                self.flags.append(flag)
                if not old or (old.settled_at and not flag.settled_at):
                    # A note is nothing to wake a case for, nor is what a decision still covers.
                    fresh = fresh or (flag.severity <= Severity.S3 and not flag.settled_at)
                    self._event(Event.FLAG_RAISED, flag, **_about(flag))
            if _is_open(flag):
                open_flags.append(flag)
        for old in left.values():
            self.ended[old.pk] = CLEARED, screened.version_id
            self._event(Event.FLAG_CLEARED, old, **_about(old))
        return open_flags, fresh

    def _new_since(self, flag: NewFlag, old: LiveFlag | None) -> int | None:
        """The book since which a flag is new or graded otherwise, while nobody decided on it."""
        if flag.settled_at is not None:
            return None
        if old is not None and flag.severity == old.severity:
            return None if old.settled_at is not None else old.new_since_id
        before = self.judged_by.get(flag.patient_id)
        return None if before == flag.version_id else before

    def rank(
        self,
        place: Place,
        case: OpenCase | None,
        open_flags: list[LiveFlag | NewFlag],
        fresh: bool,
        screened: Screened,
    ) -> None:
        """Open, re-rank, wake or close the one case of a patient."""
        if not open_flags:
            if case:
                state = MOVES[case.state, Move.CLEAR]
                self._moved(case.id, Move.CLEAR)
                self._change(case._replace(state=state, closed_at=self.now), Event.CASE_CLEARED)
            return
        severity = min(flag.severity for flag in open_flags)
        ranking = {
            "severity": severity,
            "leads": any(flag.leads for flag in open_flags),
            "headline": next(flag.title for flag in open_flags if flag.severity == severity),
            "rule_ids": sorted({flag.rule_id for flag in open_flags}),
            "flag_count": len(open_flags),
        }
        exposure = screened.result.exposure
        weighed = weight.weigh(
            {flag.rule_id for flag in open_flags},
            dde_mg=weight.dose(screened.result.findings),
            age=screened.age,
            days=exposure.days if exposure else None,
        )
        ranking |= {"weight": weighed.points, "weighed": weighed._asdict(), "overdue": False}
        due_at = service_levels.due(severity, self.now)
        if case is None:
            state = CaseState.QUEUED.value
            self.opened.append(OpenCase(0, *place, state=state, **ranking, due_at=due_at))
            return
        self.case_ids[case.patient_id] = case.id
        ranked = case._replace(**ranking)
        if severity < case.severity:
            ranked = ranked._replace(due_at=min(case.due_at, due_at))
        ranked = ranked._replace(overdue=ranked.due_at < self.now)
        if case.state == CaseState.SNOOZED and (fresh or case.wakes(self.as_of)):
            woken = ranked._replace(state=MOVES[case.state, Move.WAKE], snoozed_until=None)
            self._moved(case.id, Move.WAKE)
            self._change(woken, Event.CASE_WOKEN)
        elif fresh or not ranked.is_like(case):
            self._change(ranked, Event.CASE_RANKED)
        elif ranked != case:
            # Only its place in the queue is another: whoever looks at it need not look again.
            self.reweighed.append(ranked)

    def write(self) -> None:
        """Write all but the events, in a fixed number of statements."""
        if self.ended:
            with connection.cursor() as cursor:
                reasons = [reason.value for reason, _ in self.ended.values()]
                versions = [version_id for _, version_id in self.ended.values()]
                given = [self.now, as_array(self.ended), reasons, versions]
                cursor.execute(END, given)
        if self.opened:
            self._open()
        if self.changed or self.reweighed:
            cases = [case._asdict() for case in (*self.changed, *self.reweighed)]
            with connection.cursor() as cursor:
                cursor.execute(RANK, [self.now, as_json(cases)])
        if self.flags:
            copy_rows("reviews_flag", NewFlag._fields, map(self._with_case, self.flags))
        if self.moves:
            copy_rows("reviews_casemove", ("case_id", "move", "reason", "to_role"), self.moves)

    def _open(self) -> None:
        opened = []
        ids = next_ids("reviews_case", len(self.opened))
        for pk, case in zip(ids, self.opened, strict=True):
            kept = case._replace(id=pk, weighed=as_json(case.weighed))
            opened.append((*kept, self.now, self.now, ""))
            self.case_ids[case.patient_id] = pk
            self._moved(pk, Move.OPEN)
            self._event(Event.CASE_OPENED, case, case=pk)
        columns = (*OpenCase._fields, "opened_at", "updated_at", "escalated_to")
        copy_rows("reviews_case", columns, opened)

    def _with_case(self, flag: NewFlag) -> NewFlag:
        """An open flag belongs to its patient's open case; a note or a settled one to none."""
        return flag._replace(case_id=self.case_ids[flag.patient_id]) if _is_open(flag) else flag

    def _moved(self, case_id: int, move: Move) -> None:
        self.moves.append((case_id, move.value, "", ""))

    def _change(self, case: OpenCase, event: Event) -> None:
        self.changed.append(case._replace(lock=case.lock + 1))
        self._event(event, case, case=case.id)

    def _event(self, event: Event, about: LiveFlag | NewFlag | OpenCase, **detail: Any) -> None:
        self.events.append(
            audit.entry(
                None,
                event,
                practice_id=about.practice_id,
                patient_id=about.patient_id,
                **detail,
            )
        )

    def _flag(self, place: Place, finding: Finding, content: str, version_id: int) -> NewFlag:
        return NewFlag(
            *place,
            rule_id=finding.rule_id,
            key=finding.key,
            severity=int(finding.severity),
            leads=finding.leads,
            mode=finding.mode,
            title=finding.title,
            sentence=finding.sentence,
            facts=as_json([fact._asdict() for fact in finding.facts]),
            clears=finding.clears,
            unknown=finding.unknown,
            prescription_ids=as_array(finding.line_ids),
            digest=content,
            version_id=version_id,
            engine_id=self.engine_id,
            as_of=self.as_of,
        )


def _is_open(flag: LiveFlag | NewFlag) -> bool:
    """Whether a reviewer is to look at it: no decision covers it, and it is more than a note."""
    return is_for_a_reviewer(flag.severity, covered=flag.settled_at is not None)


def _about(flag: LiveFlag | NewFlag) -> dict[str, str | int]:
    return {"rule": flag.rule_id, "severity": int(flag.severity), "title": flag.title}


END = """
    UPDATE reviews_flag SET
        ended_at = %s, ended_version_id = ended.version_id, end_reason = ended.reason
    FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS ended (flag_id, reason, version_id)
    WHERE id = ended.flag_id
"""
RANK = """
    UPDATE reviews_case SET
        state = now.state, severity = now.severity, leads = now.leads, headline = now.headline,
        rule_ids = now.rule_ids, flag_count = now.flag_count, due_at = now.due_at,
        overdue = now.overdue, weight = now.weight, weighed = now.weighed,
        snoozed_until = now.snoozed_until, closed_at = now.closed_at, lock = now.lock,
        updated_at = CASE WHEN reviews_case.lock = now.lock THEN updated_at ELSE %s END
    FROM jsonb_to_recordset(%s::jsonb) AS now (
        id bigint, state text, severity smallint, leads boolean, headline text, rule_ids text[],
        flag_count smallint, due_at timestamptz, overdue boolean, weight smallint, weighed jsonb,
        snoozed_until date, closed_at timestamptz,
        lock integer
    )
    WHERE reviews_case.id = now.id
"""


def _mark_screened(results: Results, run: Run) -> None:
    rows = [
        {
            "pk": pk,
            "version": version_id,
            "until": result.valid_until,
            "missing": result.not_evaluable,
            "gave_way": result.shadowed,
            "exposure": result.exposure,
        }
        for pk, (_, version_id, result, *_) in results.items()
    ]
    if not rows:
        return
    given: dict[str, Any] = {
        "rows": as_json(rows),
        "runs": as_json(
            [{"version": pk, "patients": count} for pk, count in _by_version(results).items()]
        ),
        "engine": run.engine_id,
        "as_of": run.as_of,
        "read_at": run.read_at,
        "seen_through": run.seen_through,
    }
    with connection.cursor() as cursor:
        cursor.execute(MARK, given)


MARK = """
    WITH run AS (
        INSERT INTO reviews_screeningrun (version_id, engine_id, as_of, screened_at, patients)
        SELECT version, %(engine)s, %(as_of)s, %(read_at)s, patients
        FROM jsonb_to_recordset(%(runs)s::jsonb) AS run (version bigint, patients integer)
    )
    INSERT INTO reviews_patientscreening
        (patient_id, valid_until, not_evaluable, gave_way, exposure, version_id, engine_id, as_of,
        screened_at, seen_through, problem)
    SELECT pk, until, missing, gave_way, exposure, version, %(engine)s, %(as_of)s,
        %(read_at)s, %(seen_through)s, ''
    FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS row (pk bigint, version bigint, until date, missing jsonb, gave_way jsonb,
            exposure jsonb)
    ON CONFLICT (patient_id) DO UPDATE SET
        valid_until = excluded.valid_until, not_evaluable = excluded.not_evaluable,
        gave_way = excluded.gave_way, exposure = excluded.exposure,
        version_id = excluded.version_id, engine_id = excluded.engine_id, as_of = excluded.as_of,
        screened_at = excluded.screened_at, seen_through = excluded.seen_through, problem = ''
"""


def _digest(finding: Finding) -> str:
    said = finding._asdict()
    if not finding.leads:
        # Left out: flags from before there was such a thing keep their digest, and so stay.
        del said["leads"]
    return hashlib.blake2b(_encode(said), digest_size=16).hexdigest()


_encode = msgspec.json.Encoder().encode
