"""Verbs on what-ifs: ask what a draft would do, and find out as a long job.

Everybody whom the draft can reach is judged by the live book and by the draft, of the same record
and day. Nothing clinical is written; the others' flags stay as they are.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from reviews import (
    access,
    dossiers,
    engines,
    governing,
    guarding,
    jobs,
    live_flags,
    rulebooks,
    what_ifs,
    worked_examples,
)
from reviews.access import Action
from reviews.bulk import copy_rows, uncollected
from reviews.errors import DomainError, IllegalMove, Stale
from reviews.jobs import Slice
from reviews.live_flags import LiveFlag
from reviews.models import (
    CHANGED_PLAN,
    Became,
    Decision,
    DecisionItem,
    Effect,
    Job,
    Outcome,
    RuleChange,
    RuleVersion,
    WhatIf,
    WhatIfCase,
    WhatIfEdit,
    WhatIfEffect,
    WhatIfPractice,
)
from reviews.reaching import Reach, reach
from reviews.rules import matters, weight
from reviews.rules.book import RuleBook
from reviews.rules.dossier import Dossier, Medicine
from reviews.rules.finding import Finding
from reviews.rules.profiles import lineage
from reviews.rules.screen import concerns, screen
from reviews.what_ifs import Change, Compared

log = structlog.get_logger(__name__)

BATCH = 500
MOST_BATCHES = 20
"""So many batches of ids are read at once; a slice that has more time is followed by another."""
DRAFT, PUBLISHED = RuleVersion.State.DRAFT, RuleVersion.State.PUBLISHED
TIMED_DAYS = 90
LONGEST_MINUTES = 30
"""Longer than this nobody worked on a case; they were away."""
LEAST_TIMED = 30
"""Fewer times say more about who was timed than about a case."""


@transaction.atomic
def ask(*, version: RuleVersion, by: User) -> WhatIf:
    """Ask what a draft would do to the patients of today; where that is under way, give that one.

    Raises `IllegalMove` for what is no draft, `Stale` when a later book is live.
    """
    access.require(by, Action.DRAFT)
    governing.one_at_a_time()
    locked = RuleVersion.objects.defer("book").select_for_update().get(pk=version.pk)
    if locked.state != DRAFT:
        raise IllegalMove(f"Rule book {locked.number} is not a draft.")
    live = RuleVersion.objects.defer("book").get(state=PUBLISHED)
    if governing.is_frozen_before(locked, live):
        raise Stale(f"Rule book {live.number} was published since. Draft again from there.")
    engine_id = engines.hold()
    running = WhatIf.objects.filter(
        version=locked, against=live, engine=engine_id, job__ended_at=None
    ).first()
    if running is not None:
        return running
    # Another engine than at the freezing may say something else of the worked examples, too.
    worked_examples.look(locked, live)
    job = jobs.ask(
        what_ifs.KIND,
        title=f"What draft {locked.number} would do",
        by=by,
        unit="patients",
    )
    return WhatIf.objects.create(
        job=job,
        version=locked,
        against=live,
        digest=locked.digest,
        engine_id=engine_id,
        as_of=timezone.localdate(),
        asked_by=by,
    )


def work(job: Job, seconds: float) -> Slice:
    """A slice of a what-if: the next patients by both books; the last one adds everything up.

    Raises `DomainError` when the portal's engine became another one since it was asked for.
    """
    until = time.monotonic() + seconds
    found = WhatIf.objects.get(job=job)
    if engines.hold() != found.engine_id:
        raise DomainError("The portal judges by another engine since. Ask for a new what-if.")
    place: dict[str, Any] = job.place or {"after": 0, "failed": 0}
    alone = _Alone(found, place.get("edits", {}))
    total = job.total if job.place else _prepare(found)
    orders = Reach(found.practice_ids, found.medicine_ids).orders()
    reached = orders.filter(patient_id__gt=place["after"]).order_by("patient_id")
    ids = list(reached.values_list("patient_id", flat=True).distinct()[: BATCH * MOST_BATCHES])
    books = rulebooks.book(found.against_id), rulebooks.book(found.version_id)
    done, after, failed = job.done, place["after"], place["failed"]
    for some in (ids[at : at + BATCH] for at in range(0, len(ids), BATCH)):
        failed += _try(found, some, *books, alone)
        done, after = done + len(some), some[-1]
        if time.monotonic() > until:
            break
    # Somebody may have been treated since the count.
    total = max(total or 0, done)
    place = {"after": after, "failed": failed, "edits": alone.counts}
    if (ids and after != ids[-1]) or len(ids) == BATCH * MOST_BATCHES:
        return Slice(done=done, total=total, place=place)
    _finish(found, judged=done - failed, failed=failed)
    alone.keep()
    return Slice(done=done, total=done, place=place, finished=True, note=_note(failed))


def _note(failed: int) -> str:
    return f"{failed:,} patients could not be judged, and are not in it." if failed else ""


def _prepare(found: WhatIf) -> int:
    """Keep whom the draft can reach; returns how many patients that is."""
    reached = reach(
        RuleVersion.objects.get(pk=found.against_id), RuleVersion.objects.get(pk=found.version_id)
    )
    found.practice_ids, found.medicine_ids = reached
    found.save(update_fields=["practice_ids", "medicine_ids"])
    return reached.orders().order_by().values("patient_id").distinct().count()


_Became: TypeAlias = dict[tuple[int, str], Became]
"""By patient and matter, what the last decision came to."""


class _Alone:
    """What each edit of the draft would do alone, counted over the slices of a job.

    `counts` are plain, for `job.place`: by edit, by what becomes of flags.
    """

    def __init__(self, found: WhatIf, counts: dict[str, dict[str, int]]) -> None:
        self.found, self.counts = found, counts
        self.edits = [
            (each, what_ifs.book_with(found.against_id, each.pk))
            for each in what_ifs.judged_alone(found.version)
        ]

    def judge(
        self, dossier: Dossier, before: Iterable[Finding], live: what_ifs.Keyed
    ) -> dict[int, list[Change]]:
        """What becomes of a patient's flags by each edit that is for them; by id of the edit."""
        said = {}
        for edit, book in self.edits:
            if not _is_for(edit, dossier, book):
                continue
            compared = what_ifs.compare(before, screen(dossier, book).findings, live, dossier.as_of)
            if compared.changes:
                said[edit.pk] = compared.changes
        return said

    def add(self, patient_id: int, said: dict[int, list[Change]], became: _Became) -> None:
        """Count what becomes of one patient's flags."""
        for edit_id, changes in said.items():
            counts = self.counts.setdefault(str(edit_id), {})
            names = ["people"]
            for change in changes:
                names.append(change.effect.value)
                if change.effect == Effect.CLOSED:
                    matter = matters.row_of(change.rule_id).key
                    came_to = became.get((patient_id, matter), Became.NEVER)
                    names += ["closed_looked_at"] * (came_to != Became.NEVER)
                    names += ["closed_changed"] * (came_to == Became.CHANGED)
            for name in names:
                counts[name] = counts.get(name, 0) + 1

    def keep(self) -> None:
        """Write a row for each edit, also for those that would change nothing."""
        nothing = dict.fromkeys(EDIT_COUNTS, 0)
        WhatIfEdit.objects.bulk_create(
            WhatIfEdit(
                what_if=self.found, change=edit, **nothing | self.counts.get(str(edit.pk), {})
            )
            for edit, _ in self.edits
        )


