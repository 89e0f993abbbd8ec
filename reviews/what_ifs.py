"""What-ifs: whether a draft was tried, and what one patient's two judgements come to."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from reviews import engines, governing, rulebooks, walls
from reviews.live_flags import LiveFlag, is_for_a_reviewer
from reviews.models import (
    AgeBand,
    Effect,
    GroupMember,
    PastProfile,
    PatientScreening,
    Practice,
    RuleChange,
    RuleVersion,
    WhatIf,
    WhatIfEdit,
)
from reviews.reaching import Reach
from reviews.rules import matters, words
from reviews.rules.book import RuleBook
from reviews.rules.changing import PROFILE, judged_by
from reviews.rules.finding import Finding, Severity

KIND = "what-if"
"""The kind of job that tries a draft."""
GOOD_FOR_DAYS = 7
"""How long a what-if speaks of the patients of today; local policy."""
DAYS = 180
"""How far back a decision on the same patient and matter counts; local policy."""


MOST_EDITS = 12
"""Of how many edits each is judged alone, too: every one is a judgement more of those it is for.
Design."""


@lru_cache(maxsize=MOST_EDITS)
def book_with(against_id: int, change_id: int) -> RuleBook:
    """A book with one edit more; neither of the two changes. What both hold is there once."""
    against = RuleVersion.objects.get(pk=against_id)
    content = governing.alone(against, RuleChange.objects.get(pk=change_id))
    return rulebooks.book(against_id).saying(content)


def judged_alone(version: RuleVersion) -> list[RuleChange]:
    """The edits of a draft that a what-if judges alone: none where there are too many of them."""
    # What a profile is called, or whom it follows, changes nothing for anybody who is of it.
    edits = [each for each in governing.edits_of(version) if each.rule_id != PROFILE]
    return edits if len(edits) <= MOST_EDITS else []


def of(version: RuleVersion) -> WhatIf | None:
    """The newest finished what-if of a version."""
    finished = version.what_ifs.filter(finished_at__isnull=False)
    return finished.select_related("asked_by", "against", "engine").order_by("-pk").first()


def alone(version: RuleVersion, change: RuleChange) -> WhatIfEdit | None:
    """What the newest finished what-if of a draft says of one edit alone; None for nothing."""
    found = of(version)
    return None if found is None else found.edits.filter(change=change).first()


def untried(version: RuleVersion, live: RuleVersion) -> str:
    """Why publishing a draft cannot rest on a what-if of it; empty where it can.

    It must have tried these words against the live book, lately, by the portal's engine, and where
    practices are of the profiles and in the groups of which they are now. One that could not judge
    more people than the live book cannot is none: it says nothing of them.
    """
    lately = version.what_ifs.filter(
        digest=version.digest,
        against=live,
        engine=engines.current(),
        finished_at__isnull=False,
        as_of__gte=timezone.localdate() - timedelta(days=GOOD_FOR_DAYS),
    )
    told = (each for each in lately.order_by("-asked_at") if each.failed <= _not_checked(each))
    newest = next(told, None)
    if newest is None:
        return f"Nobody has tried it against rule book {live.number} on the patients of today."
    if moved := _moved_since(newest.asked_at, (live, version)):
        return (
            f"Since its what-if {words.listed(moved)} moved to another profile or group of "
            "practices, which judges there otherwise."
        )
    return ""


def _moved_since(at: datetime, books: Iterable[RuleVersion]) -> list[str]:
    """Names of the practices that moved since, and that one of these books judges otherwise there.

    Also those that moved away and back: a what-if that ran meanwhile judged them both ways.
    """
    places: dict[Practice, set[tuple[str, str]]] = {}
    stays = GroupMember.objects.filter(Q(since__gt=at) | Q(until__gt=at))
    for stay in stays.select_related("practice", "group"):
        held = places.setdefault(stay.practice, {(stay.practice.profile, "")})
        held.add((stay.practice.profile, stay.group.code))
    # A practice in a group keeps its profile, so it had the past one in none.
    for past in PastProfile.objects.filter(until__gt=at).select_related("practice"):
        held = places.setdefault(past.practice, {(past.practice.profile, "")})
        held.add((past.profile, ""))
    return sorted(
        practice.name
        for practice, held in places.items()
        if any(_differs(version, practice, held) for version in books)
    )


def _differs(version: RuleVersion, practice: Practice, places: Iterable[tuple[str, str]]) -> bool:
    """Whether a book judges a practice otherwise under one of these profiles and groups."""
    said = [judged_by(version.book, profile, practice.code, code) for profile, code in places]
    return any(each != said[0] for each in said)


def _not_checked(found: WhatIf) -> int:
    """Of those whom a what-if judged, at whatever practice, how many screening cannot judge today.

    Those whom it did not reach must not hide people whom the draft cannot judge.
    """
    if not found.failed:
        return 0
    with walls.seeing(walls.EVERYTHING):
        reached = Reach(found.practice_ids, found.medicine_ids).orders()
        not_checked = PatientScreening.objects.exclude(problem="")
        return not_checked.filter(patient__in=reached.values("patient")).count()


class Change(NamedTuple):
    """One flag that two books judge otherwise; a severity is None where there is no flag."""

    rule_id: str
    key: str
    effect: Effect
    before: int | None
    after: int | None
    reopens: bool
    sentence: str


class Case(NamedTuple):
    """The case that findings make: its severity, None without one, and how many cards it has."""

    severity: int | None
    cards: int


class Compared(NamedTuple):
    """What becomes of one patient's flags and case."""

    changes: list[Change]
    before: Case
    after: Case


Keyed = Mapping[tuple[str, str], LiveFlag]


def compare(
    before: Iterable[Finding], after: Iterable[Finding], live: Keyed, as_of: date
) -> Compared:
    """What becomes of a patient's flags where findings by one book give way to those by another.

    `live` are the flags that they have: the decisions on them count as screening lets them count.
    """
    before, after = list(before), list(after)
    left = {(each.rule_id, each.key): each for each in before}
    changes = []
    for new in after:
        old = left.pop((new.rule_id, new.key), None)
        if old == new:
            continue
        flag = live.get((new.rule_id, new.key))
        reopens = (
            old is not None
            and flag is not None
            and flag.covers(old.severity, as_of)
            and not flag.covers(new.severity, as_of)
        )
        changes.append(_change(new, old.severity if old else None, new.severity, reopens=reopens))
    changes += [_change(old, old.severity, None) for old in left.values()]
    return Compared(changes, _case(before, live, as_of), _case(after, live, as_of))


def _change(
    said: Finding, before: Severity | None, after: Severity | None, *, reopens: bool = False
) -> Change:
    effect = _effect(before, after)
    return Change(
        said.rule_id,
        said.key,
        effect,
        None if before is None else int(before),
        None if after is None else int(after),
        reopens,
        "" if effect == Effect.REWORDED else said.sentence,
    )


def _effect(before: int | None, after: int | None) -> Effect:
    if before is None:
        return Effect.OPENED
    if after is None:
        return Effect.CLOSED
    if before == after:
        return Effect.REWORDED
    return Effect.RAISED if after < before else Effect.LOWERED


def _case(findings: list[Finding], live: Keyed, as_of: date) -> Case:
    shown = [each for each in findings if _is_shown(each, live, as_of)]
    severity = min((int(each.severity) for each in shown), default=None)
    return Case(severity, len(matters.titles(each.rule_id for each in shown)))


def _is_shown(finding: Finding, live: Keyed, as_of: date) -> bool:
    flag = live.get((finding.rule_id, finding.key))
    covered = flag is not None and flag.covers(finding.severity, as_of)
    return is_for_a_reviewer(finding.severity, covered=covered)


def age_band(age: int | None) -> AgeBand:
    """The band of an age in completed years."""
    if age is None:
        return AgeBand.UNKNOWN
    bands = (AgeBand.OLDEST, AgeBand.OLD, AgeBand.OLDER, AgeBand.ADULT)
    return next((band for band in bands if age >= int(band)), AgeBand.CHILD)