def _is_for(edit: RuleChange, dossier: Dossier, book: RuleBook) -> bool:
    """Whether an edit can change what is said of somebody.

    One of a profile is for those of all profiles that follow it, too.
    """
    if edit.practice:
        return edit.practice.code == dossier.practice
    if edit.group:
        return edit.group.code == dossier.group
    return edit.profile in lineage(book.profiles, dossier.profile)


EDIT_COUNTS = (
    *("opened", "raised", "lowered", "closed", "closed_looked_at", "closed_changed"),
    *("reworded", "people"),
)


class Tried(NamedTuple):
    """What becomes of one patient of a practice, and their age in completed years.

    `alone` is what each edit would do to their flags alone, by its id.
    """

    patient_id: int
    practice_id: int
    age: int | None
    compared: Compared
    alone: dict[int, list[Change]]


@uncollected()
def _try(found: WhatIf, ids: Iterable[int], old: RuleBook, new: RuleBook, alone: _Alone) -> int:
    """Judge these patients by both books and keep what differs; returns how many it could not."""
    live: dict[int, dict[tuple[str, str], LiveFlag]] = {}
    for flag in live_flags.of(ids):
        live.setdefault(flag.patient_id, {})[flag.rule_id, flag.key] = flag
    tried, failed = [], 0
    concerning = partial(_concerns_either, old, new)
    for pk, practice_id, make in dossiers.read(ids, as_of=found.as_of, concerning=concerning):
        try:
            dossier = make()
            before, held = screen(dossier, old).findings, live.get(pk, {})
            after = screen(dossier, new).findings
            compared = what_ifs.compare(before, after, held, dossier.as_of)
            by_edit = alone.judge(dossier, before, held)
            age = weight.age(dossier.birth_date, found.as_of)
        except Exception:  # one broken record must not hide what becomes of the others
            log.exception("not_tried", patient=pk)
            failed += 1
            continue
        if by_edit or compared.changes or compared.before != compared.after:
            tried.append(Tried(pk, practice_id, age, compared, by_edit))
    became = _became([each.patient_id for each in tried])
    for each in tried:
        alone.add(each.patient_id, each.alone, became)
    _keep(found, tried, became)
    return failed


def _concerns_either(old: RuleBook, new: RuleBook, medicine: Medicine) -> bool:
    return concerns(old, medicine) or concerns(new, medicine)


EFFECT = (
    *("what_if_id", "patient_id", "practice_id", "rule_id", "key", "effect", "before", "after"),
    *("age_band", "became", "reopens", "sentence"),
)
CASE = ("what_if_id", "patient_id", "practice_id", "before", "after", "cards_before", "cards_after")


def _keep(found: WhatIf, tried: list[Tried], became: _Became) -> None:
    if not tried:
        return
    effects = []
    for each in tried:
        band = what_ifs.age_band(each.age).value
        for change in each.compared.changes:
            matter = matters.row_of(change.rule_id).key
            after = became.get((each.patient_id, matter), Became.NEVER)
            effects.append(
                (
                    *(found.pk, each.patient_id, each.practice_id, change.rule_id, change.key),
                    *(change.effect.value, change.before, change.after, band, after.value),
                    *(change.reopens, change.sentence),
                )
            )
    copy_rows("reviews_whatifeffect", EFFECT, effects)
    copy_rows("reviews_whatifcase", CASE, _cases(found, tried))


def _cases(found: WhatIf, tried: list[Tried]) -> Iterator[tuple[Any, ...]]:
    for each in tried:
        before, after = each.compared.before, each.compared.after
        if before != after:
            yield (
                *(found.pk, each.patient_id, each.practice_id, before.severity, after.severity),
                *(before.cards, after.cards),
            )


def _became(patient_ids: list[int]) -> _Became:
    """By patient and matter, what the last decision of the last `DAYS` came to.

    Of several outcomes on one matter the one that changes most counts. What waits for a second
    person, was sent back or was undone does not count.
    """
    since = timezone.now() - timedelta(days=what_ifs.DAYS)
    decisions = Decision.objects.standing().filter(patient__in=patient_ids, decided_at__gte=since)
    items = DecisionItem.objects.filter(decision__in=decisions).values_list(
        "decision__patient_id", "flag__rule_id", "outcome", "decision_id"
    )
    last: dict[tuple[int, str], tuple[int, Became]] = {}
    for patient_id, rule_id, outcome, decision_id in items.order_by(
        "decision__decided_at", "decision_id"
    ):
        matter = patient_id, matters.row_of(rule_id).key
        came_to = _CAME_TO[outcome]
        held = last.get(matter)
        if held is None or held[0] != decision_id or _WEIGHS[came_to] < _WEIGHS[held[1]]:
            last[matter] = decision_id, came_to
    return {matter: came_to for matter, (_, came_to) in last.items()}


_CAME_TO: dict[str, Became] = {
    **dict.fromkeys(CHANGED_PLAN, Became.CHANGED),
    **dict.fromkeys((Outcome.CONTINUE, Outcome.REVIEW, Outcome.EXEMPT), Became.LEFT),
    Outcome.DATA_WRONG: Became.DATA,
    Outcome.NOT_RELEVANT: Became.NOT_RELEVANT,
}
_WEIGHS = {each: place for place, each in enumerate(Became)}


@transaction.atomic
def prune() -> int:
    """Remove the rows of old what-ifs that name patients; returns how many. Their counts stay.

    Old is what was asked for more than `WHAT_IF_ROWS_DAYS` days ago: local policy.
    """
    before = timezone.now() - timedelta(days=settings.WHAT_IF_ROWS_DAYS)
    removed = 0
    for rows in (WhatIfEffect, WhatIfCase):
        removed += rows.objects.filter(what_if__asked_at__lt=before).delete()[0]
    return removed


def _finish(found: WhatIf, *, judged: int, failed: int) -> None:
    """Add up what differs, by practice, rule, age band and what became of it."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [found.pk])
        cursor.execute(TIMES, {"days": TIMED_DAYS, "longest": LONGEST_MINUTES * 60})
        [(timed, seconds)] = cursor.fetchall()
    WhatIfPractice.objects.bulk_create(_practices(found))
    found.judged, found.failed, found.timed = judged, failed, timed
    found.seconds_each = seconds if timed >= LEAST_TIMED else None
    found.finished_at = timezone.now()
    found.save(update_fields=["judged", "failed", "timed", "seconds_each", "finished_at"])


COUNT = """
    INSERT INTO reviews_whatifcount
        (what_if_id, practice_id, rule_id, effect, age_band, became, flags, reopened)
    SELECT what_if_id, practice_id, rule_id, effect, age_band, became, count(*),
        count(*) FILTER (WHERE reopens)
    FROM reviews_whatifeffect WHERE what_if_id = %s GROUP BY 1, 2, 3, 4, 5, 6
"""
# From coming to a case until coming to the next one of the same session.
TIMES = """
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FROM (
        SELECT extract(epoch FROM lead(at) OVER (PARTITION BY session_id, user_id ORDER BY at) - at)
            AS seconds
        FROM reviews_workvisit WHERE at >= now() - make_interval(days => %(days)s)
    ) visit WHERE seconds <= %(longest)s
"""
PEOPLE = f"""
    SELECT p.practice_id, count(*), count(*) FILTER (WHERE {guarding.IN_USE})
    FROM reviews_patient p LEFT JOIN reviews_patientscreening s ON s.patient_id = p.id
    WHERE p.merged_into_id IS NULL GROUP BY 1
"""
CASES = """
    SELECT practice_id, count(*) FILTER (WHERE before IS NULL AND after IS NOT NULL),
        count(*) FILTER (WHERE before IS NOT NULL AND after IS NULL),
        count(*) FILTER (WHERE after = 1 AND before IS DISTINCT FROM 1),
        count(*) FILTER (WHERE before = 1 AND after IS DISTINCT FROM 1),
        coalesce(sum(cards_after - cards_before), 0)
    FROM reviews_whatifcase WHERE what_if_id = %s GROUP BY 1
"""
QUEUE = """
    SELECT practice_id, rule_ids, count(*), count(*) FILTER (WHERE severity = 1)
    FROM reviews_case WHERE closed_at IS NULL GROUP BY 1, 2
"""


def _practices(found: WhatIf) -> Iterator[WhatIfPractice]:
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"today": found.as_of.isoformat()})
        people = {pk: counts for pk, *counts in cursor.fetchall()}
        cursor.execute(CASES, [found.pk])
        changed = {pk: counts for pk, *counts in cursor.fetchall()}
        cursor.execute(QUEUE)
        queue: dict[int, list[int]] = {}
        for pk, rule_ids, cases, urgent in cursor.fetchall():
            held = queue.setdefault(pk, [0, 0, 0])
            for place, more in enumerate((cases, urgent, cases * len(matters.titles(rule_ids)))):
                held[place] += more
    for pk in sorted(people.keys() | changed.keys() | queue.keys()):
        in_all, in_use = people.get(pk, (0, 0))
        opened, closed, more, less, cards_more = changed.get(pk, (0, 0, 0, 0, 0))
        cases, urgent, cards = queue.get(pk, (0, 0, 0))
        yield WhatIfPractice(
            what_if=found,
            practice_id=pk,
            people=in_all,
            in_use=in_use,
            cases=cases,
            cases_opened=opened,
            cases_closed=closed,
            urgent=urgent,
            urgent_more=more,
            urgent_less=less,
            cards=cards,
            more_cards=cards_more,
        )
